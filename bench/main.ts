// `vxlane bench`: prints what is going to happen, runs the suites, prints the report on stdout and writes it where it was
// asked to. Progress goes to stderr. The command line is in control/cli/commands/bench.ts, which loads this when it runs.
//
// Exit codes are those of vxlane: 0; 1 a suite failed, frames did not add up, nothing could be measured, or `--check`
// found a floor missed; 2 usage; 77 nothing could be measured without root; 128 + the signal when interrupted.

import { count } from "../control/cli/table.js";
import { EXIT_FAILURE, EXIT_OK, EXIT_PRIVILEGE } from "../control/errors.js";
import { isAlone } from "./alone.js";
import { environment } from "./environment.js";
import { isRoot } from "./host.js";
import { type Finished, miscounts, toReport } from "./report/document.js";
import { writeReport } from "./report/files.js";
import type { Report } from "./report/schema.js";
import { toText } from "./report/text.js";
import { type BenchOptions, checkNames, type Request, readRequest, shellWord } from "./request.js";
import { Interrupted, minutes, type Planned, runAll } from "./runner.js";
import { SUITES } from "./suites.js";

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** @returns the exit code. @throws VxlaneError of mistakes in usage */
export async function bench(names: readonly string[], options: BenchOptions): Promise<number> {
  if (options.schema) {
    const { ReportSchema } = await import("./report/schema.js");
    process.stdout.write(`${JSON.stringify(ReportSchema, null, 2)}\n`);
    return EXIT_OK;
  }
  const request = readRequest(SUITES, names, options);
  const planned = await makePlan(request);
  const total = planned.reduce((sum, { plan }) => sum + plan.seconds, 0);
  const lines = planned.flatMap((each) => planLines(each, request));
  lines.push(`in all about ${minutes(total)} min; Ctrl-C ends it and leaves nothing behind`);
  if (options.plan) {
    process.stdout.write(`${lines.join("\n")}\n`);
    return EXIT_OK;
  }
  for (const line of lines) say(line);

  const about = environment(["vxlane bench", ...commandWords(names, options)].join(" "));
  await warnOfOthers(about.load[0] ?? 0, about.cores);
  const startedAt = performance.now();
  let finished: readonly Finished[];
  try {
    finished = await runAll(planned, request, say);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    say("everything that was made is gone again");
    return error.exitCode;
  }
  checkAsked(request, finished);
  const seconds = (performance.now() - startedAt) / 1000;
  const report = toReport(about, finished, { quick: request.quick, seconds });
  process.stdout.write(toText(report));
  await writeReport(report, options);
  return verdict(finished, report, options.check ?? false);
}

/** Suites of which `--only` wants nothing are left out. */
async function makePlan(request: Request): Promise<Planned[]> {
  const planned = await Promise.all(
    request.suites.map(async (suite) => ({ suite, plan: await suite.plan(request.settingsOf(suite)) })),
  );
  const ids = planned.flatMap(({ suite, plan }) => (plan.ids ?? []).map((id) => ({ suite: suite.name, id })));
  const peers = planned.flatMap(({ plan }) => plan.peers ?? []);
  const areKnown = planned.every(({ plan }) => plan.ids !== undefined);
  const arePeersKnown = planned.every(({ plan }) => plan.peers !== undefined);
  const { patterns } = request;
  checkNames({ patterns: areKnown ? patterns : [], peers: request.peers }, ids, arePeersKnown ? peers : undefined);
  return planned.filter(({ suite, plan }) => plan.ids?.some(request.settingsOf(suite).only) ?? true);
}

function planLines({ suite, plan }: Planned, request: Request): string[] {
  const { rounds, seconds } = request.settingsOf(suite);
  return [
    `${suite.name}: ${suite.summary}`,
    `  about ${minutes(plan.seconds)} min, ${count(rounds, "round")} of ${seconds} s`,
    ...plan.lines.map((line) => `  ${line}`),
    ...plan.missing.map((line) => `  missing: ${line}`),
  ];
}

async function warnOfOthers(load: number, cores: number): Promise<void> {
  if (!(await isAlone())) say("warning: another vxlane bench is running; each of the two spoils the other's figures");
  else if (load >= cores / 2)
    say(`warning: the machine is busy (load ${load} on ${cores} cores); the figures will be noisy`);
}

/** Words that no plan knew of in advance. */
function checkAsked({ patterns, peers }: Request, finished: readonly Finished[]): void {
  const ids = finished.flatMap(({ suite, run }) => [...run.ids].map((id) => ({ suite: suite.name, id })));
  const contenders = finished.flatMap(({ run }) => [
    ...run.peers,
    ...run.measures.flatMap((measure) => measure.contenders()),
  ]);
  if (finished.every(({ failed }) => failed === undefined)) checkNames({ patterns, peers }, ids, contenders);
}

function verdict(finished: readonly Finished[], report: Report, check: boolean): number {
  for (const { suite, failed } of finished) if (failed !== undefined) say(`${suite.name} failed: ${failed}`);
  const wrong = finished.flatMap(({ suite, run }) =>
    run.measures.flatMap((measure) =>
      measure
        .contenders()
        .flatMap((contender) =>
          miscounts(measure, contender).map((why) => `${suite.name}/${measure.options.id}, ${contender}: ${why}`),
        ),
    ),
  );
  for (const line of wrong) say(line);
  const measured = report.suites.some(({ measures }) =>
    measures.some(({ rows }) => rows.some(({ value }) => value !== undefined)),
  );
  if (!measured) {
    say("nothing could be measured; the report says why");
    return isRoot() ? EXIT_FAILURE : EXIT_PRIVILEGE;
  }
  const missed = report.suites.flatMap(({ floors }) => floors.filter(({ holds }) => holds === false));
  if (check) for (const { statement } of missed) say(`missed: ${statement}`);
  const isBad = wrong.length > 0 || finished.some(({ failed }) => failed !== undefined) || (check && missed.length > 0);
  return isBad ? EXIT_FAILURE : EXIT_OK;
}

function commandWords(names: readonly string[], options: BenchOptions): string[] {
  const flags = Object.entries(options).flatMap(([name, value]: [string, unknown]) =>
    value === true ? [`--${name}`] : [`--${name}`, shellWord(String(value))],
  );
  return [...names, ...flags];
}

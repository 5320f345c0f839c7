// `npm run bench -- NAME…`: the runner. It prints what is going to happen, runs one suite after the other, prints
// the report on stdout (progress goes to stderr), and leaves nothing behind, also after Ctrl-C.
//
// Exit codes are those of vxlane: 0, 1 a suite failed or `--check` found a floor missed, 2 usage, 130 interrupted.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { environment } from "./environment.js";
import { allHold, type Finished, toJson, toMarkdown, toText } from "./report.js";
import { type Extent, Run, type Settings, type Suite } from "./suite.js";
import { SUITES } from "./suites.js";

const USAGE = `usage: npm run bench -- [options] NAME…

suites:
${SUITES.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`).join("\n")}
  ${"all".padEnd(12)}every one, in this order

options:
  --quick          a short run of everything
  --only ID,…      these measures only
  --peers NAME,…   these contenders only
  --rounds N       rounds; in each, every contender runs once
  --seconds S      length of one measurement
  --json FILE      write the report as JSON too
  --markdown FILE  write it as a page too (bench/RESULTS.md is one)
  --check          exit 1 when a floor that the project states is missed
  --plan           print what would run, and stop
  -h, --help       this text
`;

interface Arguments {
  readonly suites: readonly Suite[];
  readonly settings: Partial<Extent> & Pick<Settings, "quick" | "only" | "peers">;
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  readonly check: boolean;
  readonly planOnly: boolean;
}

class UsageError extends Error {}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function readArguments(argv: readonly string[]): Arguments | "help" {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      peers: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      json: { type: "string" },
      markdown: { type: "string" },
      check: { type: "boolean", default: false },
      plan: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  if (positionals.length === 0) throw new UsageError("name a suite");
  const wanted = values.only?.split(",");
  const only = (id: string): boolean => wanted?.includes(id) ?? true;
  const settings: Partial<Extent> & Pick<Settings, "quick" | "only" | "peers"> = {
    quick: values.quick,
    only,
    peers: values.peers?.split(","),
  };
  const extent: { rounds?: number; seconds?: number } = {};
  if (values.rounds !== undefined) extent.rounds = positive("--rounds", values.rounds, true);
  if (values.seconds !== undefined) extent.seconds = positive("--seconds", values.seconds, false);
  const { json, markdown, check, plan: planOnly } = values;
  return { suites: select(positionals), settings: { ...settings, ...extent }, json, markdown, check, planOnly };
}

function select(names: readonly string[]): readonly Suite[] {
  if (names.includes("all")) return SUITES;
  return names.map((name) => {
    const suite = SUITES.find((candidate) => candidate.name === name);
    if (suite === undefined) throw new UsageError(`there is no suite ${name}`);
    return suite;
  });
}

function positive(option: string, text: string, whole: boolean): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value) || (whole && !Number.isInteger(value))) {
    throw new UsageError(`${option}: ${text} is not a positive ${whole ? "whole " : ""}number`);
  }
  return value;
}

async function announce(suite: Suite, settings: Settings): Promise<void> {
  const plan = await suite.plan(settings);
  say(`${suite.name}: about ${Math.ceil(plan.seconds)} s, ${settings.rounds} rounds of ${settings.seconds} s`);
  for (const line of plan.lines) say(`  ${line}`);
  for (const line of plan.missing) say(`  missing: ${line}`);
}

async function runOne(suite: Suite, settings: Settings, signal: AbortSignal): Promise<Finished> {
  const startedAt = Date.now();
  const seconds = (): number => (Date.now() - startedAt) / 1000;
  const run = new Run({
    settings,
    signal,
    progress: (line) => say(`  ${seconds().toFixed(0).padStart(4)} s  ${line}`),
  });
  try {
    await suite.run(run);
  } finally {
    await run.cleanUp();
  }
  return { suite, run, seconds: seconds() };
}

async function main(): Promise<number> {
  const wanted = readArguments(process.argv.slice(2));
  if (wanted === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => interrupt.abort(new Error(`interrupted by ${signal}`)));
  }
  const settingsOf = (suite: Suite): Settings => ({
    ...(wanted.settings.quick ? suite.quick : suite.defaults),
    ...wanted.settings,
  });
  for (const suite of wanted.suites) await announce(suite, settingsOf(suite));
  if (wanted.planOnly) return 0;

  const about = environment();
  const finished: Finished[] = [];
  let failed = false;
  for (const suite of wanted.suites) {
    say(`running ${suite.name}`);
    try {
      finished.push(await runOne(suite, settingsOf(suite), interrupt.signal));
    } catch (error) {
      if (interrupt.signal.aborted) {
        say("interrupted; everything that was made is gone again");
        return 130;
      }
      failed = true;
      say(`${suite.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  process.stdout.write(toText(about, finished));
  if (wanted.json !== undefined) writeFileSync(wanted.json, toJson(about, finished));
  if (wanted.markdown !== undefined) writeFileSync(wanted.markdown, toMarkdown(about, finished));
  if (failed) return 1;
  return wanted.check && !allHold(finished) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const code = (error as { code?: unknown }).code;
  if (!(error instanceof UsageError) && !String(code).startsWith("ERR_PARSE_ARGS")) throw error;
  say(`bench: ${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 2;
}

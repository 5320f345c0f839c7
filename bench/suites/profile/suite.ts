// Where a worker's CPU time goes, by driver and load: shares of the samples that perf took of its thread, each in one part (parts.ts).
//
// The hosts, the loads and vxlane's drivers are those of the path suite; how much a load carries is its figure, not this one's.

import { daemonMissing } from "../../daemon.js";
import { hasProgram, isRoot } from "../../host.js";
import type { Measure } from "../../measure.js";
import { type Plan, type Run, type Settings, type Suite, wantsPeer } from "../../suite.js";
import { type Contender, PROFILED } from "../path/contenders.js";
import { build, howToInstall, type Member, message } from "../path/field.js";
import { PROFILED_FORWARDING } from "../path/forwarding.js";
import type { Way } from "../path/hosts.js";
import { framesPinning, pinning } from "../path/pinning.js";
import { TESTS, type Test } from "../path/tests.js";
import { PART_NOTES, PARTS } from "./parts.js";
import { perfMissing, perfVersion, SAMPLES_PER_SECOND } from "./perf.js";
import { sample, WARM_UP_SECONDS } from "./sampling.js";

export const profile: Suite = {
  name: "profile",
  summary: "where a worker's CPU time goes, by driver: kernel copies, system calls, WebAssembly, JavaScript",
  defaults: { rounds: 1, seconds: 3 },
  quick: { rounds: 1, seconds: 0.7 },
  plan,
  run,
};

const QUICK: readonly string[] = ["tcp-1-out", "encap-64"];
const FULL: readonly string[] = [...QUICK, "tcp-1-in", "frames-64-out", "decap-64"];
/** On the axis of the chart, in a word or two. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ["tcp-1-out", "TCP out"],
  ["tcp-1-in", "TCP in"],
  ["frames-64-out", "64 B out"],
  ["encap-64", "64 B encap"],
  ["decap-64", "64 B decap"],
]);
/** For perf to start and to tell what it has, and for a load to end. */
const OVERHEAD_SECONDS = 1.6;
const BUILD_SECONDS = 0.7;

/** One driver under one load. */
interface Row {
  readonly contender: Contender;
  readonly test: Test;
  readonly id: string;
}

const ROWS: readonly Row[] = [...PROFILED, PROFILED_FORWARDING].flatMap((contender) =>
  TESTS.filter(({ id }) => FULL.includes(id) && contender.tests?.includes(id)).map((test) => ({
    ...{ contender, test },
    id: `${contender.name.replace("vxlane ", "")}-${test.id}`,
  })),
);

function rowsOf(
  { quick }: Settings,
  wants: (measureId: string) => boolean,
  wantsPeer: (contender: string) => boolean,
): Row[] {
  const wanted = ROWS.filter(({ test, id }) => (!quick || QUICK.includes(test.id)) && wants(id));
  return wanted.filter(({ contender }) => wantsPeer(contender.name));
}

function missingOf(rows: readonly Row[]): string[] {
  const programs = [...new Set(rows.map(({ test }) => test.program))].filter((program) => !hasProgram(program));
  const daemon = daemonMissing();
  return [
    ...perfMissing(),
    ...(programs.length === 0 ? [] : [howToInstall(...programs)]),
    ...(isRoot() ? [] : ["root, for network namespaces and perf: run it with sudo"]),
    ...(daemon === undefined ? [] : [daemon]),
  ];
}

function plan(settings: Settings): Plan {
  const rows = rowsOf(settings, settings.only, (name) => wantsPeer(settings, name));
  const contenders = new Set(rows.map(({ contender }) => contender));
  const each = WARM_UP_SECONDS + settings.seconds + OVERHEAD_SECONDS;
  return {
    lines: [
      "the path suite's hosts and loads, and perf on the thread of the busiest worker",
      `profiles: ${rows.map(({ id }) => id).join(", ")}`,
    ],
    seconds: contenders.size * BUILD_SECONDS + settings.rounds * rows.length * each,
    missing: missingOf(rows),
    ids: ROWS.map(({ id }) => id),
    peers: ROWS.map(({ contender }) => contender.name),
  };
}

async function run(run: Run): Promise<void> {
  const rows = rowsOf(
    run.settings,
    (id) => run.wants(id),
    (name) => run.wantsPeer(name),
  );
  const measures = new Map(rows.map((row) => [row, declare(run, row)]));
  const [obstacle] = missingOf(rows);
  if (obstacle !== undefined) {
    for (const measure of measures.values()) measure.absent(WHOLE, `missing: ${obstacle}`);
    return;
  }
  run.fact("perf", `${await perfVersion()}, event cpu-clock, ${SAMPLES_PER_SECOND} samples a second`);
  run.fact("pinning of profile", `${pinning()}; frames end to end: ${framesPinning()}; encap, decap: ${pinning(2)}`);
  const members: Member[] = [];
  for (const contender of new Set(rows.map(({ contender }) => contender))) {
    members.push(await build(run, contender, `p${members.length}`));
  }
  for (let round = 0; round < run.settings.rounds; round++) {
    for (const [row, measure] of measures) {
      const way = members.find(({ contender }) => contender === row.contender)?.way ?? "not built";
      await once(run, row, way, measure, round);
    }
  }
  for (const [row, measure] of measures) say(run, row, measure);
  for (const note of NOTES) run.note(note);
}

/** Stands for all parts where there is no figure. */
const WHOLE = "all of it";

const NOTES: readonly string[] = [
  "a profile: samples by a clock of perf's, of the thread of the worker that was busiest; time with interrupts off counts where they are let on again",
  "of one machine that has both ends: sender and receiver share its cores and caches with the worker",
  "vxlane runs with --perf-basic-prof, so that its WebAssembly and JavaScript have names; the sampling itself costs a few per cent, and is in none of the figures of other suites",
  "cores busy: the worker's thread alone, meanwhile; shares are of that time, and add up to 100 % in each round",
  ...PART_NOTES,
];

function declare(run: Run, { contender, test, id }: Row): Measure {
  const [rate] = test.measures;
  return run.measure({
    id,
    title: `${contender.name}: ${rate?.title ?? test.id}`,
    unit: "% of CPU time",
    better: "neither",
    plot: {
      chart: "where a worker's time goes",
      x: `${contender.name.replace("vxlane ", "")}, ${SHORT.get(test.id) ?? test.id}`,
      xLabel: "driver and load",
      stacked: true,
    },
  });
}

async function once(run: Run, { test, id }: Row, way: Way | string, measure: Measure, round: number): Promise<void> {
  run.checkpoint();
  try {
    if (typeof way === "string") throw new Error(way);
    const { shares, cores, samples } = await sample(run, test, way);
    for (const part of PARTS) measure.add(part, round, 100 * shares[part], cores);
    run.progress(`${id}: ${samples} samples`);
  } catch (error) {
    run.checkpoint();
    const reason = (typeof way === "string" ? undefined : way.broken?.()) ?? message(error);
    measure.absent(WHOLE, reason);
    run.progress(`${id}: ${reason}`);
  }
}

/** `vxlane udp: TCP, one flow, out: 0.97 cores: 45 % softirqs, 20 % other system calls, …` */
function say(run: Run, { contender, test }: Row, measure: Measure): void {
  const cores = measure.cpu(PARTS[0])?.median;
  if (cores === undefined) return;
  const shares = PARTS.map((part) => ({ part, share: measure.value(part)?.median ?? 0 }));
  const most = shares.filter(({ share }) => share >= 1).sort((a, b) => b.share - a.share);
  const words = most.map(({ part, share }) => `${share.toFixed(0)} % ${part}`).join(", ");
  const title = test.measures[0]?.title ?? test.id;
  run.headline(`${title}, ${contender.name}: the worker keeps ${cores.toFixed(2)} of a core busy: ${words}`);
}

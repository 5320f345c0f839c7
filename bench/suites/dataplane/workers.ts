// One worker, and as many as there are cores, each in a thread of its own with its own slot of the shared memory: what the
// sharing of tables and counters costs. One and many take turns within a round.

import { availableParallelism } from "node:os";
import { WORKERS_MAX } from "../../../dataplane-wasm/layout.js";
import type { Measure, Plot } from "../../measure.js";
import { inRound } from "../../suite.js";
import { workerPinning } from "./rig/affinity.js";
import { TWIN, WASM } from "./rig/contender.js";
import type { Direction } from "./rig/frames.js";
import { oneAndAll } from "./rig/threads.js";
import type { World } from "./rig/world.js";
import { type Bench, DIRECTIONS, type Scenario } from "./scenario.js";

const TWO_WORKERS_MIN = 1.85;
/** Our choice: workers that get a smaller share of their cores than this are not so many workers. */
const CORES_SHARE_MIN = 0.95;
const THREAD_SECONDS = 0.3;

export const workers: Scenario = {
  plan(settings) {
    const counts = workerCounts(availableParallelism());
    return {
      line: `${["one", ...counts].join(", ")} workers in threads of their own`,
      seconds: DIRECTIONS.length * 2 * counts.length * settings.rounds * (2 * settings.seconds + THREAD_SECONDS),
      ids: idsOf(counts),
    };
  },
  async run(bench) {
    const counts = workerCounts(availableParallelism());
    if (counts.length === 0) bench.run.note("several workers: this machine has one core");
    if (!bench.wantsAny(idsOf(counts))) return;
    bench.run.fact("pinning of dataplane workers", workerPinning());
    const world = await bench.world();
    for (const direction of DIRECTIONS) {
      if (!bench.wantsAny(idsOf(counts).filter((id) => id.startsWith(direction)))) continue;
      const one = rateMeasure(bench, direction, 1);
      for (const count of counts) await measureCount(bench, world, direction, count, one);
    }
  },
};

/** 2, 4, 8 … and all of them. */
export function workerCounts(cores: number): number[] {
  const most = Math.min(cores, WORKERS_MAX);
  const counts: number[] = [];
  for (let count = 2; count < most; count *= 2) counts.push(count);
  return most >= 2 ? [...counts, most] : [];
}

function idsOf(counts: readonly number[]): string[] {
  return DIRECTIONS.flatMap((direction) => [
    ...[1, ...counts].map((count) => `${direction}-workers-${count}`),
    ...counts.map((count) => `${direction}-scaling-${count}`),
  ]);
}

function rateMeasure({ run }: Bench, direction: Direction, count: number): Measure {
  const plot: Plot = { chart: `${direction} by workers`, x: count, xLabel: "workers" };
  const title = `${direction}, ${count === 1 ? "one worker" : `${count} workers`}`;
  return run.measure({
    id: `${direction}-workers-${count}`,
    title,
    unit: "M frames/s",
    better: "higher",
    baseline: TWIN,
    plot,
  });
}

async function measureCount(
  bench: Bench,
  world: World,
  direction: Direction,
  count: number,
  one: Measure,
): Promise<void> {
  const { run, module, library, settings } = bench;
  const rate = rateMeasure(bench, direction, count);
  const scaling = run.measure({
    id: `${direction}-scaling-${count}`,
    title: `${direction}, ${count} workers`,
    unit: "times one worker",
    better: "higher",
  });
  if (count === 2) {
    run.floor({ measure: scaling, contender: WASM, of: "value", relation: "at least", limit: TWO_WORKERS_MIN });
  }
  const contenders = [WASM, ...(library === undefined ? [] : [TWIN])].filter((name) => bench.wantsPeer(name));
  for (let round = 0; round < settings.rounds; round++) {
    for (const contender of inRound(contenders, round)) {
      const job = { module, world, library: contender === TWIN ? library : undefined, direction, workers: count };
      const { solo, all } = await oneAndAll(run, job);
      // The first comparison gives the row of one worker.
      if (count === 2) one.add(contender, round, solo.millionFrames, solo.cores);
      if (all.cores >= count * CORES_SHARE_MIN) {
        rate.add(contender, round, all.millionFrames, all.cores);
        scaling.add(contender, round, all.millionFrames / solo.millionFrames, all.cores);
        continue;
      }
      const reason = `${count} workers got ${all.cores.toFixed(2)} cores only, something else kept the machine busy`;
      for (const measure of [rate, scaling]) measure.absent(contender, reason);
    }
  }
  const times = (contender: string): string => `${contender} ${scaling.value(contender)?.median.toFixed(2) ?? "not"}`;
  run.progress(`${rate.options.title}: ${contenders.map(times).join(", ")} times one`);
  bench.excuse([one, rate, scaling]);
  const ours = scaling.value(WASM);
  if (ours !== undefined) {
    run.headline(`${direction} by ${count} workers: ${ours.median.toFixed(2)} times the frames of one`);
  }
}

// What the processor itself counts of a frame: cycles, instructions and cache misses. The counters are read before and
// after a batch; what reading them costs, the same without the work, is taken off.

import type { Measure } from "../../measure.js";
import { inRound } from "../../suite.js";
import { summary } from "./rig/cases.js";
import { type Batch, type Contender, TWIN, WASM } from "./rig/contender.js";
import { FrameSource, type Source } from "./rig/frames.js";
import { CACHE_MISSES, CYCLES, INSTRUCTIONS, PerfCounters } from "./rig/perf.js";
import { breath } from "./rig/timing.js";
import { type Bench, DIRECTIONS, type Scenario, shortCount } from "./scenario.js";

const SIZES = [65536, 1048576];
const QUICK_SIZES = [65536];
const WHAT = ["cycles", "instructions", "misses"] as const;
const UNITS = { cycles: "cycles/frame", instructions: "instructions/frame", misses: "cache misses/frame" };
const BATCHES = 500;

export const counters: Scenario = {
  plan(settings) {
    const sizes = settings.quick ? QUICK_SIZES : SIZES;
    return {
      line: "cycles, instructions and cache misses a frame, where the processor counts them",
      seconds: 0.2,
      ids: sizes.flatMap((size) => DIRECTIONS.flatMap((direction) => idsOf(direction, size))),
    };
  },
  async run(bench) {
    for (const size of bench.settings.quick ? QUICK_SIZES : SIZES) {
      if (!bench.wantsAny(DIRECTIONS.flatMap((direction) => idsOf(direction, size)))) continue;
      const perf = PerfCounters.open([CYCLES, INSTRUCTIONS, CACHE_MISSES]);
      for (const direction of DIRECTIONS) {
        const measures = WHAT.map((what) => declare(bench, `${direction}-${what}`, direction, what, size));
        if (typeof perf === "string") refuse(bench, measures, perf);
        else await count(bench, measures, perf, direction, size);
      }
      if (typeof perf !== "string") perf.close();
    }
  },
};

function idsOf(direction: string, size: number): string[] {
  return WHAT.map((what) => `${direction}-${what}-${shortCount(size).toLowerCase()}`);
}

function declare({ run }: Bench, stem: string, direction: string, what: (typeof WHAT)[number], size: number): Measure {
  return run.measure({
    id: `${stem}-${shortCount(size).toLowerCase()}`,
    title: `${direction}, ${shortCount(size)} entries`,
    unit: UNITS[what],
    better: "lower",
    baseline: TWIN,
  });
}

function refuse(bench: Bench, measures: readonly Measure[], reason: string): void {
  for (const measure of measures) {
    for (const contender of [WASM, TWIN]) {
      if (bench.wantsPeer(contender)) measure.absent(contender, reason);
    }
  }
}

async function count(
  bench: Bench,
  measures: readonly Measure[],
  perf: PerfCounters,
  direction: "encap" | "decap",
  size: number,
): Promise<void> {
  const { run, settings } = bench;
  const world = await bench.world(size);
  const source = new FrameSource(world, direction);
  for (let round = 0; round < settings.rounds; round++) {
    await breath();
    run.checkpoint();
    for (const contender of inRound(bench.contenders(world), round)) {
      const values = countsAFrame(perf, source, contender, direction);
      for (const [index, measure] of measures.entries())
        measure.add(contender.name, round, values[index] ?? Number.NaN);
    }
  }
  bench.excuse(measures);
  for (const measure of measures) run.progress(summary(measure));
}

function countsAFrame(
  perf: PerfCounters,
  source: Source,
  contender: Contender,
  direction: "encap" | "decap",
): number[] {
  const { batch, nothing } = contender.forward[direction];
  const overhead = countBatches(perf, source, nothing);
  return countBatches(perf, source, batch).map((value, index) => (value - (overhead[index] ?? 0)) / source.count);
}

/** @returns of each counter, what a batch raised it by */
function countBatches(perf: PerfCounters, source: Source, batch: Batch): number[] {
  const sums = WHAT.map(() => 0);
  for (let n = 0; n < BATCHES; n++) {
    source.fill();
    const before = perf.read().slice();
    batch(source.worker, source.count);
    const after = perf.read();
    for (let i = 0; i < sums.length; i++)
      sums[i] = (sums[i] ?? 0) + Number((after[i + 1] ?? 0n) - (before[i + 1] ?? 0n));
  }
  return sums.map((sum) => sum / BATCHES);
}

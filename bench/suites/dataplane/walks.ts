// Control's walks over the table, with the same compiled code: the sweep that takes out what has aged, and the flush.
// Both empty a full table here, a slice at a time as control does it; the table is put back from a copy.

import { SYSTEM_CLOCK, WORKER_CONTROL } from "../../../dataplane-wasm/layout.js";
import { spread } from "../../statistics.js";
import { inRound } from "../../suite.js";
import { summary } from "./rig/cases.js";
import { type Contender, TWIN } from "./rig/contender.js";
import { breath } from "./rig/timing.js";
import { AGEING_SECONDS, bucketsOf, CLOCK, keepFdb, readEvents, type World } from "./rig/world.js";
import { type Bench, type Scenario, shortCount } from "./scenario.js";

const WALKS = ["age", "flush"] as const;
const SIZES = [1024, 65536, 1048576, 4194304];
const QUICK_SIZES = [65536];
/** Buckets: their entries' events fit into the ring. */
const SLICE = 1024;
const CALLS = 1000;

type Walk = (typeof WALKS)[number];

export const walks: Scenario = {
  plan(settings) {
    const sizes = settings.quick ? QUICK_SIZES : SIZES;
    const all = sizes.reduce((sum, size) => sum + size, 0);
    return {
      line: `ageing and flushing whole tables of ${sizes.map(shortCount).join(", ")} entries`,
      seconds: 0.5 + ((1 + settings.rounds) * WALKS.length * 2 * all * 60) / 1e9,
      ids: WALKS.flatMap((walk) => sizes.map((size) => idOf(walk, size))),
    };
  },
  async run(bench) {
    for (const size of bench.settings.quick ? QUICK_SIZES : SIZES) {
      if (bench.wantsAny(WALKS.map((walk) => idOf(walk, size)))) await measureSize(bench, size);
    }
  },
};

function idOf(walk: Walk, size: number): string {
  return `${walk}-${shortCount(size).toLowerCase()}`;
}

async function measureSize(bench: Bench, size: number): Promise<void> {
  const { run, settings } = bench;
  const world = await bench.world(size);
  const contenders = bench.contenders(world);
  const restore = keepFdb(world.shared);
  const verbs = { age: "aged", flush: "flushed" };
  for (const walk of WALKS) {
    const plot = { chart: `${walk} an entry, by FDB entries`, x: size, xLabel: "FDB entries", scale: "log" } as const;
    const title = `${verbs[walk]}, ${shortCount(size)} entries`;
    const options = { id: idOf(walk, size), title, unit: "ns/entry", better: "lower", baseline: TWIN, plot } as const;
    const measure = run.measure(options);
    // Compilers want to be warm.
    for (const contender of contenders) {
      emptyTable(world, contender, walk);
      restore();
    }
    for (let round = 0; round < settings.rounds; round++) {
      await breath();
      run.checkpoint();
      for (const contender of inRound(contenders, round)) {
        const ns = emptyTable(world, contender, walk);
        restore();
        if (Number.isNaN(ns)) measure.absent(contender.name, "not every entry went");
        else measure.add(contender.name, round, ns);
      }
    }
    bench.excuse([measure]);
    run.progress(summary(measure));
  }
}

/** Empties the table, slice by slice. @returns nanoseconds an entry, the median of the slices; NaN if something stayed */
export function emptyTable({ shared, entries }: World, contender: Contender, walk: Walk): number {
  const buckets = bucketsOf(shared);
  const slice = walk === "age" ? contender.sweep : contender.flush;
  const callNs = callNanoseconds(contender);
  if (walk === "age") shared.u32[SYSTEM_CLOCK / 4] = CLOCK + AGEING_SECONDS + 1;
  let left = entries;
  const slices: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket += SLICE) {
    readEvents(shared, WORKER_CONTROL);
    const before = process.hrtime.bigint();
    const gone = slice(bucket, SLICE);
    slices.push((Number(process.hrtime.bigint() - before) - callNs) / gone);
    left -= gone;
  }
  shared.u32[SYSTEM_CLOCK / 4] = CLOCK;
  return left === 0 ? (spread(slices)?.median ?? Number.NaN) : Number.NaN;
}

/** Of a walk that meets nothing, with the clock's readings around it. */
function callNanoseconds({ emptyWalk }: Contender): number {
  let least = Number.POSITIVE_INFINITY;
  for (let call = 0; call < CALLS; call++) {
    const before = process.hrtime.bigint();
    emptyWalk();
    least = Math.min(least, Number(process.hrtime.bigint() - before));
  }
  return least;
}

// Timing of batches: fill inputs (not timed), read the clock, do the batch, read the clock. The clock's own cost, and for the
// C twin the cost of a call from JavaScript into a library, are measured in the same way and taken off; what the product
// pays, the call from JavaScript into WebAssembly, stays in.

import { setImmediate as breathe } from "node:timers/promises";
import type { Batch, Contender } from "./contender.js";
import type { Source } from "./frames.js";
import { spread } from "./measure.js";

export const BATCH = 64;
/** Batches whose times are added up; the value of a measurement is the median of its blocks, so that a preemption spoils one. */
const BLOCK = 64;
const OVERHEAD_BLOCKS = 200;

export interface Timed {
  /** Nanoseconds a frame. */
  readonly ns: number;
  readonly frames: number;
  /** CPU seconds a wall second of this process, inputs included: well under 1 means that somebody else had the core. */
  readonly cores: number;
}

/** Runs batches for `seconds` of wall time. */
export function timeBatches(contender: Contender, source: Source, seconds: number): Timed {
  const overhead = overheadNs(contender, source.worker);
  const { worker } = source;
  const batch = contender.batch[source.direction];
  const cpu = process.cpuUsage();
  const startedAt = process.hrtime.bigint();
  const deadline = startedAt + BigInt(Math.round(seconds * 1e9));
  const blocks: number[] = [];
  while (process.hrtime.bigint() < deadline) {
    let spent = 0;
    for (let n = 0; n < BLOCK; n++) {
      source.fill(BATCH);
      const before = process.hrtime.bigint();
      batch(worker, BATCH);
      spent += Number(process.hrtime.bigint() - before);
    }
    blocks.push(spent);
  }
  const wall = Number(process.hrtime.bigint() - startedAt) / 1000;
  const used = process.cpuUsage(cpu);
  const typical = spread(blocks)?.median ?? Number.NaN;
  return {
    ns: typical / (BLOCK * BATCH) - overhead / BATCH,
    frames: blocks.length * BLOCK * BATCH,
    cores: (used.user + used.system) / wall,
  };
}

/** Cost of two clock readings around nothing, or around a call that does nothing: the median of blocks, too. */
function overheadNs({ nothing = NOTHING }: Contender, worker: number): number {
  const blocks: number[] = [];
  for (let block = 0; block < OVERHEAD_BLOCKS; block++) {
    let spent = 0;
    for (let n = 0; n < BLOCK; n++) {
      const before = process.hrtime.bigint();
      nothing(worker, BATCH);
      spent += Number(process.hrtime.bigint() - before);
    }
    blocks.push(spent / BLOCK);
  }
  return spread(blocks)?.median ?? 0;
}

const NOTHING: Batch = (worker, count) => worker + count;

/** Lets signals and timers in between two measurements. */
export function breath(): Promise<void> {
  return breathe();
}

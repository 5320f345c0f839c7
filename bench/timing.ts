// Timing of batches: fill inputs (not timed), read the clock, do the batch, read the clock. The clock's own cost, and for the
// C twin the cost of a call from JavaScript into a library, are measured in the same way and taken off; what the product
// pays, the call from JavaScript into WebAssembly, stays in.

import { setImmediate as breathe } from "node:timers/promises";
import type { Batch, Contender } from "./contender.js";
import type { Source } from "./frames.js";
import { spread } from "./statistics.js";
import { inRound } from "./suite.js";

export const BATCH = 64;
/**
 * Batches whose times are added up; the value of a measurement is the median of its blocks. A block is much shorter than a
 * time slice, so that a preemption spoils one of many.
 */
const BLOCK = 8;
const OVERHEAD_BLOCKS = 2000;

/** Our choice: contenders take turns after this long, so that a machine that changes its pace changes it for both. */
export const SLICE_SECONDS = 0.025;

/** Collects the times of one contender's batches over many short turns. */
export class Meter {
  readonly #batch: Batch;
  readonly #overhead: number;
  readonly #blocks: number[] = [];
  #cpuMicroseconds = 0;
  #wallMicroseconds = 0;

  constructor(
    readonly contender: Contender,
    readonly source: Source,
  ) {
    this.#batch = contender.batch[source.direction];
    this.#overhead = overheadNs(contender, source.worker);
  }

  /** Runs blocks for `seconds` of wall time. */
  turn(seconds: number): void {
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    const deadline = startedAt + seconds * 1000;
    while (performance.now() < deadline) this.#blocks.push(this.block());
    const used = process.cpuUsage(cpu);
    this.#cpuMicroseconds += used.user + used.system;
    this.#wallMicroseconds += (performance.now() - startedAt) * 1000;
  }

  /** Runs one block. @returns nanoseconds a frame */
  block(): number {
    const { source } = this;
    let spent = 0;
    for (let n = 0; n < BLOCK; n++) {
      source.fill(BATCH);
      const before = process.hrtime.bigint();
      this.#batch(source.worker, BATCH);
      spent += Number(process.hrtime.bigint() - before);
    }
    return spent / (BLOCK * BATCH) - this.#overhead / BATCH;
  }

  /** Median of the blocks, nanoseconds a frame. */
  ns(): number {
    return spread(this.#blocks)?.median ?? Number.NaN;
  }

  frames(): number {
    return this.#blocks.length * BLOCK * BATCH;
  }

  /** CPU seconds a wall second of this process, filling included: well under 1 means that somebody else had the core. */
  cores(): number {
    return this.#cpuMicroseconds / this.#wallMicroseconds;
  }
}

/** Lets meters take turns until each has run for `seconds`. */
export function takeTurns(meters: readonly Meter[], seconds: number): void {
  const turns = Math.max(1, Math.round(seconds / SLICE_SECONDS));
  for (let turn = 0; turn < turns; turn++) {
    for (const meter of inRound(meters, turn)) meter.turn(seconds / turns);
  }
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

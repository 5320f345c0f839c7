// Timing of batches: fill inputs (not timed), read the clock, do the batch, read the clock. The clock's own cost, and what a
// contender's work has to be relieved of (contender.ts), are measured in the same way and taken off; what the product
// pays, the call from JavaScript into WebAssembly, stays in.

import { setImmediate as breathe } from "node:timers/promises";
import { spread } from "../../../statistics.js";
import { inRound } from "../../../suite.js";
import type { Batch, Work } from "./contender.js";
import type { Source } from "./frames.js";

/**
 * Frames of a block, at the least, and batches; the value of a measurement is the median of its blocks. A block is much
 * shorter than a time slice, so that a preemption spoils one of many.
 */
const BLOCK_FRAMES = 256;
const BLOCK_BATCHES = 8;
const OVERHEAD_BLOCKS = 500;

/** Our choice: contenders take turns after this long, so that a machine that changes its pace changes it for both. */
export const SLICE_SECONDS = 0.025;

/** Collects the times of one contender's batches over many short turns. */
export class Meter {
  readonly #work: Work;
  readonly #batches: number;
  readonly #overhead: number;
  readonly #blocks: number[] = [];
  #cpuMicroseconds = 0;
  #wallMicroseconds = 0;

  constructor(
    readonly name: string,
    work: Work,
    readonly source: Source,
  ) {
    this.#work = work;
    this.#batches = Math.max(BLOCK_BATCHES, Math.ceil(BLOCK_FRAMES / source.count));
    // Twice, because the first blocks run before the compiler has seen them.
    this.#nothing();
    this.#overhead = this.#nothing();
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
    return (this.#time(this.#work.batch, true) - this.#overhead) / this.source.count;
  }

  /** Median of the blocks, nanoseconds a frame. */
  ns(): number {
    return spread(this.#blocks)?.median ?? Number.NaN;
  }

  frames(): number {
    return this.#blocks.length * this.#batches * this.source.count;
  }

  /** CPU seconds a wall second of this process, filling included: well under 1 means that somebody else had the core. */
  cores(): number {
    return this.#cpuMicroseconds / this.#wallMicroseconds;
  }

  /** Nanoseconds a batch, the clock's readings included. */
  #time(batch: Batch, fills: boolean): number {
    const { source } = this;
    let spent = 0;
    for (let n = 0; n < this.#batches; n++) {
      if (fills) source.fill();
      const before = process.hrtime.bigint();
      batch(source.worker, source.count);
      spent += Number(process.hrtime.bigint() - before);
    }
    return spent / this.#batches;
  }

  /** What remains without the work: two readings of the clock around what is to be taken off, the median of blocks, too. */
  #nothing(): number {
    const blocks = Array.from({ length: OVERHEAD_BLOCKS }, () => this.#time(this.#work.nothing, false));
    return spread(blocks)?.median ?? 0;
  }
}

/** Lets meters take turns until each has run for `seconds`. */
export function takeTurns(meters: readonly Meter[], seconds: number): void {
  const turns = Math.max(1, Math.round(seconds / SLICE_SECONDS));
  for (let turn = 0; turn < turns; turn++) {
    for (const meter of inRound(meters, turn)) meter.turn(seconds / turns);
  }
}

/** Lets signals and timers in between two measurements. */
export function breath(): Promise<void> {
  return breathe();
}

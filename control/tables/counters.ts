// Reading the counters: each is the sum over the worker slots, taken when somebody asks. Slots that never ran are
// left out, so that asking does not walk memory that nobody wrote.
//
// A u64 is read as two halves and returned as a number (exact to 2^53): a scrape of a thousand networks reads a
// hundred thousand of them, and BigInts would cost ten times as much. Workers write with one atomic store, so a
// half that has changed in between is seen by reading the upper one again.

import {
  BATCHES,
  BATCHES_SIZE,
  CONTEXT_BUSY_NS,
  NETWORK_COUNTERS,
  NETWORK_COUNTERS_SIZE,
  NETWORK_COUNTERS_WORKER,
  VTEP_COUNTERS,
  VTEP_COUNTERS_SIZE,
  VTEP_COUNTERS_WORKER,
  WORKER_CONTROL,
  WORKER_SIZE,
  WORKERS,
} from "../../dataplane-wasm/layout.js";
import type { Views } from "../memory.js";

/** Histogram of batch sizes: batches of up to 1, 2, 4 … 256 frames, then the sum of frames and the count. */
export const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;

export class Counters {
  readonly #u32: Uint32Array;
  readonly #slots: readonly number[];

  /** @param workers how many worker slots may run; control's own counts too, because it ages entries */
  constructor(views: Views, workers: number) {
    this.#u32 = views.u32;
    this.#slots = [...Array.from({ length: workers }, (_, worker) => worker), WORKER_CONTROL];
  }

  /** A COUNTER_* of a network; row 0 holds what came before the network was known. */
  network(id: number, counter: number): number {
    return this.#sum(NETWORK_COUNTERS + id * NETWORK_COUNTERS_SIZE + counter, NETWORK_COUNTERS_WORKER);
  }

  /** A VTEP_COUNTER_* of a VTEP. */
  vtep(id: number, counter: number): number {
    return this.#sum(VTEP_COUNTERS + id * VTEP_COUNTERS_SIZE + counter, VTEP_COUNTERS_WORKER);
  }

  /** The batch histogram of all workers: not cumulative, as long as BATCH_BOUNDS. */
  batches(): { readonly buckets: number[]; readonly sum: number; readonly count: number } {
    const buckets = BATCH_BOUNDS.map((_, index) => this.#sum(BATCHES + index * 8, BATCHES_SIZE));
    const sum = this.#sum(BATCHES + BATCH_BOUNDS.length * 8, BATCHES_SIZE);
    return { buckets, sum, count: this.#sum(BATCHES + (BATCH_BOUNDS.length + 1) * 8, BATCHES_SIZE) };
  }

  /** Nanoseconds that a worker has not spent waiting. */
  busyNs(worker: number): number {
    return this.#read(WORKERS + worker * WORKER_SIZE + CONTEXT_BUSY_NS);
  }

  #sum(address: number, stride: number): number {
    let sum = 0;
    for (const slot of this.#slots) sum += this.#read(address + slot * stride);
    return sum;
  }

  #read(address: number): number {
    const index = address / 4;
    for (;;) {
      const high = Atomics.load(this.#u32, index + 1);
      const low = Atomics.load(this.#u32, index);
      if (Atomics.load(this.#u32, index + 1) === high) return high * 0x100000000 + low;
    }
  }
}

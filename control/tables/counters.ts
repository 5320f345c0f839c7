// Reading the counters: each is the sum over the worker slots, taken when somebody asks. Slots that never ran are
// left out, so that asking does not walk memory that nobody wrote.
//
// They are read as numbers (u64.ts): a scrape of a thousand networks reads a hundred thousand of them.

import { DROP_COUNT } from "../../dataplane-wasm/drop.js";
import {
  BATCHES,
  BATCHES_SIZE,
  CONTEXT_BUSY_NS,
  COUNTER_DROPS,
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
import { readU64 } from "../u64.js";

/** Histogram of batch sizes: batches of up to 1, 2, 4 … 256 frames, then the sum of frames and the count. */
export const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;

export class Counters {
  readonly #views: Views;
  readonly #slots: readonly number[];
  readonly #drops = new Float64Array(DROP_COUNT);

  /** @param workers how many worker slots may run; control's own counts too, because it ages entries */
  constructor(views: Views, workers: number) {
    this.#views = views;
    this.#slots = [...Array.from({ length: workers }, (_, worker) => worker), WORKER_CONTROL];
  }

  /** A COUNTER_* of a network; row 0 holds what came before the network was known. */
  network(id: number, counter: number): number {
    return this.#sum(NETWORK_COUNTERS + id * NETWORK_COUNTERS_SIZE + counter, NETWORK_COUNTERS_WORKER);
  }

  /** Frames that a network dropped, by Drop; the array is used again by the next call. Rows are mostly zeros, so those are skipped. */
  drops(id: number): Float64Array {
    const drops = this.#drops.fill(0);
    for (const slot of this.#slots) {
      const row = NETWORK_COUNTERS + id * NETWORK_COUNTERS_SIZE + COUNTER_DROPS + slot * NETWORK_COUNTERS_WORKER;
      for (let drop = 0; drop < DROP_COUNT; drop++) {
        const address = row + drop * 8;
        if (this.#views.f64[address / 8] !== 0) drops[drop] += readU64(this.#views, address);
      }
    }
    return drops;
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

  /** Frames that a worker took in its batches, one of them for a super-frame. */
  workerFrames(worker: number): number {
    return readU64(this.#views, BATCHES + worker * BATCHES_SIZE + BATCH_BOUNDS.length * 8);
  }

  /** Nanoseconds that a worker has not spent waiting. */
  busyNs(worker: number): number {
    return readU64(this.#views, WORKERS + worker * WORKER_SIZE + CONTEXT_BUSY_NS);
  }

  #sum(address: number, stride: number): number {
    let sum = 0;
    for (const slot of this.#slots) sum += readU64(this.#views, address + slot * stride);
    return sum;
  }
}

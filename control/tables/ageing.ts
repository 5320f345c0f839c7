// Sweeping the FDB of what has aged or was flushed. Lookups skip dead entries by themselves; the sweep gives their
// slots back, a slice a tick, so that no tick takes more than a few milliseconds at four million entries.
//
// Two numbers wrap, and a dead entry must be swept before it comes to life again. Stamps have 16 bits of seconds: one lap
// of the table takes LAP_MS, far less than the 65535 - 65000 seconds that the longest ageing time leaves. Generations
// have 8 bits: a network that is flushed more often than that within a lap gets a whole sweep at once.

import {
  NETWORK_AGEING,
  NETWORK_GENERATION,
  NETWORK_LEARNED,
  SYSTEM_FDB_BUCKET_MASK,
  WORKER_CONTROL,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import type { Views } from "../memory.js";
import { networkIndex } from "./records.js";

/* Our choices. */
const LAP_MS = 10_000;
/** Less than 256 by what a worker may still insert with the generation before. */
const FLUSHES_MAX = 250;

export class Ageing {
  readonly #views: Views;
  readonly #dataplane: Dataplane;
  /** Flushes of each network since before the last whole lap began, and since the one that is under way. */
  readonly #flushes = new Map<number, { lastLap: number; thisLap: number }>();
  #nextBucket = 0;

  constructor(views: Views, dataplane: Dataplane) {
    this.#views = views;
    this.#dataplane = dataplane;
  }

  /**
   * Sweeps as much as `elapsedMs` since the last call ask for.
   * @param networks whose entries may be there; if none has learned entries there is nothing to do
   * @returns how many entries went
   */
  sweep(elapsedMs: number, networks: Iterable<{ readonly id: number }>): number {
    if (!this.#anyLearned(networks)) {
      this.#nextBucket = 0;
      this.#flushes.clear();
      return 0;
    }
    const buckets = this.#views.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
    const due = Math.min(buckets, Math.ceil((buckets * elapsedMs) / LAP_MS));
    const count = Math.min(due, buckets - this.#nextBucket);
    const swept = this.#dataplane.fdbSweep(WORKER_CONTROL, this.#nextBucket, count);
    this.#nextBucket += count;
    if (this.#nextBucket === buckets) this.#lapDone();
    return swept;
  }

  /** Sweeps the whole table at once: tens of milliseconds for a large one. */
  sweepAll(): number {
    const buckets = this.#views.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
    this.#flushes.clear();
    this.#nextBucket = 0;
    return this.#dataplane.fdbSweep(WORKER_CONTROL, 0, buckets);
  }

  /** Makes every learned entry of a network dead, whatever their number. */
  flush(network: number): void {
    const flushes = this.#flushes.get(network) ?? { lastLap: 0, thisLap: 0 };
    if (flushes.lastLap + flushes.thisLap >= FLUSHES_MAX) {
      this.sweepAll();
      this.flush(network);
      return;
    }
    flushes.thisLap++;
    this.#flushes.set(network, flushes);
    const index = networkIndex(network, NETWORK_GENERATION);
    Atomics.store(this.#views.u32, index, (this.#views.u32[index] + 1) & 0xff);
  }

  #lapDone(): void {
    this.#nextBucket = 0;
    for (const [network, flushes] of this.#flushes) {
      // What was flushed before this lap began has been swept; what was flushed during it may be behind the sweep.
      if (flushes.thisLap === 0) this.#flushes.delete(network);
      else this.#flushes.set(network, { lastLap: flushes.thisLap, thisLap: 0 });
    }
  }

  #anyLearned(networks: Iterable<{ readonly id: number }>): boolean {
    for (const { id } of networks) {
      const learned = this.#views.u32[networkIndex(id, NETWORK_LEARNED)];
      const flushed = this.#flushes.has(id);
      if (learned > 0 && (flushed || this.#views.u32[networkIndex(id, NETWORK_AGEING)] !== 0)) return true;
    }
    return false;
  }
}

// Sweeping the FDB of what has aged or was flushed. Lookups skip dead entries by themselves; the sweep gives their
// slots back, a slice a tick, so that no tick takes more than a few milliseconds at four million entries.
//
// Two numbers wrap, and a dead entry must be swept before it comes to life again. Stamps have 16 bits of seconds: one lap
// of the table takes LAP_MS, far less than the 65535 - 65000 seconds that the longest ageing time leaves. Generations
// have 8 bits: a network that is flushed more often than that within a lap gets a whole sweep at once. A lap may miss what
// a worker kicks behind it, so it counts for generations only together with those after it, until all have been met
// (kicks.ts): a round of laps.

import {
  NETWORK_AGEING,
  NETWORK_GENERATION,
  NETWORK_LEARNED,
  SYSTEM_FDB_BUCKET_MASK,
  WORKER_CONTROL,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import type { Views } from "../memory.js";
import { Kicks } from "./kicks.js";
import { networkIndex } from "./records.js";

/* Our choices. */
const LAP_MS = 10_000;
/** Less than 256 by what a worker may still insert with the generation before. */
const FLUSHES_MAX = 250;
/** Of a sweep of all at once: each meets what the one before missed, but for what was kicked again meanwhile. */
const WALKS_MAX = 8;

export class Ageing {
  readonly #views: Views;
  readonly #dataplane: Dataplane;
  /** Flushes of each network since before the last round of laps began, and since the one that is under way. */
  readonly #flushes = new Map<number, { lastRound: number; thisRound: number }>();
  #kicks: Kicks;
  #nextBucket = 0;

  constructor(views: Views, dataplane: Dataplane) {
    this.#views = views;
    this.#dataplane = dataplane;
    this.#kicks = new Kicks(views);
  }

  /**
   * Sweeps as much as `elapsedMs` since the last call ask for.
   * @param networks whose entries may be there; if none has learned entries there is nothing to do
   * @returns how many entries went
   */
  sweep(elapsedMs: number, networks: Iterable<{ readonly id: number }>): number {
    if (!this.#anyLearned(networks)) {
      this.#restart();
      return 0;
    }
    const buckets = this.#views.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
    const due = Math.min(buckets, Math.ceil((buckets * elapsedMs) / LAP_MS));
    const count = Math.min(due, buckets - this.#nextBucket);
    if (this.#nextBucket === 0) this.#kicks.beginWalk();
    const swept = this.#dataplane.fdbSweep(WORKER_CONTROL, this.#nextBucket, count);
    this.#nextBucket += count;
    if (this.#nextBucket === buckets) this.#lapDone();
    return swept;
  }

  /** Sweeps the whole table at once: tens of milliseconds for a large one, and again when kicks may have hidden something. */
  sweepAll(): number {
    const buckets = this.#views.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
    this.#restart();
    let swept = 0;
    for (let walk = 0; walk < WALKS_MAX; walk++) {
      this.#kicks.beginWalk();
      swept += this.#dataplane.fdbSweep(WORKER_CONTROL, 0, buckets);
      if (this.#kicks.endWalk()) break;
    }
    this.#restart();
    return swept;
  }

  /** Makes every learned entry of a network dead, whatever their number. */
  flush(network: number): void {
    const flushes = this.#flushes.get(network) ?? { lastRound: 0, thisRound: 0 };
    if (flushes.lastRound + flushes.thisRound >= FLUSHES_MAX) {
      this.sweepAll();
      this.flush(network);
      return;
    }
    flushes.thisRound++;
    this.#flushes.set(network, flushes);
    const index = networkIndex(network, NETWORK_GENERATION);
    Atomics.store(this.#views.u32, index, (this.#views.u32[index] + 1) & 0xff);
  }

  #restart(): void {
    this.#nextBucket = 0;
    this.#kicks = new Kicks(this.#views);
    this.#flushes.clear();
  }

  #lapDone(): void {
    this.#nextBucket = 0;
    if (!this.#kicks.endWalk()) return;
    this.#kicks = new Kicks(this.#views);
    for (const [network, flushes] of this.#flushes) {
      // What was flushed before this round began has been swept; what was flushed during it may be behind the sweep.
      if (flushes.thisRound === 0) this.#flushes.delete(network);
      else this.#flushes.set(network, { lastRound: flushes.thisRound, thisRound: 0 });
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

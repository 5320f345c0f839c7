// Forgetting the VTEPs that were made on receipt. A prefix of an allow list lets any source address inside it make one,
// and there are VTEPS_LEARNED_MAX places; if none were given back, a spoofer would fill them once and later VTEPs would be
// refused for ever. So one that nobody names, that no FDB entry points at, and from which no frame was taken
// for IDLE_S goes. If it comes back it is learned again. One that was named, is no longer, and has never sent a frame goes
// at the next tick: a request that was refused half-way may have made it, and leaves nothing behind.
//
// Two walks in turn, a slice a tick each: over the ids, to find who is idle; and when some are, over the FDB, to see whom
// an entry still points at. (That walk may miss an entry that is kicked meanwhile. It does no harm: the undertaker removes
// the entry before the id is reused, and the next frame learns it again.)

import {
  FDB,
  FDB_BUCKET_SIZE,
  FDB_BUCKET_SLOTS,
  FDB_BUCKET_VALUES,
  FDB_KIND_VTEP,
  FDB_VALUE_ID_MASK,
  FDB_VALUE_ID_SHIFT,
  FDB_VALUE_KIND_SHIFT,
  SYSTEM_CLOCK,
  SYSTEM_FDB_BUCKET_MASK,
  SYSTEM_PREFIXES,
  VTEP_COUNTER_DROPS_DECAP,
  VTEP_COUNTER_FRAMES_DECAP,
  VTEPS_LEARNED_MAX,
  VTEPS_MAX,
} from "../../dataplane-wasm/layout.js";
import type { Views } from "../memory.js";
import type { Access } from "./access.js";
import type { Counters } from "./counters.js";
import type { Network } from "./types.js";
import type { Vteps } from "./vteps.js";

/* Our choices. */
/** As long as an FDB entry lives by default. */
const IDLE_S = 300;
const WARNING_S = 60;
/** All ids within eight seconds of ticks. */
const IDS_A_TICK = 512;
/** Five milliseconds of walking a table that is half full. */
const BUCKETS_A_TICK = 32768;
/** Forgotten at once. */
const IDLE_MAX = 1024;

const NOT_LEARNED = -1;

export class LearnedVteps {
  readonly #views: Views;
  readonly #access: Access;
  readonly #vteps: Vteps;
  readonly #counters: Counters;
  readonly #networks: Iterable<Network>;
  /** By id: frames from it when last looked at, and the clock's seconds when they last changed. */
  readonly #frames = new Float64Array(VTEPS_MAX).fill(NOT_LEARNED);
  readonly #since = new Uint32Array(VTEPS_MAX);
  readonly #idle = new Set<number>();
  #nextId = 1;
  #freeIds = 0;
  #isFull = false;
  #warnedAt: number | undefined;
  #nextBucket: number | undefined;

  constructor(views: Views, access: Access, vteps: Vteps, counters: Counters, networks: Iterable<Network>) {
    this.#views = views;
    this.#access = access;
    this.#vteps = vteps;
    this.#counters = counters;
    this.#networks = networks;
  }

  /** Goes on with the walk that is under way. To be called a few times a second. */
  tick(): void {
    for (const id of this.#vteps.takeSetFree()) if (!this.#hasSent(id)) this.#forget(id);
    if (this.#nextBucket === undefined) this.#findIdle();
    else this.#spareReferred(this.#nextBucket);
  }

  /** True once a minute while every place for learned VTEPs is taken, and addresses that have none are refused. */
  takeWarning(): boolean {
    if (!this.#isFull) return false;
    const now = this.#clock;
    if (this.#warnedAt !== undefined && (now - this.#warnedAt) >>> 0 < WARNING_S) return false;
    this.#warnedAt = now;
    return true;
  }

  get #clock(): number {
    return Atomics.load(this.#views.u32, SYSTEM_CLOCK / 4);
  }

  #findIdle(): void {
    const now = this.#clock;
    const endId = this.#vteps.endId;
    const end = Math.min(this.#nextId + IDS_A_TICK, endId);
    for (; this.#nextId < end && this.#idle.size < IDLE_MAX; this.#nextId++) {
      const id = this.#nextId;
      if (id < VTEPS_LEARNED_MAX && this.#vteps.address(id) === undefined) this.#freeIds++;
      if (!this.#vteps.isLearned(id)) {
        this.#frames[id] = NOT_LEARNED;
        continue;
      }
      const frames = this.#framesFrom(id);
      if (frames !== this.#frames[id]) this.#heard(id, frames, now);
      else if ((now - this.#since[id]) >>> 0 >= IDLE_S) this.#idle.add(id);
    }
    if (this.#nextId >= endId) {
      const hasPrefixes = this.#views.u32[SYSTEM_PREFIXES / 4] !== 0;
      this.#isFull = hasPrefixes && endId >= VTEPS_LEARNED_MAX && this.#freeIds === 0;
      this.#freeIds = 0;
      this.#nextId = 1;
    }
    if (this.#idle.size > 0) this.#nextBucket = 0;
  }

  #heard(id: number, frames: number, now: number): void {
    this.#frames[id] = frames;
    this.#since[id] = now;
  }

  /** Takes those that an entry points at out of the idle ones; aged entries count, they are swept soon. */
  #spareReferred(from: number): void {
    const { u32 } = this.#views;
    const now = this.#clock;
    const buckets = u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
    const end = Math.min(from + BUCKETS_A_TICK, buckets);
    for (let bucket = from; bucket < end && this.#idle.size > 0; bucket++) {
      const high = (FDB + bucket * FDB_BUCKET_SIZE + FDB_BUCKET_VALUES) / 4 + 1;
      for (let slot = 0; slot < FDB_BUCKET_SLOTS; slot++) {
        const value = Atomics.load(u32, high + slot * 2);
        if (value >>> (FDB_VALUE_KIND_SHIFT - 32) !== FDB_KIND_VTEP) continue;
        const id = (value >>> (FDB_VALUE_ID_SHIFT - 32)) & FDB_VALUE_ID_MASK;
        if (this.#idle.delete(id)) this.#since[id] = now;
      }
    }
    this.#nextBucket = end;
    if (end < buckets && this.#idle.size > 0) return;
    for (const id of this.#idle) if (this.#framesFrom(id) === this.#frames[id]) this.#forget(id);
    this.#idle.clear();
    this.#nextBucket = undefined;
  }

  #forget(id: number): void {
    this.#frames[id] = NOT_LEARNED;
    this.#vteps.forget(id, () => this.#deny(id));
  }

  #framesFrom(id: number): number {
    return this.#counters.vtep(id, VTEP_COUNTER_FRAMES_DECAP);
  }

  /** What was dropped counts too: its MAC may have been learned. */
  #hasSent(id: number): boolean {
    return this.#framesFrom(id) + this.#counters.vtep(id, VTEP_COUNTER_DROPS_DECAP) > 0;
  }

  /** Only prefixes let a VTEP in that nobody names. */
  #deny(vtep: number): void {
    for (const { id, reach } of this.#networks) if (reach.prefixes.length > 0) this.#access.deny(id, vtep);
  }
}

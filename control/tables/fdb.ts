// Control's side of the FDB: static entries, and reading the table for whoever asks. Entries are never copied into
// JavaScript tables; the shared memory is the only place where they stand, so a million of them cost control nothing.
//
// Reading goes bucket by bucket beside the workers' writes, with their own rule: key, value, key again.

import {
  FDB,
  FDB_BUCKET_SIZE,
  FDB_BUCKET_SLOTS,
  FDB_BUCKET_VALUES,
  FDB_FLAG_OWN,
  FDB_FLAG_STATIC,
  FDB_VALUE_ID_MASK,
  FDB_VALUE_KIND_SHIFT,
  NETWORK_AGEING,
  NETWORK_GENERATION,
  SYSTEM_CLOCK,
  SYSTEM_FDB_BUCKET_MASK,
  WORKER_CONTROL,
} from "../../dataplane-wasm/layout.js";
import {
  type FdbTarget,
  type FdbValue,
  formatMac,
  MAC_LEN,
  packFdbKey,
  packFdbValue,
  unpackFdbValue,
} from "../address.js";
import {
  type Dataplane,
  FDB_FLUSH_BLOCKED,
  FDB_FREEZE_DONE,
  FDB_FREEZE_NONE,
  FDB_NONE,
  FDB_SET_BUSY,
  FDB_SET_FULL,
} from "../dataplane.js";
import { VxlaneError } from "../errors.js";
import type { Views } from "../memory.js";
import { Displaced } from "./displaced.js";
import { Kicks } from "./kicks.js";
import { networkIndex } from "./records.js";
import { Room } from "./room.js";
import type { Transaction } from "./transaction.js";

/* Our choices. */
/** Buckets: a millisecond or two of walking. */
const FLUSH_SLICE = 8192;
const FLUSH_WALKS_MAX = 8;
/** So often room is made for a static entry, while workers may be faster to learn others. */
const ROOM_TRIES = 8;
/** Buckets, read in JavaScript: about a millisecond. */
const MEET_SLICE = 2048;

const KIND_MASK = 2 ** (64 - FDB_VALUE_KIND_SHIFT) - 1;

export interface FdbEntry {
  /** 6 bytes. */
  readonly mac: Uint8Array;
  readonly network: number;
  /** FDB_KIND_* */
  readonly kind: number;
  /** Attachment or VTEP id. */
  readonly id: number;
  /** FDB_FLAG_* */
  readonly flags: number;
  /** Seconds since it was last refreshed; 0 for a static entry. */
  readonly age: number;
}

/** An entry as a walk meets it. */
export interface FdbPlace extends FdbEntry {
  /** Of its slot: bucket times FDB_BUCKET_SLOTS, plus the slot's number. */
  readonly position: number;
}

export class Fdb {
  readonly #views: Views;
  readonly #dataplane: Dataplane;
  readonly #room: Room;

  constructor(views: Views, dataplane: Dataplane) {
    this.#views = views;
    this.#dataplane = dataplane;
    this.#room = new Room(views, dataplane, this);
  }

  get bucketCount(): number {
    return this.#views.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
  }

  /** The entry of a MAC as it stands, aged or not; undefined if there is none. */
  get(network: number, mac: Uint8Array): FdbValue | undefined {
    const value = BigInt.asUintN(64, this.#dataplane.fdbGet(packFdbKey(mac, network)));
    return value === FDB_NONE ? undefined : unpackFdbValue(value);
  }

  /** As `get`, in the words of `entries`: undefined too for what is aged or flushed. */
  find(network: number, mac: Uint8Array): FdbEntry | undefined {
    const value = BigInt.asUintN(64, this.#dataplane.fdbGet(packFdbKey(mac, network)));
    if (value === FDB_NONE) return undefined;
    const entry = { mac, network, kind: 0, id: 0, flags: 0, age: 0 };
    return this.#decode(entry, Number(value & 0xffffffffn), Number(value >> 32n)) ? entry : undefined;
  }

  /** For the static entries of a change; undoes them with it. @param outer of the change that this one is a part of, if it is */
  displaced(steps: Transaction, outer?: Displaced): Displaced {
    if (outer !== undefined) return outer;
    const displaced = new Displaced(this.#dataplane);
    steps.onUndo(() => displaced.putBack());
    return displaced;
  }

  /**
   * Writes a static entry over whatever was there; in a full table it takes the place of a learned one.
   * @param displaced takes note of what goes, also when this throws @throws ERR_LIMIT, ERR_TIMEOUT when a worker keeps the bucket locked
   */
  setStatic(network: number, mac: Uint8Array, { kind, id }: FdbTarget, displaced: Displaced, flags = 0): void {
    const key = packFdbKey(mac, network);
    const value = packFdbValue({
      kind,
      id,
      flags: flags | FDB_FLAG_STATIC,
      generation: this.#views.u32[networkIndex(network, NETWORK_GENERATION)],
      stamp: this.#views.u32[SYSTEM_CLOCK / 4],
    });
    displaced.overwrites(key);
    const set = () => this.#dataplane.fdbSet(WORKER_CONTROL, key, value);
    let outcome = set();
    for (let tries = 0; outcome === FDB_SET_FULL && tries < ROOM_TRIES && this.#room.make(displaced); tries++)
      outcome = set();
    if (outcome === FDB_SET_FULL) throw this.#room.full(mac);
    if (outcome === FDB_SET_BUSY) throw this.busy(mac);
  }

  /** A static entry goes whoever holds its bucket. @throws ERR_TIMEOUT for a learned one when a worker keeps the bucket locked */
  remove(network: number, mac: Uint8Array): boolean {
    const outcome = this.#dataplane.fdbRemove(WORKER_CONTROL, packFdbKey(mac, network));
    if (outcome === FDB_SET_BUSY) throw this.busy(mac);
    return outcome !== 0;
  }

  /** Makes a learned entry stay where it is, or lets it move again. `busy`: a worker keeps its bucket locked. */
  freeze(network: number, mac: Uint8Array, isFrozen: boolean): "done" | "unchanged" | "absent" | "busy" {
    const outcome = this.#dataplane.fdbFreeze(WORKER_CONTROL, packFdbKey(mac, network), isFrozen ? 1 : 0);
    if (outcome === FDB_SET_BUSY) return "busy";
    if (outcome === FDB_FREEZE_NONE) return "absent";
    return outcome === FDB_FREEZE_DONE ? "done" : "unchanged";
  }

  busy(mac: Uint8Array): VxlaneError {
    return new VxlaneError("ERR_TIMEOUT", `the FDB bucket of ${formatMac(mac)} is busy`);
  }

  /**
   * Removes learned entries, a slice of the table a step, and yields how many went. Walks the table again when a kick
   * may have hidden an entry, or a bucket was locked; FLUSH_WALKS_MAX times at most, because others go on learning.
   * @param network 0: of all
   * @param target of one FDB_KIND_* and id only
   */
  *flushLearned(network: number, target?: FdbTarget, slice = FLUSH_SLICE): Generator<number, void, void> {
    const rest = { generation: 0, stamp: 0 };
    const all = target === undefined ? { kind: 0, id: 0 } : { kind: KIND_MASK, id: FDB_VALUE_ID_MASK };
    const mask = packFdbValue({ ...rest, ...all, flags: FDB_FLAG_STATIC });
    const match = packFdbValue({ ...rest, kind: 0, id: 0, ...target, flags: 0 });
    let kicks = new Kicks(this.#views);
    for (let walk = 0; walk < FLUSH_WALKS_MAX; walk++) {
      let isBlocked = false;
      kicks.beginWalk();
      for (let bucket = 0; bucket < this.bucketCount; bucket += slice) {
        const went = this.#dataplane.fdbFlush(WORKER_CONTROL, bucket, slice, network, mask, match);
        isBlocked ||= (went & FDB_FLUSH_BLOCKED) !== 0;
        yield went & ~FDB_FLUSH_BLOCKED;
      }
      if (!isBlocked && kicks.endWalk()) return;
      if (isBlocked) kicks = new Kicks(this.#views);
    }
  }

  /**
   * Meets every static entry (but ports' own MACs) that stays where it points, a slice of the table a step; walks again
   * when a kick may have hidden one, so that some are met twice. @param network 0: of all
   */
  *meetStatics(network: number, meet: (entry: FdbEntry) => void, slice = MEET_SLICE): Generator<void, void, void> {
    const kicks = new Kicks(this.#views);
    for (let walk = 0; walk < FLUSH_WALKS_MAX; walk++) {
      kicks.beginWalk();
      for (let bucket = 0; bucket < this.bucketCount; bucket += slice) {
        this.visit(bucket, slice, network, (place) => {
          const isWanted = (place.flags & FDB_FLAG_STATIC) !== 0 && (place.flags & FDB_FLAG_OWN) === 0;
          if (isWanted) meet({ ...place, mac: place.mac.slice() });
        });
        yield;
      }
      if (kicks.endWalk()) return;
    }
  }

  /** Live entries of buckets `from` to `from + count - 1`, of one network or (0) of all, in the order of the table. */
  *entries(from: number, count: number, network = 0): Generator<FdbPlace> {
    const end = Math.min(from + count, this.bucketCount);
    const found: FdbPlace[] = [];
    for (let bucket = from; bucket < end; bucket++) {
      this.visit(bucket, 1, network, (place) => found.push({ ...place, mac: place.mac.slice() }));
      yield* found.splice(0);
    }
  }

  /**
   * As `entries`, for those who walk over millions.
   * @param see is called with the same object each time; it may keep nothing of it
   */
  visit(from: number, count: number, network: number, see: (place: FdbPlace) => void): void {
    const { u8, u16, u32 } = this.#views;
    const place = { mac: new Uint8Array(MAC_LEN), network, kind: 0, id: 0, flags: 0, age: 0, position: 0 };
    const end = Math.min(from + count, this.bucketCount);
    for (let bucket = from; bucket < end; bucket++) {
      for (let slot = 0; slot < FDB_BUCKET_SLOTS; slot++) {
        const keyPtr = FDB + bucket * FDB_BUCKET_SIZE + slot * 8;
        const key = keyPtr / 4;
        const keyLow = Atomics.load(u32, key);
        const keyHigh = Atomics.load(u32, key + 1);
        if (keyLow === 0 && keyHigh === 0) continue;
        place.network = u16[(keyPtr + MAC_LEN) / 2];
        if (network !== 0 && place.network !== network) continue;
        for (let i = 0; i < MAC_LEN; i++) place.mac[i] = u8[keyPtr + i];
        const value = key + FDB_BUCKET_VALUES / 4;
        const high = Atomics.load(u32, value + 1);
        const low = Atomics.load(u32, value);
        const same = Atomics.load(u32, value + 1) === high && Atomics.load(u32, value) === low;
        if (!same || Atomics.load(u32, key) !== keyLow || Atomics.load(u32, key + 1) !== keyHigh) {
          slot--; // it has just changed: look again
          continue;
        }
        place.position = bucket * FDB_BUCKET_SLOTS + slot;
        if (this.#decode(place, low, high)) see(place);
      }
    }
  }

  /** False for a learned entry that is aged or flushed, and only waits to be swept. */
  #decode(entry: { -readonly [K in keyof FdbEntry]: FdbEntry[K] }, low: number, high: number): boolean {
    const { u32 } = this.#views;
    entry.kind = high >>> 28;
    entry.id = (high >>> 8) & 0xfffff;
    entry.flags = low >>> 24;
    entry.age = 0;
    if ((entry.flags & FDB_FLAG_STATIC) !== 0) return true;
    const generation = u32[networkIndex(entry.network, NETWORK_GENERATION)] & 0xff;
    const ageing = u32[networkIndex(entry.network, NETWORK_AGEING)];
    entry.age = (u32[SYSTEM_CLOCK / 4] - ((low >>> 8) & 0xffff)) & 0xffff;
    return (high & 0xff) === generation && (ageing === 0 || entry.age <= ageing);
  }
}

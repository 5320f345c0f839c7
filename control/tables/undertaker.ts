// Burial of networks, attachments and VTEPs: an id may be given to somebody else only when no worker can hold it and
// no FDB entry names it. Entries are found by walking the table, so one round of walks serves all that died before it.
//
//   dead  ->  (an epoch)  ->  walks remove the entries  ->  (an epoch)  ->  buried: the id is free
//
// After the first epoch no worker makes an entry that names the dead. A walk may still miss one that is kicked meanwhile,
// or meet one in a bucket that somebody has locked; so it is repeated until every entry has been met (kicks.ts) and
// everything met was removed. An entry left behind would lead one tenant's frames to another, so there is no giving up.
//
// Forbidden: buried before the walks that began after the first epoch have done that. A VTEP that is wanted again before
// it is buried is revived and keeps its id.

import {
  FDB,
  FDB_BUCKET_SIZE,
  FDB_BUCKET_SLOTS,
  FDB_BUCKET_VALUES,
  FDB_KIND_ATTACHMENT,
  FDB_KIND_VTEP,
  FDB_VALUE_ID_SHIFT,
  SYSTEM_FDB_BUCKET_MASK,
  WORKER_CONTROL,
} from "../../dataplane-wasm/layout.js";
import { packFdbTarget } from "../address.js";
import { type Dataplane, FDB_FLUSH_BLOCKED } from "../dataplane.js";
import type { Views } from "../memory.js";
import type { Access } from "./access.js";
import type { Epochs } from "./epochs.js";
import { Kicks } from "./kicks.js";

export type MortalKind = "network" | "attachment" | "vtep";

/** Frees the id. False: not yet, it is called again. */
export type Buried = (() => void) | (() => boolean);

interface Grave {
  readonly key: number;
  readonly epoch: number;
  readonly buried: Buried;
}

interface Walk {
  readonly keys: Set<number>;
  readonly kicks: Kicks;
  nextBucket: number;
  /** An entry that was met is still there. */
  isBlocked: boolean;
}

/* Our choice: some milliseconds with hundreds of networks to take a VTEP out of. */
const BURIALS_MAX = 128;

/** A kind and an id are packed, so that a walk asks one Set. The kinds of an FDB value, of four bits, are themselves. */
const KEY_KINDS = { network: 16, attachment: FDB_KIND_ATTACHMENT, vtep: FDB_KIND_VTEP } as const;

/** Of the id in a value's high half; the kind follows it. */
const HIGH_ID_SHIFT = FDB_VALUE_ID_SHIFT - 32;
const TARGET_MASK = 0xffffff0000000000n;

export class Undertaker {
  readonly #views: Views;
  readonly #dataplane: Dataplane;
  readonly #epochs: Epochs;
  readonly #access: Access;
  readonly #graves = new Map<number, Grave>();
  readonly #walkedFor = new WeakSet<Grave>();
  /** Walked for, and the epoch after it has passed. */
  readonly #ready: Grave[] = [];
  #walk: Walk | undefined;

  constructor(views: Views, dataplane: Dataplane, epochs: Epochs, access: Access) {
    this.#views = views;
    this.#dataplane = dataplane;
    this.#epochs = epochs;
    this.#access = access;
  }

  /** Takes on an id that no pointer, list or set names any more; `buried` is called when it may be used again. */
  bury(kind: MortalKind, id: number, buried: Buried): void {
    const key = packFdbTarget(KEY_KINDS[kind], id);
    this.#graves.set(key, { key, epoch: this.#epochs.bump(), buried });
  }

  /** Takes an id back. False if it was not waiting here. */
  revive(kind: MortalKind, id: number): boolean {
    const key = packFdbTarget(KEY_KINDS[kind], id);
    this.#walk?.keys.delete(key);
    return this.#graves.delete(key);
  }

  /** Ids that are dead and not yet free. */
  get waiting(): number {
    return this.#graves.size;
  }

  /** Goes on with the work, over at most `bucketMax` FDB buckets. */
  work(bucketMax: number): void {
    this.#finish();
    if (this.#walk === undefined) this.#begin();
    const walk = this.#walk;
    if (walk === undefined) return;
    const bucketCount = this.#views.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
    if (walk.nextBucket === 0) walk.kicks.beginWalk();
    this.#removeEntries(walk, Math.min(walk.nextBucket + bucketMax, bucketCount));
    if (!walk.isBlocked && walk.nextBucket < bucketCount) return;
    if (walk.keys.size > 0 && (walk.isBlocked || !walk.kicks.endWalk())) {
      // After a walk that left something behind, those before it prove nothing.
      const kicks = walk.isBlocked ? new Kicks(this.#views) : walk.kicks;
      this.#walk = { keys: walk.keys, kicks, nextBucket: 0, isBlocked: false };
      return;
    }
    this.#walk = undefined;
    const walked = [...walk.keys].flatMap((key) => this.#graves.get(key) ?? []);
    this.#epochs.retire(() => {
      this.#ready.push(...walked);
      this.#finish();
    });
  }

  /** Frees ids, as many as a tick has time for, until one cannot be freed yet. */
  #finish(): void {
    for (let n = 0; n < BURIALS_MAX; n++) {
      const [grave] = this.#ready;
      if (grave === undefined || !this.#access.settle()) return;
      // Revived, or revived and dead again: then this is another grave's business.
      if (this.#graves.get(grave.key) === grave) {
        if (grave.buried() === false) return;
        this.#graves.delete(grave.key);
      }
      this.#ready.shift();
    }
  }

  /** Starts a walk for those whose first epoch has passed and who have not been walked for. */
  #begin(): void {
    const keys = new Set<number>();
    for (const grave of this.#graves.values()) {
      if (!this.#walkedFor.has(grave) && this.#epochs.passed(grave.epoch)) {
        this.#walkedFor.add(grave);
        keys.add(grave.key);
      }
    }
    if (keys.size > 0) this.#walk = { keys, kicks: new Kicks(this.#views), nextBucket: 0, isBlocked: false };
  }

  /**
   * Goes on with a walk up to a bucket, or to the first that stays locked: waiting for one takes long enough a tick. The
   * high half of a key is MAC 2 | network 2, and 0 in a free slot only, because no network has the id 0.
   */
  #removeEntries(walk: Walk, end: number): void {
    const { u32 } = this.#views;
    const { keys } = walk;
    // Neighbours often agree, and asking a Set is dear.
    let lastNetwork = 0;
    let isNetworkDead = false;
    let lastTarget = 0;
    let isTargetDead = false;
    for (; walk.nextBucket < end && !walk.isBlocked; walk.nextBucket++) {
      const bucketPtr = FDB + walk.nextBucket * FDB_BUCKET_SIZE;
      for (let slot = 0; slot < FDB_BUCKET_SLOTS; slot++) {
        const keyPtr = bucketPtr + slot * 8;
        const keyHigh = Atomics.load(u32, keyPtr / 4 + 1);
        if (keyHigh === 0) continue;
        const valueHigh = Atomics.load(u32, (keyPtr + FDB_BUCKET_VALUES) / 4 + 1);
        const network = keyHigh >>> 16;
        const target = valueHigh >>> HIGH_ID_SHIFT; // kind 4 | id 20, as packed
        if (network !== lastNetwork) isNetworkDead = keys.has(packFdbTarget(KEY_KINDS.network, network));
        if (target !== lastTarget) isTargetDead = keys.has(target);
        lastNetwork = network;
        lastTarget = target;
        if (!isNetworkDead && !isTargetDead) continue;
        // The flush looks again under the lock, so whoever has the slot meanwhile is safe.
        const mask = isNetworkDead ? 0n : TARGET_MASK;
        const match = (BigInt(valueHigh) << 32n) & mask;
        const went = this.#dataplane.fdbFlush(WORKER_CONTROL, walk.nextBucket, 1, network, mask, match);
        if ((went & FDB_FLUSH_BLOCKED) !== 0) walk.isBlocked = true;
      }
    }
  }
}

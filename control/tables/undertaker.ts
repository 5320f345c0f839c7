// Burial of networks, attachments and VTEPs: an id may be given to somebody else only when no worker can hold it and
// no FDB entry names it. Entries are found by walking the table, so one walk serves all that died before it.
//
//   dead  ->  (an epoch)  ->  walk removes the entries  ->  (an epoch)  ->  buried: the id is free
//
// Forbidden: buried before the walk that began after the first epoch has ended. A VTEP that is wanted again before
// it is buried is revived and keeps its id.

import {
  FDB,
  FDB_BUCKET_SIZE,
  FDB_BUCKET_SLOTS,
  FDB_BUCKET_VALUES,
  FDB_KIND_ATTACHMENT,
  FDB_KIND_VTEP,
  SYSTEM_FDB_BUCKET_MASK,
  WORKER_CONTROL,
} from "../../dataplane-wasm/layout.js";
import { MAC_LEN } from "../address.js";
import type { Dataplane } from "../dataplane.js";
import type { Views } from "../memory.js";
import type { Epochs } from "./epochs.js";

export type MortalKind = "network" | "attachment" | "vtep";

interface Grave {
  readonly key: number;
  readonly epoch: number;
  readonly buried: () => void;
}

/** One number for a kind and an id, so that a walk asks one Set. The kinds of an FDB value are themselves. */
const KEY_KINDS = { network: 0, attachment: FDB_KIND_ATTACHMENT, vtep: FDB_KIND_VTEP } as const;
const graveKey = (kind: number, id: number) => kind * 0x100000 + id;

export class Undertaker {
  readonly #views: Views;
  readonly #dataplane: Dataplane;
  readonly #epochs: Epochs;
  readonly #graves = new Map<number, Grave>();
  readonly #walkedFor = new WeakSet<Grave>();
  #walk: { readonly keys: Set<number>; nextBucket: number } | undefined;

  constructor(views: Views, dataplane: Dataplane, epochs: Epochs) {
    this.#views = views;
    this.#dataplane = dataplane;
    this.#epochs = epochs;
  }

  /** Takes on an id that no pointer, list or set names any more; `buried` is called when it may be used again. */
  bury(kind: MortalKind, id: number, buried: () => void): void {
    const key = graveKey(KEY_KINDS[kind], id);
    this.#graves.set(key, { key, epoch: this.#epochs.bump(), buried });
  }

  /** Takes an id back. False if it was not waiting here. */
  revive(kind: MortalKind, id: number): boolean {
    const key = graveKey(KEY_KINDS[kind], id);
    this.#walk?.keys.delete(key);
    return this.#graves.delete(key);
  }

  /** Ids that are dead and not yet free. */
  get waiting(): number {
    return this.#graves.size;
  }

  /** Goes on with the work, over at most `bucketMax` FDB buckets. */
  work(bucketMax: number): void {
    if (this.#walk === undefined) this.#begin();
    if (this.#walk === undefined) return;
    const { keys, nextBucket } = this.#walk;
    const bucketCount = this.#views.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
    const end = Math.min(nextBucket + bucketMax, bucketCount);
    this.#removeEntries(keys, nextBucket, end);
    this.#walk.nextBucket = end;
    if (end < bucketCount) return;
    this.#walk = undefined;
    const walked = [...keys].flatMap((key) => this.#graves.get(key) ?? []);
    this.#epochs.retire(() => {
      for (const grave of walked) {
        // Revived, or revived and dead again: then this is another grave's business.
        if (this.#graves.get(grave.key) !== grave) continue;
        this.#graves.delete(grave.key);
        grave.buried();
      }
    });
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
    if (keys.size > 0) this.#walk = { keys, nextBucket: 0 };
  }

  #removeEntries(keys: ReadonlySet<number>, from: number, end: number): void {
    const { u16, u32, u64 } = this.#views;
    for (let bucket = from; bucket < end; bucket++) {
      const bucketPtr = FDB + bucket * FDB_BUCKET_SIZE;
      for (let slot = 0; slot < FDB_BUCKET_SLOTS; slot++) {
        const keyPtr = bucketPtr + slot * 8;
        if (u32[keyPtr / 4] === 0 && u32[keyPtr / 4 + 1] === 0) continue;
        const valueHigh = u32[(keyPtr + FDB_BUCKET_VALUES) / 4 + 1]; // kind 4 | id 20 | generation 8
        const network = u16[(keyPtr + MAC_LEN) / 2];
        const dead =
          keys.has(graveKey(KEY_KINDS.network, network)) ||
          keys.has(graveKey(valueHigh >>> 28, (valueHigh >>> 8) & 0xfffff));
        if (dead) this.#dataplane.fdbRemove(WORKER_CONTROL, u64[keyPtr / 8]);
      }
    }
  }
}

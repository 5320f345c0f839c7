// Room in a full FDB for what control puts in: a few learned entries go, so that a flood of forged MACs keeps no operator from adding a
// port. What is static stays, and what is frozen, which would else be had by making the table full.

import {
  FDB_FLAG_FROZEN,
  FDB_FLAG_STATIC,
  SYSTEM_FDB_BUCKET_MASK,
  SYSTEM_FDB_CAPACITY,
  WORKER_CONTROL,
} from "../../dataplane-wasm/layout.js";
import { formatMac, packFdbKey, packFdbValue } from "../address.js";
import { type Dataplane, FDB_FLUSH_BLOCKED } from "../dataplane.js";
import { VxlaneError } from "../errors.js";
import type { Views } from "../memory.js";
import type { Displaced } from "./displaced.js";
import type { Fdb } from "./fdb.js";

/* Our choice. Buckets: a millisecond or two of walking. */
const SLICE_MAX = 8192;

const STAYS = FDB_FLAG_STATIC | FDB_FLAG_FROZEN;

export class Room {
  readonly #views: Views;
  readonly #dataplane: Dataplane;
  readonly #fdb: Pick<Fdb, "visit">;
  /** Where learned entries are looked for next. */
  #nextBucket = 0;

  constructor(views: Views, dataplane: Dataplane, fdb: Pick<Fdb, "visit">) {
    this.#views = views;
    this.#dataplane = dataplane;
    this.#fdb = fdb;
  }

  get #bucketCount(): number {
    return this.#views.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
  }

  /** Removes a few learned entries that are not frozen, other ones each time. False: there is none. */
  make(displaced: Displaced): boolean {
    for (let looked = 0, slice = 1; looked < this.#bucketCount; slice = Math.min(2 * slice, SLICE_MAX)) {
      const from = this.#nextBucket;
      const count = Math.min(slice, this.#bucketCount - from);
      this.#nextBucket = (from + count) % this.#bucketCount;
      looked += count;
      if (this.#count(0, from, count) > 0 && this.#evict(from, count, displaced)) return true;
    }
    return false;
  }

  /** Says what the table is full of. */
  full(mac: Uint8Array): VxlaneError {
    const capacity = this.#views.u32[SYSTEM_FDB_CAPACITY / 4];
    const count = (flags: number) => this.#count(flags, 0, this.#bucketCount);
    const held = [
      `${count(FDB_FLAG_STATIC)} static`,
      ...(count(FDB_FLAG_FROZEN) > 0 ? [`${count(FDB_FLAG_FROZEN)} frozen`] : []),
      ...(count(0) > 0 ? [`${count(0)} learned`] : []),
    ];
    const what = `it holds ${held.join(" and ")} of at most ${capacity} entries`;
    return new VxlaneError("ERR_LIMIT", `no room in the FDB for ${formatMac(mac)}: ${what}; raise fdb.capacity`);
  }

  #evict(from: number, count: number, displaced: Displaced): boolean {
    this.#fdb.visit(from, count, 0, ({ flags, mac, network }) => {
      if ((flags & STAYS) === 0) displaced.evicts(packFdbKey(mac, network));
    });
    const went = this.#dataplane.fdbFlush(WORKER_CONTROL, from, count, 0, flagged(STAYS), flagged(0));
    return (went & ~FDB_FLUSH_BLOCKED) !== 0;
  }

  /** Entries with just this flag of those that keep them. */
  #count(flag: number, from: number, count: number): number {
    return this.#dataplane.fdbCount(from, count, 0, flagged(STAYS), flagged(flag));
  }
}

function flagged(flags: number): bigint {
  return packFdbValue({ kind: 0, id: 0, generation: 0, stamp: 0, flags });
}

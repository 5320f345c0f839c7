// A new key goes in: to a free slot of its first bucket, else of its second, else to the slot of an entry that
// is of no use any more, else others are kicked to their other buckets until a slot is free.
//
// The search for a kick deepens step by step up to three moves: at half load one or two are enough for a table of four
// million, and a worker's time stays bounded when the table is full. Entries are never evicted: a flood of
// forged MACs finds the table full and everybody else's entries stay.

import { countRare, emit } from "../events";
import { COUNTER_AGED } from "../layout/counters";
import { EVENT_AGED } from "../layout/events";
import { FDB_BUCKET_SLOTS, FDB_BUCKET_VALUES } from "../layout/fdb";
import { fdbLive, NO_SLOT, slotIn } from "./find";
import { fdbBucket, fdbNetwork, fdbOtherBucket, fdbTag } from "./hash";
import { isOurs, tryLock, tryLockPair, unlock, unlockPair } from "./lock";
import {
  fillSlot,
  freeSlot,
  isFull,
  isStale,
  isStatic,
  moveSlot,
  networkRecord,
  removeEntry,
  reserve,
  valueId,
  valueKind,
} from "./slot";

/* Our choices. */
const KICK_DEPTH: u32 = 3;
/** No slot for now: another writer holds a bucket that was in the way. */
const BUSY_SLOT: usize = 1;

export const INSERT_DONE: u32 = 0;
export const INSERT_PRESENT: u32 = 1;
export const INSERT_FULL: u32 = 2;
export const INSERT_BUSY: u32 = 3;

/** Inserts a key with its whole value. Returns INSERT_*. */
export function insert(worker: u32, networkPtr: usize, key: u64, h: u64, value: u64): u32 {
  const learned = !isStatic(value);
  if (isFull(networkPtr, learned)) return INSERT_FULL;
  const first = fdbBucket(h);
  const second = fdbOtherBucket(first, fdbTag(h));
  if (!tryLockPair(worker, first, second)) return INSERT_BUSY;
  const outcome = insertLocked(worker, networkPtr, first, second, key, value, learned);
  unlockPair(first, second);
  return outcome;
}

function insertLocked(
  worker: u32,
  networkPtr: usize,
  first: usize,
  second: usize,
  key: u64,
  value: u64,
  learned: bool,
): u32 {
  if (slotIn(first, key) !== NO_SLOT || slotIn(second, key) !== NO_SLOT) return INSERT_PRESENT;
  let slot = freeSlot(first);
  if (slot === NO_SLOT) slot = freeSlot(second);
  if (slot === NO_SLOT) slot = reclaimSlot(worker, first);
  if (slot === NO_SLOT) slot = reclaimSlot(worker, second);
  let busy = false;
  for (let depth: u32 = 1; slot === NO_SLOT && depth <= KICK_DEPTH; depth++) {
    slot = kick(worker, first, depth);
    if (slot <= BUSY_SLOT) {
      busy = busy || slot === BUSY_SLOT;
      slot = kick(worker, second, depth);
    }
    if (slot === BUSY_SLOT) {
      busy = true;
      slot = NO_SLOT;
    }
  }
  if (slot === NO_SLOT) return busy ? INSERT_BUSY : INSERT_FULL;
  if (!reserve(networkPtr, learned)) return INSERT_FULL;
  fillSlot(slot, key, value);
  return INSERT_DONE;
}

/** Frees a slot of a locked full bucket by `depth` moves. Returns the slot, NO_SLOT or BUSY_SLOT. */
function kick(worker: u32, bucket: usize, depth: u32): usize {
  let busy = false;
  for (let i: u32 = 0; i < FDB_BUCKET_SLOTS; i++) {
    const from = bucket + i * 8;
    const other = fdbOtherBucket(bucket, <u32>atomic.load<u64>(from, FDB_BUCKET_VALUES) & 0xff);
    if (depth === 1 && freeSlot(other) === NO_SLOT) continue;
    if (!tryLock(worker, other)) {
      busy = busy || !isOurs(worker, other);
      continue;
    }
    let to = freeSlot(other);
    if (to === NO_SLOT) to = reclaimSlot(worker, other);
    if (to === NO_SLOT && depth > 1) to = kick(worker, other, depth - 1);
    if (to > BUSY_SLOT) moveSlot(from, to);
    unlock(other);
    if (to > BUSY_SLOT) return from;
    busy = busy || to === BUSY_SLOT;
  }
  return busy ? BUSY_SLOT : NO_SLOT;
}

/** Takes an aged or flushed entry out of a locked bucket. Returns its slot or NO_SLOT. */
function reclaimSlot(worker: u32, bucket: usize): usize {
  for (let i: u32 = 0; i < FDB_BUCKET_SLOTS; i++) {
    if (reclaim(worker, bucket + i * 8)) return bucket + i * 8;
  }
  return NO_SLOT;
}

/** Takes the entry of a locked slot out if it is aged or flushed. */
export function reclaim(worker: u32, slot: usize): bool {
  const key = atomic.load<u64>(slot);
  const value = atomic.load<u64>(slot, FDB_BUCKET_VALUES);
  if (key === 0 || !isStale(key, value)) return false;
  removeEntry(slot, key, value);
  if (fdbLive(value, networkRecord(key))) {
    countRare(worker, fdbNetwork(key), COUNTER_AGED);
    emit(worker, EVENT_AGED, key, valueKind(value), valueId(value));
  }
  return true;
}

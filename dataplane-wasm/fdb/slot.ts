// What happens to one slot, under its bucket's lock: filled, cleared, moved; and the counts of entries, which only
// change here.
//
// The counts are reserved before an entry is stored and given back after it is gone, each by compare-and-swap
// below its limit, so that no number of racing writers passes a limit. (A worker that dies in between leaves
// a count one too high; no more can come of it.)

import {
  FDB_BUCKET_SIZE,
  FDB_BUCKET_SLOTS,
  FDB_BUCKET_VALUES,
  FDB_FLAG_STATIC,
  FDB_VALUE_FLAGS_SHIFT,
  FDB_VALUE_ID_MASK,
  FDB_VALUE_ID_SHIFT,
  FDB_VALUE_KIND_SHIFT,
  FDB_VALUE_STAMP_SHIFT,
} from "../layout/fdb";
import {
  NETWORK_AGEING,
  NETWORK_LEARN_LIMIT,
  NETWORK_LEARNED,
  NETWORK_SIZE,
  NETWORK_STATIC,
  NETWORKS,
} from "../layout/networks";
import { SYSTEM_CLOCK, SYSTEM_FDB_CAPACITY, SYSTEM_FDB_COUNT } from "../layout/system";
import { fdbLive } from "./find";
import { fdbHash, fdbNetwork, fdbStripe } from "./hash";

const NO_LIMIT: u32 = 0xffffffff;

export function bucketOf(slot: usize): usize {
  return slot & ~(FDB_BUCKET_SIZE - 1);
}

export function fillSlot(slot: usize, key: u64, value: u64): void {
  atomic.store<u64>(slot, value, FDB_BUCKET_VALUES);
  atomic.store<u64>(slot, key);
}

export function clearSlot(slot: usize): void {
  atomic.store<u64>(slot, 0);
  atomic.store<u64>(slot, 0, FDB_BUCKET_VALUES);
}

/** Moves an entry between its buckets, both locked, so that a lookup always sees it. */
export function moveSlot(from: usize, to: usize): void {
  const key = atomic.load<u64>(from);
  const value = atomic.load<u64>(from, FDB_BUCKET_VALUES);
  fillSlot(to, key, value);
  atomic.add<u32>(fdbStripe(fdbHash(key)), 1);
  atomic.store<u64>(from, 0);
  // Somebody may have refreshed the stamp in the old place.
  const last = atomic.xchg<u64>(from, 0, FDB_BUCKET_VALUES);
  if (last !== value) atomic.cmpxchg<u64>(to, value, last, FDB_BUCKET_VALUES);
}

export function isStatic(value: u64): bool {
  return (value & ((<u64>FDB_FLAG_STATIC) << FDB_VALUE_FLAGS_SHIFT)) !== 0;
}

export function valueKind(value: u64): u32 {
  return <u32>(value >>> FDB_VALUE_KIND_SHIFT);
}

export function valueId(value: u64): u32 {
  return <u32>(value >>> FDB_VALUE_ID_SHIFT) & FDB_VALUE_ID_MASK;
}

/** Learned, and not refreshed for longer than its network's ageing time. */
export function isAged(value: u64, networkPtr: usize): bool {
  const ageing = load<u32>(networkPtr, NETWORK_AGEING);
  if (ageing === 0 || isStatic(value)) return false;
  const stamp = <u32>(value >>> FDB_VALUE_STAMP_SHIFT) & 0xffff;
  return ((atomic.load<u32>(SYSTEM_CLOCK) - stamp) & 0xffff) > ageing;
}

export function networkRecord(key: u64): usize {
  return NETWORKS + fdbNetwork(key) * NETWORK_SIZE;
}

/** Whether a limit is reached; a hint, `reserve` decides. */
export function isFull(networkPtr: usize, learned: bool): bool {
  if (atomic.load<u32>(SYSTEM_FDB_COUNT) >= load<u32>(SYSTEM_FDB_CAPACITY)) return true;
  if (!learned) return false;
  const limit = load<u32>(networkPtr, NETWORK_LEARN_LIMIT);
  return limit !== 0 && atomic.load<u32>(networkPtr, NETWORK_LEARNED) >= limit;
}

/** Counts one entry more, in all and in its network. False: a limit is reached. */
export function reserve(networkPtr: usize, learned: bool): bool {
  if (!addBelow(SYSTEM_FDB_COUNT, load<u32>(SYSTEM_FDB_CAPACITY))) return false;
  if (!learned) {
    atomic.add<u32>(networkPtr, 1, NETWORK_STATIC);
    return true;
  }
  const limit = load<u32>(networkPtr, NETWORK_LEARN_LIMIT);
  if (addBelow(networkPtr + NETWORK_LEARNED, limit === 0 ? NO_LIMIT : limit)) return true;
  atomic.sub<u32>(SYSTEM_FDB_COUNT, 1);
  return false;
}

/** Clears a slot and counts one entry less. */
export function removeEntry(slot: usize, key: u64, value: u64): void {
  clearSlot(slot);
  atomic.sub<u32>(networkRecord(key) + (isStatic(value) ? NETWORK_STATIC : NETWORK_LEARNED), 1);
  atomic.sub<u32>(SYSTEM_FDB_COUNT, 1);
}

/** An entry became static, or stopped being so. */
export function recount(networkPtr: usize, before: bool, after: bool): void {
  if (before === after) return;
  atomic.sub<u32>(networkPtr + (before ? NETWORK_STATIC : NETWORK_LEARNED), 1);
  atomic.add<u32>(networkPtr + (after ? NETWORK_STATIC : NETWORK_LEARNED), 1);
}

/** Whether the entry in a slot is of no use any more: learned, and aged or of a flushed generation. */
export function isStale(key: u64, value: u64): bool {
  const networkPtr = networkRecord(key);
  return !fdbLive(value, networkPtr) || isAged(value, networkPtr);
}

/** A free slot of a bucket, or NO_SLOT (0). */
export function freeSlot(bucket: usize): usize {
  for (let i: u32 = 0; i < FDB_BUCKET_SLOTS; i++) {
    if (atomic.load<u64>(bucket + i * 8) === 0) return bucket + i * 8;
  }
  return 0;
}

function addBelow(ptr: usize, limit: u32): bool {
  let count = atomic.load<u32>(ptr);
  while (count < limit) {
    const seen = atomic.cmpxchg<u32>(ptr, count, count + 1);
    if (seen === count) return true;
    count = seen;
  }
  return false;
}

// Lookups. They take no lock and write nothing, whatever other threads do to the table meanwhile.
//
// Three things make that right. A slot's value is stored before its key and the key is cleared before the value, so
// that value, key again, value again and the tag show that the value was the key's. A kick has both copies in place
// when it steps KICK_SEQ, so that a lookup that saw neither sees the step; the SIMD compare is a hint that atomic loads
// confirm, hit or miss. And a slot that fails the proof starts the lookup again: the entry may have gone to the
// bucket that was already searched.

import { FDB_BUCKET_VALUES, FDB_FLAG_STATIC, FDB_VALUE_FLAGS_SHIFT, FDB_VALUE_GENERATION_SHIFT } from "../layout/fdb";
import { NETWORK_GENERATION, NETWORK_SIZE, NETWORKS } from "../layout/networks";
import { fdbBucket, fdbHash, fdbNetwork, fdbOtherBucket, fdbStripe, fdbTag } from "./hash";

/* Our choices. */
const RETRIES: u32 = 64; // each needs a kick within nanoseconds

/** No entry. */
export const FDB_NONE: u64 = ~(<u64>0);
/** No slot. */
export const NO_SLOT: usize = 0;

/** Value of a key with hash `h`, dead entries included, or FDB_NONE. */
export function fdbFind(key: u64, h: u64): u64 {
  const slot = inline.always(findSlot(key, h));
  if (slot === NO_SLOT) return FDB_NONE;
  const value = inline.always(provenValue(slot, key, h));
  return value !== FDB_NONE ? value : findAgain(key, h);
}

function findAgain(key: u64, h: u64): u64 {
  for (let i: u32 = 0; i < RETRIES; i++) {
    const slot = findSlot(key, h);
    if (slot === NO_SLOT) return FDB_NONE;
    const value = provenValue(slot, key, h);
    if (value !== FDB_NONE) return value;
  }
  return FDB_NONE;
}

/** The value in a slot if it is the key's, else FDB_NONE. */
function provenValue(slot: usize, key: u64, h: u64): u64 {
  const value = atomic.load<u64>(slot, FDB_BUCKET_VALUES);
  if ((<u32>value & 0xff) !== fdbTag(h)) return FDB_NONE;
  if (atomic.load<u64>(slot) !== key) return FDB_NONE;
  // The slot may have gone to another key of this tag and come back between the loads: seen in 1 of 10^7 lookups of a
  // MAC that shared its slot with such a one a million times a second, not seen with the value loaded again.
  return atomic.load<u64>(slot, FDB_BUCKET_VALUES) === value ? value : FDB_NONE;
}

/** Whether a value that `fdbFind` returned counts: static, or learned in the network's current generation. */
export function fdbLive(value: u64, networkPtr: usize): bool {
  if (value === FDB_NONE) return false;
  if ((value & ((<u64>FDB_FLAG_STATIC) << FDB_VALUE_FLAGS_SHIFT)) !== 0) return true;
  return ((<u32>(value >>> FDB_VALUE_GENERATION_SHIFT) ^ load<u32>(networkPtr, NETWORK_GENERATION)) & 0xff) === 0;
}

/** The live value of a key, or FDB_NONE. */
export function fdbGet(key: u64): u64 {
  const value = fdbFind(key, fdbHash(key));
  return fdbLive(value, NETWORKS + fdbNetwork(key) * NETWORK_SIZE) ? value : FDB_NONE;
}

/** Address of the slot that held the key a moment ago, or NO_SLOT. */
export function findSlot(key: u64, h: u64): usize {
  const first = fdbBucket(h);
  let slot = inline.always(slotIn(first, key));
  if (slot !== NO_SLOT) return slot;
  const second = fdbOtherBucket(first, fdbTag(h));
  slot = inline.always(slotIn(second, key));
  return slot !== NO_SLOT ? slot : searchAgain(first, second, key, fdbStripe(h));
}

/** Address of the slot of a bucket that holds the key (0: a free slot), or NO_SLOT. */
export function slotIn(bucket: usize, key: u64): usize {
  const keys = i64x2.splat(key);
  // Four bits a slot.
  const match = i8x16.bitmask(
    i16x8.narrow_i32x4_s(i64x2.eq(v128.load(bucket), keys), i64x2.eq(v128.load(bucket, 16), keys)),
  );
  return match === 0 ? NO_SLOT : bucket + ((<usize>ctz<i32>(match)) << 1);
}

/** Proves a miss, with loads that are ordered among themselves, or finds the key after all. */
function searchAgain(first: usize, second: usize, key: u64, stripe: usize): usize {
  for (let i: u32 = 0; i < RETRIES; i++) {
    const before = atomic.load<u32>(stripe);
    let slot = orderedSlotIn(first, key);
    if (slot === NO_SLOT) slot = orderedSlotIn(second, key);
    if (slot !== NO_SLOT || atomic.load<u32>(stripe) === before) return slot;
  }
  return NO_SLOT;
}

function orderedSlotIn(bucket: usize, key: u64): usize {
  if (atomic.load<u64>(bucket) === key) return bucket;
  if (atomic.load<u64>(bucket, 8) === key) return bucket + 8;
  if (atomic.load<u64>(bucket, 16) === key) return bucket + 16;
  if (atomic.load<u64>(bucket, 24) === key) return bucket + 24;
  return NO_SLOT;
}

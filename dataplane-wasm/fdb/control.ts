// What control does to the table, with the same compiled code: set, remove, freeze, sweep, flush, count. Addresses never cross;
// buckets are counted from 0, so that control can sweep a slice at a time.
//
// Unlike a worker, control waits for a lock that somebody holds: the holder is at most a microsecond's work from
// the end, or was preempted, or is dead. It spins for some milliseconds and then says so. It does not sleep: Node 20's
// baseline compiler breaks 64-bit locals that live across memory.atomic.wait32. What is static changes even then
// (swap.ts). A sweep leaves a bucket that somebody holds to the next one.

import { countRare } from "../events";
import { COUNTER_FROZEN } from "../layout/counters";
import {
  FDB,
  FDB_BUCKET_SIZE,
  FDB_BUCKET_SLOTS,
  FDB_BUCKET_VALUES,
  FDB_FLAG_FROZEN,
  FDB_VALUE_FLAGS_SHIFT,
} from "../layout/fdb";
import { SYSTEM_FDB_BUCKET_MASK } from "../layout/system";
import { fdbLive, findSlot, NO_SLOT } from "./find";
import { fdbHash, fdbNetwork, fdbTag } from "./hash";
import { INSERT_DONE, INSERT_FULL, insert, reclaim } from "./insert";
import { tryLock, unlock } from "./lock";
import { bucketOf, isStale, isStatic, networkRecord, recount, removeEntry } from "./slot";
import { DEAD, swapStatic } from "./swap";

/* Our choices. */
const ATTEMPTS: u32 = 400_000; // 10 to 20 ms: longer than a preempted holder is away
const BUSY: usize = 1; // no address of a slot

/* As FDB_SET_* in control/dataplane.ts. */
const SET_FULL: u32 = 0;
const SET_NEW: u32 = 1;
const SET_CHANGED: u32 = 2;
const SET_BUSY: u32 = 3;
/* As FDB_FREEZE_* there; SET_BUSY too. */
const FREEZE_NONE: u32 = 0;
const FREEZE_DONE: u32 = 1;
const FREEZE_SAME: u32 = 2;
const FROZEN: u64 = (<u64>FDB_FLAG_FROZEN) << FDB_VALUE_FLAGS_SHIFT;
/* FDB_FLUSH_BLOCKED there. */
const FLUSH_BLOCKED: u32 = 0x80000000;

/**
 * Stores a value, static or learned, in the place of whatever the key had; the tag is filled in. Learned values want
 * their network's generation and the clock's stamp. Returns FDB_SET_*.
 */
export function fdbSet(worker: u32, key: u64, value: u64): u32 {
  const h = fdbHash(key);
  const networkPtr = networkRecord(key);
  const whole = (value & ~(<u64>0xff)) | <u64>fdbTag(h);
  for (let i: u32 = 0; i < ATTEMPTS; i++) {
    const slot = lockKey(worker, key, h);
    if (slot === BUSY) continue;
    if (slot !== NO_SLOT) {
      const before = atomic.xchg<u64>(slot, whole, FDB_BUCKET_VALUES);
      recount(networkPtr, isStatic(before), isStatic(whole));
      unlock(bucketOf(slot));
      return SET_CHANGED;
    }
    const outcome = insert(worker, networkPtr, key, h, whole);
    if (outcome === INSERT_DONE) return SET_NEW;
    if (outcome === INSERT_FULL) return SET_FULL;
  }
  return swapStatic(key, h, whole) ? SET_CHANGED : SET_BUSY;
}

/** Returns 1 if the key was present, 0 if not, FDB_SET_BUSY if it is learned and its bucket stayed locked. */
export function fdbRemove(worker: u32, key: u64): u32 {
  const h = fdbHash(key);
  for (let i: u32 = 0; i < ATTEMPTS; i++) {
    const slot = lockKey(worker, key, h);
    if (slot === NO_SLOT) return 0;
    if (slot === BUSY) continue;
    removeEntry(slot, key, atomic.load<u64>(slot, FDB_BUCKET_VALUES));
    unlock(bucketOf(slot));
    return 1;
  }
  return swapStatic(key, h, DEAD) ? 1 : SET_BUSY;
}

/**
 * Freezes (`frozen` not 0) a learned entry where it is, or thaws it. Returns FDB_FREEZE_*, or FDB_SET_BUSY if its bucket
 * stayed locked.
 */
export function fdbFreeze(worker: u32, key: u64, frozen: u32): u32 {
  const h = fdbHash(key);
  const networkPtr = networkRecord(key);
  for (let i: u32 = 0; i < ATTEMPTS; i++) {
    const slot = lockKey(worker, key, h);
    if (slot === NO_SLOT) return FREEZE_NONE;
    if (slot === BUSY) continue;
    const value = atomic.load<u64>(slot, FDB_BUCKET_VALUES);
    const isLearned = !isStatic(value) && fdbLive(value, networkPtr);
    const wanted = frozen !== 0 ? value | FROZEN : value & ~FROZEN;
    // The lock does not keep a worker from refreshing the stamp.
    const isThere = isLearned && atomic.cmpxchg<u64>(slot, value, wanted, FDB_BUCKET_VALUES) === value;
    unlock(bucketOf(slot));
    if (!isLearned) return FREEZE_NONE;
    if (!isThere) continue;
    if (wanted === value) return FREEZE_SAME;
    if (frozen !== 0) countRare(worker, fdbNetwork(key), COUNTER_FROZEN);
    return FREEZE_DONE;
  }
  return SET_BUSY;
}

/** Removes what is aged or of a flushed generation in buckets from .. from + count - 1. Returns how many went. */
export function fdbSweep(worker: u32, fromBucket: u32, bucketCount: u32): u32 {
  const end = endBucket(fromBucket, bucketCount);
  let removed: u32 = 0;
  for (let bucket = FDB + <usize>fromBucket * FDB_BUCKET_SIZE; bucket < end; bucket += FDB_BUCKET_SIZE) {
    for (let i: u32 = 0; i < FDB_BUCKET_SLOTS; i++) {
      const slot = bucket + i * 8;
      const key = atomic.load<u64>(slot);
      if (key === 0 || !isStale(key, atomic.load<u64>(slot, FDB_BUCKET_VALUES))) continue;
      if (!tryLock(worker, bucket)) break;
      if (reclaim(worker, slot)) removed++;
      unlock(bucket);
    }
  }
  return removed;
}

/**
 * Removes entries of `network` (0: any) with (value & mask) == match in those buckets. Returns how many went, and
 * FLUSH_BLOCKED with it if some are left because their bucket stayed locked. An entry that a worker kicks behind
 * the walk escapes: KICK_SEQ tells.
 */
export function fdbFlush(worker: u32, fromBucket: u32, bucketCount: u32, network: u32, mask: u64, match: u64): u32 {
  const end = endBucket(fromBucket, bucketCount);
  let removed: u32 = 0;
  let blocked: u32 = 0;
  for (let bucket = FDB + <usize>fromBucket * FDB_BUCKET_SIZE; bucket < end; bucket += FDB_BUCKET_SIZE) {
    let locked = false;
    for (let i: u32 = 0; i < FDB_BUCKET_SLOTS; i++) {
      const slot = bucket + i * 8;
      if (!matches(slot, network, mask, match)) continue;
      if (!locked) {
        locked = lockBucket(worker, bucket);
        if (!locked) {
          blocked = FLUSH_BLOCKED;
          break;
        }
        if (!matches(slot, network, mask, match)) continue;
      }
      removeEntry(slot, atomic.load<u64>(slot), atomic.load<u64>(slot, FDB_BUCKET_VALUES));
      removed++;
    }
    if (locked) unlock(bucket);
  }
  return removed | blocked;
}

/** Counts entries of `network` (0: any) with (value & mask) == match in those buckets, dead ones too. */
export function fdbCount(fromBucket: u32, bucketCount: u32, network: u32, mask: u64, match: u64): u32 {
  const end = endBucket(fromBucket, bucketCount);
  let count: u32 = 0;
  for (let bucket = FDB + <usize>fromBucket * FDB_BUCKET_SIZE; bucket < end; bucket += FDB_BUCKET_SIZE) {
    for (let i: u32 = 0; i < FDB_BUCKET_SLOTS; i++) {
      if (matches(bucket + i * 8, network, mask, match)) count++;
    }
  }
  return count;
}

function matches(slot: usize, network: u32, mask: u64, match: u64): bool {
  const key = atomic.load<u64>(slot);
  if (key === 0 || (network !== 0 && fdbNetwork(key) !== network)) return false;
  return (atomic.load<u64>(slot, FDB_BUCKET_VALUES) & mask) === match;
}

function endBucket(fromBucket: u32, bucketCount: u32): usize {
  const buckets = <u64>load<u32>(SYSTEM_FDB_BUCKET_MASK) + 1;
  return FDB + <usize>min<u64>(<u64>fromBucket + bucketCount, buckets) * FDB_BUCKET_SIZE;
}

/** The slot of a key, its bucket locked; NO_SLOT; or BUSY: try again. */
function lockKey(worker: u32, key: u64, h: u64): usize {
  const slot = findSlot(key, h);
  if (slot === NO_SLOT) return NO_SLOT;
  const bucket = bucketOf(slot);
  if (!tryLock(worker, bucket)) return BUSY;
  if (atomic.load<u64>(slot) === key) return slot;
  unlock(bucket);
  return BUSY;
}

function lockBucket(worker: u32, bucket: usize): bool {
  for (let i: u32 = 0; i < ATTEMPTS; i++) {
    if (tryLock(worker, bucket)) return true;
  }
  return false;
}

// The locks of the buckets. Whoever changes a slot holds the lock of its bucket; whoever inserts a key holds
// the locks of both of its buckets, so that no key can be inserted twice. Only the stamp of a value changes without.
//
// A lock is tried once. A worker that fails does not learn this time: the next frame does. So no order of the
// locks can deadlock, and a worker that died with a lock stops nobody. The word holds the worker slot + 1, which lets
// control release what a dead worker left.

import { FDB, FDB_BUCKET_SIZE, FDB_BUCKET_SLOTS, FDB_BUCKET_VALUES } from "../layout/fdb";
import { SYSTEM_FDB_BUCKET_MASK, SYSTEM_VTEP_LOCK } from "../layout/system";
import { NO_SLOT, slotIn } from "./find";
import { fdbLock, fdbOtherBucket } from "./hash";
import { clearSlot } from "./slot";

export function tryLock(worker: u32, bucket: usize): bool {
  return atomic.cmpxchg<u32>(fdbLock(bucket), 0, worker + 1) === 0;
}

export function isOurs(worker: u32, bucket: usize): bool {
  return atomic.load<u32>(fdbLock(bucket)) === worker + 1;
}

export function unlock(bucket: usize): void {
  atomic.store<u32>(fdbLock(bucket), 0);
}

/** Both or none. The two are one in a table of one bucket. */
export function tryLockPair(worker: u32, first: usize, second: usize): bool {
  const low = min(first, second);
  const high = max(first, second);
  if (!tryLock(worker, low)) return false;
  if (low === high || tryLock(worker, high)) return true;
  unlock(low);
  return false;
}

export function unlockPair(first: usize, second: usize): void {
  unlock(first);
  if (first !== second) unlock(second);
}

/** Releases every FDB lock and the VTEP lock that a dead worker slot holds. Returns how many. */
export function releaseLocks(deadWorker: u32): u32 {
  const owner = deadWorker + 1;
  const end = FDB + (<usize>load<u32>(SYSTEM_FDB_BUCKET_MASK) + 1) * FDB_BUCKET_SIZE;
  let released: u32 = 0;
  // All duplicates go before the first lock opens.
  for (let bucket = FDB; bucket < end; bucket += FDB_BUCKET_SIZE) {
    if (atomic.load<u32>(fdbLock(bucket)) === owner) finishKick(bucket);
  }
  for (let bucket = FDB; bucket < end; bucket += FDB_BUCKET_SIZE) {
    if (atomic.cmpxchg<u32>(fdbLock(bucket), owner, 0) === owner) released++;
  }
  if (atomic.cmpxchg<u32>(SYSTEM_VTEP_LOCK, owner, 0) === owner) released++;
  return released;
}

/** A worker that died between copy and delete left an entry in both of its buckets, which it had locked. */
function finishKick(bucket: usize): void {
  for (let i: u32 = 0; i < FDB_BUCKET_SLOTS; i++) {
    const slot = bucket + i * 8;
    const key = atomic.load<u64>(slot);
    if (key === 0) continue;
    const other = fdbOtherBucket(bucket, <u32>atomic.load<u64>(slot, FDB_BUCKET_VALUES) & 0xff);
    if (other !== bucket && slotIn(other, key) !== NO_SLOT) clearSlot(slot);
  }
}

// Static entries whose bucket somebody keeps locked: a worker that was preempted for long, hangs, or has died. Control
// changes their values without the lock, so that a change of many entries never ends half way.
//
// That is right because control alone changes static values. A worker under its lock only moves them: it copies the
// value, and hands on what it finds changed in the old place (`moveSlot`). One that has died between the two left the
// entry in both buckets, and nobody knows which will stay: so both change. What is removed becomes a learned entry of the
// generation before, which no lookup sees and the next sweep takes away.

import { FDB_BUCKET_VALUES, FDB_VALUE_FLAGS_SHIFT, FDB_VALUE_GENERATION_SHIFT } from "../layout/fdb";
import { NETWORK_GENERATION } from "../layout/networks";
import { findSlot, NO_SLOT, slotIn } from "./find";
import { fdbBucket, fdbOtherBucket, fdbTag } from "./hash";
import { isStatic, networkRecord, recount } from "./slot";

/* Our choice. */
const RETRIES: u32 = 64; // each needs a kick within nanoseconds

const FLAGS: u64 = (<u64>0xff) << FDB_VALUE_FLAGS_SHIFT;
const GENERATION: u64 = (<u64>0xff) << FDB_VALUE_GENERATION_SHIFT;

/** In place of a value: the entry dies. */
export const DEAD: u64 = 0;

/** Changes the value of a static entry. False: there is none. */
export function swapStatic(key: u64, h: u64, value: u64): bool {
  const first = fdbBucket(h);
  const second = fdbOtherBucket(first, fdbTag(h));
  for (let i: u32 = 0; i < RETRIES; i++) {
    let swapped = swapIn(first, key, value);
    if (second !== first && swapIn(second, key, value)) swapped = true;
    if (swapped) {
      recount(networkRecord(key), true, value !== DEAD && isStatic(value));
      return true;
    }
    const slot = findSlot(key, h);
    if (slot === NO_SLOT || !isStatic(atomic.load<u64>(slot, FDB_BUCKET_VALUES))) return false;
  }
  return false;
}

function swapIn(bucket: usize, key: u64, value: u64): bool {
  const slot = slotIn(bucket, key);
  if (slot === NO_SLOT) return false;
  const before = atomic.load<u64>(slot, FDB_BUCKET_VALUES);
  if (!isStatic(before) || atomic.load<u64>(slot) !== key) return false;
  const after = value === DEAD ? deadValue(before, key) : value;
  return atomic.cmpxchg<u64>(slot, before, after, FDB_BUCKET_VALUES) === before;
}

function deadValue(value: u64, key: u64): u64 {
  const generation = (load<u32>(networkRecord(key), NETWORK_GENERATION) - 1) & 0xff;
  return (value & ~(FLAGS | GENERATION)) | ((<u64>generation) << FDB_VALUE_GENERATION_SHIFT);
}

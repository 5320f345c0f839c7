// Who may send into which network: a set of (network, VTEP) pairs that decap asks for every datagram, and the
// prefixes of the allow lists behind it. A pair that a prefix permits joins the set when it is first met, so
// prefixes are walked once a pair and not once a datagram.

import { PREFIX_COUNT, PREFIX_ENTRIES, PREFIX_ENTRY_SIZE, PREFIX_MASK } from "../layout/lists";
import { CACHE_LINE } from "../layout/maxima";
import { NETWORK_PREFIXES, NETWORK_SIZE, NETWORKS } from "../layout/networks";
import { SYSTEM_PREFIXES } from "../layout/system";
import {
  ACCESS,
  ACCESS_BUCKET_SIZE,
  ACCESS_BUCKETS,
  ACCESS_DELETED,
  VTEP_ADDRESS,
  VTEP_FLAG_LEARNED,
  VTEP_FLAG_SOURCE,
  VTEP_FLAGS,
} from "../layout/vteps";
import { vtepFind, vtepIntern, vtepLock, vtepRecord, vtepUnlock } from "./vtep";

const HASH: u32 = 0x9e3779b1;
const DENY_BUSY: u32 = 3; // FDB_SET_BUSY in control/dataplane.ts
/* Our choice: a full neighbourhood refuses the pair, so that hostile churn cannot make lookups walk the table. */
const PROBES_MAX: u32 = 64;

function firstBucket(key: u32): u32 {
  return ((key * HASH) >>> 15) & (ACCESS_BUCKETS - 1);
}

function bucketAddress(bucket: u32): usize {
  return ACCESS + <usize>(bucket & (ACCESS_BUCKETS - 1)) * ACCESS_BUCKET_SIZE;
}

/** Address of the slot that holds `key` in this bucket, or 0. */
function slotOf(bucket: usize, key: u32): usize {
  const wanted = i32x4.splat(key);
  for (let at = bucket; at < bucket + CACHE_LINE; at += 16) {
    const hits = i32x4.bitmask(i32x4.eq(v128.load(at), wanted));
    if (hits !== 0) return at + (ctz<u32>(hits) << 2);
  }
  return 0;
}

function keyOf(network: u32, vtep: u32): u32 {
  return (network << 16) | vtep;
}

function slotAddress(key: u32): usize {
  const first = firstBucket(key);
  for (let n: u32 = 0; n < PROBES_MAX; n++) {
    const bucket = bucketAddress(first + n);
    const slot = slotOf(bucket, key);
    if (slot !== 0) return slot;
    if (slotOf(bucket, 0) !== 0) return 0;
  }
  return 0;
}

/** True if the pair is in the set, or a prefix of the network permits it. */
export function accessCheck(worker: u32, network: u32, vtep: u32): bool {
  const key = keyOf(network, vtep);
  // Nearly every pair lies in its first bucket: four compares, one branch.
  const bucket = bucketAddress(firstBucket(key));
  const wanted = i32x4.splat(key);
  const low = v128.or(i32x4.eq(v128.load(bucket), wanted), i32x4.eq(v128.load(bucket, 16), wanted));
  const high = v128.or(i32x4.eq(v128.load(bucket, 32), wanted), i32x4.eq(v128.load(bucket, 48), wanted));
  return v128.any_true(v128.or(low, high)) || accessElsewhere(worker, network, vtep);
}

function accessElsewhere(worker: u32, network: u32, vtep: u32): bool {
  if (slotAddress(keyOf(network, vtep)) !== 0) return true;
  const prefixes = atomic.load<u32>(NETWORKS + <usize>network * NETWORK_SIZE + NETWORK_PREFIXES);
  const record = vtepRecord(vtep);
  if (prefixes === 0 || record === 0 || !prefixMatch(prefixes, record + VTEP_ADDRESS)) return false;
  accessAllow(worker, network, vtep);
  return true;
}

/** The id of a source address: a VTEP that some network allows, or a new one that an allow list's prefix covers. 0: not allowed. */
export function sourceVtep(worker: u32, address: usize): u32 {
  const known = vtepFind(address);
  if (known !== 0 && load<u32>(vtepRecord(known), VTEP_FLAGS) & VTEP_FLAG_SOURCE) return known;
  const prefixes = atomic.load<u32>(SYSTEM_PREFIXES);
  if (prefixes === 0 || !prefixMatch(prefixes, address)) return 0;
  return vtepIntern(worker, address, VTEP_FLAG_SOURCE | VTEP_FLAG_LEARNED);
}

function prefixMatch(list: usize, address: usize): bool {
  const count = load<u32>(list, PREFIX_COUNT);
  const wanted = v128.load(address);
  let entry = list + PREFIX_ENTRIES;
  for (let n: u32 = 0; n < count; n++) {
    const masked = v128.and(wanted, v128.load(entry, PREFIX_MASK));
    if (!v128.any_true(v128.xor(masked, v128.load(entry)))) return true;
    entry += PREFIX_ENTRY_SIZE;
  }
  return false;
}

/** Adds a pair. Returns 1, or 0 when there is no room near its place. */
export function accessAllow(worker: u32, network: u32, vtep: u32): u32 {
  if (!vtepLock(worker)) return 0;
  const key = keyOf(network, vtep);
  let done: u32 = 0;
  if (slotAddress(key) !== 0) {
    done = 1;
  } else {
    const first = firstBucket(key);
    for (let n: u32 = 0; n < PROBES_MAX && done === 0; n++) {
      const bucket = bucketAddress(first + n);
      let slot = slotOf(bucket, ACCESS_DELETED);
      if (slot === 0) slot = slotOf(bucket, 0);
      if (slot !== 0) {
        atomic.store<u32>(slot, key);
        done = 1;
      }
    }
  }
  vtepUnlock();
  return done;
}

/**
 * Takes a pair out. The slot turns free where its bucket has another free one: no probe goes past it then. Returns 1 if
 * the pair was there, 0 if not, DENY_BUSY if the lock stayed taken.
 */
export function accessDeny(worker: u32, network: u32, vtep: u32): u32 {
  if (!vtepLock(worker)) return DENY_BUSY;
  const slot = slotAddress(keyOf(network, vtep));
  if (slot !== 0) {
    const bucket = slot & ~(ACCESS_BUCKET_SIZE - 1);
    atomic.store<u32>(slot, slotOf(bucket, 0) !== 0 ? 0 : ACCESS_DELETED);
  }
  vtepUnlock();
  return slot !== 0 ? 1 : 0;
}

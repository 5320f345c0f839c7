// Where a key lives: hash, the two buckets, the tag. Buckets are named by their address here and in all of fdb/.
//
// MACs come in rows: counted up, one in every network, a network's number inside. `key * seed` alone sees little of
// that in its low bits: with one gateway MAC in 32k networks, 97 % of the inserts met two full buckets. So: fold,
// multiply, fold, multiply, and take the bucket from the top of the product. For every such row and seed tried, this
// spreads as random keys do, at 0.5 ns more a hash. The second bucket differs from the first by an odd distance that
// depends on the tag only: so either is found from the other, and a kick need not hash again.

import { FDB, FDB_BUCKET_SIZE, FDB_LOCKS } from "../layout/fdb";
import { KICK_SEQ, KICK_SEQ_STRIPES, SYSTEM_FDB_BUCKET_MASK, SYSTEM_FDB_SEED } from "../layout/system";

const NETWORK_SHIFT: u64 = 48;
const GOLDEN: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15; // 2^64 / golden ratio
const SPREAD: u32 = 0x9e3779b1; // odd, so that 256 tags give 256 distances
const TAG_SHIFT: u64 = 24;
const STRIPE_SHIFT: u64 = 14;

export function fdbNetwork(key: u64): u32 {
  return <u32>(key >>> NETWORK_SHIFT);
}

export function fdbHash(key: u64): u64 {
  const h = (key ^ (key >>> 32)) * load<u64>(SYSTEM_FDB_SEED);
  return (h ^ (h >>> 32)) * GOLDEN;
}

/** Address of the first bucket. */
export function fdbBucket(h: u64): usize {
  const mask = load<u32>(SYSTEM_FDB_BUCKET_MASK);
  return FDB + ((<u32>(h >>> 32) >>> clz<u32>(mask)) & mask) * FDB_BUCKET_SIZE;
}

/** The low 8 bits of the value. */
export function fdbTag(h: u64): u32 {
  return <u32>(h >>> TAG_SHIFT) & 0xff;
}

/** The other bucket of an entry with this tag. */
export function fdbOtherBucket(bucket: usize, tag: u32): usize {
  const distance = (((tag << 1) | 1) * SPREAD) & load<u32>(SYSTEM_FDB_BUCKET_MASK);
  return FDB + ((bucket - FDB) ^ (distance * FDB_BUCKET_SIZE));
}

/** Address of the KICK_SEQ word of a key. */
export function fdbStripe(h: u64): usize {
  return KICK_SEQ + ((<u32>h >>> <u32>STRIPE_SHIFT) & (KICK_SEQ_STRIPES - 1)) * 4;
}

/** Address of the lock of a bucket. */
export function fdbLock(bucket: usize): usize {
  return FDB_LOCKS + (bucket - FDB) / (FDB_BUCKET_SIZE / 4);
}

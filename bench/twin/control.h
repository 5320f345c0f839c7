// Twin of dataplane-wasm/fdb/control.ts, its walks: what has aged goes, what matches goes. And the flow hashes of a whole
// batch, which the hot path computes one by one.

#pragma once

#include "descriptor.h"
#include "flow.h"
#include "learn.h"

#define LOCK_ATTEMPTS 400000
#define FLUSH_BLOCKED 0x80000000u

static inline u8 *end_bucket(u32 from, u32 count) {
  u64 buckets = (u64)ld32(at(SYSTEM_FDB_BUCKET_MASK)) + 1;
  u64 end = (u64)from + count;
  return at(FDB + (u32)(end < buckets ? end : buckets) * FDB_BUCKET_SIZE);
}

static u32 fdb_sweep(u32 worker, u32 from, u32 count) {
  const u8 *end = end_bucket(from, count);
  u32 removed = 0;
  for (u8 *bucket = at(FDB + from * FDB_BUCKET_SIZE); bucket < end; bucket += FDB_BUCKET_SIZE) {
    for (u32 i = 0; i < FDB_BUCKET_SLOTS; i++) {
      u8 *slot = bucket + i * 8;
      u64 key = aload64(slot);
      if (key == 0 || !is_stale(key, aload64(slot + FDB_BUCKET_VALUES))) continue;
      if (!try_lock(worker, bucket)) break;
      if (reclaim(worker, slot)) removed++;
      unlock(bucket);
    }
  }
  return removed;
}

static inline bool flushes(const u8 *slot, u32 network, u64 mask, u64 match) {
  u64 key = aload64(slot);
  if (key == 0 || (network != 0 && (u32)(key >> 48) != network)) return false;
  return (aload64(slot + FDB_BUCKET_VALUES) & mask) == match;
}

static inline bool lock_bucket(u32 worker, const u8 *bucket) {
  for (u32 i = 0; i < LOCK_ATTEMPTS; i++)
    if (try_lock(worker, bucket)) return true;
  return false;
}

static u32 fdb_flush(u32 worker, u32 from, u32 count, u32 network, u64 mask, u64 match) {
  const u8 *end = end_bucket(from, count);
  u32 removed = 0, blocked = 0;
  for (u8 *bucket = at(FDB + from * FDB_BUCKET_SIZE); bucket < end; bucket += FDB_BUCKET_SIZE) {
    bool locked = false;
    for (u32 i = 0; i < FDB_BUCKET_SLOTS; i++) {
      u8 *slot = bucket + i * 8;
      if (!flushes(slot, network, mask, match)) continue;
      if (!locked) {
        locked = lock_bucket(worker, bucket);
        if (!locked) {
          blocked = FLUSH_BLOCKED;
          break;
        }
        if (!flushes(slot, network, mask, match)) continue;
      }
      remove_entry(slot, aload64(slot), aload64(slot + FDB_BUCKET_VALUES));
      removed++;
    }
    if (locked) unlock(bucket);
  }
  return removed | blocked;
}

static u32 hash_batch(u32 worker, u32 count) {
  u32 sum = 0;
  for (u32 n = 0; n < count; n++) {
    const struct descriptor *input = input_at(worker, n);
    const u8 *frame = at(input->payload_ptr);
    sum ^= flow_hash_of(frame, parse_inner(frame, input->payload_len));
  }
  return sum;
}

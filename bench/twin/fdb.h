// Twin of dataplane-wasm/fdb, the reading half: where a key lives, and lookups that take no lock.

#pragma once

#include "wire.h"

#define FDB_NONE UINT64_MAX
#define LOOKUP_RETRIES 64

/* hash.ts */

static inline u64 fdb_hash(u64 key) {
  u64 h = (key ^ key >> 32) * ld64(at(SYSTEM_FDB_SEED));
  return (h ^ h >> 32) * 0x9e3779b97f4a7c15ull;
}

static inline u8 *fdb_bucket(u64 h) {
  u32 mask = ld32(at(SYSTEM_FDB_BUCKET_MASK));
  return at(FDB + ((u32)(h >> 32) >> (_lzcnt_u32(mask) & 31) & mask) * FDB_BUCKET_SIZE);
}

static inline u32 fdb_tag(u64 h) { return (u32)(h >> 24) & 0xff; }

static inline u8 *fdb_other_bucket(const u8 *bucket, u32 tag) {
  u32 distance = (tag << 1 | 1) * 0x9e3779b1u & ld32(at(SYSTEM_FDB_BUCKET_MASK));
  return at(FDB + ((address_of(bucket) - FDB) ^ distance * FDB_BUCKET_SIZE));
}

static inline u8 *fdb_stripe(u64 h) { return at(KICK_SEQ + ((u32)h >> 14 & (KICK_SEQ_STRIPES - 1)) * 4); }
static inline u8 *fdb_lock(const u8 *bucket) {
  return at(FDB_LOCKS + (address_of(bucket) - FDB) / (FDB_BUCKET_SIZE / 4));
}
static inline u8 *network_record(u64 key) { return at(NETWORKS + (u32)(key >> 48) * NETWORK_SIZE); }

/* find.ts: a slot is named by the address of its key; NULL is none. */

static inline u8 *slot_in(u8 *bucket, u64 key) {
#ifdef __AVX2__
  __m256i match = _mm256_cmpeq_epi64(_mm256_loadu_si256((const __m256i *)bucket), _mm256_set1_epi64x((long long)key));
  u32 bits = (u32)_mm256_movemask_pd(_mm256_castsi256_pd(match));
#else
  __m128i keys = _mm_set1_epi64x((long long)key);
  __m128i low = _mm_cmpeq_epi64(_mm_loadu_si128((const __m128i *)bucket), keys);
  __m128i high = _mm_cmpeq_epi64(_mm_loadu_si128((const __m128i *)(bucket + 16)), keys);
  u32 bits = (u32)(_mm_movemask_pd(_mm_castsi128_pd(low)) | _mm_movemask_pd(_mm_castsi128_pd(high)) << 2);
#endif
  return bits == 0 ? NULL : bucket + (__builtin_ctz(bits) << 3);
}

static inline u8 *ordered_slot_in(u8 *bucket, u64 key) {
  for (u32 i = 0; i < FDB_BUCKET_SLOTS; i++)
    if (aload64(bucket + i * 8) == key) return bucket + i * 8;
  return NULL;
}

static __attribute__((noinline)) u8 *search_again(u8 *first, u8 *second, u64 key, const u8 *stripe) {
  for (u32 i = 0; i < LOOKUP_RETRIES; i++) {
    u32 before = aload32(stripe);
    u8 *slot = ordered_slot_in(first, key);
    if (!slot) slot = ordered_slot_in(second, key);
    if (slot || aload32(stripe) == before) return slot;
  }
  return NULL;
}

static inline u8 *find_slot(u64 key, u64 h) {
  u8 *first = fdb_bucket(h);
  u8 *slot = slot_in(first, key);
  if (slot) return slot;
  u8 *second = fdb_other_bucket(first, fdb_tag(h));
  slot = slot_in(second, key);
  return slot ? slot : search_again(first, second, key, fdb_stripe(h));
}

static inline u64 fdb_find(u64 key, u64 h) {
  for (u32 i = 0; i < LOOKUP_RETRIES; i++) {
    const u8 *slot = find_slot(key, h);
    if (!slot) return FDB_NONE;
    u64 value = aload64(slot + FDB_BUCKET_VALUES);
    if ((value & 0xff) != fdb_tag(h) || aload64(slot) != key) continue;
    if (aload64(slot + FDB_BUCKET_VALUES) == value) return value;
  }
  return FDB_NONE;
}

#define VALUE_STATIC ((u64)FDB_FLAG_STATIC << FDB_VALUE_FLAGS_SHIFT)
#define VALUE_OWN ((u64)FDB_FLAG_OWN << FDB_VALUE_FLAGS_SHIFT)
#define VALUE_FROZEN ((u64)FDB_FLAG_FROZEN << FDB_VALUE_FLAGS_SHIFT)
#define VALUE_FLAGS (0xffull << FDB_VALUE_FLAGS_SHIFT)
#define VALUE_STAMP (0xffffull << FDB_VALUE_STAMP_SHIFT)
#define VALUE_DESTINATION 0xffffff0000000000ull

static inline bool fdb_live(u64 value, const u8 *network) {
  if (value == FDB_NONE) return false;
  if (value & VALUE_STATIC) return true;
  return (((u32)(value >> FDB_VALUE_GENERATION_SHIFT) ^ ld32(network + NETWORK_GENERATION)) & 0xff) == 0;
}

static inline bool is_static(u64 value) { return value & VALUE_STATIC; }
static inline u32 value_kind(u64 value) { return (u32)(value >> FDB_VALUE_KIND_SHIFT); }
static inline u32 value_id(u64 value) { return (u32)(value >> FDB_VALUE_ID_SHIFT) & FDB_VALUE_ID_MASK; }

// Twin of dataplane-wasm/tables, as far as packets go through it: VTEPs by address, and who may send into which
// network. Making VTEPs and pairs is control's work and stays with the compiled module; the benchmark's world has no
// prefix lists, so a packet never makes one.

#pragma once

#include "memory.h"

static inline u8 *vtep_record(u32 vtep) {
  u32 record = aload32(at(VTEP_POINTERS + (vtep << 2)));
  return record ? at(record) : NULL;
}

static inline bool address_equals(const u8 *a, const u8 *b) {
  __m128i differs = _mm_xor_si128(_mm_loadu_si128((const __m128i *)a), _mm_loadu_si128((const __m128i *)b));
  return _mm_testz_si128(differs, differs);
}

static inline u32 vtep_find(const u8 *address) {
  u64 x = ld64(address) * 0xc2b2ae3d27d4eb4full + ld64(address + 8) * 0x9e3779b97f4a7c15ull;
  u32 slot = (u32)(x >> 40) & (VTEP_INDEX_SLOTS - 1);
  for (u32 n = 0; n < VTEP_INDEX_SLOTS; n++) {
    u32 vtep = aload32(at(VTEP_INDEX + (slot << 2)));
    if (vtep == 0) return 0;
    if (vtep != VTEP_INDEX_DELETED) {
      const u8 *record = vtep_record(vtep);
      if (record && address_equals(record + VTEP_ADDRESS, address)) return vtep;
    }
    slot = (slot + 1) & (VTEP_INDEX_SLOTS - 1);
  }
  return 0;
}

static inline u32 source_vtep(const u8 *address) {
  u32 known = vtep_find(address);
  return known && ld32(vtep_record(known) + VTEP_FLAGS) & VTEP_FLAG_SOURCE ? known : 0;
}

static inline bool bucket_has(const u8 *bucket, u32 key) {
#ifdef __AVX512F__
  return _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(bucket), _mm512_set1_epi32((int)key));
#else
  __m128i wanted = _mm_set1_epi32((int)key);
  for (u32 n = 0; n < ACCESS_BUCKET_SIZE; n += 16)
    if (_mm_movemask_epi8(_mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(bucket + n)), wanted))) return true;
  return false;
#endif
}

static __attribute__((noinline)) bool access_elsewhere(u32 key) {
  u32 first = (key * 0x9e3779b1u) >> 15;
  for (u32 n = 0; n < 64; n++) {
    const u8 *bucket = at(ACCESS + ((first + n) & (ACCESS_BUCKETS - 1)) * ACCESS_BUCKET_SIZE);
    if (bucket_has(bucket, key)) return true;
    if (bucket_has(bucket, 0)) return false;
  }
  return false;
}

static inline bool access_check(u32 network, u32 vtep) {
  u32 key = network << 16 | vtep;
  u32 first = (key * 0x9e3779b1u) >> 15 & (ACCESS_BUCKETS - 1);
  return bucket_has(at(ACCESS + first * ACCESS_BUCKET_SIZE), key) || access_elsewhere(key);
}

static inline bool address_is_ipv4(const u8 *address) { return ld64(address) == 0 && ld32(address + 8) == 0xffff0000; }

// The linear memory as C sees it: one base address, and addresses of layout.h as offsets from it. Loads and stores go
// through memcpy, which gcc turns into single moves of any alignment.
//
// Where the hot path has sequentially consistent atomics (WebAssembly knows no others), a C programmer takes acquire and
// release, so this twin does: on x86 its atomic stores are plain moves.

#pragma once

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "layout.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define COLD __attribute__((noinline, cold))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Set once by twin_attach; never changes while a batch runs. */
static u8 *base;

static inline u8 *at(u32 address) { return base + address; }
static inline u32 address_of(const u8 *p) { return (u32)(p - base); }

static inline u16 ld16(const u8 *p) { u16 v; memcpy(&v, p, 2); return v; }
static inline u32 ld32(const u8 *p) { u32 v; memcpy(&v, p, 4); return v; }
static inline u64 ld64(const u8 *p) { u64 v; memcpy(&v, p, 8); return v; }
static inline void st16(u8 *p, u16 v) { memcpy(p, &v, 2); }
static inline void st32(u8 *p, u32 v) { memcpy(p, &v, 4); }
static inline void st64(u8 *p, u64 v) { memcpy(p, &v, 8); }

/* Network byte order. */
static inline u32 ldbe16(const u8 *p) { return __builtin_bswap16(ld16(p)); }
static inline void stbe16(u8 *p, u32 v) { st16(p, __builtin_bswap16((u16)v)); }
static inline u32 wire16(u32 v) { return __builtin_bswap16((u16)v); }

static inline u32 aload32(const u8 *p) { return __atomic_load_n((const u32 *)p, __ATOMIC_ACQUIRE); }
static inline u64 aload64(const u8 *p) { return __atomic_load_n((const u64 *)p, __ATOMIC_ACQUIRE); }
static inline void astore32(u8 *p, u32 v) { __atomic_store_n((u32 *)p, v, __ATOMIC_RELEASE); }
static inline void astore64(u8 *p, u64 v) { __atomic_store_n((u64 *)p, v, __ATOMIC_RELEASE); }
static inline u32 aadd32(u8 *p, u32 v) { return __atomic_fetch_add((u32 *)p, v, __ATOMIC_ACQ_REL); }
static inline void asub32(u8 *p, u32 v) { __atomic_fetch_sub((u32 *)p, v, __ATOMIC_ACQ_REL); }

/* Each returns whether the exchange took place; *seen becomes what was there. */
static inline bool acas32(u8 *p, u32 *seen, u32 wanted) {
  return __atomic_compare_exchange_n((u32 *)p, seen, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
static inline bool acas64(u8 *p, u64 seen, u64 wanted) {
  return __atomic_compare_exchange_n((u64 *)p, &seen, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

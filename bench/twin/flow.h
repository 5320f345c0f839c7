// Twin of dataplane-wasm/flow.ts: flow hash and outer source port.

#pragma once

#include "wire.h"

#define FLOW_A 0x6a09e667f3bcc909ull
#define FLOW_B 0xbb67ae8584caa73bull
#define FLOW_C 0x3c6ef372fe94f82bull
#define FLOW_D 0xa54ff53a5f1d36f1ull
#define FLOW_E 0x510e527fade682d1ull
#define FLOW_F 0x9b05688c2b3e6c1full

static inline u64 rotl32(u64 x) { return x << 32 | x >> 32; }

static inline u64 transport_word(const u8 *frame, u64 inner) {
  u64 protocol = (u64)inner_protocol(inner) << 32;
  return inner_has_ports(inner) ? protocol | ld32(frame + inner_l4(inner)) : protocol;
}

static inline u32 flow_hash_of(const u8 *frame, u64 inner) {
  u32 kind = inner_kind(inner);
  const u8 *ip = frame + inner_l3(inner);
  u64 x;
  if (kind == L3_IPV4) {
    x = ld64(ip + IPV4_SRC) * FLOW_A + transport_word(frame, inner) * FLOW_E;
  } else if (kind == L3_IPV6) {
    x = rotl32(ld64(ip + IPV6_SRC)) * FLOW_A + rotl32(ld64(ip + IPV6_SRC + 8)) * FLOW_B +
        rotl32(ld64(ip + IPV6_DST)) * FLOW_C + rotl32(ld64(ip + IPV6_DST + 8)) * FLOW_D + transport_word(frame, inner) * FLOW_E;
  } else {
    x = ld64(frame) * FLOW_A + ((u64)ld32(frame + 8) | (u64)ld16(ip - 2) << 32) * FLOW_B;
  }
  x ^= x >> 32;
  x *= FLOW_F;
  x ^= x >> 25;
  return (u32)(x >> 32) ^ (u32)x;
}

static inline u32 outer_src_port_of(u32 hash) {
  return ld32(at(SYSTEM_SRC_PORT_MIN)) + (u32)((u64)hash * ld32(at(SYSTEM_SRC_PORT_COUNT)) >> 32);
}

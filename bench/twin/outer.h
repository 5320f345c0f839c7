// Twin of dataplane-wasm/outer.ts: the outer headers in front of an inner frame.

#pragma once

#include "wire.h"

static inline bool wants_checksum(const u8 *record) {
  return ld32(record + VTEP_FLAGS) & VTEP_FLAG_IPV6 || ld32(at(SYSTEM_OUTER_CHECKSUM)) != 0;
}

static inline u32 write_outer(u8 *end, const u8 *record, u64 tunnel_header, u32 inner_len, u64 inner_sum, u32 ecn, u32 src_port) {
  u8 *tunnel = end - VXLAN_LEN;
  // Not memcpy: gcc makes it one 64-byte store, which the loads of single fields below have to wait for.
  for (u32 n = 0; n < VTEP_OUTER_SIZE; n += 16)
    _mm_storeu_si128((__m128i *)(tunnel - VTEP_OUTER_SIZE + n), _mm_loadu_si128((const __m128i *)(record + VTEP_OUTER + n)));
  st64(tunnel, tunnel_header);
  u8 *udp = tunnel - UDP_LEN;
  u32 udp_len = UDP_LEN + VXLAN_LEN + inner_len;
  stbe16(udp + UDP_SRC_PORT, src_port);
  stbe16(udp + UDP_LENGTH, udp_len);
  if (ld32(record + VTEP_FLAGS) & VTEP_FLAG_IPV6) {
    u8 *ip = udp - IPV6_LEN;
    ip[1] = (u8)((ip[1] & 0xcf) | ecn << 4);
    stbe16(ip + IPV6_PAYLOAD_LEN, udp_len);
  } else {
    u8 *ip = udp - IPV4_LEN;
    u32 total_len = IPV4_LEN + udp_len;
    ip[IPV4_TOS] = (u8)ecn;
    stbe16(ip + IPV4_TOTAL_LEN, total_len);
    st16(ip + IPV4_CHECKSUM, (u16)checksum_of((u64)ld16(ip + IPV4_CHECKSUM) + wire16(ecn) + wire16(total_len)));
  }
  if (wants_checksum(record)) {
    u64 sum = (u64)ld32(record + VTEP_PSEUDO_SUM) + (u64)wire16(udp_len) * 2 + wire16(src_port) +
              (tunnel_header & 0xffffffff) + (tunnel_header >> 32) + inner_sum;
    u32 checksum = checksum_of(sum);
    st16(udp + UDP_CHECKSUM, (u16)(checksum ? checksum : 0xffff));
  }
  return ld32(record + VTEP_OUTER_LEN) + VXLAN_LEN;
}

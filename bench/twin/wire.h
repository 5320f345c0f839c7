// Twin of dataplane-wasm/wire: what is where in a packet, the Internet checksum, and one look at an inner frame.

#pragma once

#include "memory.h"

enum {
  ETH_DST = 0, ETH_SRC = 6, ETH_TYPE = 12, ETH_LEN = 14, VLAN_TAG_LEN = 4,
  ETH_TYPE_IPV4_WIRE = 0x0008, ETH_TYPE_IPV6_WIRE = 0xdd86, ETH_TYPE_VLAN_WIRE = 0x0081, ETH_TYPE_QINQ_WIRE = 0xa888,
  IPV4_TOS = 1, IPV4_TOTAL_LEN = 2, IPV4_ID = 4, IPV4_FRAGMENT = 6, IPV4_DF = 0x4000, IPV4_TTL = 8, IPV4_PROTOCOL = 9, IPV4_CHECKSUM = 10, IPV4_SRC = 12, IPV4_DST = 16,
  IPV4_LEN = 20, IPV4_FRAGMENT_MASK_WIRE = 0xff3f,
  IPV6_PAYLOAD_LEN = 4, IPV6_NEXT_HEADER = 6, IPV6_HOP_LIMIT = 7, IPV6_SRC = 8, IPV6_DST = 24, IPV6_LEN = 40,
  EXTENSION_MIN_LEN = 8, EXTENSIONS_MAX = 8,
  PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_SCTP = 132, PROTOCOL_FRAGMENT = 44, PROTOCOL_AH = 51,
  PORTS_LEN = 4, TCP_SEQ = 4, TCP_ACK = 8, TCP_DATA_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, TCP_URGENT = 18, TCP_LEN = 20,
  TCP_FLAG_FIN = 0x01, TCP_FLAG_SYN = 0x02, TCP_FLAG_RST = 0x04, TCP_FLAG_PSH = 0x08, TCP_FLAG_URG = 0x20, TCP_FLAG_CWR = 0x80,
  UDP_SRC_PORT = 0, UDP_LENGTH = 4, UDP_CHECKSUM = 6, UDP_LEN = 8,
  VXLAN_FLAGS = 0, VXLAN_VNI = 4, VXLAN_LEN = 8, VXLAN_FLAG_I = 0x08,
  L3_NONE = 0, L3_IPV4 = 4, L3_IPV6 = 6, INNER_FRAGMENT = 1, INNER_TAGGED = 2,
};

#define MAC_MASK 0x0000ffffffffffffull

static inline u64 load_mac(const u8 *p) { return ld64(p) & MAC_MASK; }
static inline u64 source_mac(const u8 *frame) { return load_mac(frame + ETH_SRC); }
static inline bool mac_is_multicast(u64 mac) { return mac & 1; }
static inline bool is_vlan_type(u32 type) { return type == ETH_TYPE_VLAN_WIRE || type == ETH_TYPE_QINQ_WIRE; }

/* RFC 1071, little-endian words. */
static inline u32 fold(u64 sum) {
  u32 half = (u32)((sum + (sum << 32 | sum >> 32)) >> 32);
  return (half + (half << 16 | half >> 16)) >> 16;
}

static inline u64 halves(u64 word) { return (word >> 32) + (word & 0xffffffff); }

/* Pairs of words added up as 32-bit lanes, and the high words alone. */
struct lanes { __m128i words, highs; };

static inline void lanes_add(struct lanes *lanes, __m128i v) {
  lanes->words = _mm_add_epi32(lanes->words, v);
  lanes->highs = _mm_add_epi32(lanes->highs, _mm_srli_epi32(v, 16));
}

static inline u64 lanes_sum(struct lanes a, struct lanes b) {
  __m128i highs = _mm_add_epi32(a.highs, b.highs);
  __m128i lows = _mm_sub_epi32(_mm_add_epi32(a.words, b.words), _mm_slli_epi32(highs, 16));
  __m128i sums = _mm_add_epi32(lows, highs);
  return (u64)_mm_cvtsi128_si64(_mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0x4e)));
}

static inline u64 sum_bytes(const u8 *p, u32 rest, u64 sum) {
  if (rest >= 32) {
    struct lanes even = {_mm_setzero_si128(), _mm_setzero_si128()}, odd = even;
    for (; rest >= 32; p += 32, rest -= 32) {
      lanes_add(&even, _mm_loadu_si128((const __m128i *)p));
      lanes_add(&odd, _mm_loadu_si128((const __m128i *)(p + 16)));
    }
    sum += lanes_sum(even, odd);
  }
  if (rest & 16) {
    sum += halves(ld64(p)) + halves(ld64(p + 8));
    p += 16;
  }
  if (rest & 8) {
    sum += halves(ld64(p));
    p += 8;
  }
  if (rest & 4) {
    sum += ld32(p);
    p += 4;
  }
  if (rest & 2) {
    sum += ld16(p);
    p += 2;
  }
  if (rest & 1) sum += *p;
  return sum;
}

static inline u32 checksum_of(u64 sum) { return fold(sum) ^ 0xffff; }

static inline u32 checksum_update(u32 checksum, u32 before, u32 after) {
  return checksum_of((u64)(checksum ^ 0xffff) + (u64)(before ^ 0xffff) + (u64)after);
}

/* What parse_inner found: l3 | kind << 8 | protocol << 16 | flags << 24 | l4 << 32 | l4 length << 48. */
static inline u32 inner_l3(u64 inner) { return inner & 0xff; }
static inline u32 inner_kind(u64 inner) { return (u32)inner >> 8 & 0xff; }
static inline u32 inner_protocol(u64 inner) { return (u32)inner >> 16 & 0xff; }
static inline u32 inner_flags(u64 inner) { return (u32)inner >> 24; }
static inline u32 inner_l4(u64 inner) { return inner >> 32 & 0xffff; }
static inline u32 inner_l4_len(u64 inner) { return (u32)(inner >> 48); }

static inline u64 inner_pack(u32 l3, u32 kind, u32 protocol, u32 flags, u32 l4, u32 l4_len) {
  return (u64)(l3 | kind << 8 | protocol << 16 | flags << 24) | (u64)(l4 | l4_len << 16) << 32;
}

static inline bool has_ports(u32 protocol) {
  return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP;
}

static inline bool inner_has_ports(u64 inner) { return inner_l4(inner) && has_ports(inner_protocol(inner)); }

static inline u64 parse_ipv4(const u8 *frame, u32 len, u32 l3, u32 flags) {
  const u8 *ip = frame + l3;
  u32 header_len = 0;
  if (len >= l3 + IPV4_LEN && ip[0] >> 4 == 4) header_len = (ip[0] & 15u) << 2;
  if (header_len < IPV4_LEN || len < l3 + header_len) return inner_pack(l3, L3_NONE, 0, flags, 0, 0);
  u32 protocol = ip[IPV4_PROTOCOL];
  if (ld16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK_WIRE)
    return inner_pack(l3, L3_IPV4, protocol, flags | INNER_FRAGMENT, 0, 0);
  u32 l4 = l3 + header_len;
  if (len < l4 + PORTS_LEN) return inner_pack(l3, L3_IPV4, protocol, flags, 0, 0);
  u32 total_len = ldbe16(ip + IPV4_TOTAL_LEN);
  bool whole = total_len >= header_len && l3 + total_len <= len;
  return inner_pack(l3, L3_IPV4, protocol, flags, l4, whole ? total_len - header_len : 0);
}

static inline bool is_extension(u32 protocol) {
  return protocol == 0 || protocol == 60 || protocol == 43 || protocol == PROTOCOL_FRAGMENT || protocol == PROTOCOL_AH ||
         protocol == 135 || protocol == 139 || protocol == 140;
}

static inline u32 extension_len(u32 protocol, const u8 *p) {
  if (protocol == PROTOCOL_FRAGMENT) return 8;
  return protocol == PROTOCOL_AH ? (p[1] + 2u) << 2 : (p[1] + 1u) << 3;
}

static inline u64 parse_ipv6(const u8 *frame, u32 len, u32 l3, u32 flags) {
  const u8 *ip = frame + l3;
  if (len < l3 + IPV6_LEN || ip[0] >> 4 != 6) return inner_pack(l3, L3_NONE, 0, flags, 0, 0);
  u32 protocol = ip[IPV6_NEXT_HEADER];
  u32 l4 = l3 + IPV6_LEN;
  for (u32 n = 0; is_extension(protocol); n++) {
    if (n == EXTENSIONS_MAX || len < l4 + EXTENSION_MIN_LEN) return inner_pack(l3, L3_IPV6, protocol, flags, 0, 0);
    u32 next = frame[l4];
    if (protocol == PROTOCOL_FRAGMENT) return inner_pack(l3, L3_IPV6, next, flags | INNER_FRAGMENT, 0, 0);
    l4 += extension_len(protocol, frame + l4);
    protocol = next;
  }
  if (len < l4 + PORTS_LEN) return inner_pack(l3, L3_IPV6, protocol, flags, 0, 0);
  u32 end = l3 + IPV6_LEN + ldbe16(ip + IPV6_PAYLOAD_LEN);
  return inner_pack(l3, L3_IPV6, protocol, flags, l4, end >= l4 && end <= len ? end - l4 : 0);
}

static __attribute__((noinline)) u64 parse_any(const u8 *frame, u32 len) {
  u32 l3 = ETH_LEN, flags = 0;
  u32 type = ld16(frame + ETH_TYPE);
  if (is_vlan_type(type)) {
    flags = INNER_TAGGED;
    if (len < l3 + VLAN_TAG_LEN) return inner_pack(l3, L3_NONE, 0, flags, 0, 0);
    l3 += VLAN_TAG_LEN;
    type = ld16(frame + l3 - 2);
    if (is_vlan_type(type)) {
      if (len < l3 + VLAN_TAG_LEN) return inner_pack(l3, L3_NONE, 0, flags, 0, 0);
      l3 += VLAN_TAG_LEN;
      type = ld16(frame + l3 - 2);
    }
  }
  if (type == ETH_TYPE_IPV4_WIRE) return parse_ipv4(frame, len, l3, flags);
  if (type == ETH_TYPE_IPV6_WIRE) return parse_ipv6(frame, len, l3, flags);
  return inner_pack(l3, L3_NONE, 0, flags, 0, 0);
}

static inline u64 parse_inner(const u8 *frame, u32 len) {
  u32 start = ld32(frame + ETH_TYPE);
  const u8 *ip = frame + ETH_LEN;
  if ((start & 0xffffff) == (ETH_TYPE_IPV4_WIRE | 0x450000) && len >= ETH_LEN + IPV4_LEN + PORTS_LEN) {
    if (!(ld16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK_WIRE)) {
      u32 total_len = ldbe16(ip + IPV4_TOTAL_LEN);
      bool whole = total_len >= IPV4_LEN && ETH_LEN + total_len <= len;
      return inner_pack(ETH_LEN, L3_IPV4, ip[IPV4_PROTOCOL], 0, ETH_LEN + IPV4_LEN, whole ? total_len - IPV4_LEN : 0);
    }
  } else if ((start & 0xf0ffff) == (ETH_TYPE_IPV6_WIRE | 0x600000) && len >= ETH_LEN + IPV6_LEN + PORTS_LEN) {
    u32 protocol = ip[IPV6_NEXT_HEADER];
    if (has_ports(protocol)) {
      u32 l4 = ETH_LEN + IPV6_LEN, l4_len = ldbe16(ip + IPV6_PAYLOAD_LEN);
      return inner_pack(ETH_LEN, L3_IPV6, protocol, 0, l4, l4 + l4_len <= len ? l4_len : 0);
    }
  }
  return parse_any(frame, len);
}

static inline u32 ipv6_ecn(const u8 *ip) { return ip[1] >> 4 & 3; }

static inline u32 inner_ecn(const u8 *frame, u64 inner) {
  const u8 *ip = frame + inner_l3(inner);
  if (inner_kind(inner) == L3_IPV4) return ip[IPV4_TOS] & 3;
  return inner_kind(inner) == L3_IPV6 ? ipv6_ecn(ip) : 0;
}

// Twin of dataplane-wasm/segment.ts and wire/copy.ts: a super-frame becomes the frames that it stands for.

#pragma once

#include "checksums.h"
#include "segments.h"

/* wire/copy.ts */

static inline void copy_wide(u8 *to, const u8 *from, u32 len) {
  for (u32 n = 0; n < len; n += 16) _mm_storeu_si128((__m128i *)(to + n), _mm_loadu_si128((const __m128i *)(from + n)));
}

static inline u64 copy_sum(u8 *to, const u8 *from, u32 rest, u64 sum) {
  if (rest >= 16) {
    __m128i low = _mm_setzero_si128(), high = _mm_setzero_si128();
    for (; rest >= 64; from += 64, to += 64, rest -= 64) {
      __m128i a = _mm_loadu_si128((const __m128i *)from), b = _mm_loadu_si128((const __m128i *)(from + 16));
      __m128i c = _mm_loadu_si128((const __m128i *)(from + 32)), d = _mm_loadu_si128((const __m128i *)(from + 48));
      _mm_storeu_si128((__m128i *)to, a);
      _mm_storeu_si128((__m128i *)(to + 16), b);
      _mm_storeu_si128((__m128i *)(to + 32), c);
      _mm_storeu_si128((__m128i *)(to + 48), d);
      low = _mm_add_epi32(_mm_add_epi32(low, pairwise(a)), pairwise(c));
      high = _mm_add_epi32(_mm_add_epi32(high, pairwise(b)), pairwise(d));
    }
    for (; rest >= 16; from += 16, to += 16, rest -= 16) {
      __m128i a = _mm_loadu_si128((const __m128i *)from);
      _mm_storeu_si128((__m128i *)to, a);
      low = _mm_add_epi32(low, pairwise(a));
    }
    __m128i both = _mm_add_epi32(low, high);
    sum += (u64)(u32)_mm_extract_epi32(both, 0) + (u64)(u32)_mm_extract_epi32(both, 1) +
           (u64)(u32)_mm_extract_epi32(both, 2) + (u64)(u32)_mm_extract_epi32(both, 3);
  }
  for (; rest >= 4; from += 4, to += 4, rest -= 4) {
    u32 word = ld32(from);
    st32(to, word);
    sum += word;
  }
  if (rest >= 2) {
    u16 word = ld16(from);
    st16(to, word);
    sum += word;
    from += 2;
    to += 2;
    rest -= 2;
  }
  if (rest) sum += *to = *from;
  return sum;
}

/* segment.ts */

static inline u32 segment_len(const struct descriptor *input) { return input->segment_headers + gso_size(input); }

static inline u32 segment_len_of(const struct descriptor *input, u32 n) {
  u32 last = input->segments - 1u;
  return n < last ? segment_len(input) : input->payload_len - last * gso_size(input);
}

static inline u32 wire_len(const struct descriptor *input) {
  return input->flags & DESC_FLAG_SUPER ? segment_len(input) : input->payload_len;
}

static inline void cut_segments(const struct descriptor *input, u32 first, u32 count, u8 *to, u32 stride, u64 tunnel_header) {
  u64 inner = input->inner;
  const u8 *frame = at(input->payload_ptr);
  u32 headers = input->segment_headers, size = gso_size(input), last = input->segments - 1u;
  u32 l3 = inner_l3(inner), l4 = inner_l4(inner);
  bool is_ipv4 = inner_kind(inner) == L3_IPV4, is_tcp = inner_protocol(inner) == PROTOCOL_TCP;
  const u8 *ip = frame + l3, *transport = frame + l4;
  u32 id = ldbe16(ip + IPV4_ID);
  u64 ip_sum = 0;
  if (is_ipv4)
    ip_sum = sum_bytes(ip, l4 - l3, 0) - ld16(ip + IPV4_TOTAL_LEN) - ld16(ip + IPV4_ID) - ld16(ip + IPV4_CHECKSUM);
  u32 seq = __builtin_bswap32(ld32(transport + TCP_SEQ)), tcp_flags = ld16(transport + TCP_DATA_OFFSET);
  u64 l4_sum = pseudo_sum(frame, inner) - wire16(inner_l4_len(inner)) + sum_bytes(transport, headers - l4, 0);
  if (is_tcp)
    l4_sum -= (u64)ld16(transport + TCP_SEQ) + ld16(transport + TCP_SEQ + 2) + tcp_flags + ld16(transport + TCP_CHECKSUM);
  else
    l4_sum -= (u64)ld16(transport + UDP_LENGTH) + ld16(transport + UDP_CHECKSUM);

  for (u32 n = first; n < first + count; n++, to += stride) {
    u32 offset = n * size;
    u32 data_len = n == last ? input->payload_len - headers - offset : size;
    u32 l4_len = headers - l4 + data_len;
    st64(to - VXLAN_LEN, tunnel_header);
    copy_wide(to, frame, headers);
    u64 sum = copy_sum(to + headers, frame + headers + offset, data_len, l4_sum + wire16(l4_len));
    u8 *ip_to = to + l3, *l4_to = to + l4;
    if (is_ipv4) {
      u32 len = l4 - l3 + l4_len, id_n = (id + n) & 0xffff;
      stbe16(ip_to + IPV4_TOTAL_LEN, len);
      stbe16(ip_to + IPV4_ID, id_n);
      st16(ip_to + IPV4_CHECKSUM, (u16)checksum_of(ip_sum + wire16(len) + wire16(id_n)));
    } else {
      stbe16(ip_to + IPV6_PAYLOAD_LEN, l4 - l3 - IPV6_LEN + l4_len);
    }
    if (is_tcp) {
      u32 seq_wire = __builtin_bswap32(seq + offset), flags = tcp_flags;
      if (n != last) flags &= ~((u32)(TCP_FLAG_FIN | TCP_FLAG_PSH) << 8);
      if (n != 0) flags &= ~((u32)TCP_FLAG_CWR << 8);
      st32(l4_to + TCP_SEQ, seq_wire);
      st16(l4_to + TCP_DATA_OFFSET, (u16)flags);
      st16(l4_to + TCP_CHECKSUM, (u16)checksum_of(sum + seq_wire + flags));
    } else {
      u32 checksum = checksum_of(sum + wire16(l4_len));
      stbe16(l4_to + UDP_LENGTH, l4_len);
      st16(l4_to + UDP_CHECKSUM, (u16)(checksum ? checksum : 0xffff));
    }
  }
}

static inline u64 segment_sum(const struct descriptor *input, u32 len) {
  u64 inner = input->inner;
  const u8 *frame = at(input->payload_ptr);
  u32 l3 = inner_l3(inner), l4 = inner_l4(inner);
  u64 pseudo = pseudo_sum(frame, inner) - wire16(inner_l4_len(inner)) + wire16(len - l4);
  u64 covered = 0xffff - (u64)fold(pseudo);
  if (inner_kind(inner) == L3_IPV4) return sum_bytes(frame, l3, covered);
  return sum_bytes(frame, l4, covered) - ld16(frame + l3 + IPV6_PAYLOAD_LEN) + wire16(len - l3 - IPV6_LEN);
}

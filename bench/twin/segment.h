// Twin of dataplane-wasm/segment.ts and wire/copy.ts: a super-frame becomes the frames that it stands for.

#pragma once

#include "checksums.h"
#include "segments.h"

/* wire/copy.ts */

static inline void copy16(u8 *to, const u8 *from) { _mm_storeu_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from)); }

static inline void copy_headers(u8 *to, const u8 *from, u32 len) {
  for (u32 n = 0; n < 64; n += 16) copy16(to + n, from + n);
  for (u32 n = 64; n < len; n += 16) copy16(to + n, from + n);
}

static inline u64 copy_sum(u8 *to, const u8 *from, u32 rest, u64 sum) {
  if (rest >= 16) {
    struct lanes even = {_mm_setzero_si128(), _mm_setzero_si128()}, odd = even;
    for (; rest >= 32; from += 32, to += 32, rest -= 32) {
      __m128i a = _mm_loadu_si128((const __m128i *)from), b = _mm_loadu_si128((const __m128i *)(from + 16));
      _mm_storeu_si128((__m128i *)to, a);
      _mm_storeu_si128((__m128i *)(to + 16), b);
      lanes_add(&even, a);
      lanes_add(&odd, b);
    }
    if (rest & 16) {
      __m128i a = _mm_loadu_si128((const __m128i *)from);
      _mm_storeu_si128((__m128i *)to, a);
      lanes_add(&even, a);
      from += 16;
      to += 16;
    }
    sum += lanes_sum(even, odd);
  }
  if ((rest & 15) == 0) return sum;
  if (rest & 8) {
    u64 word = ld64(from);
    st64(to, word);
    sum += halves(word);
    from += 8;
    to += 8;
  }
  if (rest & 4) {
    u32 word = ld32(from);
    st32(to, word);
    sum += word;
    from += 4;
    to += 4;
  }
  if (rest & 2) {
    u16 word = ld16(from);
    st16(to, word);
    sum += word;
    from += 2;
    to += 2;
  }
  if (rest & 1) sum += *to = *from;
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

  for (u32 n = first, end = first + count; n < end;) {
    bool is_last = n == last;
    u32 run_end = is_last ? end : n == 0 ? 1 : end < last ? end : last;
    u32 data_len = is_last ? input->payload_len - headers - n * size : size;
    u32 l4_len = headers - l4 + data_len, l4_len_wire = wire16(l4_len);
    u32 l3_len_wire = wire16(is_ipv4 ? l4 - l3 + l4_len : l4 - l3 - IPV6_LEN + l4_len);
    u32 flags = tcp_flags;
    if (!is_last) flags &= ~((u32)(TCP_FLAG_FIN | TCP_FLAG_PSH) << 8);
    if (n != 0) flags &= ~((u32)TCP_FLAG_CWR << 8);
    u64 run_sum = l4_sum + l4_len_wire + (is_tcp ? flags : l4_len_wire), run_ip_sum = ip_sum + l3_len_wire;
    for (; n < run_end; n++, to += stride) {
      u32 offset = n * size;
      st64(to - VXLAN_LEN, tunnel_header);
      copy_headers(to, frame, headers);
      u64 sum = copy_sum(to + headers, frame + headers + offset, data_len, run_sum);
      u8 *ip_to = to + l3, *l4_to = to + l4;
      if (is_ipv4) {
        u32 id_wire = wire16((id + n) & 0xffff);
        st16(ip_to + IPV4_TOTAL_LEN, (u16)l3_len_wire);
        st16(ip_to + IPV4_ID, (u16)id_wire);
        st16(ip_to + IPV4_CHECKSUM, (u16)checksum_of(run_ip_sum + id_wire));
      } else {
        st16(ip_to + IPV6_PAYLOAD_LEN, (u16)l3_len_wire);
      }
      if (is_tcp) {
        u32 seq_wire = __builtin_bswap32(seq + offset);
        st32(l4_to + TCP_SEQ, seq_wire);
        st16(l4_to + TCP_DATA_OFFSET, (u16)flags);
        st16(l4_to + TCP_CHECKSUM, (u16)checksum_of(sum + seq_wire));
      } else {
        u32 checksum = checksum_of(sum);
        st16(l4_to + UDP_LENGTH, (u16)l4_len_wire);
        st16(l4_to + UDP_CHECKSUM, (u16)(checksum ? checksum : 0xffff));
      }
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

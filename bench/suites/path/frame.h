// Inner frames of vxlane's loops in C: what TCP or UDP over IPv4 they are, cutting a super-frame of TCP, joining frames to one,
// and checksums, which are sums of 16-bit words as they lie (RFC 1071 section 2). The same work as vxlane's, but for checks: a
// frame is what it seems, and a checksum that comes is taken on trust.

#pragma once

#include <stdint.h>
#include <string.h>

#include "tap.h"

enum { ETHERNET_LEN = 14, IPV4_LEN = 20, TRANSPORT = ETHERNET_LEN + IPV4_LEN, UDP_LEN = 8, TCP = 6, UDP = 17 };
enum { IPV4_TOTAL_LEN = 16, IPV4_ID = 18, IPV4_FRAGMENT = 20, IPV4_PROTOCOL = 23, IPV4_CHECKSUM = 24, IPV4_ADDRESSES = 26 };
enum { UDP_LENGTH = 38, UDP_CHECKSUM = 40, TCP_SEQ = 38, TCP_DATA_OFFSET = 46, TCP_FLAGS = 47, TCP_CHECKSUM = 50 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, URG = 32, CWR = 128, ALONE = SYN | RST | URG | CWR };

static inline uint32_t get16(const uint8_t *at) { return at[0] << 8 | at[1]; }
static inline void put16(uint8_t *at, uint32_t value) { *(uint16_t *)at = __builtin_bswap16(value); }
static inline uint32_t get32(const uint8_t *at) { return __builtin_bswap32(*(const uint32_t *)at); }
static inline void put32(uint8_t *at, uint32_t value) { *(uint32_t *)at = __builtin_bswap32(value); }

/* ---- checksums ---- */

typedef uint32_t words __attribute__((vector_size(32), aligned(1), may_alias));

static inline uint32_t fold(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/* Copies (or does not, where `to` is NULL) and sums in one go. */
static inline __attribute__((always_inline)) uint64_t sum_of(uint8_t *to, const uint8_t *from, int len) {
  words low = {0}, high = {0};
  uint64_t sum = 0;
  for (; len >= 32; from += 32, len -= 32) {
    words all = *(const words *)from;
    if (to) {
      *(words *)to = all;
      to += 32;
    }
    low += all & 0xffff;
    high += all >> 16;
  }
  for (int lane = 0; lane < 8; lane++) sum += (uint64_t)low[lane] + high[lane];
  if (to) memcpy(to, from, len);
  for (; len >= 2; from += 2, len -= 2) sum += *(const uint16_t *)from;
  return len ? sum + *from : sum;
}

/* Addresses, protocol, length. */
static inline uint64_t pseudo_sum(const uint8_t *frame, int transport_len) {
  return sum_of(NULL, frame + IPV4_ADDRESSES, 8) + (frame[IPV4_PROTOCOL] << 8) + __builtin_bswap16(transport_len);
}

static inline void write_ipv4_checksum(uint8_t *frame) {
  *(uint16_t *)(frame + IPV4_CHECKSUM) = 0;
  *(uint16_t *)(frame + IPV4_CHECKSUM) = ~fold(sum_of(NULL, frame + ETHERNET_LEN, IPV4_LEN));
}

/* What the sender left to do, if it did. */
static inline void finish(struct frame frame) {
  const struct virtio *virtio = virtio_of(frame);
  if (!(virtio->flags & NEEDS_CSUM)) return;
  int start = virtio->csum_start;
  uint32_t sum = ~fold(sum_of(NULL, frame.bytes + start, frame.len - start)) & 0xffff;
  *(uint16_t *)(frame.bytes + start + virtio->csum_offset) = sum ? sum : 0xffff;
}

/* ---- headers ---- */

/* Bytes of the headers of TCP or UDP over IPv4 without options; 0 of anything else. */
static inline int headers_of(struct frame frame) {
  const uint8_t *bytes = frame.bytes;
  if (frame.len < TRANSPORT + UDP_LEN || get16(bytes + 12) != 0x0800 || bytes[ETHERNET_LEN] != 0x45) return 0;
  if (get16(bytes + IPV4_FRAGMENT) & 0x3fff || (int)get16(bytes + IPV4_TOTAL_LEN) != frame.len - ETHERNET_LEN) return 0;
  if (bytes[IPV4_PROTOCOL] == UDP) return TRANSPORT + UDP_LEN;
  if (bytes[IPV4_PROTOCOL] != TCP || frame.len < TRANSPORT + 20) return 0;
  return TRANSPORT + (bytes[TCP_DATA_OFFSET] >> 4) * 4;
}

/* ---- out ---- */

/* Writes segment `n` of a super-frame of TCP. Returns its length. */
static inline int cut(struct frame frame, int headers, int size, int n, uint8_t *to) {
  int offset = headers + n * size, data_len = frame.len - offset < size ? frame.len - offset : size;
  int transport_len = headers - TRANSPORT + data_len;
  memcpy(to, frame.bytes, headers);
  put16(to + IPV4_TOTAL_LEN, IPV4_LEN + transport_len);
  put16(to + IPV4_ID, get16(frame.bytes + IPV4_ID) + n);
  write_ipv4_checksum(to);
  put32(to + TCP_SEQ, get32(frame.bytes + TCP_SEQ) + n * size);
  if (offset + data_len < frame.len) to[TCP_FLAGS] &= ~(FIN | PSH);
  if (n > 0) to[TCP_FLAGS] &= ~CWR;
  *(uint16_t *)(to + TCP_CHECKSUM) = 0;
  uint64_t sum = sum_of(to + headers, frame.bytes + offset, data_len) + sum_of(NULL, to + TRANSPORT, headers - TRANSPORT);
  *(uint16_t *)(to + TCP_CHECKSUM) = ~fold(sum + pseudo_sum(to, transport_len));
  return headers + data_len;
}

/* ---- in ---- */

/* Whether `next` goes on where `last` ends, so that both can be of the super-frame that `head` begins. */
static inline int follows(struct frame head, int headers, struct frame last, struct frame next) {
  const uint8_t *a = head.bytes, *b = next.bytes;
  if (headers_of(next) != headers || last.len < head.len || next.len > head.len || next.len == headers) return 0;
  if (memcmp(a, b, IPV4_TOTAL_LEN) || memcmp(a + IPV4_FRAGMENT, b + IPV4_FRAGMENT, 4) || memcmp(a + IPV4_ADDRESSES, b + IPV4_ADDRESSES, 12)) return 0;
  if (b[IPV4_PROTOCOL] == UDP) return 1;
  if (get32(b + TCP_SEQ) != get32(last.bytes + TCP_SEQ) + last.len - headers) return 0;
  if ((a[TCP_FLAGS] | b[TCP_FLAGS]) & ALONE || last.bytes[TCP_FLAGS] & (FIN | PSH)) return 0;
  /* acknowledgement and data offset, window, urgent pointer and options */
  return !memcmp(a + 42, b + 42, 5) && !memcmp(a + 48, b + 48, 2) && !memcmp(a + 52, b + 52, headers - 52);
}

/* Makes `header`, a copy of the first frame's, that of `total` bytes of data, and tells how to cut them into `size` bytes each. */
static inline struct virtio head_of(uint8_t *header, int headers, int total, int size, int last_flags) {
  int transport_len = headers - TRANSPORT + total, is_tcp = header[IPV4_PROTOCOL] == TCP;
  struct virtio virtio = {.flags = NEEDS_CSUM, .csum_start = TRANSPORT, .csum_offset = is_tcp ? TCP_CHECKSUM - TRANSPORT : UDP_CHECKSUM - TRANSPORT};
  if (total > size) {
    virtio.type = is_tcp ? TCPV4 : UDP_L4;
    virtio.hdr_len = headers;
    virtio.gso_size = size;
    put16(header + IPV4_TOTAL_LEN, IPV4_LEN + transport_len);
    write_ipv4_checksum(header);
    if (is_tcp) header[TCP_FLAGS] |= last_flags & (FIN | PSH);
    else put16(header + UDP_LENGTH, transport_len);
  }
  *(uint16_t *)(header + TRANSPORT + virtio.csum_offset) = fold(pseudo_sum(header, transport_len));
  return virtio;
}

// Twin of dataplane-wasm/checksums.ts and offload.ts: unfinished inner checksums, and the virtio-net header for a port.

#pragma once

#include "descriptor.h"
#include "wire.h"

#define VIRTIO_TOO_BIG UINT64_MAX
#define CSUM_START_SHIFT 48

static inline void complete_checksum(struct descriptor *input) {
  u64 virtio0 = input->virtio[0];
  if (!((u32)virtio0 & VIRTIO_FLAG_NEEDS_CSUM)) return;
  u32 start = (u32)(virtio0 >> CSUM_START_SHIFT);
  u32 field = start + ((u32)input->virtio[1] & 0xffff);
  u8 *frame = at(input->payload_ptr);
  u32 len = input->payload_len;
  if (field + 2 <= len) {
    u32 checksum = checksum_of(sum_bytes(frame + start, len - start, 0));
    st16(frame + field, (u16)(checksum ? checksum : 0xffff));
  }
  input->virtio[0] = input->virtio[1] = 0;
}

static inline u32 checksum_offset(u64 inner) {
  u32 protocol = inner_protocol(inner), len = inner_l4_len(inner);
  if (protocol == PROTOCOL_TCP && len >= TCP_LEN) return TCP_CHECKSUM;
  return protocol == PROTOCOL_UDP && len >= UDP_LEN ? UDP_CHECKSUM : 0;
}

static inline u64 pseudo_sum(const u8 *frame, u64 inner) {
  const u8 *ip = frame + inner_l3(inner);
  u64 initial = wire16(inner_protocol(inner)) + wire16(inner_l4_len(inner));
  if (inner_kind(inner) == L3_IPV4) return initial + halves(ld64(ip + IPV4_SRC));
  return initial + halves(ld64(ip + IPV6_SRC)) + halves(ld64(ip + IPV6_SRC + 8)) + halves(ld64(ip + IPV6_DST)) +
         halves(ld64(ip + IPV6_DST + 8));
}

static inline bool checksum_unfinished(const u8 *frame, u64 inner) {
  u32 offset = checksum_offset(inner);
  if (offset == 0) return false;
  u32 field = ld16(frame + inner_l4(inner) + offset);
  return field != 0 && field == fold(pseudo_sum(frame, inner));
}

static COLD bool unfinish_checksum(u8 *frame, u64 inner) {
  u32 offset = checksum_offset(inner);
  if (offset == 0) return false;
  u8 *l4 = frame + inner_l4(inner);
  u64 pseudo = pseudo_sum(frame, inner);
  if (fold(sum_bytes(l4, inner_l4_len(inner), pseudo)) != 0xffff) return false;
  st16(l4 + offset, (u16)fold(pseudo));
  return true;
}

static COLD u64 super_frame_virtio(const struct descriptor *input, u32 mtu, u64 needs_checksum) {
  u64 inner = input->inner;
  u32 l3 = inner_l3(inner), l4 = inner_l4(inner);
  if (inner_protocol(inner) != PROTOCOL_TCP) return VIRTIO_TOO_BIG;
  const u8 *tcp = at(input->payload_ptr) + l4;
  u32 tcp_len = (tcp[TCP_DATA_OFFSET] >> 4u) << 2;
  if (tcp_len < TCP_LEN) tcp_len = 0;
  u32 headers = l4 - l3 + tcp_len;
  if (tcp_len == 0 || tcp_len > inner_l4_len(inner) || headers >= mtu) return VIRTIO_TOO_BIG;
  u32 type = inner_kind(inner) == L3_IPV4 ? VIRTIO_GSO_TCPV4 : VIRTIO_GSO_TCPV6;
  if (tcp[TCP_FLAGS] & TCP_FLAG_CWR) type |= VIRTIO_GSO_ECN;
  return needs_checksum | type << 8 | (l4 + tcp_len) << 16 | (u64)(mtu - headers) << 32;
}

static inline u64 port_virtio(const struct descriptor *input, u32 mtu) {
  bool oversize = input->payload_len > mtu + inner_l3(input->inner);
  if (!(input->flags & DESC_FLAG_UNFINISHED)) return oversize ? VIRTIO_TOO_BIG : 0;
  u64 needs_checksum = VIRTIO_FLAG_NEEDS_CSUM | (u64)inner_l4(input->inner) << CSUM_START_SHIFT;
  return oversize ? super_frame_virtio(input, mtu, needs_checksum) : needs_checksum;
}

static inline u64 port_virtio_tail(const struct descriptor *input) {
  return input->flags & DESC_FLAG_UNFINISHED ? checksum_offset(input->inner) : 0;
}

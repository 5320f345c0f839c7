// Twin of dataplane-wasm/segments.ts.

#pragma once

#include "descriptor.h"
#include "tables.h"
#include "wire.h"

#define SUPER_SEGMENTS_MAX 2048u

static inline u32 gso_type(const struct descriptor *input) {
  return ((u32)input->virtio[0] >> 8 & 0xff) & ~(u32)VIRTIO_GSO_ECN;
}

static inline u32 headers_len(const struct descriptor *input, u64 inner, u32 protocol) {
  if (inner_protocol(inner) != protocol) return 0;
  u32 len = inner_l4_len(inner);
  if (protocol == PROTOCOL_UDP) return len >= UDP_LEN ? inner_l4(inner) + UDP_LEN : 0;
  if (len < TCP_LEN) return 0;
  u32 tcp_len = (u32)(at(input->payload_ptr)[inner_l4(inner) + TCP_DATA_OFFSET] >> 4) << 2;
  return tcp_len >= TCP_LEN && tcp_len <= len ? inner_l4(inner) + tcp_len : 0;
}

static inline u32 gso_size(const struct descriptor *input) { return (u32)(input->virtio[0] >> 32) & 0xffff; }

static inline bool trains_leave(void) {
  if (!(ld32(at(SYSTEM_OFFLOADS)) & OFFLOAD_UDP_SEGMENT)) return false;
  return ld32(at(SYSTEM_OUTER_CHECKSUM)) != 0 || !address_is_ipv4(at(SYSTEM_LOCAL));
}

static inline u32 train_segments(u32 len) {
  if (!trains_leave()) return 1;
  u32 fitting = TRAIN_BYTES_MAX / (len + VXLAN_LEN);
  if (fitting > TRAIN_DATAGRAMS_MAX) return TRAIN_DATAGRAMS_MAX;
  return fitting > 1 ? fitting : 1;
}

static inline void note_segments(struct descriptor *input, u32 headers, u32 size) {
  if (headers == 0 || size == 0 || headers >= input->payload_len || input->payload_len - headers <= size) return;
  input->flags |= DESC_FLAG_SUPER;
  input->segments = (u16)((input->payload_len - headers + size - 1) / size);
  input->segment_headers = (u16)headers;
  input->train_segments = (u16)train_segments(headers + size);
  input->failed = 0;
  input->payload_sum = 0;
}

static COLD void note_super(struct descriptor *input) {
  u32 type = gso_type(input);
  bool is_tcp = type == VIRTIO_GSO_TCPV4 || type == VIRTIO_GSO_TCPV6;
  if (!((u32)input->virtio[0] & VIRTIO_FLAG_NEEDS_CSUM)) return;
  if (input->payload_len < ETH_LEN || (!is_tcp && type != VIRTIO_GSO_UDP_L4)) return;
  u64 inner = parse_inner(at(input->payload_ptr), input->payload_len);
  if (is_tcp && inner_kind(inner) != (type == VIRTIO_GSO_TCPV4 ? L3_IPV4 : L3_IPV6)) return;
  if (input->payload_len > SUPER_SEGMENTS_MAX * gso_size(input)) return;
  if (inner_l4(inner) + inner_l4_len(inner) != input->payload_len) return;
  note_segments(input, headers_len(input, inner, is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP), gso_size(input));
}

static COLD void note_oversize(struct descriptor *input, u32 mtu) {
  u64 inner = parse_inner(at(input->payload_ptr), input->payload_len);
  u32 headers = headers_len(input, inner, PROTOCOL_TCP);
  u32 l3_headers = headers - inner_l3(inner);
  if (headers == 0 || input->payload_len <= mtu + inner_l3(inner) || l3_headers >= mtu) return;
  note_segments(input, headers, mtu - l3_headers);
}

static inline u32 segments_of(const struct descriptor *input) {
  return input->flags & DESC_FLAG_SUPER ? input->segments : 1;
}

static inline u64 segment_bytes(const struct descriptor *input, u32 segments) {
  if (segments == 1) return input->payload_len;
  return (u64)input->payload_len + (u64)(segments - 1) * input->segment_headers;
}

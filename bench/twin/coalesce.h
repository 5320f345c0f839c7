// Twin of dataplane-wasm/coalesce: frames of one flow that go to one port become super-frames.

#pragma once

#include "checksums.h"
#include "descriptor.h"
#include "flow.h"

enum { UDP_SEGMENTS_MAX = 64, IP_LEN_MAX = 65535 };

/* frame.ts */

static inline u32 tcp_header_len(const u8 *tcp) {
  u32 len = (u32)(tcp[TCP_DATA_OFFSET] >> 4) << 2;
  return len >= TCP_LEN ? len : 0;
}

static inline u32 transport_len(const u8 *frame, u64 inner) {
  return inner_protocol(inner) == PROTOCOL_TCP ? tcp_header_len(frame + inner_l4(inner)) : UDP_LEN;
}

static inline u32 data_len_of(const struct descriptor *input, const struct descriptor *output) {
  u64 inner = input->inner;
  u32 l4 = inner_l4(inner), l4_len = inner_l4_len(inner);
  u32 ip_len = inner_kind(inner) == L3_IPV4 ? IPV4_LEN : IPV6_LEN;
  if (output->virtio[0] & 0xff00 || input->payload_len != l4 + l4_len || l4 - inner_l3(inner) != ip_len) return 0;
  const u8 *transport = at(input->payload_ptr) + l4;
  if (inner_protocol(inner) == PROTOCOL_TCP) {
    u32 header_len = tcp_header_len(transport);
    u32 alone = transport[TCP_FLAGS] & (TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_URG | TCP_FLAG_CWR);
    return alone || header_len == 0 || header_len >= l4_len ? 0 : l4_len - header_len;
  }
  bool whole = l4_len > UDP_LEN && ldbe16(transport + UDP_LENGTH) == l4_len;
  return whole && ld16(transport + UDP_CHECKSUM) ? l4_len - UDP_LEN : 0;
}

static inline bool closes_chain(const u8 *frame, u64 inner) {
  return inner_protocol(inner) == PROTOCOL_TCP && frame[inner_l4(inner) + TCP_FLAGS] & (TCP_FLAG_PSH | TCP_FLAG_FIN);
}

static inline u32 next_seq_of(const u8 *frame, u64 inner, u32 data_len) {
  return __builtin_bswap32(ld32(frame + inner_l4(inner) + TCP_SEQ)) + data_len;
}

static inline bool same_flow(const u8 *a, u64 inner_a, const u8 *b, u64 inner_b) {
  if (((u32)inner_a ^ (u32)inner_b) & 0xffffff) return false;
  if (ld64(a) != ld64(b) || ld32(a + 8) != ld32(b + 8)) return false;
  u32 l3 = inner_l3(inner_a);
  for (u32 n = ETH_TYPE; n < l3; n += 2)
    if (ld16(a + n) != ld16(b + n)) return false;
  bool is_ipv4 = inner_kind(inner_a) == L3_IPV4;
  u32 end = l3 + (is_ipv4 ? IPV4_LEN : IPV6_LEN);
  for (u32 n = l3 + (is_ipv4 ? IPV4_SRC : IPV6_SRC); n < end; n += 8)
    if (ld64(a + n) != ld64(b + n)) return false;
  return ld32(a + inner_l4(inner_a)) == ld32(b + inner_l4(inner_b));
}

/* rules.ts */

static inline bool ipv4_follows(const u8 *head, const u8 *ip, u32 count) {
  if (ip[IPV4_TOS] != head[IPV4_TOS] || ip[IPV4_TTL] != head[IPV4_TTL]) return false;
  u32 fragment = ld16(ip + IPV4_FRAGMENT);
  if (fragment != ld16(head + IPV4_FRAGMENT)) return false;
  u32 id = ldbe16(ip + IPV4_ID), head_id = ldbe16(head + IPV4_ID);
  return ((head_id + count) & 0xffff) == id || (id == head_id && fragment == wire16(IPV4_DF));
}

static inline bool tcp_follows(const u8 *head, const u8 *tcp, u32 seq) {
  if (__builtin_bswap32(ld32(tcp + TCP_SEQ)) != seq || ld32(tcp + TCP_ACK) != ld32(head + TCP_ACK)) return false;
  u32 may_differ = (TCP_FLAG_FIN | TCP_FLAG_PSH) << 8;
  if ((ld32(tcp + TCP_DATA_OFFSET) ^ ld32(head + TCP_DATA_OFFSET)) & ~may_differ) return false;
  if (ld16(tcp + TCP_URGENT) != ld16(head + TCP_URGENT)) return false;
  u32 len = tcp_header_len(tcp);
  for (u32 n = TCP_LEN; n < len; n += 4)
    if (ld32(tcp + n) != ld32(head + n)) return false;
  return true;
}

static inline bool checksums_hold(const struct descriptor *input) {
  const u8 *frame = at(input->payload_ptr);
  u64 inner = input->inner;
  if (inner_kind(inner) == L3_IPV4) {
    const u8 *ip = frame + inner_l3(inner);
    if (fold(halves(ld64(ip)) + halves(ld64(ip + 8)) + ld32(ip + IPV4_DST)) != 0xffff) return false;
  }
  if (input->flags & DESC_FLAG_UNFINISHED) return true;
  return fold(sum_bytes(frame + inner_l4(inner), inner_l4_len(inner), pseudo_sum(frame, inner))) == 0xffff;
}

static inline bool may_follow(u32 worker, u8 *chain, const struct descriptor *input, u32 data_len) {
  if (data_len > ld32(chain + CHAIN_SEGMENT)) return false;
  const struct descriptor *head = input_at(worker, output_at(worker, ld32(chain + CHAIN_HEAD))->origin);
  u64 inner = input->inner;
  u32 l3 = inner_l3(inner), l4 = inner_l4(inner) - l3, count = ld32(chain + CHAIN_COUNT);
  const u8 *ip = at(input->payload_ptr) + l3, *head_ip = at(head->payload_ptr) + l3;
  if (inner_kind(inner) == L3_IPV4) {
    if (!ipv4_follows(head_ip, ip, count)) return false;
  } else if (ld32(ip) != ld32(head_ip) || ip[IPV6_HOP_LIMIT] != head_ip[IPV6_HOP_LIMIT]) {
    return false;
  }
  if (ld32(chain + CHAIN_LEN) + data_len > IP_LEN_MAX) return false;
  if (inner_protocol(inner) == PROTOCOL_TCP) {
    if (!tcp_follows(head_ip + l4, ip + l4, ld32(chain + CHAIN_SEQ))) return false;
  } else if (count >= UDP_SEGMENTS_MAX) {
    return false;
  }
  if (!checksums_hold(input)) return false;
  if (ld32(chain + CHAIN_CHECKED)) return true;
  if (!checksums_hold(head)) return false;
  st32(chain + CHAIN_CHECKED, 1);
  return true;
}

/* seal.ts */

static inline void write_piece(u8 *piece, u64 address, u32 len) {
  st64(piece, address);
  st64(piece + 8, len);
}

static inline void write_chain_header(u8 *header, u64 inner, u32 l4_len, const u8 *last) {
  u32 l4 = inner_l4(inner);
  u8 *transport = header + l4, *ip = header + inner_l3(inner);
  if (inner_protocol(inner) == PROTOCOL_TCP) transport[TCP_FLAGS] |= last[l4 + TCP_FLAGS] & (TCP_FLAG_FIN | TCP_FLAG_PSH);
  else stbe16(transport + UDP_LENGTH, l4_len);
  if (inner_kind(inner) == L3_IPV4) {
    stbe16(ip + IPV4_TOTAL_LEN, IPV4_LEN + l4_len);
    st16(ip + IPV4_CHECKSUM, 0);
    st16(ip + IPV4_CHECKSUM, (u16)checksum_of(sum_bytes(ip, IPV4_LEN, 0)));
  } else {
    stbe16(ip + IPV6_PAYLOAD_LEN, l4_len);
  }
  u64 whole = (inner & 0x0000ffffffffffffull) | (u64)l4_len << 48;
  st16(transport + checksum_offset(whole), (u16)fold(pseudo_sum(header, whole)));
}

static inline u8 *seal_chain(u32 worker, u32 index, struct descriptor *head, u8 *pieces) {
  const struct descriptor *input = input_at(worker, head->origin), *last = input;
  u64 inner = input->inner, memory = ld64(at(SYSTEM_BASE));
  const u8 *frame = at(input->payload_ptr);
  u32 header_len = inner_l4(inner) + transport_len(frame, inner);
  u8 *header = header_slot_end(worker, index) - header_len;
  u32 data_len = input->payload_len - header_len, total = data_len;
  u8 *first = pieces + PIECE_SIZE, *piece = first + 2 * PIECE_SIZE;
  write_piece(first, memory + address_of(header), header_len);
  write_piece(first + PIECE_SIZE, memory + input->payload_ptr + header_len, data_len);
  for (u32 next = head->chain; next != 0; piece += PIECE_SIZE) {
    const struct descriptor *member = output_at(worker, next - 1);
    last = input_at(worker, member->origin);
    write_piece(piece, memory + last->payload_ptr + header_len, last->payload_len - header_len);
    total += last->payload_len - header_len;
    next = member->chain;
  }
  memcpy(header, frame, header_len);
  write_chain_header(header, inner, total - data_len + inner_l4_len(inner), at(last->payload_ptr));

  head->outer_address[0] = head->virtio[0];
  head->outer_address[1] = head->virtio[1];
  u32 tcp_type = inner_kind(inner) == L3_IPV4 ? VIRTIO_GSO_TCPV4 : VIRTIO_GSO_TCPV6;
  u32 type = inner_protocol(inner) == PROTOCOL_TCP ? tcp_type : VIRTIO_GSO_UDP_L4;
  head->virtio[0] = (u64)(VIRTIO_FLAG_NEEDS_CSUM | type << 8 | header_len << 16) | (u64)data_len << 32 | (u64)inner_l4(inner) << 48;
  head->virtio[1] = checksum_offset(inner);
  st32((u8 *)head + DESC_PIECES, address_of(first));
  st16((u8 *)head + DESC_PIECE_COUNT, (u16)((piece - first) / PIECE_SIZE));
  st32((u8 *)head + DESC_PIECES_LEN, header_len + total);
  return piece;
}

/* pass.ts */

static inline u8 *find_chain(u32 worker, u32 opened, u64 flow, const u8 *frame, u64 inner) {
  u8 *chain = context_of(worker) + WORKER_CHAINS;
  for (u8 *end = chain + CHAIN_SIZE * (opened < CHAINS_MAX ? opened : CHAINS_MAX); chain < end; chain += CHAIN_SIZE) {
    if (ld64(chain + CHAIN_FLOW) != flow) continue;
    const struct descriptor *head = input_at(worker, output_at(worker, ld32(chain + CHAIN_HEAD))->origin);
    if (same_flow(at(head->payload_ptr), head->inner, frame, inner)) return chain;
  }
  return 0;
}

static inline void append_to_chain(u32 worker, u8 *chain, u32 index, u32 data_len, bool closes) {
  output_at(worker, ld32(chain + CHAIN_TAIL))->chain = (u16)(index + 1);
  output_at(worker, index)->flags = DESC_FLAG_CHAINED;
  st32(chain + CHAIN_TAIL, index);
  st32(chain + CHAIN_SEQ, ld32(chain + CHAIN_SEQ) + data_len);
  st32(chain + CHAIN_LEN, ld32(chain + CHAIN_LEN) + data_len);
  st32(chain + CHAIN_COUNT, ld32(chain + CHAIN_COUNT) + 1);
  if (closes || data_len < ld32(chain + CHAIN_SEGMENT)) st32(chain + CHAIN_SEGMENT, 0);
}

static inline void decap_coalesce(u32 worker, u32 outputs) {
  u32 offloads = ld32(at(SYSTEM_OFFLOADS)), opened = 0, chained = 0;
  for (u32 n = 0; n < outputs; n++) {
    struct descriptor *output = output_at(worker, n);
    struct descriptor *input = input_at(worker, output->origin);
    if (output->target_kind != FDB_KIND_ATTACHMENT) continue;
    bool is_flooded = input->verdict != VERDICT_UNICAST;
    if (is_flooded && opened == 0) continue;
    u64 inner = input->inner;
    u32 protocol = inner_protocol(inner);
    u32 wanted = protocol == PROTOCOL_TCP ? OFFLOAD_PORT_TSO : protocol == PROTOCOL_UDP ? OFFLOAD_PORT_USO : 0;
    if (!(offloads & wanted) || inner_l4(inner) == 0) continue;

    const u8 *frame = at(input->payload_ptr);
    u64 flow = (u64)flow_hash_of(frame, inner) | (u64)output->target << 32;
    u8 *chain = find_chain(worker, opened, flow, frame, inner);
    u32 data_len = is_flooded ? 0 : data_len_of(input, output);
    if (chain) {
      if (data_len != 0 && may_follow(worker, chain, input, data_len)) {
        append_to_chain(worker, chain, n, data_len, closes_chain(frame, inner));
        chained++;
        continue;
      }
      st32(chain + CHAIN_SEGMENT, 0);
    }
    if (data_len == 0 || closes_chain(frame, inner)) continue;
    if (!chain) chain = context_of(worker) + WORKER_CHAINS + CHAIN_SIZE * (opened++ % CHAINS_MAX);
    st64(chain + CHAIN_FLOW, flow);
    st32(chain + CHAIN_HEAD, n);
    st32(chain + CHAIN_TAIL, n);
    st32(chain + CHAIN_SEGMENT, data_len);
    st32(chain + CHAIN_SEQ, next_seq_of(frame, inner, data_len));
    st32(chain + CHAIN_LEN, inner_l4(inner) - inner_l3(inner) + inner_l4_len(inner));
    st64(chain + CHAIN_COUNT, 1);
  }
  if (!chained) return;
  u8 *next = context_of(worker) + WORKER_PIECES;
  for (u32 n = 0; n < outputs; n++) {
    struct descriptor *head = output_at(worker, n);
    if (head->chain && !(head->flags & DESC_FLAG_CHAINED)) next = seal_chain(worker, n, head, next);
  }
}

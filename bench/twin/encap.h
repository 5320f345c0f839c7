// Twin of dataplane-wasm/encap.ts, but for the ICMP answer to a frame that is too big: the benchmark has none.

#pragma once

#include "copies.h"
#include "learn.h"

static inline void encap_touch(u32 worker, u32 count) {
  u8 *context = context_of(worker);
  u8 *end = batch_list(context);
  for (u32 n = 0; n < count; n++) {
    const struct descriptor *input = input_at(worker, n);
    if (input->payload_len < ETH_LEN) continue;
    u64 network = (u64)ld32(attachment_at(input->attachment) + ATTACHMENT_NETWORK) << 48;
    const u8 *frame = at(input->payload_ptr);
    st32(end, address_of(fdb_bucket(fdb_hash(load_mac(frame + ETH_DST) | network))));
    st32(end + 4, address_of(fdb_bucket(fdb_hash(source_mac(frame) | network))));
    end += 8;
  }
  batch_touch(context, end);
}

static COLD void encap_begin_flood(struct descriptor *input, const u8 *net) {
  u32 list = aload32(net + NETWORK_FLOOD_LIST);
  if (list == 0) {
    drop_input(input, EncapFloodNone);
    return;
  }
  input->verdict = VERDICT_FLOOD;
  input->flood_list = list;
  if (input->flags & DESC_FLAG_SUPER) return;
  complete_checksum(input);
  bool wants_sum = ld32(at(SYSTEM_OUTER_CHECKSUM)) != 0 || !address_is_ipv4(at(SYSTEM_LOCAL));
  if (ld32(at(list) + FLOOD_VTEP_COUNT) != 0 && wants_sum)
    input->payload_sum = sum_bytes(at(input->payload_ptr), input->payload_len, 0);
}

static inline u32 encap_network_max(const struct descriptor *input, const u8 *net) {
  return ld32(net + NETWORK_MTU) + inner_l3(input->inner);
}

static inline u32 encap_frame_max(const struct descriptor *input, const u8 *record, const u8 *net) {
  return least(encap_network_max(input, net), ld32(record + VTEP_FRAME_MAX));
}

#define AS_IT_CAME 0xffffffffu

/* The tap underlay's way, whole (dataplane-wasm/tunnel.ts), has no twin. */
static COLD u32 encap_super(u32 worker, struct descriptor *input, u32 outputs, u32 vtep, const u8 *record, const u8 *net) {
  if (wire_len(input) > encap_frame_max(input, record, net)) {
    drop_input(input, EncapTooBig);
    if (wire_len(input) <= encap_network_max(input, net)) count_too_big(worker, vtep, segments_of(input));
    return outputs;
  }
  if (!(input->flags & DESC_FLAG_SUPER)) return AS_IT_CAME;
  input->verdict = VERDICT_CUT;
  input->flood_list = address_of(record);
  return outputs;
}

static inline u32 encap_unicast(u32 worker, u32 index, struct descriptor *input, u32 outputs, u32 vtep, const u8 *record, const u8 *net) {
  u8 *frame = at(input->payload_ptr);
  u32 len = input->payload_len;
  if (UNLIKELY(len > ld32(net + NETWORK_PLAIN_MTU) + inner_l3(input->inner))) {
    u32 made = encap_super(worker, input, outputs, vtep, record, net);
    if (made != AS_IT_CAME) return made;
  }
  if ((u32)input->virtio[0] & VIRTIO_FLAG_NEEDS_CSUM) {
    if (UNLIKELY(input->flags & DESC_FLAG_SUPER)) return encap_super(worker, input, outputs, vtep, record, net);
    complete_checksum(input);
  }
  input->verdict = VERDICT_UNICAST;
  u64 sum = wants_checksum(record) ? sum_bytes(frame, len, 0) : 0;
  u32 src_port = outer_src_port_of(flow_hash_of(frame, input->inner));
  u64 tunnel_header = ld64(net + NETWORK_TUNNEL_HEADER);
  u32 header_len = write_outer(frame, record, tunnel_header, len, sum, inner_ecn(frame, input->inner), src_port);
  emit_underlay(worker, outputs, index, vtep, frame, header_len, src_port);
  return outputs + 1;
}

static inline u32 encap_locally(u32 worker, u32 index, struct descriptor *input, u32 outputs, u32 attachment, const u8 *net) {
  if (attachment == input->attachment) {
    drop_input(input, EncapSamePort);
    return outputs;
  }
  if (!(ld32(attachment_at(attachment) + ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE)) {
    encap_begin_flood(input, net);
    return outputs;
  }
  input->verdict = VERDICT_LOCAL;
  emit_port(worker, outputs, index, attachment, input->virtio[0], input->virtio[1]);
  return outputs + 1;
}

static inline u32 encap_frame(u32 worker, u32 index, struct descriptor *input, u32 outputs) {
  if (UNLIKELY(gso_type(input) != VIRTIO_GSO_NONE)) note_super(input);
  const u8 *from = attachment_at(input->attachment);
  if (UNLIKELY(!(ld32(from + ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE))) {
    input->network = 0;
    drop_input(input, EncapPortDown);
    return outputs;
  }
  u32 network = ld32(from + ATTACHMENT_NETWORK);
  u8 *net = network_at(network);
  const u8 *frame = at(input->payload_ptr);
  u32 len = input->payload_len;
  input->network = (u16)network;
  if (UNLIKELY(len < ETH_LEN)) {
    drop_input(input, EncapInnerShort);
    return outputs;
  }
  u64 source = source_mac(frame);
  if (UNLIKELY(source == 0 || mac_is_multicast(source))) {
    drop_input(input, EncapSourceMacInvalid);
    return outputs;
  }
  u64 inner = parse_inner(frame, len);
  u32 net_flags = ld32(net + NETWORK_FLAGS);
  input->inner = inner;
  if (UNLIKELY(inner_flags(inner) & INNER_TAGGED && net_flags & NETWORK_FLAG_DROP_VLAN)) {
    drop_input(input, EncapInnerVlan);
    return outputs;
  }
  u64 network_bits = (u64)network << 48;
  if (net_flags & NETWORK_FLAG_LEARNING) {
    u64 source_key = source | network_bits;
    learn(worker, net, network, source_key, fdb_hash(source_key), FDB_KIND_ATTACHMENT, input->attachment);
  }
  u64 destination = load_mac(frame + ETH_DST);
  if (mac_is_multicast(destination)) {
    encap_begin_flood(input, net);
    return outputs;
  }
  u64 key = destination | network_bits;
  u64 value = fdb_find(key, fdb_hash(key));
  if (!fdb_live(value, net)) {
    encap_begin_flood(input, net);
    return outputs;
  }
  u32 kind = value_kind(value), id = value_id(value);
  input->entry = id;
  if (kind == FDB_KIND_ATTACHMENT) return encap_locally(worker, index, input, outputs, id, net);
  if (kind == FDB_KIND_DROP) {
    drop_input(input, EncapFiltered);
    return outputs;
  }
  const u8 *record = vtep_record(id);
  if (UNLIKELY(!record)) {
    encap_begin_flood(input, net);
    return outputs;
  }
  return encap_unicast(worker, index, input, outputs, id, record, net);
}

static u32 encap_batch(u32 worker, u32 count) {
  u8 *context = context_of(worker);
  if (batch_begins(worker, count) && batch_touches()) encap_touch(worker, count);
  st32(context + CONTEXT_ROOM, 0);
  st32(context + CONTEXT_OPEN_TRAIN, 0);
  u32 outputs = 0;
  for (u32 next = ld32(context + CONTEXT_NEXT); next < count; next++) {
    if (UNLIKELY(outputs == OUTPUTS_MAX)) {
      batch_pause(context, next, ld32(context + CONTEXT_FLOOD));
      return outputs;
    }
    struct descriptor *input = input_at(worker, next);
    if (input->verdict == VERDICT_NONE) outputs = encap_frame(worker, next, input, outputs);
    if (UNLIKELY((input->verdict & VERDICT_COPIES) == VERDICT_COPIES)) {
      u32 copied = make_copies(worker, next, input, outputs);
      outputs = copied & COPIES_OUTPUTS;
      if (copied & COPIES_PAUSED) {
        batch_pause(context, next, ld32(context + CONTEXT_FLOOD));
        return outputs;
      }
    }
  }
  batch_pause(context, count, 0);
  return outputs;
}

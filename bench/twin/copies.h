// Twin of dataplane-wasm/copies.ts, but for the ICMP answer: the copies of a flood, the segments of a super-frame.

#pragma once

#include "batch.h"
#include "decap.h"
#include "flow.h"
#include "gather.h"
#include "outer.h"
#include "segment.h"
#include "tables.h"

enum { COPIES_OUTPUTS = 0xffff, COPIES_PAUSED = 0x10000 };

static u32 copies_pause(u32 worker, u32 outputs, u32 copy, u32 segment) {
  st32(context_of(worker) + CONTEXT_FLOOD, copy);
  st32(context_of(worker) + CONTEXT_SEGMENT, segment);
  return outputs | COPIES_PAUSED;
}

static inline u32 copies_done(u32 worker, u32 outputs) {
  st32(context_of(worker) + CONTEXT_FLOOD, 0);
  st32(context_of(worker) + CONTEXT_SEGMENT, 0);
  return outputs;
}

static inline u32 flood_id(const u8 *list, u32 n) { return ld32(list + FLOOD_IDS + (n << 2)); }

static inline u32 len_to_check(const struct descriptor *input, const u8 *net) {
  u32 len = wire_len(input);
  return len > ld32(net + NETWORK_PLAIN_MTU) + inner_l3(input->inner) ? len : 0;
}

static COLD void count_too_big(u32 worker, u32 vtep, u32 segments) {
  if (!(ld32(context_of(worker) + CONTEXT_FLAGS) & CONTEXT_FLAG_DRY_RUN))
    add_counter(vtep_row(worker, vtep) + VTEP_COUNTER_DROPS_ENCAP, segments);
}

static COLD void goes_without(u32 worker, struct descriptor *input, u32 vtep, u32 segments) {
  count_too_big(worker, vtep, segments);
  if (input->drop == 0) input->drop = EncapTooBig;
}

static COLD u32 next_narrow(const u8 *list, u32 from, u32 to, u32 len) {
  for (u32 copy = from; copy < to; copy++) {
    const u8 *record = vtep_record(flood_id(list, copy));
    if (record && len > ld32(record + VTEP_FRAME_MAX)) return copy;
  }
  return to;
}

static inline u32 copy_run(u32 worker, u32 index, struct descriptor *input, u32 outputs, u32 from, u32 to) {
  const u8 *list = at(input->flood_list), *frame = at(input->payload_ptr);
  u32 ecn = inner_ecn(frame, input->inner);
  u32 src_port = outer_src_port_of(flow_hash_of(frame, input->inner));
  u64 tunnel_header = ld64(network_at(input->network) + NETWORK_TUNNEL_HEADER);
  for (u32 copy = from; copy < to; copy++) {
    if (outputs == OUTPUTS_MAX) return copies_pause(worker, outputs, copy, 0);
    u32 id = flood_id(list, copy);
    const u8 *record = vtep_record(id);
    if (!record) continue;
    u8 *end = header_slot_end(worker, outputs);
    u32 header_len = write_outer(end, record, tunnel_header, input->payload_len, input->payload_sum, ecn, src_port);
    emit_underlay(worker, outputs++, index, id, end, header_len, src_port);
  }
  return outputs;
}

static inline u32 whole_copies(u32 worker, u32 index, struct descriptor *input, u32 outputs, u32 from, u32 to) {
  const u8 *list = at(input->flood_list);
  u32 len = len_to_check(input, network_at(input->network));
  u32 copy = from;
  while (copy < to) {
    u32 end = len == 0 ? to : next_narrow(list, copy, to, len);
    outputs = copy_run(worker, index, input, outputs, copy, end);
    if (outputs & COPIES_PAUSED || end == to) break;
    goes_without(worker, input, flood_id(list, end), 1);
    copy = end + 1;
  }
  return outputs;
}

static inline u32 least(u32 a, u32 b) { return a < b ? a : b; }
static inline u32 most(u32 a, u32 b) { return a > b ? a : b; }

static inline u32 open_train(u32 worker, u32 outputs, u32 vtep, u32 src_port, u32 stride) {
  u32 open = ld32(context_of(worker) + CONTEXT_OPEN_TRAIN);
  if (open == 0 || outputs == 0) return 0;
  const struct descriptor *last = output_at(worker, outputs - 1);
  if (last->target_kind != FDB_KIND_VTEP || last->target != vtep || last->outer_port != src_port) return 0;
  return train_size(last) == stride ? open : 0;
}

static u32 cut_copies(u32 worker, u32 index, struct descriptor *input, u32 outputs, u32 from, u32 to) {
  u8 *context = context_of(worker);
  bool is_flood = input->verdict == VERDICT_FLOOD;
  const u8 *frame = at(input->payload_ptr);
  u32 ecn = inner_ecn(frame, input->inner);
  u32 src_port = outer_src_port_of(flow_hash_of(frame, input->inner));
  const u8 *net = network_at(input->network);
  u64 tunnel_header = ld64(net + NETWORK_TUNNEL_HEADER);
  u32 len_checked = is_flood ? len_to_check(input, net) : 0;
  u32 segments = input->segments, per_train = input->train_segments;
  u32 len = segment_len(input), last_len = segment_len_of(input, segments - 1);
  u64 sum = segment_sum(input, len), last_sum = segment_sum(input, last_len);
  u32 segment = ld32(context + CONTEXT_SEGMENT);
  u32 copy = most(ld32(context + CONTEXT_FLOOD), from), open = 0;
  if (per_train > 1 && !is_flood && segment == 0)
    open = open_train(worker, outputs, input->entry, src_port, len + VXLAN_LEN);
  while (segment < segments) {
    u32 left = segments - segment, room = ld32(context + CONTEXT_ROOM);
    u32 room_left = SEGMENTS_SIZE - SEGMENTS_SLACK - room;
    u32 count, stride, needed;
    if (per_train > 1) {
      count = least(per_train - open, left);
      stride = len + VXLAN_LEN;
      needed = SEGMENT_HEADROOM + count * stride;
    } else {
      stride = len + SEGMENT_HEADROOM;
      count = most(1, least(left, (OUTPUTS_MAX - outputs) / (to - from)));
      count = most(1, least(count, room_left / stride));
      needed = count * stride;
    }
    if (outputs == OUTPUTS_MAX || needed > room_left) return copies_pause(worker, outputs, copy, segment);
    u8 *made = at(SEGMENTS + worker * SEGMENTS_SIZE + room + SEGMENT_HEADROOM);
    cut_segments(input, segment, count, made, stride, tunnel_header);
    st32(context + CONTEXT_ROOM, room + needed);
    open = per_train > 1 && (count < left || last_len == len) ? (open + count) % per_train : 0;
    st32(context + CONTEXT_OPEN_TRAIN, open);
    u32 per_output = per_train > 1 ? count : 1, end = segment + count;
    bool is_train = per_output > 1;
    while (segment < end) {
      bool is_last = segment == segments - 1;
      u32 first_len = is_last ? last_len : len;
      u32 tail_len = segment + per_output == segments ? last_len : len;
      u8 *payload = is_train ? made - VXLAN_LEN : made;
      u32 payload_len = is_train ? (per_output - 1) * stride + VXLAN_LEN + tail_len : first_len;
      for (; copy < to; copy++) {
        if (outputs == OUTPUTS_MAX) return copies_pause(worker, outputs, copy, segment);
        u32 id = is_flood ? flood_id(at(input->flood_list), copy) : input->entry;
        const u8 *record = is_flood ? vtep_record(id) : at(input->flood_list);
        if (!record) continue;
        if (UNLIKELY(len_checked > ld32(record + VTEP_FRAME_MAX))) {
          goes_without(worker, input, id, per_output);
          continue;
        }
        u8 *header_end = is_flood ? header_slot_end(worker, outputs) : made;
        u32 header_len = write_outer(header_end, record, tunnel_header, first_len, is_last ? last_sum : sum, ecn, src_port);
        emit_segments(worker, outputs++, index, id, header_end, header_len, src_port, payload, payload_len,
                      is_train ? stride : 0, per_output);
      }
      copy = from;
      segment += per_output;
      made += stride;
      u32 equal_end = least(end, segments - 1);
      if (is_flood || per_output != 1 || segment >= equal_end) continue;
      u32 equal = equal_end - segment;
      repeat_segment(worker, outputs, index, stride, equal);
      outputs += equal;
      segment += equal;
      made += equal * stride;
    }
  }
  return copies_done(worker, outputs);
}

static u32 flood_copies(u32 worker, u32 index, struct descriptor *input, u32 outputs) {
  const u8 *list = at(input->flood_list), *net = network_at(input->network);
  u32 attachments = ld32(list + FLOOD_ATTACHMENT_COUNT);
  u32 total = attachments + ld32(list + FLOOD_VTEP_COUNT);
  u32 copy = ld32(context_of(worker) + CONTEXT_FLOOD);
  for (; copy < attachments; copy++) {
    if (outputs == OUTPUTS_MAX) return copies_pause(worker, outputs, copy, 0);
    u32 id = flood_id(list, copy);
    u32 live = ld32(attachment_at(id) + ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE;
    if (id == input->attachment || !live) continue;
    emit_port(worker, outputs++, index, id, input->virtio[0], input->virtio[1]);
  }
  if (attachments < total) {
    if (wire_len(input) > ld32(net + NETWORK_MTU) + inner_l3(input->inner)) {
      input->drop = EncapTooBig;
    } else {
      u32 copied = input->flags & DESC_FLAG_SUPER ? cut_copies(worker, index, input, outputs, attachments, total)
                                                  : whole_copies(worker, index, input, outputs, copy, total);
      if (copied & COPIES_PAUSED) return copied;
      outputs = copied;
    }
  }
  copies_done(worker, outputs);
  if (input->copies == 0) drop_input(input, input->drop ? EncapTooBig : EncapFloodNone);
  return outputs;
}

static COLD u32 make_copies(u32 worker, u32 index, struct descriptor *input, u32 outputs) {
  if (input->verdict == VERDICT_FLOOD) return flood_copies(worker, index, input, outputs);
  u32 cut = cut_copies(worker, index, input, outputs, 0, 1);
  if (!(cut & COPIES_PAUSED)) input->verdict = VERDICT_UNICAST;
  return cut;
}

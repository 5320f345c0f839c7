// Twin of dataplane-wasm/descriptor.ts.

#pragma once

#include <stddef.h>

#include "memory.h"

struct descriptor {
  u32 header_ptr, header_len, payload_ptr, payload_len, buffer_ptr, attachment;
  u16 network, group, outer_port;
  u8 outer_tos, outer_ttl;
  u64 outer_address[2];
  u8 verdict, drop;
  u16 flags;
  u32 entry, target;
  u8 target_kind, result;
  u16 origin;
  u64 virtio[3];
  u64 inner, payload_sum;
  u32 flood_list, source_vtep, copies;
  u16 segments, segment_headers, chain, train_size, failed, train_segments;
};

#define SAME_OFFSET(field, offset) _Static_assert(offsetof(struct descriptor, field) == (offset), #field)
_Static_assert(sizeof(struct descriptor) == DESC_SIZE, "size");
SAME_OFFSET(payload_ptr, DESC_PAYLOAD_PTR);
SAME_OFFSET(attachment, DESC_ATTACHMENT);
SAME_OFFSET(network, DESC_NETWORK);
SAME_OFFSET(outer_port, DESC_OUTER_PORT);
SAME_OFFSET(outer_tos, DESC_OUTER_TOS);
SAME_OFFSET(outer_address, DESC_OUTER_ADDRESS);
SAME_OFFSET(verdict, DESC_VERDICT);
SAME_OFFSET(flags, DESC_FLAGS);
SAME_OFFSET(entry, DESC_ENTRY);
SAME_OFFSET(target, DESC_TARGET);
SAME_OFFSET(target_kind, DESC_TARGET_KIND);
SAME_OFFSET(result, DESC_RESULT);
SAME_OFFSET(origin, DESC_ORIGIN);
SAME_OFFSET(virtio, DESC_VIRTIO);
SAME_OFFSET(inner, DESC_INNER);
SAME_OFFSET(payload_sum, DESC_PAYLOAD_SUM);
SAME_OFFSET(flood_list, DESC_FLOOD_LIST);
SAME_OFFSET(source_vtep, DESC_SOURCE_VTEP);
SAME_OFFSET(copies, DESC_COPIES);
SAME_OFFSET(segments, DESC_SEGMENTS);
SAME_OFFSET(segment_headers, DESC_SEGMENT_HEADERS);
SAME_OFFSET(chain, DESC_CHAIN);
SAME_OFFSET(train_size, DESC_TRAIN_SIZE);
SAME_OFFSET(failed, DESC_FAILED);
SAME_OFFSET(train_segments, DESC_TRAIN_SEGMENTS);

static inline u8 *context_of(u32 worker) { return at(WORKERS + worker * WORKER_SIZE); }
static inline struct descriptor *input_at(u32 worker, u32 index) {
  return (struct descriptor *)(context_of(worker) + WORKER_INPUTS) + index;
}
static inline struct descriptor *output_at(u32 worker, u32 index) {
  return (struct descriptor *)(context_of(worker) + WORKER_OUTPUTS) + index;
}
static inline u8 *header_slot_end(u32 worker, u32 index) {
  return context_of(worker) + WORKER_HEADERS + (index + 1) * HEADER_SLOT_SIZE;
}
static inline u8 *network_at(u32 network) { return at(NETWORKS + network * NETWORK_SIZE); }
static inline u8 *attachment_at(u32 attachment) { return at(ATTACHMENTS + attachment * ATTACHMENT_SIZE); }

static inline void drop_input(struct descriptor *input, u32 reason) {
  input->verdict = VERDICT_DROP;
  input->drop = (u8)reason;
}

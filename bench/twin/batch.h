// Twin of dataplane-wasm/batch.ts and emit.ts: the cursors of a resumable batch, and the making of outputs.

#pragma once

#include "descriptor.h"
#include "wire.h"

#define TOUCH_FROM_BUCKETS 32768

static inline bool batch_begins(u32 worker, u32 count) {
  u8 *context = context_of(worker);
  if (ld32(context + CONTEXT_COUNT) != 0) return false;
  struct descriptor *input = input_at(worker, 0);
  for (u32 n = 0; n < count; n++, input++) {
    input->network = 0;
    input->verdict = input->drop = 0;
    input->entry = 0;
    input->target = input->target_kind = input->result = input->origin = 0;
    input->source_vtep = input->copies = 0;
  }
  st32(context + CONTEXT_COUNT, count);
  st32(context + CONTEXT_NEXT, 0);
  st32(context + CONTEXT_FLOOD, 0);
  st32(context + CONTEXT_SEGMENT, 0);
  return true;
}

static inline void batch_pause(u8 *context, u32 next, u32 flood) {
  st32(context + CONTEXT_NEXT, next);
  st32(context + CONTEXT_FLOOD, flood);
  st32(context + CONTEXT_PENDING, ld32(context + CONTEXT_COUNT) - next);
}

static inline bool batch_touches(void) { return ld32(at(SYSTEM_FDB_BUCKET_MASK)) >= TOUCH_FROM_BUCKETS - 1; }

static inline u8 *batch_list(u8 *context) { return context + WORKER_HEADERS; }

static inline void batch_touch(u8 *context, const u8 *end) {
  u64 seen = 0;
  for (const u8 *p = batch_list(context); p < end; p += 8) seen ^= ld64(at(ld32(p))) ^ ld64(at(ld32(p + 4)));
  st32(context + CONTEXT_TOUCHED, (u32)seen);
}

static inline struct descriptor *emit(u32 worker, u32 to, u32 index, u32 kind, u32 target) {
  struct descriptor *input = input_at(worker, index);
  struct descriptor *output = output_at(worker, to);
  output->payload_ptr = input->payload_ptr;
  output->payload_len = input->payload_len;
  output->buffer_ptr = input->buffer_ptr;
  output->network = input->network;
  output->target = target;
  output->target_kind = (u8)kind;
  output->drop = SEND_OK;
  output->flags = 0;
  output->origin = (u16)index;
  st32((u8 *)output + DESC_PIECES, 0);
  st64((u8 *)output + DESC_SEGMENTS, 1); /* one frame; no CHAIN, no TRAIN_SIZE */
  input->copies++;
  return output;
}

static inline void emit_underlay(u32 worker, u32 to, u32 index, u32 vtep, u8 *header_end, u32 header_len, u32 src_port) {
  struct descriptor *output = emit(worker, to, index, FDB_KIND_VTEP, vtep);
  output->header_ptr = address_of(header_end) - header_len;
  output->header_len = header_len;
  output->outer_port = (u16)src_port;
  output->virtio[0] = output->virtio[1] = output->virtio[2] = 0;
}

static inline void emit_segments(u32 worker, u32 to, u32 index, u32 vtep, u8 *header_end, u32 header_len, u32 src_port,
                                 u8 *payload, u32 payload_len, u32 train_size, u32 count) {
  emit_underlay(worker, to, index, vtep, header_end, header_len, src_port);
  struct descriptor *output = output_at(worker, to);
  if (train_size) output->header_len -= VXLAN_LEN;
  output->payload_ptr = address_of(payload);
  output->payload_len = payload_len;
  output->train_size = (u16)train_size;
  output->segments = (u16)count;
}

static inline void repeat_segment(u32 worker, u32 to, u32 index, u32 stride, u32 count) {
  struct descriptor *output = output_at(worker, to - 1);
  u8 *outer = at(output->payload_ptr) - SEGMENT_HEADROOM;
  __m128i header[4], rest[DESC_SIZE / 16];
  for (u32 n = 0; n < 4; n++) header[n] = _mm_loadu_si128((const __m128i *)outer + n);
  for (u32 n = 0; n < DESC_SIZE / 16; n++) rest[n] = _mm_loadu_si128((const __m128i *)output + n);
  __m128i place = rest[0]; /* Of its own, or gcc keeps all of them in memory: header ptr, header len, payload ptr, payload len. */
  const __m128i step = _mm_setr_epi32((int)stride, 0, (int)stride, 0);
  for (const struct descriptor *last = output + count; output < last;) {
    output++;
    outer += stride;
    place = _mm_add_epi32(place, step);
    for (u32 n = 0; n < 4; n++) _mm_storeu_si128((__m128i *)outer + n, header[n]);
    _mm_storeu_si128((__m128i *)output, place);
    for (u32 n = 1; n < DESC_SIZE / 16; n++) _mm_storeu_si128((__m128i *)output + n, rest[n]);
  }
  input_at(worker, index)->copies += count;
}

static inline void emit_port(u32 worker, u32 to, u32 index, u32 attachment, u64 virtio0, u64 virtio1) {
  struct descriptor *output = emit(worker, to, index, FDB_KIND_ATTACHMENT, attachment);
  output->header_ptr = output->header_len = 0;
  output->virtio[0] = virtio0;
  output->virtio[1] = virtio1;
  output->virtio[2] = 0;
}

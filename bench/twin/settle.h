// Twin of dataplane-wasm/settle.ts.

#pragma once

#include "decap.h"
#include "segments.h"

static inline bool counts(u32 worker) { return !(ld32(context_of(worker) + CONTEXT_FLAGS) & CONTEXT_FLAG_DRY_RUN); }

static COLD u32 encap_failure(u32 send, bool underlay) {
  if (send == SEND_TOO_BIG) return EncapTooBig;
  if (send == SEND_FULL) return underlay ? EncapUnderlayFull : EncapPortFull;
  return send == SEND_DOWN && !underlay ? EncapPortDown : EncapSendError;
}

static inline u64 output_bytes(const struct descriptor *input, const struct descriptor *output, u32 segments) {
  if (segments == 1) return output->payload_len;
  if (output->train_size) return output->payload_len - (u64)segments * VXLAN_LEN;
  return output->payload_len + (u64)(segments - 1) * input->segment_headers;
}

static COLD void encap_failed(struct descriptor *input, const struct descriptor *output, bool underlay) {
  input->drop = (u8)encap_failure(output->drop, underlay);
  if (!underlay || !(input->flags & DESC_FLAG_SUPER) || input->verdict == VERDICT_FLOOD) return;
  input->failed += output->segments;
  u8 *bytes = (u8 *)input + DESC_FAILED_BYTES;
  st32(bytes, ld32(bytes) + (u32)output_bytes(input, output, output->segments));
}

static COLD u32 decap_failure(u32 send) {
  if (send == SEND_TOO_BIG) return DecapTooBig;
  if (send == SEND_FULL) return DecapPortFull;
  return send == SEND_DOWN ? DecapPortDown : DecapSendError;
}

static inline void count_dropped(u32 worker, u8 *row, const struct descriptor *input, u32 segments, u32 vtep_counter) {
  add_counter(row + COUNTER_DROPS + ((u32)input->drop << 3), segments);
  if (input->source_vtep) add_counter(vtep_row(worker, input->source_vtep) + vtep_counter, segments);
}

static inline void encap_count(u32 worker) {
  u8 *context = context_of(worker);
  u32 count = ld32(context + CONTEXT_COUNT);
  st32(context + CONTEXT_COUNT, 0);
  if (!counts(worker)) return;
  for (u32 n = 0; n < count;) {
    u32 network = input_at(worker, n)->network;
    u8 *row = network_row(worker, network);
    u64 received = 0, frames = 0, bytes = 0, local = 0, flooded = 0;
    for (; n < count; n++) {
      const struct descriptor *input = input_at(worker, n);
      if (input->network != network) break;
      u32 segments = segments_of(input);
      received += segments;
      if (input->verdict == VERDICT_DROP || input->result == 0) {
        count_dropped(worker, row, input, segments, VTEP_COUNTER_DROPS_ENCAP);
        continue;
      }
      if (input->verdict == VERDICT_FLOOD) flooded += segments;
      if (input->result & RESULT_UNDERLAY) {
        frames += segments;
        bytes += segment_bytes(input, segments);
        if (UNLIKELY(segments != 1 && input->failed)) {
          frames -= input->failed;
          bytes -= ld32((const u8 *)input + DESC_FAILED_BYTES);
          count_dropped(worker, row, input, input->failed, VTEP_COUNTER_DROPS_ENCAP);
        }
      } else {
        local += segments;
      }
    }
    add_counter(row + COUNTER_RECEIVED_ENCAP, received);
    add_counter(row + COUNTER_FRAMES_ENCAP, frames);
    add_counter(row + COUNTER_BYTES_ENCAP, bytes);
    add_counter(row + COUNTER_LOCAL, local);
    add_counter(row + COUNTER_FLOODED_ENCAP, flooded);
  }
}

static inline void decap_count(u32 worker) {
  u8 *context = context_of(worker);
  u32 count = ld32(context + CONTEXT_COUNT);
  st32(context + CONTEXT_COUNT, 0);
  if (!counts(worker)) return;
  for (u32 n = 0; n < count;) {
    u32 network = input_at(worker, n)->network, vtep = input_at(worker, n)->source_vtep;
    u8 *row = network_row(worker, network);
    u64 received = 0, frames = 0, bytes = 0, flooded = 0;
    for (; n < count; n++) {
      const struct descriptor *input = input_at(worker, n);
      if (input->network != network || input->source_vtep != vtep) break;
      u32 segments = segments_of(input);
      received += segments;
      if (input->verdict == VERDICT_DROP || input->result == 0) {
        count_dropped(worker, row, input, segments, VTEP_COUNTER_DROPS_DECAP);
        continue;
      }
      if (input->verdict == VERDICT_FLOOD) flooded += segments;
      frames += segments;
      bytes += segment_bytes(input, segments);
    }
    add_counter(row + COUNTER_RECEIVED_DECAP, received);
    add_counter(row + COUNTER_FRAMES_DECAP, frames);
    add_counter(row + COUNTER_BYTES_DECAP, bytes);
    add_counter(row + COUNTER_FLOODED_DECAP, flooded);
    if (vtep) {
      add_counter(vtep_row(worker, vtep) + VTEP_COUNTER_FRAMES_DECAP, frames);
      add_counter(vtep_row(worker, vtep) + VTEP_COUNTER_BYTES_DECAP, bytes);
    }
  }
}

static void encap_settle(u32 worker, u32 outputs) {
  for (u32 n = 0; n < outputs; n++) {
    const struct descriptor *output = output_at(worker, n);
    struct descriptor *input = input_at(worker, output->origin);
    if (UNLIKELY(input->verdict == VERDICT_DROP)) continue;
    bool underlay = output->target_kind == FDB_KIND_VTEP;
    if (output->drop == SEND_OK) input->result |= underlay ? RESULT_UNDERLAY : RESULT_PORT;
    else encap_failed(input, output, underlay);
    if (underlay && counts(worker)) {
      u8 *row = vtep_row(worker, output->target);
      u32 segments = output->segments;
      if (output->drop == SEND_OK) {
        add_counter(row + VTEP_COUNTER_FRAMES_ENCAP, segments);
        add_counter(row + VTEP_COUNTER_BYTES_ENCAP, output_bytes(input, output, segments));
      } else {
        add_counter(row + VTEP_COUNTER_DROPS_ENCAP, segments);
      }
    }
  }
  if (ld32(context_of(worker) + CONTEXT_PENDING) == 0) encap_count(worker);
}

static void decap_settle(u32 worker, u32 outputs) {
  for (u32 n = 0; n < outputs; n++) {
    const struct descriptor *output = output_at(worker, n);
    struct descriptor *input = input_at(worker, output->origin);
    if (output->drop == SEND_OK) input->result |= RESULT_PORT;
    else input->drop = (u8)decap_failure(output->drop);
  }
  if (ld32(context_of(worker) + CONTEXT_PENDING) == 0) decap_count(worker);
}

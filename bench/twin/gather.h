// Twin of dataplane-wasm/gather.ts: datagrams of one VTEP and source port become trains.

#pragma once

#include "segments.h"

static inline u32 train_tunnel_len(const struct descriptor *output) { return output->train_size ? 0 : VXLAN_LEN; }
static inline u32 train_bytes(const struct descriptor *output) { return output->payload_len + train_tunnel_len(output); }
static inline u32 train_size(const struct descriptor *output) {
  return output->train_size ? output->train_size : output->payload_len + VXLAN_LEN;
}
static inline u32 train_field(const struct descriptor *output) { return ld16(at(output->header_ptr) + ETH_LEN); }

static inline bool train_append(u32 worker, struct descriptor *head, struct descriptor *output, u32 index) {
  u8 *p = (u8 *)head;
  u32 size = train_size(head), bytes = train_bytes(output);
  u32 before = ld32(p + DESC_PIECES_LEN), datagrams = ld16(p + DESC_DATAGRAMS);
  u32 total = datagrams + output->segments;
  if (train_size(output) != size && (output->segments != 1 || bytes > size)) return false;
  if (before != datagrams * size || total > TRAIN_DATAGRAMS_MAX || before + bytes > TRAIN_BYTES_MAX) return false;
  if (train_field(output) != train_field(head) || (output->virtio[0] | head->virtio[0]) != 0) return false;
  output_at(worker, ld16(p + DESC_CHAIN_TAIL))->chain = (u16)(index + 1);
  output->flags = DESC_FLAG_CHAINED;
  st16(p + DESC_CHAIN_TAIL, (u16)index);
  st16(p + DESC_DATAGRAMS, (u16)total);
  st32(p + DESC_PIECES_LEN, before + bytes);
  return true;
}

static inline u8 *train_piece(u8 *piece, const u8 *from, u32 len) {
  st64(piece, ld64(at(SYSTEM_BASE)) + address_of(from));
  st64(piece + 8, len);
  return piece + PIECE_SIZE;
}

static inline u8 *train_pieces(u8 *piece, const struct descriptor *output) {
  const u8 *payload = at(output->payload_ptr), *header_end = at(output->header_ptr) + output->header_len;
  u32 tunnel = train_tunnel_len(output);
  if (header_end == payload || tunnel == 0) return train_piece(piece, payload - tunnel, output->payload_len + tunnel);
  return train_piece(train_piece(piece, header_end - tunnel, tunnel), payload, output->payload_len);
}

static inline void train_seal(u32 worker, u32 outputs) {
  u8 *piece = context_of(worker) + WORKER_PIECES;
  for (u32 n = 0; n < outputs; n++) {
    struct descriptor *head = output_at(worker, n);
    if (head->chain == 0 || head->flags & DESC_FLAG_CHAINED) continue;
    u8 *first = piece + PIECE_SIZE;
    u32 size = train_size(head);
    piece = train_pieces(first, head);
    for (u32 next = head->chain; next; next = output_at(worker, next - 1)->chain)
      piece = train_pieces(piece, output_at(worker, next - 1));
    head->train_size = (u16)size;
    st32((u8 *)head + DESC_PIECES, address_of(first));
    st16((u8 *)head + DESC_PIECE_COUNT, (u16)((piece - first) / PIECE_SIZE));
  }
}

static void encap_gather(u32 worker, u32 outputs) {
  if (outputs < 2 || !trains_leave()) return;
  u8 *slots = context_of(worker) + WORKER_CHAINS;
  memset(slots, 0, GATHER_SLOTS * 2);
  u32 chained = 0;
  for (u32 n = 0; n < outputs; n++) {
    struct descriptor *output = output_at(worker, n);
    if (output->target_kind != FDB_KIND_VTEP) continue;
    u32 flow = output->target ^ (u32)output->outer_port << 16;
    u8 *slot = slots + (flow * 0x9e3779b1u >> 26) * 2;
    u32 newest = ld16(slot);
    if (newest) {
      struct descriptor *head = output_at(worker, newest - 1);
      if (output->target == head->target && output->outer_port == head->outer_port && train_append(worker, head, output, n)) {
        chained++;
        continue;
      }
    }
    st16((u8 *)output + DESC_CHAIN_TAIL, (u16)n);
    st16((u8 *)output + DESC_DATAGRAMS, output->segments);
    st32((u8 *)output + DESC_PIECES_LEN, train_bytes(output));
    st16(slot, (u16)(n + 1));
  }
  if (chained) train_seal(worker, outputs);
}

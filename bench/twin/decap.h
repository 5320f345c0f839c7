// Twin of dataplane-wasm/decap.ts, for datagrams from a socket. (Whole outer frames, DESC_FLAG_OUTER, are of drivers that
// the benchmark does not use.)

#pragma once

#include "batch.h"
#include "checksums.h"
#include "learn.h"
#include "segments.h"
#include "tables.h"

enum { ECN_FIELD = 3, ECN_DROP = 4, ECN_ALARM = 8 };

static inline u32 ecn_decap(u32 inner, u32 outer) {
  if (inner == 0) {
    if (outer == 3) return ECN_DROP;
    return outer == 0 ? 0 : ECN_ALARM;
  }
  if (outer == 3) return 3;
  if (inner == 3) return outer == 1 ? 3 | ECN_ALARM : 3;
  if (inner == 2) return outer == 1 ? 1 : 2;
  return outer == 2 ? 1 | ECN_ALARM : 1;
}

static inline u64 add_counter(u8 *counter, u64 value) {
  u64 sum = ld64(counter) + value;
  st64(counter, sum);
  return sum;
}
static inline u8 *network_row(u32 worker, u32 network) {
  return at(NETWORK_COUNTERS + worker * NETWORK_COUNTERS_WORKER + network * NETWORK_COUNTERS_SIZE);
}
static inline u8 *vtep_row(u32 worker, u32 vtep) {
  return at(VTEP_COUNTERS + worker * VTEP_COUNTERS_WORKER + vtep * VTEP_COUNTERS_SIZE);
}

static inline u32 network_of_vni(const u8 *tunnel) {
  u32 vni = __builtin_bswap32(ld32(tunnel + VXLAN_VNI)) >> 8;
  return __atomic_load_n((const u16 *)at(VNI_TABLE + (vni << 1)), __ATOMIC_ACQUIRE);
}

static inline void decap_touch(u32 worker, u32 count) {
  u8 *context = context_of(worker);
  u8 *end = batch_list(context);
  for (u32 n = 0; n < count; n++) {
    const struct descriptor *input = input_at(worker, n);
    if (input->flags & DESC_FLAG_OUTER || input->payload_len < VXLAN_LEN + ETH_LEN) continue;
    const u8 *tunnel = at(input->payload_ptr);
    u64 network = (u64)network_of_vni(tunnel) << 48;
    const u8 *frame = tunnel + VXLAN_LEN;
    st32(end, address_of(fdb_bucket(fdb_hash(source_mac(frame) | network))));
    st32(end + 4, address_of(fdb_bucket(fdb_hash(load_mac(frame + ETH_DST) | network))));
    end += 8;
  }
  batch_touch(context, end);
}

static inline bool tunnel_header_whole(struct descriptor *input) {
  if (input->flags == 0 && input->payload_len >= VXLAN_LEN) return true;
  if (input->flags & DESC_FLAG_FRAGMENT) {
    drop_input(input, DecapFragment);
    return false;
  }
  if (input->flags & DESC_FLAG_TRUNCATED || input->payload_len < VXLAN_LEN) {
    drop_input(input, DecapTruncated);
    return false;
  }
  return true;
}

static inline u32 network_of(struct descriptor *input, u32 vtep) {
  const u8 *tunnel = at(input->payload_ptr);
  u32 reason;
  if (UNLIKELY(vtep == 0)) {
    reason = DecapVtepNotAllowed;
  } else if (UNLIKELY(!(tunnel[VXLAN_FLAGS] & VXLAN_FLAG_I))) {
    reason = DecapFlagIClear;
  } else if (UNLIKELY(ld64(tunnel) & ld64(at(SYSTEM_RESERVED_MASK)))) {
    reason = DecapReservedBits;
  } else {
    u32 network = network_of_vni(tunnel);
    if (network) return network;
    reason = DecapUnknownVni;
  }
  drop_input(input, reason);
  return 0;
}

static COLD bool apply_ecn(u32 worker, struct descriptor *input, u8 *frame, u64 inner) {
  u32 kind = inner_kind(inner);
  if (kind == L3_NONE) return true;
  u32 before = inner_ecn(frame, inner);
  u32 outcome = ecn_decap(before, input->outer_tos & ECN_FIELD);
  if (UNLIKELY(outcome & ECN_DROP)) return false;
  if (UNLIKELY(outcome & ECN_ALARM)) add_counter(network_row(worker, input->network) + COUNTER_ECN_ALARM, 1);
  u32 after = outcome & ECN_FIELD;
  if (after == before) return true;
  u8 *ip = frame + inner_l3(inner);
  if (kind == L3_IPV4) {
    u32 word = ld16(ip);
    u32 changed = (word & ~(ECN_FIELD << 8)) | after << 8;
    st16(ip, (u16)changed);
    st16(ip + IPV4_CHECKSUM, (u16)checksum_update(ld16(ip + IPV4_CHECKSUM), word, changed));
  } else {
    ip[1] = (u8)((ip[1] & 0xcf) | after << 4);
  }
  return true;
}

static COLD void decap_begin_flood(struct descriptor *input, const u8 *net) {
  u32 list = aload32(net + NETWORK_FLOOD_LIST);
  if (list == 0) {
    drop_input(input, DecapNoDestination);
    return;
  }
  input->verdict = VERDICT_FLOOD;
  input->flood_list = list;
}

static COLD u64 decap_flood_copies(u32 worker, u32 index, struct descriptor *input, u32 outputs, u32 cursor) {
  const u8 *list = at(input->flood_list);
  u32 total = ld32(list + FLOOD_ATTACHMENT_COUNT);
  u64 tail = port_virtio_tail(input);
  for (u32 n = cursor; n < total; n++) {
    if (outputs == OUTPUTS_MAX) return (u64)outputs | (u64)n << 32;
    u32 id = ld32(list + FLOOD_IDS + (n << 2));
    const u8 *to = attachment_at(id);
    if (!(ld32(to + ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE)) continue;
    u64 virtio = port_virtio(input, ld32(to + ATTACHMENT_MTU));
    if (virtio == VIRTIO_TOO_BIG) input->drop = DecapTooBig;
    else emit_port(worker, outputs++, index, id, virtio, tail);
  }
  if (input->copies == 0) drop_input(input, input->drop ? input->drop : DecapNoDestination);
  return outputs;
}

static inline u32 decap_frame(u32 worker, u32 index, struct descriptor *input, u32 outputs, u32 network, u32 vtep) {
  u8 *net = network_at(network);
  u8 *frame = at(input->payload_ptr) + VXLAN_LEN;
  u32 len = input->payload_len - VXLAN_LEN;
  input->payload_ptr += VXLAN_LEN;
  input->payload_len = len;
  if (UNLIKELY(len < ETH_LEN)) {
    drop_input(input, DecapInnerShort);
    return outputs;
  }
  u32 mtu = ld32(net + NETWORK_MTU);
  if (UNLIKELY(len > mtu + ETH_LEN)) note_oversize(input, mtu);
  u64 source = source_mac(frame);
  if (UNLIKELY(source == 0 || mac_is_multicast(source))) {
    drop_input(input, DecapSourceMacInvalid);
    return outputs;
  }
  u64 network_bits = (u64)network << 48;
  u64 source_key = source | network_bits;
  u32 learned = learn(worker, net, network, source_key, fdb_hash(source_key), FDB_KIND_VTEP, vtep);
  if (UNLIKELY(learned == LEARN_OWN)) {
    drop_input(input, DecapSourceMacOwn);
    return outputs;
  }
  if (UNLIKELY(learned == LEARN_STATIC_CONFLICT)) {
    drop_input(input, DecapStaticConflict);
    return outputs;
  }
  u64 inner = parse_inner(frame, len);
  input->inner = inner;
  if (UNLIKELY(input->outer_tos & ECN_FIELD) && UNLIKELY(!apply_ecn(worker, input, frame, inner))) {
    drop_input(input, DecapEcn);
    return outputs;
  }
  if (UNLIKELY(inner_flags(inner) & INNER_TAGGED && ld32(net + NETWORK_FLAGS) & NETWORK_FLAG_DROP_VLAN)) {
    drop_input(input, DecapInnerVlan);
    return outputs;
  }
  if (inner_kind(inner) != L3_NONE) {
    if (checksum_unfinished(frame, inner) || (len > mtu + inner_l3(inner) && unfinish_checksum(frame, inner)))
      input->flags |= DESC_FLAG_UNFINISHED;
  }
  u64 destination = load_mac(frame + ETH_DST);
  if (mac_is_multicast(destination)) {
    decap_begin_flood(input, net);
    return outputs;
  }
  u64 key = destination | network_bits;
  u64 value = fdb_find(key, fdb_hash(key));
  if (!fdb_live(value, net)) {
    decap_begin_flood(input, net);
    return outputs;
  }
  u32 kind = value_kind(value), id = value_id(value);
  input->entry = id;
  if (UNLIKELY(kind != FDB_KIND_ATTACHMENT)) {
    drop_input(input, kind == FDB_KIND_DROP ? DecapFiltered : DecapSplitHorizon);
    return outputs;
  }
  const u8 *to = attachment_at(id);
  if (UNLIKELY(!(ld32(to + ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE))) {
    decap_begin_flood(input, net);
    return outputs;
  }
  u32 port_mtu = ld32(to + ATTACHMENT_MTU);
  u64 virtio = 0, tail = 0;
  if (UNLIKELY(input->flags & DESC_FLAG_UNFINISHED || len > port_mtu + ETH_LEN)) {
    virtio = port_virtio(input, port_mtu);
    tail = port_virtio_tail(input);
    if (virtio == VIRTIO_TOO_BIG) {
      drop_input(input, DecapTooBig);
      return outputs;
    }
  }
  input->verdict = VERDICT_UNICAST;
  emit_port(worker, outputs, index, id, virtio, tail);
  return outputs + 1;
}

static u32 decap_batch(u32 worker, u32 count) {
  u8 *context = context_of(worker);
  if (batch_begins(worker, count) && batch_touches()) decap_touch(worker, count);
  u32 outputs = 0, vtep = 0, allowed_in = 0;
  u64 address0 = 0, address1 = 0;
  for (u32 next = ld32(context + CONTEXT_NEXT); next < count; next++) {
    u32 cursor = ld32(context + CONTEXT_FLOOD);
    if (UNLIKELY(outputs == OUTPUTS_MAX)) {
      batch_pause(context, next, cursor);
      return outputs;
    }
    struct descriptor *input = input_at(worker, next);
    if (input->verdict == VERDICT_NONE && tunnel_header_whole(input)) {
      if (vtep == 0 || input->outer_address[1] != address1 || input->outer_address[0] != address0) {
        vtep = source_vtep((const u8 *)input->outer_address);
        address0 = input->outer_address[0];
        address1 = input->outer_address[1];
        allowed_in = 0;
      }
      input->source_vtep = vtep;
      u32 network = network_of(input, vtep);
      if (network) {
        input->network = (u16)network;
        if (network != allowed_in && access_check(network, vtep)) allowed_in = network;
        if (network == allowed_in) outputs = decap_frame(worker, next, input, outputs, network, vtep);
        else drop_input(input, DecapVtepNotInNetwork);
      }
    }
    if (UNLIKELY(input->verdict == VERDICT_FLOOD)) {
      u64 copied = decap_flood_copies(worker, next, input, outputs, cursor);
      outputs = (u32)copied;
      if (copied >> 32) {
        batch_pause(context, next, (u32)(copied >> 32));
        return outputs;
      }
      if (cursor) st32(context + CONTEXT_FLOOD, 0);
    }
  }
  batch_pause(context, count, 0);
  return outputs;
}

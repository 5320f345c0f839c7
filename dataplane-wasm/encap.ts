// Overlay to underlay: frames from ports find their way, in the order of checks that the drop list has.
//
// A frame is decided once; what has one destination leaves at once, what is flooded goes through its list copy by copy and
// may pause between any two of them, and so may a super-frame that is cut for its VTEP (copies.ts). Where the underlay cuts
// super-frames itself they leave whole (tunnel.ts). Counting waits for settle, when the drivers have said what became of each copy.

import { batchBegins, batchList, batchPause, batchTouch, batchTouches } from "./batch";
import { completeChecksum } from "./checksums";
import { COPIES_OUTPUTS, COPIES_PAUSED, makeCopies } from "./copies";
import { countTooBig } from "./counters";
import { Descriptor, dropInput, inputAt, workerContext } from "./descriptor";
import { Drop } from "./drop";
import { emitPort, emitUnderlay } from "./emit";
import { fdbFind, fdbLive } from "./fdb/find";
import { fdbBucket, fdbHash } from "./fdb/hash";
import { learn } from "./fdb/learn";
import { flowHashOf, outerSrcPortOf } from "./flow";
import { answerTooBig } from "./icmp";
import {
  DESC_FLAG_SUPER,
  VERDICT_COPIES,
  VERDICT_CUT,
  VERDICT_FLOOD,
  VERDICT_LOCAL,
  VERDICT_NONE,
  VERDICT_UNICAST,
} from "./layout/descriptor";
import {
  FDB_KIND_ATTACHMENT,
  FDB_KIND_DROP,
  FDB_VALUE_ID_MASK,
  FDB_VALUE_ID_SHIFT,
  FDB_VALUE_KIND_SHIFT,
} from "./layout/fdb";
import { FLOOD_VTEP_COUNT } from "./layout/lists";
import { OUTPUTS_MAX } from "./layout/maxima";
import {
  ATTACHMENT_FLAG_LIVE,
  ATTACHMENT_FLAGS,
  ATTACHMENT_NETWORK,
  NETWORK_FLAG_DROP_VLAN,
  NETWORK_FLAG_LEARNING,
  NETWORK_FLAGS,
  NETWORK_FLOOD_LIST,
  NETWORK_MTU,
  NETWORK_PLAIN_MTU,
  NETWORK_TUNNEL_HEADER,
} from "./layout/networks";
import { SYSTEM_LOCAL, SYSTEM_OUTER_CHECKSUM } from "./layout/system";
import { VIRTIO_FLAG_NEEDS_CSUM } from "./layout/virtio";
import { VTEP_FRAME_MAX } from "./layout/vteps";
import { CONTEXT_FLOOD, CONTEXT_NEXT, CONTEXT_OPEN_TRAIN, CONTEXT_ROOM } from "./layout/worker";
import { wantsChecksum, writeOuter } from "./outer";
import { wireLen } from "./segment";
import { isSuper, noteSegments, segmentsOf, superProtocol, superSize } from "./segments";
import { attachmentPtr, networkPtr } from "./tables/records";
import { addressIsIpv4, vtepRecord } from "./tables/vtep";
import { sendTunnel, tunnelTakes } from "./tunnel";
import { sumBytes } from "./wire/checksum";
import { ETH_DST, ETH_LEN, loadMac, macIsMulticast, macIsNoSource, sourceMac } from "./wire/ethernet";
import { INNER_TAGGED, innerEcn, innerFlags, innerL3, parseInner } from "./wire/inner";

const NETWORK_KEY_SHIFT: u64 = 48;
const AS_IT_CAME: u32 = 0xffffffff;

/**
 * Takes inputs 0 to count - 1 of a worker and makes outputs of them.
 * @param count the same in every call of one batch, at most INPUTS_MAX
 * @returns outputs ready to send; call again while CONTEXT_PENDING is not 0
 */
export function encapBatch(worker: u32, count: u32): u32 {
  const context = workerContext(worker);
  if (batchBegins(worker, count) && batchTouches()) touchBuckets(worker, count);
  store<u32>(context, 0, CONTEXT_ROOM);
  store<u32>(context, 0, CONTEXT_OPEN_TRAIN);
  let outputs: u32 = 0;
  let next = load<u32>(context, CONTEXT_NEXT);
  for (; next < count; next++) {
    if (outputs === OUTPUTS_MAX) {
      batchPause(context, next, load<u32>(context, CONTEXT_FLOOD));
      return outputs;
    }
    const input = inputAt(worker, next);
    if (input.verdict === VERDICT_NONE) outputs = inline.always(encapFrame(worker, next, input, outputs));
    if ((input.verdict & VERDICT_COPIES) === VERDICT_COPIES) {
      const copied = makeCopies(worker, next, input, outputs);
      outputs = copied & COPIES_OUTPUTS;
      if (copied & COPIES_PAUSED) {
        batchPause(context, next, load<u32>(context, CONTEXT_FLOOD));
        return outputs;
      }
    }
  }
  batchPause(context, count, 0);
  return outputs;
}

/** First stage for large tables: starts the cache misses of the whole batch together. */
function touchBuckets(worker: u32, count: u32): void {
  const context = workerContext(worker);
  let end = batchList(context);
  for (let n: u32 = 0; n < count; n++) {
    const input = inputAt(worker, n);
    if (input.payloadLen < ETH_LEN) continue;
    const network = (<u64>load<u32>(attachmentPtr(input.attachment), ATTACHMENT_NETWORK)) << NETWORK_KEY_SHIFT;
    store<u32>(end, <u32>fdbBucket(fdbHash(loadMac(input.payloadPtr + ETH_DST) | network)));
    store<u32>(end, <u32>fdbBucket(fdbHash(sourceMac(input.payloadPtr) | network)), 4);
    end += 8;
  }
  batchTouch(context, end);
}

/** Decides one frame, and emits it where it has one destination. Returns the new number of outputs. */
function encapFrame(worker: u32, index: u32, input: Descriptor, outputs: u32): u32 {
  if (isSuper(input)) noteSegments(input, superProtocol(input), superSize(input), 0);
  const from = attachmentPtr(input.attachment);
  if (!(load<u32>(from, ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE)) {
    input.network = 0;
    dropInput(input, Drop.EncapPortDown);
    return outputs;
  }
  const network = load<u32>(from, ATTACHMENT_NETWORK);
  const net = networkPtr(network);
  const frame: usize = input.payloadPtr;
  const len = input.payloadLen;
  input.network = <u16>network;
  if (len < ETH_LEN) {
    dropInput(input, Drop.EncapInnerShort);
    return outputs;
  }
  const source = sourceMac(frame);
  if (macIsNoSource(source)) {
    dropInput(input, Drop.EncapSourceMacInvalid);
    return outputs;
  }
  const inner = inline.always(parseInner(frame, len));
  const netFlags = load<u32>(net, NETWORK_FLAGS);
  input.inner = inner;
  if (innerFlags(inner) & INNER_TAGGED) {
    if (netFlags & NETWORK_FLAG_DROP_VLAN) {
      dropInput(input, Drop.EncapInnerVlan);
      return outputs;
    }
  }
  const networkBits = (<u64>network) << NETWORK_KEY_SHIFT;
  if (netFlags & NETWORK_FLAG_LEARNING) {
    const attachment = input.attachment;
    const sourceKey = source | networkBits;
    const sourceHash = fdbHash(sourceKey);
    inline.always(learn(worker, net, network, sourceKey, sourceHash, FDB_KIND_ATTACHMENT, attachment));
  }
  const destination = loadMac(frame + ETH_DST);
  if (macIsMulticast(destination)) {
    beginFlood(input, net);
    return outputs;
  }
  const key = destination | networkBits;
  const hash = fdbHash(key);
  const value = inline.always(fdbFind(key, hash));
  if (!fdbLive(value, net)) {
    beginFlood(input, net);
    return outputs;
  }
  const kind = <u32>(value >> FDB_VALUE_KIND_SHIFT);
  const id = <u32>(value >> FDB_VALUE_ID_SHIFT) & FDB_VALUE_ID_MASK;
  input.entry = id;
  if (kind === FDB_KIND_ATTACHMENT) return switchLocally(worker, index, input, outputs, id, net);
  if (kind === FDB_KIND_DROP) {
    dropInput(input, Drop.EncapFiltered);
    return outputs;
  }
  const record = vtepRecord(id);
  if (record === 0) {
    beginFlood(input, net);
    return outputs;
  }
  return inline.always(sendUnicast(worker, index, input, outputs, id, record, net));
}

function switchLocally(worker: u32, index: u32, input: Descriptor, outputs: u32, attachment: u32, net: usize): u32 {
  if (attachment === input.attachment) {
    dropInput(input, Drop.EncapSamePort);
    return outputs;
  }
  if (!(load<u32>(attachmentPtr(attachment), ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE)) {
    beginFlood(input, net);
    return outputs;
  }
  input.verdict = <u8>VERDICT_LOCAL;
  emitPort(worker, outputs, index, attachment, input.virtio0, input.virtio1);
  return outputs + 1;
}

function sendUnicast(
  worker: u32,
  index: u32,
  input: Descriptor,
  outputs: u32,
  vtep: u32,
  record: usize,
  net: usize,
): u32 {
  const frame: usize = input.payloadPtr;
  const len = input.payloadLen;
  if (len > load<u32>(net, NETWORK_PLAIN_MTU) + innerL3(input.inner)) {
    const made = sendSuper(worker, index, input, outputs, vtep, record, net);
    if (made !== AS_IT_CAME) return made;
  }
  if (<u32>input.virtio0 & VIRTIO_FLAG_NEEDS_CSUM) {
    if (input.flags & DESC_FLAG_SUPER || tunnelTakes(input, record)) {
      return sendSuper(worker, index, input, outputs, vtep, record, net);
    }
    completeChecksum(input);
  }
  input.verdict = <u8>VERDICT_UNICAST;
  const sum = wantsChecksum(record) ? inline.always(sumBytes(frame, len, 0)) : 0;
  const inner = input.inner;
  const hash = inline.always(flowHashOf(frame, inner));
  const srcPort = outerSrcPortOf(hash);
  const tunnelHeader = load<u64>(net, NETWORK_TUNNEL_HEADER);
  const ecn = innerEcn(frame, inner);
  const headerLen = inline.always(writeOuter(frame, record, tunnelHeader, len, sum, ecn, srcPort));
  inline.always(emitUnderlay(worker, outputs, index, vtep, frame, headerLen, srcPort));
  return outputs + 1;
}

/** Bytes of the largest frame like this input that the network takes. */
function networkMax(input: Descriptor, net: usize): u32 {
  return load<u32>(net, NETWORK_MTU) + innerL3(input.inner);
}

/**
 * What does not leave as it came with its checksum finished: goes whole to who finishes it, or in segments, or is too big.
 * @returns the new number of outputs, or AS_IT_CAME
 */
function sendSuper(
  worker: u32,
  index: u32,
  input: Descriptor,
  outputs: u32,
  vtep: u32,
  record: usize,
  net: usize,
): u32 {
  const lenMax = min<u32>(networkMax(input, net), load<u32>(record, VTEP_FRAME_MAX));
  if (wireLen(input) > lenMax) {
    dropInput(input, Drop.EncapTooBig);
    // What the network's MTU refuses is not the way's matter.
    if (wireLen(input) <= networkMax(input, net)) countTooBig(worker, vtep, segmentsOf(input));
    return outputs + answerTooBig(worker, index, input, outputs, lenMax - innerL3(input.inner));
  }
  if (tunnelTakes(input, record)) {
    input.verdict = <u8>VERDICT_UNICAST;
    sendTunnel(worker, outputs, index, vtep, record, net);
    return outputs + 1;
  }
  if (!(input.flags & DESC_FLAG_SUPER)) return AS_IT_CAME;
  input.verdict = <u8>VERDICT_CUT;
  input.floodList = <u32>record; // for all segments, so that a change of it between two calls loses none
  return outputs;
}

/** Fixes the list for all copies of a frame, so that a change of it between two calls neither loses nor doubles one. */
function beginFlood(input: Descriptor, net: usize): void {
  const list: usize = atomic.load<u32>(net + NETWORK_FLOOD_LIST);
  if (list === 0) {
    dropInput(input, Drop.EncapFloodNone);
    return;
  }
  input.verdict = <u8>VERDICT_FLOOD;
  input.floodList = <u32>list;
  if (input.flags & DESC_FLAG_SUPER) return; // ports take it as it is, and for VTEPs it is cut
  completeChecksum(input);
  const wantsSum = load<u32>(SYSTEM_OUTER_CHECKSUM) !== 0 || !addressIsIpv4(SYSTEM_LOCAL);
  if (load<u32>(list, FLOOD_VTEP_COUNT) !== 0 && wantsSum) {
    input.payloadSum = sumBytes(input.payloadPtr, input.payloadLen, 0);
  }
}

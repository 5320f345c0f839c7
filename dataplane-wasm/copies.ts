// Frames that leave more than once: the copies of a flood, and the segments of a super-frame. Either may pause between any
// two outputs, when there is no output left or no room to cut into, and goes on where its cursors in the context say.
//
// A flooded super-frame is cut once for all VTEPs of the list: a segment is the same for each, only the outer headers differ. Where
// trains leave (segments.ts: trainsLeave), segments are laid out one behind the other with their tunnel headers between them, and a
// train is one output; else each is an output of its own. After a pause the segments that not all VTEPs have got are cut again.
//
// While some path is narrower than the networks (NETWORK_PLAIN_MTU), each copy is held against the way to its VTEP as a frame with one
// destination is. Who cannot be reached so goes without, and it counts for him at once, as there is no output that settle would see.
//
// A host's super-frame is a little more than what one train takes, so of each a short train would be left over. Of super-frames of one
// flow in a row, the next one's first train is cut as long as what is missing in that, and encapGather makes one of the two.

import { countTooBig } from "./counters";
import { Descriptor, dropInput, headerSlotEnd, outputAt, workerContext } from "./descriptor";
import { Drop } from "./drop";
import { emitPort, emitSegments, emitUnderlay, repeatSegment } from "./emit";
import { flowHashOf, outerSrcPortOf } from "./flow";
import { sizeOf } from "./gather";
import { answerTooBig } from "./icmp";
import { SEGMENT_HEADROOM, SEGMENTS, SEGMENTS_SIZE, SEGMENTS_SLACK } from "./layout/buffers";
import { DESC_FLAG_SUPER, VERDICT_FLOOD, VERDICT_UNICAST } from "./layout/descriptor";
import { FDB_KIND_VTEP } from "./layout/fdb";
import { FLOOD_ATTACHMENT_COUNT, FLOOD_IDS, FLOOD_VTEP_COUNT } from "./layout/lists";
import { OUTPUTS_MAX } from "./layout/maxima";
import {
  ATTACHMENT_FLAG_LIVE,
  ATTACHMENT_FLAGS,
  NETWORK_MTU,
  NETWORK_PLAIN_MTU,
  NETWORK_TUNNEL_HEADER,
} from "./layout/networks";
import { VTEP_FRAME_MAX } from "./layout/vteps";
import { CONTEXT_FLOOD, CONTEXT_OPEN_TRAIN, CONTEXT_ROOM, CONTEXT_SEGMENT } from "./layout/worker";
import { writeOuter } from "./outer";
import { cutSegments, segmentLen, segmentLenOf, segmentSum, wireLen } from "./segment";
import { attachmentPtr, networkPtr } from "./tables/records";
import { vtepRecord } from "./tables/vtep";
import { ETH_DST, loadMac, macIsMulticast } from "./wire/ethernet";
import { innerEcn, innerL3 } from "./wire/inner";
import { VXLAN_LEN } from "./wire/vxlan";

/** What `makeCopies` returns: the new number of outputs, and whether it has paused. */
export const COPIES_OUTPUTS: u32 = 0xffff;
export const COPIES_PAUSED: u32 = 0x10000;

/** Goes on making the outputs of an input whose verdict is VERDICT_FLOOD or VERDICT_CUT. */
export function makeCopies(worker: u32, index: u32, input: Descriptor, at: u32): u32 {
  if (input.verdict === VERDICT_FLOOD) return floodCopies(worker, index, input, at);
  const cut = cutCopies(worker, index, input, at, 0, 1);
  if (!(cut & COPIES_PAUSED)) input.verdict = <u8>VERDICT_UNICAST;
  return cut;
}

function pause(worker: u32, outputs: u32, copy: u32, segment: u32): u32 {
  const context = workerContext(worker);
  store<u32>(context, copy, CONTEXT_FLOOD);
  store<u32>(context, segment, CONTEXT_SEGMENT);
  return outputs | COPIES_PAUSED;
}

function done(worker: u32, outputs: u32): u32 {
  const context = workerContext(worker);
  store<u32>(context, 0, CONTEXT_FLOOD);
  store<u32>(context, 0, CONTEXT_SEGMENT);
  return outputs;
}

/** To ports first, then to VTEPs. */
function floodCopies(worker: u32, index: u32, input: Descriptor, at: u32): u32 {
  const list: usize = input.floodList;
  const attachments = load<u32>(list, FLOOD_ATTACHMENT_COUNT);
  const total = attachments + load<u32>(list, FLOOD_VTEP_COUNT);
  const net = networkPtr(input.network);
  let outputs = at;
  let copy = load<u32>(workerContext(worker), CONTEXT_FLOOD);
  for (; copy < attachments; copy++) {
    if (outputs === OUTPUTS_MAX) return pause(worker, outputs, copy, 0);
    const id = floodId(list, copy);
    const live = load<u32>(attachmentPtr(id), ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE;
    if (id === input.attachment || !live) continue;
    emitPort(worker, outputs++, index, id, input.virtio0, input.virtio1);
  }
  if (attachments < total) {
    if (wireLen(input) > load<u32>(net, NETWORK_MTU) + innerL3(input.inner)) {
      input.drop = <u8>Drop.EncapTooBig;
    } else {
      const copied =
        input.flags & DESC_FLAG_SUPER
          ? cutCopies(worker, index, input, outputs, attachments, total)
          : wholeCopies(worker, index, input, outputs, copy, total);
      if (copied & COPIES_PAUSED) return copied;
      outputs = copied;
    }
  }
  done(worker, outputs);
  if (input.copies !== 0) return outputs;
  if (input.drop === Drop.None) {
    dropInput(input, Drop.EncapFloodNone);
    return outputs;
  }
  // Nobody has a copy, so the buffer is free for the answer; a group address gets none.
  dropInput(input, Drop.EncapTooBig);
  if (outputs === OUTPUTS_MAX || macIsMulticast(loadMac(<usize>input.payloadPtr + ETH_DST))) return outputs;
  return outputs + answerTooBig(worker, index, input, outputs, floodMtu(list, net, innerL3(input.inner)));
}

/** Bytes of the largest packet that reaches all VTEPs of a list. */
function floodMtu(list: usize, net: usize, l3: u32): u32 {
  let most = load<u32>(net, NETWORK_MTU) + l3;
  const attachments = load<u32>(list, FLOOD_ATTACHMENT_COUNT);
  const total = attachments + load<u32>(list, FLOOD_VTEP_COUNT);
  for (let copy = attachments; copy < total; copy++) {
    const record = vtepRecord(floodId(list, copy));
    if (record !== 0) most = min(most, load<u32>(record, VTEP_FRAME_MAX));
  }
  return most - l3;
}

/** Bytes of what a flooded input becomes on the wire if some way may be too narrow for it, else 0. */
function lenToCheck(input: Descriptor, net: usize): u32 {
  const len = wireLen(input);
  return len > load<u32>(net, NETWORK_PLAIN_MTU) + innerL3(input.inner) ? len : 0;
}

/** One VTEP of a flood cannot have `segments` frames. Only if no copy is sent, or fails, does the input end so. */
function goesWithout(worker: u32, input: Descriptor, vtep: u32, segments: u32): void {
  countTooBig(worker, vtep, segments);
  if (input.drop === Drop.None) input.drop = <u8>Drop.EncapTooBig;
}

/** To VTEPs `from` to `to - 1` of the list, in runs between those whose way is too narrow. */
function wholeCopies(worker: u32, index: u32, input: Descriptor, at: u32, from: u32, to: u32): u32 {
  const list: usize = input.floodList;
  const len = lenToCheck(input, networkPtr(input.network));
  let outputs = at;
  let copy = from;
  while (copy < to) {
    const end = len === 0 ? to : nextNarrow(list, copy, to, len);
    outputs = copyRun(worker, index, input, outputs, copy, end);
    if (outputs & COPIES_PAUSED || end === to) break;
    goesWithout(worker, input, floodId(list, end), 1);
    copy = end + 1;
  }
  return outputs;
}

/** The first VTEP from `from` on whose way is too narrow for `len` bytes, or `to`. */
function nextNarrow(list: usize, from: u32, to: u32, len: u32): u32 {
  for (let copy = from; copy < to; copy++) {
    const record = vtepRecord(floodId(list, copy));
    if (record !== 0 && len > load<u32>(record, VTEP_FRAME_MAX)) return copy;
  }
  return to;
}

/** One payload with many headers: to VTEPs `from` to `to - 1` of the list. */
function copyRun(worker: u32, index: u32, input: Descriptor, at: u32, from: u32, to: u32): u32 {
  const list: usize = input.floodList;
  const frame: usize = input.payloadPtr;
  const ecn = innerEcn(frame, input.inner);
  const srcPort = outerSrcPortOf(flowHashOf(frame, input.inner));
  const tunnelHeader = load<u64>(networkPtr(input.network), NETWORK_TUNNEL_HEADER);
  let outputs = at;
  for (let copy = from; copy < to; copy++) {
    if (outputs === OUTPUTS_MAX) return pause(worker, outputs, copy, 0);
    const id = floodId(list, copy);
    const record = vtepRecord(id);
    if (record === 0) continue;
    const end = headerSlotEnd(worker, outputs);
    const headerLen = writeOuter(end, record, tunnelHeader, input.payloadLen, input.payloadSum, ecn, srcPort);
    emitUnderlay(worker, outputs++, index, id, end, headerLen, srcPort);
  }
  return outputs;
}

/** In segments: to VTEPs `from` to `to - 1` of the list, or to the input's one VTEP. */
function cutCopies(worker: u32, index: u32, input: Descriptor, at: u32, from: u32, to: u32): u32 {
  const context = workerContext(worker);
  const isFlood = input.verdict === VERDICT_FLOOD;
  const frame: usize = input.payloadPtr;
  const ecn = innerEcn(frame, input.inner);
  const srcPort = outerSrcPortOf(flowHashOf(frame, input.inner));
  const net = networkPtr(input.network);
  const tunnelHeader = load<u64>(net, NETWORK_TUNNEL_HEADER);
  const lenChecked = isFlood ? lenToCheck(input, net) : 0;
  const segments = <u32>input.segments;
  const perTrain = <u32>input.trainSegments;
  const len = segmentLen(input);
  const lastLen = segmentLenOf(input, segments - 1);
  const sum = segmentSum(input, len);
  const lastSum = segmentSum(input, lastLen);
  let outputs = at;
  let segment = load<u32>(context, CONTEXT_SEGMENT);
  let copy = max<u32>(load<u32>(context, CONTEXT_FLOOD), from);
  let open: u32 = 0; // segments in a train that more may join
  if (perTrain > 1 && !isFlood && segment === 0)
    open = openTrain(worker, outputs, input.entry, srcPort, len + VXLAN_LEN);
  while (segment < segments) {
    const left = segments - segment;
    const room = load<u32>(context, CONTEXT_ROOM);
    const roomLeft = <u32>(SEGMENTS_SIZE - SEGMENTS_SLACK) - room;
    let count: u32;
    let stride: u32;
    let needed: u32;
    if (perTrain > 1) {
      count = min<u32>(perTrain - open, left);
      stride = len + VXLAN_LEN;
      needed = SEGMENT_HEADROOM + count * stride;
    } else {
      stride = len + SEGMENT_HEADROOM;
      count = max<u32>(1, min<u32>(left, (OUTPUTS_MAX - outputs) / (to - from)));
      count = max<u32>(1, min<u32>(count, roomLeft / stride));
      needed = count * stride;
    }
    if (outputs === OUTPUTS_MAX || needed > roomLeft) return pause(worker, outputs, copy, segment);
    let made = SEGMENTS + <usize>worker * SEGMENTS_SIZE + room + SEGMENT_HEADROOM;
    cutSegments(input, segment, count, made, stride, tunnelHeader);
    store<u32>(context, room + needed, CONTEXT_ROOM);
    open = perTrain > 1 && (count < left || lastLen === len) ? (open + count) % perTrain : 0;
    store<u32>(context, open, CONTEXT_OPEN_TRAIN);

    const perOutput = perTrain > 1 ? count : 1;
    const end = segment + count;
    while (segment < end) {
      const isTrain = perOutput > 1;
      const isLast = segment === segments - 1;
      const firstLen = isLast ? lastLen : len;
      const firstSum = isLast ? lastSum : sum;
      const tailLen = segment + perOutput === segments ? lastLen : len;
      const payloadPtr = isTrain ? made - VXLAN_LEN : made;
      const payloadLen = isTrain ? (perOutput - 1) * stride + VXLAN_LEN + tailLen : firstLen;
      for (; copy < to; copy++) {
        if (outputs === OUTPUTS_MAX) return pause(worker, outputs, copy, segment);
        const id = isFlood ? floodId(input.floodList, copy) : input.entry;
        const record: usize = isFlood ? vtepRecord(id) : input.floodList;
        if (record === 0) continue;
        if (lenChecked > load<u32>(record, VTEP_FRAME_MAX)) {
          goesWithout(worker, input, id, perOutput);
          continue;
        }
        const headerEnd = isFlood ? headerSlotEnd(worker, outputs) : made;
        const headerLen = writeOuter(headerEnd, record, tunnelHeader, firstLen, firstSum, ecn, srcPort);
        const trainSize = isTrain ? stride : 0;
        const output = outputs++;
        emitSegments(
          worker,
          output,
          index,
          id,
          headerEnd,
          headerLen,
          srcPort,
          payloadPtr,
          payloadLen,
          trainSize,
          perOutput,
        );
      }
      copy = from;
      segment += perOutput;
      made += stride;
      const equalEnd = min<u32>(end, segments - 1);
      if (isFlood || perOutput !== 1 || segment >= equalEnd) continue;
      // Segments of one length have one outer header, to the last bit; their tunnel headers are there already.
      const equal = equalEnd - segment;
      repeatSegment(worker, outputs, index, stride, equal);
      outputs += equal;
      segment += equal;
      made += equal * stride;
    }
  }
  return done(worker, outputs);
}

/** Segments in the train that the last output ends, if segments of this flow and size may follow in it. Only how full trains get depends on it. */
function openTrain(worker: u32, outputs: u32, vtep: u32, srcPort: u32, stride: u32): u32 {
  const open = load<u32>(workerContext(worker), CONTEXT_OPEN_TRAIN);
  if (open === 0 || outputs === 0) return 0;
  const last = outputAt(worker, outputs - 1);
  if (last.targetKind !== FDB_KIND_VTEP || last.target !== vtep || last.outerPort !== srcPort) return 0;
  return sizeOf(last) === stride ? open : 0;
}

function floodId(list: usize, n: u32): u32 {
  return load<u32>(list + ((<usize>n) << 2), FLOOD_IDS);
}

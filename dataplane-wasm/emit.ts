// Outputs: what a batch function hands to the drivers.

import { Descriptor, inputAt, outputAt } from "./descriptor";
import { SEGMENT_HEADROOM } from "./layout/buffers";
import { DESC_PIECES, DESC_SEGMENTS, SEND_OK } from "./layout/descriptor";
import { FDB_KIND_ATTACHMENT, FDB_KIND_VTEP } from "./layout/fdb";
import { CONSTANTS } from "./layout/system";
import { DESC_SIZE } from "./layout/worker";
import { VXLAN_LEN } from "./wire/vxlan";

/** Makes output `at` of input `index`; the header and the virtio-net header are the caller's to fill. */
function emit(worker: u32, at: u32, index: u32, kind: u32, target: u32): Descriptor {
  const input = inputAt(worker, index);
  const output = outputAt(worker, at);
  output.payloadPtr = input.payloadPtr;
  output.payloadLen = input.payloadLen;
  output.bufferPtr = input.bufferPtr;
  output.network = input.network;
  output.target = target;
  output.targetKind = <u8>kind;
  output.drop = <u8>SEND_OK;
  output.flags = 0;
  output.origin = <u16>index;
  store<u32>(changetype<usize>(output), 0, DESC_PIECES);
  store<u64>(changetype<usize>(output), 1, DESC_SEGMENTS); // one frame; no CHAIN, no TRAIN_SIZE
  // What counts the buffer's users, for a driver that completes later.
  input.copies++;
  return output;
}

/** An output for a VTEP: `headerLen` bytes of outer headers that end at `headerEnd`, then the payload. */
export function emitUnderlay(
  worker: u32,
  at: u32,
  index: u32,
  vtep: u32,
  headerEnd: usize,
  headerLen: u32,
  srcPort: u32,
): void {
  const output = emit(worker, at, index, FDB_KIND_VTEP, vtep);
  output.headerPtr = <u32>headerEnd - headerLen;
  output.headerLen = headerLen;
  output.outerPort = <u16>srcPort;
  output.virtio0 = 0;
  output.virtio1 = 0;
  output.virtio2 = 0;
}

/**
 * An output for a VTEP with segments of input `index`: one frame, or `count` that leave as a train.
 * @param trainSize of each, from the tunnel header on, and the payload starts at the first one's; 0: one frame, whose tunnel
 * header ends the header
 */
export function emitSegments(
  worker: u32,
  at: u32,
  index: u32,
  vtep: u32,
  headerEnd: usize,
  headerLen: u32,
  srcPort: u32,
  payloadPtr: usize,
  payloadLen: u32,
  trainSize: u32,
  count: u32,
): void {
  inline.always(emitUnderlay(worker, at, index, vtep, headerEnd, headerLen, srcPort));
  const output = outputAt(worker, at);
  if (trainSize !== 0) output.headerLen = headerLen - VXLAN_LEN;
  output.payloadPtr = <u32>payloadPtr;
  output.payloadLen = payloadLen;
  output.trainSize = <u16>trainSize;
  output.segments = <u16>count;
}

/**
 * Outputs `at` to `at + count - 1`, like output `at - 1`: each with a segment as long as that one's, `stride` bytes behind the
 * one before, and with the same outer headers in front of it.
 */
export function repeatSegment(worker: u32, at: u32, index: u32, stride: u32, count: u32): void {
  const first = outputAt(worker, at - 1);
  let to = changetype<usize>(first);
  const end = to + <usize>count * DESC_SIZE;
  let outer: usize = first.payloadPtr - <u32>SEGMENT_HEADROOM;
  const outer0 = v128.load(outer);
  const outer1 = v128.load(outer, 16);
  const outer2 = v128.load(outer, 32);
  const outer3 = v128.load(outer, 48);
  let place = v128.load(to); // header ptr, header len, payload ptr, payload len
  const rest1 = v128.load(to, 16);
  const rest2 = v128.load(to, 32);
  const rest3 = v128.load(to, 48);
  const rest4 = v128.load(to, 64);
  const rest5 = v128.load(to, 80);
  const rest6 = v128.load(to, 96);
  const rest7 = v128.load(to, 112);
  const step = v128.replace_lane<u32>(v128.replace_lane<u32>(v128.load(CONSTANTS), 0, stride), 2, stride);
  while (to < end) {
    to += DESC_SIZE;
    outer += stride;
    place = v128.add<u32>(place, step);
    v128.store(outer, outer0);
    v128.store(outer, outer1, 16);
    v128.store(outer, outer2, 32);
    v128.store(outer, outer3, 48);
    v128.store(to, place);
    v128.store(to, rest1, 16);
    v128.store(to, rest2, 32);
    v128.store(to, rest3, 48);
    v128.store(to, rest4, 64);
    v128.store(to, rest5, 80);
    v128.store(to, rest6, 96);
    v128.store(to, rest7, 112);
  }
  inputAt(worker, index).copies += count;
}

/** An output for a port, with the virtio-net header's first 16 bytes as given (the rest is zero). */
export function emitPort(worker: u32, at: u32, index: u32, attachment: u32, virtio0: u64, virtio1: u64): void {
  const output = emit(worker, at, index, FDB_KIND_ATTACHMENT, attachment);
  output.headerPtr = 0;
  output.headerLen = 0;
  output.virtio0 = virtio0;
  output.virtio1 = virtio1;
  output.virtio2 = 0;
}

/** An output back to the port that input `index` came from, with a frame of our own; the input itself is dropped. */
export function emitAnswer(worker: u32, at: u32, index: u32, framePtr: u32, frameLen: u32): void {
  emitPort(worker, at, index, inputAt(worker, index).attachment, 0, 0);
  const output = outputAt(worker, at);
  output.payloadPtr = framePtr;
  output.payloadLen = frameLen;
}

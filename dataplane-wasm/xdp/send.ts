// From a worker's outputs into a socket's TX ring. A frame that lies in the UMEM and has no other use leaves as it lies, with
// what encap has written in front of it; everything else (copies of a flood, frames from a TAP or a UDP socket, cut segments) is
// copied into a free frame.
//
// What this ring cannot send is left for the driver's other way (SEND_ELSEWHERE): frames to a VTEP whose next hop is unknown, and
// super-frames and chains to a port, which only the kernel could cut, with all that comes behind them.

import { Descriptor, inputAt, outputAt } from "../descriptor";
import {
  DESC_FLAG_CHAINED,
  DESC_PIECES,
  SEND_DOWN,
  SEND_ELSEWHERE,
  SEND_FULL,
  SEND_OK,
  SEND_TOO_BIG,
  VERDICT_FLOOD,
} from "../layout/descriptor";
import { VIRTIO_FLAG_NEEDS_CSUM } from "../layout/virtio";
import {
  UMEM_SIZE,
  XDP_DESC_ADDR,
  XSK_FRAME_SHIFT,
  XSK_OWNER_BATCH,
  XSK_SOCKET_DOWN,
  XSK_SOCKET_LEN_MAX,
  XSK_SOCKET_OPEN,
  XSK_SOCKET_STATE,
  XSK_SOCKET_ZERO_COPY,
} from "../layout/xsk";
import { checksumOf, sumBytes } from "../wire/checksum";
import { ETH_DST, loadMac } from "../wire/ethernet";
import { FRAME_NONE, frameOwner, giveFrame, setFrameOwner, socketPtr, statePtr, takeFrame, umemPtr } from "./frames";
import { reap, txEntry, txPosition, txPublish, txRoom, txWaiting, writeTx } from "./rings";

const GSO_TYPE_SHIFT: u32 = 8; // of virtio0
const CSUM_START_SHIFT: u64 = 48;
const CHECKSUM_LEN: u32 = 2;
const NOT_IN_PLACE: u32 = 0;

/**
 * Sends outputs first to first + count - 1 through one socket.
 * @returns how many of them are left as SEND_ELSEWHERE
 */
export function xskSend(worker: u32, slot: u32, first: u32, count: u32): u32 {
  const socket = socketPtr(worker, slot);
  const state = statePtr(worker);
  const end = first + count;
  let elsewhere: u32 = 0;
  if (atomic.load<u32>(socket + XSK_SOCKET_STATE) !== XSK_SOCKET_OPEN) {
    for (let n = first; n < end; n++) {
      const output = outputAt(worker, n);
      // A member of a chain may have left with a head of an earlier call.
      if (!(output.flags & DESC_FLAG_CHAINED)) output.drop = <u8>SEND_ELSEWHERE;
    }
    return count;
  }
  reap(socket, state);
  const umem = umemPtr(worker);
  const shift = load<u32>(state, XSK_FRAME_SHIFT);
  const lenMax = min(load<u32>(socket, XSK_SOCKET_LEN_MAX), (<u32>1) << shift);
  const isDown = load<u32>(socket, XSK_SOCKET_DOWN) !== 0;
  let position = txPosition(socket);
  let room = txRoom(socket, state, position);
  for (let n = first; n < end; n++) {
    const output = outputAt(worker, n);
    if (output.flags & DESC_FLAG_CHAINED) continue;
    const headerLen = output.headerLen;
    const length = headerLen + output.payloadLen;
    // What goes to a port may be of the flow of a super-frame in front of it, which the ring would overtake.
    if (!fitsRing(output) || (elsewhere !== 0 && headerLen === 0)) {
      output.drop = <u8>SEND_ELSEWHERE;
      elsewhere++;
    } else if (length > lenMax) {
      output.drop = <u8>SEND_TOO_BIG;
    } else if (room === 0) {
      output.drop = <u8>SEND_FULL;
    } else if (isDown) {
      output.drop = <u8>SEND_DOWN;
    } else {
      let at = inPlace(worker, state, umem, shift, output);
      if (at === NOT_IN_PLACE) at = copied(state, umem, shift, output, slot + 1);
      else setFrameOwner(state, <u32>((at - umem) >>> shift), slot + 1);
      if (at === NOT_IN_PLACE) {
        output.drop = <u8>SEND_FULL;
      } else {
        if (<u32>output.virtio0 & VIRTIO_FLAG_NEEDS_CSUM) finishChecksum(output, at + headerLen);
        writeTx(socket, position++, <u64>(at - umem), length);
        room--;
        output.drop = <u8>SEND_OK;
      }
    }
  }
  txPublish(socket, position);
  return elsewhere;
}

/**
 * Takes outputs first to first + count - 1 out of the ring again, those that are in it, and has them not sent: the interface is down or
 * gone. Only after the kernel has refused to look at the ring, as it remembers how far that was filled when it last did. A driver that
 * reads the ring by itself may do so again at any time: there they stay, and leave when it does.
 */
export function xskTakeBack(worker: u32, slot: u32, first: u32, count: u32): void {
  const socket = socketPtr(worker, slot);
  if (load<u32>(socket, XSK_SOCKET_ZERO_COPY) !== 0) return;
  const state = statePtr(worker);
  const umem = umemPtr(worker);
  const shift = load<u32>(state, XSK_FRAME_SHIFT);
  let waiting = txWaiting(socket);
  let position = txPosition(socket);
  for (let n = first + count; n !== first && waiting !== 0; ) {
    const output = outputAt(worker, --n);
    if (output.flags & DESC_FLAG_CHAINED || output.drop !== SEND_OK) continue;
    const frame = <u32>(load<u64>(txEntry(socket, --position), XDP_DESC_ADDR) >> <u64>shift);
    if (frame === <u32>((<usize>output.bufferPtr - umem) >>> shift)) setFrameOwner(state, frame, XSK_OWNER_BATCH);
    else giveFrame(state, frame);
    output.drop = <u8>SEND_DOWN;
    waiting--;
  }
  txPublish(socket, position);
  if (waiting === 0) store<u32>(socket, 0, XSK_SOCKET_DOWN); // the next ones may try
}

/** One plain frame, with a next hop if it goes to the underlay. */
function fitsRing(output: Descriptor): bool {
  if (output.trainSize !== 0 || load<u32>(changetype<usize>(output), DESC_PIECES) !== 0) return false;
  if (output.headerLen !== 0) return loadMac(<usize>output.headerPtr + ETH_DST) !== 0;
  return ((<u32>output.virtio0 >> GSO_TYPE_SHIFT) & 0xff) === 0;
}

/** Address of the frame's first byte if it may leave as it lies in this UMEM, else NOT_IN_PLACE. */
function inPlace(worker: u32, state: usize, umem: usize, shift: u32, output: Descriptor): usize {
  const buffer: usize = output.bufferPtr;
  if (buffer - umem >= UMEM_SIZE) return NOT_IN_PLACE; // unsigned: below it, too
  const input = inputAt(worker, output.origin);
  if (input.copies !== 1 || input.verdict === VERDICT_FLOOD) return NOT_IN_PLACE;
  const from: usize = output.headerLen !== 0 ? output.headerPtr : output.payloadPtr;
  const to: usize = output.payloadPtr + output.payloadLen;
  if (output.headerLen !== 0 && from + output.headerLen !== output.payloadPtr) return NOT_IN_PLACE;
  if (from < buffer || to > buffer + ((<usize>1) << shift)) return NOT_IN_PLACE;
  return frameOwner(state, <u32>((buffer - umem) >>> shift)) === XSK_OWNER_BATCH ? from : NOT_IN_PLACE;
}

/** Header and payload in a free frame, or NOT_IN_PLACE if there is none. */
function copied(state: usize, umem: usize, shift: u32, output: Descriptor, owner: u32): usize {
  const frame = takeFrame(state, owner);
  if (frame === FRAME_NONE) return NOT_IN_PLACE;
  const at = umem + ((<usize>frame) << shift);
  const headerLen = output.headerLen;
  if (headerLen !== 0) memory.copy(at, output.headerPtr, headerLen);
  memory.copy(at + headerLen, output.payloadPtr, output.payloadLen);
  return at;
}

/** A ring has no word for an unfinished checksum. */
function finishChecksum(output: Descriptor, frame: usize): void {
  const start = <u32>(output.virtio0 >> CSUM_START_SHIFT);
  const field = start + (<u32>output.virtio1 & 0xffff);
  const len = output.payloadLen;
  if (field + CHECKSUM_LEN > len) return;
  const checksum = checksumOf(sumBytes(frame + start, len - start, 0));
  store<u16>(frame + field, <u16>(checksum !== 0 ? checksum : 0xffff));
}

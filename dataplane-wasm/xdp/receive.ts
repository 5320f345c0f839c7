// From a socket's RX ring into a worker's inputs. A frame stays where the kernel put it, with the kernel's 256 bytes of headroom in front:
// encap writes its headers there, and the frame can leave by another ring as it is.
//
// AF_XDP brings no metadata: what a port's frame leaves unfinished, it has to say itself (unfinished.ts).

import { inputAt, workerContext } from "../descriptor";
import { DESC_FLAG_OUTER, VERDICT_NONE } from "../layout/descriptor";
import { CONTEXT_TOUCHED } from "../layout/worker";
import {
  XDP_DESC_ADDR,
  XDP_DESC_LEN,
  XSK_FRAME_SHIFT,
  XSK_OWNER_BATCH,
  XSK_SOCKET_OPEN,
  XSK_SOCKET_PORT,
  XSK_SOCKET_STATE,
} from "../layout/xsk";
import { setFrameOwner, socketPtr, statePtr, umemPtr } from "./frames";
import { refill, rxEntry, rxPosition, rxReady, rxTaken } from "./rings";
import { noteUnfinished } from "./unfinished";

const CACHE_LINE: usize = 64;

/** Fills inputs from 0 on, at most `max` of them. Returns how many; 0 too if the socket is not open. */
export function xskReceive(worker: u32, slot: u32, max: u32): u32 {
  const socket = socketPtr(worker, slot);
  const state = statePtr(worker);
  if (atomic.load<u32>(socket + XSK_SOCKET_STATE) !== XSK_SOCKET_OPEN) return 0;
  const umem = umemPtr(worker);
  const shift = load<u32>(state, XSK_FRAME_SHIFT);
  const port = load<u32>(socket, XSK_SOCKET_PORT);
  let position = rxPosition(socket);
  const count = min(rxReady(socket), max);
  touchFrames(worker, socket, position, count, port !== 0);
  for (let n: u32 = 0; n < count; n++) {
    const entry = rxEntry(socket, position++);
    const address = <usize>load<u64>(entry, XDP_DESC_ADDR);
    const frame = <u32>(address >>> shift);
    setFrameOwner(state, frame, XSK_OWNER_BATCH);
    const input = inputAt(worker, n);
    input.headerLen = 0;
    input.payloadPtr = <u32>(umem + address);
    input.payloadLen = load<u32>(entry, XDP_DESC_LEN);
    input.bufferPtr = <u32>(umem + ((<usize>frame) << shift));
    input.attachment = port; // for now a port has one attachment, and the two share their id
    input.verdict = <u8>VERDICT_NONE;
    input.drop = 0;
    input.flags = port === 0 ? <u16>DESC_FLAG_OUTER : 0;
    input.virtio0 = 0;
    input.virtio1 = 0;
    input.virtio2 = 0;
    if (port !== 0) noteUnfinished(input);
  }
  if (count !== 0) rxTaken(socket, position);
  refill(socket, state, slot + 1);
  return count;
}

/**
 * Reads of each frame the line with its headers and the one that comes next: where encap writes in front of it, or, from the underlay,
 * behind it. They are not in this core's cache: the kernel has written the one on another core, and as frames lie at the same place
 * of their pages, the others drive each other out. In this short loop the misses of a batch run together.
 */
function touchFrames(worker: u32, socket: usize, position: u32, count: u32, isPort: bool): void {
  const umem = umemPtr(worker);
  const next: usize = isPort ? 0 - CACHE_LINE : CACHE_LINE;
  let seen: u64 = 0;
  for (const end = position + count; position !== end; position++) {
    const frame = umem + <usize>load<u64>(rxEntry(socket, position), XDP_DESC_ADDR);
    seen ^= load<u64>(frame) ^ load<u64>(frame + next);
  }
  store<u32>(workerContext(worker), <u32>seen, CONTEXT_TOUCHED); // so that no compiler drops the loads
}

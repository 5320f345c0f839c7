// What keeps the sockets of a worker going between batches: frames come back from the kernel and from batches, go to sockets that
// wait for some, and sockets that control has closed give theirs up.

import { inputAt } from "../descriptor";
import {
  UMEM_SIZE,
  XSK_FRAME_SHIFT,
  XSK_OWNER_BATCH,
  XSK_RING,
  XSK_SHARE,
  XSK_SOCKET_CLOSED,
  XSK_SOCKET_FREE,
  XSK_SOCKET_OPEN,
  XSK_SOCKET_STATE,
  XSK_SOCKETS_MAX,
} from "../layout/xsk";
import {
  frameCount,
  frameOwner,
  giveFrame,
  giveFramesOf,
  initialiseFrames,
  recoverFrames,
  socketPtr,
  statePtr,
  umemPtr,
} from "./frames";
import { fillNeedsWakeup, reap, refill, txNeedsWakeup, txWaiting } from "./rings";

/* Our choice: frames that no socket may hold, for the batch in hand. */
const FRAMES_KEPT: u32 = 512;

/** Bits 0 to 15 of what xskTick returns: TX rings that want a call; bits 16 to 31: fill rings that want one. */
const TICK_FILL_SHIFT: u32 = 16;

/** Makes a UMEM of frames of 1 << shift bytes. By control, while the worker has no socket. */
export function xskInitialise(worker: u32, shift: u32): void {
  const state = statePtr(worker);
  initialiseFrames(state, shift);
  // What is sent before the worker's first look at its sockets has room, however many there will be.
  store<u32>(state, shareOf(state, XSK_SOCKETS_MAX), XSK_SHARE);
}

/** Frames that each of so many sockets may hold for one direction: a socket receives and sends. */
function shareOf(state: usize, sockets: u32): u32 {
  return min<u32>(XSK_RING, (frameCount(state) - FRAMES_KEPT) / (2 * sockets));
}

/** To be called by a worker that starts: what the one before it had in hand is free again. */
export function xskRecover(worker: u32): void {
  recoverFrames(statePtr(worker));
}

/** Gives back the frames of inputs 0 to count - 1 that have not gone to a socket. */
export function xskFinish(worker: u32, count: u32): void {
  const umem = umemPtr(worker);
  const state = statePtr(worker);
  const shift = load<u32>(state, XSK_FRAME_SHIFT);
  for (let n: u32 = 0; n < count; n++) {
    const offset = <usize>inputAt(worker, n).bufferPtr - umem;
    if (offset >= UMEM_SIZE) continue;
    const frame = <u32>(offset >>> shift);
    if (frameOwner(state, frame) === XSK_OWNER_BATCH) giveFrame(state, frame);
  }
}

/** Looks after all sockets. Returns which of them want the kernel to be called. */
export function xskTick(worker: u32): u32 {
  const state = statePtr(worker);
  let open: u32 = 0;
  for (let slot: u32 = 0; slot < XSK_SOCKETS_MAX; slot++) {
    const socket = socketPtr(worker, slot);
    const what = atomic.load<u32>(socket + XSK_SOCKET_STATE);
    if (what === XSK_SOCKET_OPEN) {
      open++;
      reap(socket, state);
    } else if (what === XSK_SOCKET_CLOSED) {
      giveFramesOf(state, slot + 1);
      atomic.store<u32>(socket + XSK_SOCKET_STATE, XSK_SOCKET_FREE);
    }
  }
  if (open === 0) return 0;
  store<u32>(state, shareOf(state, open), XSK_SHARE);
  let calls: u32 = 0;
  for (let slot: u32 = 0; slot < XSK_SOCKETS_MAX; slot++) {
    const socket = socketPtr(worker, slot);
    if (atomic.load<u32>(socket + XSK_SOCKET_STATE) !== XSK_SOCKET_OPEN) continue;
    refill(socket, state, slot + 1);
    if (txNeedsWakeup(socket)) calls |= 1 << slot;
    if (fillNeedsWakeup(socket)) calls |= 1 << (slot + TICK_FILL_SHIFT);
  }
  return calls;
}

/** Frames of a socket that wait until the kernel is called. */
export function xskWaiting(worker: u32, slot: u32): u32 {
  const socket = socketPtr(worker, slot);
  return atomic.load<u32>(socket + XSK_SOCKET_STATE) === XSK_SOCKET_OPEN && txNeedsWakeup(socket)
    ? txWaiting(socket)
    : 0;
}

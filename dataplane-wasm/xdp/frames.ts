// The frames of a worker's UMEM: which are free, and who has the others. A frame is taken from the stack of free ones, and
// its owner's byte says where it went: into a batch, or to a socket (its rings or the kernel). Both are changed in the same call as the
// ring, so that whatever ends a worker between two calls leaves the truth behind.

import {
  UMEM_SIZE,
  XSK,
  XSK_FRAME_SHIFT,
  XSK_FREE,
  XSK_FREE_COUNT,
  XSK_MESSAGE,
  XSK_OWNER_BATCH,
  XSK_OWNER_FREE,
  XSK_OWNERS,
  XSK_SIZE,
  XSK_SOCKET_SIZE,
  XSK_SOCKETS,
  XSK_STATE,
} from "../layout/xsk";

/** No frame is free. */
export const FRAME_NONE: u32 = 0xffffffff;

/** The worker's UMEM; its state lies XSK_STATE further on. */
export function umemPtr(worker: u32): usize {
  return XSK + <usize>worker * XSK_SIZE;
}

export function statePtr(worker: u32): usize {
  return umemPtr(worker) + XSK_STATE;
}

export function socketPtr(worker: u32, slot: u32): usize {
  return statePtr(worker) + XSK_SOCKETS + <usize>slot * XSK_SOCKET_SIZE;
}

/** Frames of this UMEM: 0 while it has none. */
export function frameCount(state: usize): u32 {
  const shift = load<u32>(state, XSK_FRAME_SHIFT);
  return shift === 0 ? 0 : <u32>UMEM_SIZE >> shift;
}

export function frameOwner(state: usize, frame: u32): u32 {
  return <u32>load<u8>(state + frame, XSK_OWNERS);
}

export function setFrameOwner(state: usize, frame: u32, owner: u32): void {
  store<u8>(state + frame, <u8>owner, XSK_OWNERS);
}

/** Takes a free frame for `owner`, or returns FRAME_NONE. */
export function takeFrame(state: usize, owner: u32): u32 {
  const count = load<u32>(state, XSK_FREE_COUNT);
  if (count === 0) return FRAME_NONE;
  const frame = load<u32>(state + ((<usize>count - 1) << 2), XSK_FREE);
  store<u32>(state, count - 1, XSK_FREE_COUNT);
  setFrameOwner(state, frame, owner);
  return frame;
}

export function giveFrame(state: usize, frame: u32): void {
  const count = load<u32>(state, XSK_FREE_COUNT);
  store<u32>(state + ((<usize>count) << 2), frame, XSK_FREE);
  store<u32>(state, count + 1, XSK_FREE_COUNT);
  setFrameOwner(state, frame, XSK_OWNER_FREE);
}

/** Gives back all frames of one owner. */
export function giveFramesOf(state: usize, owner: u32): void {
  const count = frameCount(state);
  for (let frame: u32 = 0; frame < count; frame++) if (frameOwner(state, frame) === owner) giveFrame(state, frame);
}

/** Makes the stack anew from the owners: free frames, and those of a batch that nobody will finish. */
export function recoverFrames(state: usize): void {
  store<u32>(state, 0, XSK_FREE_COUNT);
  const count = frameCount(state);
  for (let frame = count; frame > 0; frame--) {
    const owner = frameOwner(state, frame - 1);
    if (owner === XSK_OWNER_FREE || owner === XSK_OWNER_BATCH) giveFrame(state, frame - 1);
  }
}

/** All frames are free, of 1 << shift bytes each. No socket may be open. The worker's message stays as its driver has written it. */
export function initialiseFrames(state: usize, shift: u32): void {
  memory.fill(state, 0, XSK_MESSAGE);
  store<u32>(state, shift, XSK_FRAME_SHIFT);
  recoverFrames(state);
}

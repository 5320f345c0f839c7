// Where the frames of a worker's UMEM are. A look from outside while the worker goes on, so the figures fit each other only when
// traffic rests: then every frame is free or with the kernel to be filled, and none is missing.

import {
  UMEM_SIZE,
  XSK,
  XSK_DONE,
  XSK_FILL,
  XSK_FRAME_SHIFT,
  XSK_FREE_COUNT,
  XSK_RING_CONSUMER,
  XSK_RING_PRODUCER,
  XSK_RX,
  XSK_SIZE,
  XSK_SOCKET_OPEN,
  XSK_SOCKET_SIZE,
  XSK_SOCKET_STATE,
  XSK_SOCKETS,
  XSK_SOCKETS_MAX,
  XSK_STATE,
  XSK_TX,
} from "../../dataplane-wasm/layout.js";
import type { Views } from "../memory.js";

export interface FrameCounts {
  readonly worker: number;
  readonly total: number;
  /** In nobody's hands, those that the kernel has just given back included. */
  readonly free: number;
  /** With the kernel, for what comes, or come and not looked at. */
  readonly receiving: number;
  /** With the kernel, to be sent. */
  readonly sending: number;
}

/** Undefined: this worker has none. */
export function countFrames({ u32 }: Views, worker: number): FrameCounts | undefined {
  const state = (XSK + worker * XSK_SIZE + XSK_STATE) / 4;
  const shift = u32[state + XSK_FRAME_SHIFT / 4];
  if (shift === 0) return undefined;
  let [free, receiving, sending] = [u32[state + XSK_FREE_COUNT / 4], 0, 0];
  for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
    const socket = state + (XSK_SOCKETS + slot * XSK_SOCKET_SIZE) / 4;
    if (Atomics.load(u32, socket + XSK_SOCKET_STATE / 4) !== XSK_SOCKET_OPEN) continue;
    const position = (ring: number, word: number) => Atomics.load(u32, u32[socket + (ring + word) / 4] / 4);
    const [done, back] = [position(XSK_DONE, XSK_RING_CONSUMER), position(XSK_DONE, XSK_RING_PRODUCER)];
    receiving += (position(XSK_FILL, XSK_RING_PRODUCER) - position(XSK_RX, XSK_RING_CONSUMER)) >>> 0;
    sending += (position(XSK_TX, XSK_RING_PRODUCER) - back) >>> 0;
    free += (back - done) >>> 0;
  }
  return { worker, total: UMEM_SIZE >>> shift, free, receiving, sending };
}

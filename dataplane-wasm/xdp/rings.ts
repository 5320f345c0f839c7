// The four rings that a socket shares with the kernel (linux/if_xdp.h): free running 32-bit positions, a power of two of entries.
// We produce into fill and TX, and consume from RX and completion.
//
// Entries come before the position that publishes them, on either side; atomic accesses of WebAssembly are sequentially consistent,
// which is more than the acquire and release that the kernel asks for. Positions of our own need no atomic load: nobody else writes them.

import {
  XDP_DESC_ADDR,
  XDP_DESC_LEN,
  XDP_DESC_OPTIONS,
  XDP_DESC_SIZE,
  XDP_FILL_SIZE,
  XDP_RING_NEED_WAKEUP,
  XSK_DONE,
  XSK_FILL,
  XSK_FRAME_SHIFT,
  XSK_RING,
  XSK_RING_CONSUMER,
  XSK_RING_ENTRIES,
  XSK_RING_FLAGS,
  XSK_RING_PRODUCER,
  XSK_RX,
  XSK_SHARE,
  XSK_TX,
} from "../layout/xsk";
import { FRAME_NONE, giveFrame, takeFrame } from "./frames";

const MASK: u32 = XSK_RING - 1;

/** Our own position in a ring: we alone store it. */
function ownPosition(socket: usize, word: usize): u32 {
  return load<u32>(load<u32>(socket + word));
}

/** The kernel's position. */
function kernelPosition(socket: usize, word: usize): u32 {
  return atomic.load<u32>(load<u32>(socket + word));
}

function publish(socket: usize, word: usize, position: u32): void {
  atomic.store<u32>(load<u32>(socket + word), position);
}

function entries(socket: usize, ring: usize): usize {
  return load<u32>(socket + ring, XSK_RING_ENTRIES);
}

function needsWakeup(socket: usize, ring: usize): bool {
  return (atomic.load<u32>(load<u32>(socket + ring, XSK_RING_FLAGS)) & XDP_RING_NEED_WAKEUP) !== 0;
}

/* RX: frames that have come. */

export function rxPosition(socket: usize): u32 {
  return ownPosition(socket, XSK_RX + XSK_RING_CONSUMER);
}

export function rxReady(socket: usize): u32 {
  return kernelPosition(socket, XSK_RX + XSK_RING_PRODUCER) - rxPosition(socket);
}

/** The entry at `position`: XDP_DESC_*. */
export function rxEntry(socket: usize, position: u32): usize {
  return entries(socket, XSK_RX) + <usize>(position & MASK) * XDP_DESC_SIZE;
}

export function rxTaken(socket: usize, position: u32): void {
  publish(socket, XSK_RX + XSK_RING_CONSUMER, position);
}

/* TX: frames that are to leave. */

export function txPosition(socket: usize): u32 {
  return ownPosition(socket, XSK_TX + XSK_RING_PRODUCER);
}

/** How many more frames the socket may hold for sending, when our position is `position`: not completed ones count. */
export function txRoom(socket: usize, state: usize, position: u32): u32 {
  const held = position - ownPosition(socket, XSK_DONE + XSK_RING_CONSUMER);
  const most = load<u32>(state, XSK_SHARE);
  return held < most ? most - held : 0;
}

/** The entry at `position`: XDP_DESC_*. */
export function txEntry(socket: usize, position: u32): usize {
  return entries(socket, XSK_TX) + <usize>(position & MASK) * XDP_DESC_SIZE;
}

export function writeTx(socket: usize, position: u32, address: u64, length: u32): void {
  const entry = txEntry(socket, position);
  store<u64>(entry, address, XDP_DESC_ADDR);
  store<u32>(entry, length, XDP_DESC_LEN);
  store<u32>(entry, 0, XDP_DESC_OPTIONS);
}

export function txPublish(socket: usize, position: u32): void {
  publish(socket, XSK_TX + XSK_RING_PRODUCER, position);
}

/** Frames that the kernel has not taken yet. */
export function txWaiting(socket: usize): u32 {
  return txPosition(socket) - kernelPosition(socket, XSK_TX + XSK_RING_CONSUMER);
}

/** True if the kernel wants to be called for what waits. */
export function txNeedsWakeup(socket: usize): bool {
  return txWaiting(socket) !== 0 && needsWakeup(socket, XSK_TX);
}

/* Completion: sent frames come back. */

export function reap(socket: usize, state: usize): void {
  let position = ownPosition(socket, XSK_DONE + XSK_RING_CONSUMER);
  const end = kernelPosition(socket, XSK_DONE + XSK_RING_PRODUCER);
  if (position === end) return;
  const shift = <u64>load<u32>(state, XSK_FRAME_SHIFT);
  const from = entries(socket, XSK_DONE);
  for (; position !== end; position++) {
    giveFrame(state, <u32>(load<u64>(from + <usize>(position & MASK) * XDP_FILL_SIZE) >> shift));
  }
  publish(socket, XSK_DONE + XSK_RING_CONSUMER, position);
}

/* Fill: free frames for what will come. */

/** Keeps as many frames at the kernel as the socket's share allows, those that wait in the RX ring included. */
export function refill(socket: usize, state: usize, owner: u32): void {
  let position = ownPosition(socket, XSK_FILL + XSK_RING_PRODUCER);
  const held = position - rxPosition(socket);
  const share = load<u32>(state, XSK_SHARE);
  if (held >= share) return;
  const shift = <u64>load<u32>(state, XSK_FRAME_SHIFT);
  const to = entries(socket, XSK_FILL);
  for (let n = share - held; n > 0; n--) {
    const frame = takeFrame(state, owner);
    if (frame === FRAME_NONE) break;
    store<u64>(to + <usize>(position & MASK) * XDP_FILL_SIZE, (<u64>frame) << shift);
    position++;
  }
  publish(socket, XSK_FILL + XSK_RING_PRODUCER, position);
}

export function fillNeedsWakeup(socket: usize): bool {
  return needsWakeup(socket, XSK_FILL);
}

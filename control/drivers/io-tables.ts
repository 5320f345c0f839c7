// The map of a worker's I/O region (WORKER_IO of the layout): the tables that the drivers hand to the kernel. They lie
// in the shared memory beside descriptors and buffers, so that one base address turns any of them into a process
// address. Only the worker itself writes and reads its tables, so their layout is a matter of these drivers alone.
//
//   epoll events      256 x 16 B    struct epoll_event
//   tap receive       256 x 2 iovecs    virtio-net header in the descriptor, frame in the buffer: never change
//   tap send          512 x 2 iovecs    virtio-net header in the descriptor (never changes), payload
//   udp receive       256 x (mmsghdr, iovec, address 32 B, control messages 128 B)
//   udp send          512 x (mmsghdr, 2 iovecs, address 32 B, control messages 72 B)
//   train headers     64 x 64 B      outer headers of a train that leaves one datagram at a time
//   train sockets     1024 x i32     descriptors, 0 none: whoever takes over a dead worker's slot closes them
//   tap ring          2 x 64 KiB     lent to the kernel: rings, and 64 requests (linux/io-uring.ts)

import {
  BUFFER_SIZE,
  BUFFERS,
  BUFFERS_SIZE,
  DESC_SIZE,
  FRAME_MAX,
  HEADROOM,
  INPUTS_MAX,
  OUTPUTS_MAX,
  TRAIN_DATAGRAMS_MAX,
  WORKER_INPUTS,
  WORKER_IO,
  WORKER_IO_SIZE,
  WORKER_OUTPUTS,
  WORKER_SIZE,
  WORKERS,
} from "../../dataplane-wasm/layout.js";
import type { UringPlace } from "../linux/io-uring.js";
import { IOVEC_SIZE, MMSG_SIZE } from "../linux/structs.js";

/* Our choices */

/** Events that one wait reports. */
export const EPOLL_EVENTS_MAX = 256;
const EPOLL_EVENT_ROOM = 16; // struct epoll_event takes 12 or 16 bytes
/** A sockaddr_in or sockaddr_in6, padded. */
export const NAME_SIZE = 32;
/** TTL, TOS and fragment size take 72 bytes (three control messages of 20 or 17 bytes, padded). */
export const CONTROL_SIZE = 128;
/** Segment size, TOS and TTL: three control messages of 18 or 20 bytes, padded. */
export const TRAIN_CONTROL_SIZE = 72;
export const TRAIN_HEADER_SIZE = 64;
/** Sockets for trains, all workers together: thousands would cost the kernel memory and the start of each a while. */
export const TRAIN_SOCKETS_MAX = 1024;
export const IOVEC_PAIR_SIZE = 2 * IOVEC_SIZE;
/** Of a frame from a TAP: one byte more than we take, so that a longer one is told from one that fits exactly. */
export const READ_ROOM = FRAME_MAX + 1;
/** A batch of frames from a TAP ends after so many bytes. */
export const BYTES_AT_ONCE = 262144;

/* Offsets in the region */

export const IO_EPOLL = 0;
export const IO_TAP_RECEIVE = IO_EPOLL + EPOLL_EVENTS_MAX * EPOLL_EVENT_ROOM;
export const IO_TAP_SEND = IO_TAP_RECEIVE + INPUTS_MAX * IOVEC_PAIR_SIZE;
export const IO_UDP_RECEIVE = IO_TAP_SEND + OUTPUTS_MAX * IOVEC_PAIR_SIZE;
export const IO_UDP_RECEIVE_IOVECS = IO_UDP_RECEIVE + INPUTS_MAX * MMSG_SIZE;
export const IO_UDP_RECEIVE_NAMES = IO_UDP_RECEIVE_IOVECS + INPUTS_MAX * IOVEC_SIZE;
export const IO_UDP_RECEIVE_CONTROL = IO_UDP_RECEIVE_NAMES + INPUTS_MAX * NAME_SIZE;
export const IO_UDP_SEND = IO_UDP_RECEIVE_CONTROL + INPUTS_MAX * CONTROL_SIZE;
export const IO_UDP_SEND_IOVECS = IO_UDP_SEND + OUTPUTS_MAX * MMSG_SIZE;
export const IO_UDP_SEND_NAMES = IO_UDP_SEND_IOVECS + OUTPUTS_MAX * IOVEC_PAIR_SIZE;
export const IO_UDP_SEND_CONTROL = IO_UDP_SEND_NAMES + OUTPUTS_MAX * NAME_SIZE;
export const IO_TRAIN_HEADERS = IO_UDP_SEND_CONTROL + OUTPUTS_MAX * TRAIN_CONTROL_SIZE;
export const IO_TRAIN_SOCKETS = IO_TRAIN_HEADERS + TRAIN_DATAGRAMS_MAX * TRAIN_HEADER_SIZE;
export const IO_END = IO_TRAIN_SOCKETS + TRAIN_SOCKETS_MAX * 4;

if (IO_END > WORKER_IO_SIZE) throw new Error(`the drivers' tables take ${IO_END} bytes of ${WORKER_IO_SIZE}`);

/* From the next page on: the ring of the tap ports */

/** Frames that one system call reads: the batch of a port. Their buffers stay in RAM. */
export const TAP_READS_MAX = 64;
const LARGEST_PAGE = 65536;

/** Where a worker's ring lies, and what it reads into. */
export function tapRingPlace(worker: number): UringPlace {
  const ringsPtr = Math.ceil((ioPtr(worker) + IO_END) / LARGEST_PAGE) * LARGEST_PAGE;
  return {
    entries: TAP_READS_MAX,
    ringsPtr,
    requestsPtr: ringsPtr + LARGEST_PAGE,
    size: LARGEST_PAGE,
    buffersPtr: bufferPtr(worker, 0),
    buffersLen: TAP_READS_MAX * BUFFER_SIZE,
  };
}

/* At the region's end: tap underlay, 256 x 2 iovecs to receive, 3 to send */

export const IO_TUNNEL_SEND = WORKER_IO_SIZE - 4 * IOVEC_SIZE;
export const IO_TUNNEL_RECEIVE = IO_TUNNEL_SEND - INPUTS_MAX * IOVEC_PAIR_SIZE;

if (IO_END + 3 * LARGEST_PAGE > IO_TUNNEL_RECEIVE)
  throw new Error("the drivers' tables meet those of the tap underlay");

/* Addresses in the shared memory */

export function ioPtr(worker: number): number {
  return WORKERS + worker * WORKER_SIZE + WORKER_IO;
}

export function inputPtr(worker: number, index: number): number {
  return WORKERS + worker * WORKER_SIZE + WORKER_INPUTS + index * DESC_SIZE;
}

export function outputPtr(worker: number, index: number): number {
  return WORKERS + worker * WORKER_SIZE + WORKER_OUTPUTS + index * DESC_SIZE;
}

/** Input `index` owns buffer `index`. */
export function bufferPtr(worker: number, index: number): number {
  return BUFFERS + worker * BUFFERS_SIZE + index * BUFFER_SIZE;
}

/** Where the inner frame of buffer `index` begins. */
export function framePtr(worker: number, index: number): number {
  return bufferPtr(worker, index) + HEADROOM;
}

/** Writes a 64-bit process address (or any whole number below 2^53) as two words. Not for the hot path. */
export function writeU64(u32: Uint32Array, ptr: number, value: number): void {
  u32[ptr >>> 2] = value;
  u32[(ptr >>> 2) + 1] = Math.floor(value / 2 ** 32);
}

/**
 * Writes the process address of `ptr` as two words, without a division: for the hot path.
 * @param word index in `u32` of the low word
 * @param baseLow the shared memory's base address, low 32 bits
 * @param baseHigh the same, high bits
 */
export function writeAddress(u32: Uint32Array, word: number, baseLow: number, baseHigh: number, ptr: number): void {
  const low = baseLow + ptr;
  u32[word] = low; // takes it modulo 2^32
  u32[word + 1] = low > 0xffffffff ? baseHigh + 1 : baseHigh;
}

// What the driver tests share: descriptors as plain objects, outputs as a batch function would leave them, and a pair
// of datagram sockets that behaves as a TAP queue does (one read or write, one frame), without needing any right.

import koffi from "koffi";
import { bufferPtr, framePtr, inputPtr, outputPtr } from "../../../control/drivers/io-tables.js";
import type { SharedMemory } from "../../../control/memory.js";
import * as layout from "../../../dataplane-wasm/layout.js";
import { hex } from "../../support/bytes.js";

const libc = koffi.load(null);
const socketpair: (family: number, type: number, protocol: number, fds: Int32Array) => number = libc.func(
  "int socketpair(int family, int type, int protocol, void *fds)",
);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** Two descriptors: what is written to one is read from the other, frame by frame. Non-blocking. */
export function queuePair(): [number, number] {
  const fds = new Int32Array(2);
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) throw new Error("socketpair");
  return [fds[0], fds[1]];
}

export function setQueue(memory: SharedMemory, port: number, worker: number, fd: number): void {
  memory.i32[(layout.PORT_QUEUES + port * layout.PORT_QUEUES_SIZE + worker * 4) >>> 2] = fd;
}

/** A descriptor that a driver has filled; bytes as hex. */
export function readInput(memory: SharedMemory, worker: number, index: number) {
  const { u8, u16, u32 } = memory;
  const at = inputPtr(worker, index);
  const word = (offset: number) => u32[(at + offset) >>> 2];
  const payloadPtr = word(layout.DESC_PAYLOAD_PTR);
  const payloadLen = word(layout.DESC_PAYLOAD_LEN);
  const address = at + layout.DESC_OUTER_ADDRESS;
  return {
    headerLen: word(layout.DESC_HEADER_LEN),
    /** Distance from the buffer's frame, negative before it. */
    payloadOffset: payloadPtr - framePtr(worker, index),
    payload: hex(u8.slice(payloadPtr, payloadPtr + payloadLen)),
    buffer: word(layout.DESC_BUFFER_PTR) - bufferPtr(worker, index),
    attachment: word(layout.DESC_ATTACHMENT),
    networkAndGroup: word(layout.DESC_NETWORK),
    verdict: u8[at + layout.DESC_VERDICT],
    drop: u8[at + layout.DESC_DROP],
    flags: u16[(at + layout.DESC_FLAGS) >>> 1],
    entry: word(layout.DESC_ENTRY),
    result: u8[at + layout.DESC_RESULT],
    virtio: hex(u8.slice(at + layout.DESC_VIRTIO, at + layout.DESC_VIRTIO + layout.VIRTIO_LEN)),
    outerPort: u16[(at + layout.DESC_OUTER_PORT) >>> 1],
    outerTos: u8[at + layout.DESC_OUTER_TOS],
    outerTtl: u8[at + layout.DESC_OUTER_TTL],
    outerAddress: hex(u8.slice(address, address + 16)),
  };
}

/** Every byte of the worker's input descriptors and buffer counts to 0xa5, so that an unwritten one shows. */
export function soil(memory: SharedMemory, worker: number, count = 8): void {
  for (let i = 0; i < count; i++) {
    const at = inputPtr(worker, i);
    memory.u8.fill(0xa5, at, at + layout.DESC_VIRTIO);
    memory.u8.fill(0xa5, at + layout.DESC_VIRTIO + layout.VIRTIO_LEN, at + layout.DESC_SIZE);
    memory.u8.fill(0xa5, bufferPtr(worker, i), framePtr(worker, i) + 64);
  }
}

export interface OutputFields {
  readonly payload: Uint8Array;
  /** Outer headers; none for a port. */
  readonly header?: Uint8Array;
  /** The header lies elsewhere, as that of a flood copy. */
  readonly apart?: boolean;
  readonly virtio?: Uint8Array;
  readonly target?: number;
}

/** Fills output `index` as a batch function does: payload in buffer `index`, header before it or in its slot. */
export function writeOutput(memory: SharedMemory, worker: number, index: number, fields: OutputFields): void {
  const { u8, u32 } = memory;
  const { payload, header = new Uint8Array(0), apart = false, virtio = new Uint8Array(24), target = 0 } = fields;
  const at = outputPtr(worker, index);
  const payloadPtr = framePtr(worker, index);
  const slotEnd =
    layout.WORKERS + worker * layout.WORKER_SIZE + layout.WORKER_HEADERS + (index + 1) * layout.HEADER_SLOT_SIZE;
  const headerPtr = (apart ? slotEnd : payloadPtr) - header.length;
  u8.set(payload, payloadPtr);
  u8.set(header, headerPtr);
  u8.set(virtio, at + layout.DESC_VIRTIO);
  u8[at + layout.DESC_DROP] = 0;
  u32[(at + layout.DESC_HEADER_PTR) >>> 2] = headerPtr;
  u32[(at + layout.DESC_HEADER_LEN) >>> 2] = header.length;
  u32[(at + layout.DESC_PAYLOAD_PTR) >>> 2] = payloadPtr;
  u32[(at + layout.DESC_PAYLOAD_LEN) >>> 2] = payload.length;
  u32[(at + layout.DESC_TARGET) >>> 2] = target;
}

/** DESC_DROP of outputs `first` to `first + count - 1`. */
export function drops(memory: SharedMemory, worker: number, first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => memory.u8[outputPtr(worker, first + i) + layout.DESC_DROP]);
}

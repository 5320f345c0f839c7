// The records of AF_XDP sockets in the shared memory: which slots of a worker are free, and the size of the frames that its
// sockets share. Control writes a record before it is open, and afterwards only its state; the worker makes a closed slot free.
//
//   free --control--> open --control--> closing --control--> closed --the worker, who takes the frames back--> free

import {
  XSK,
  XSK_FILL,
  XSK_FRAME_SHIFT,
  XSK_RING_CONSUMER,
  XSK_RING_PRODUCER,
  XSK_RINGS,
  XSK_RX,
  XSK_SIZE,
  XSK_SOCKET_CLOSED,
  XSK_SOCKET_CLOSING,
  XSK_SOCKET_DOWN,
  XSK_SOCKET_FD,
  XSK_SOCKET_FREE,
  XSK_SOCKET_IFINDEX,
  XSK_SOCKET_LEN_MAX,
  XSK_SOCKET_OPEN,
  XSK_SOCKET_PORT,
  XSK_SOCKET_RINGS_SIZE,
  XSK_SOCKET_SIZE,
  XSK_SOCKET_STATE,
  XSK_SOCKET_ZERO_COPY,
  XSK_SOCKETS,
  XSK_SOCKETS_MAX,
  XSK_STATE,
  XSK_TX,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import type { Xsk } from "../linux/xdp.js";
import type { SharedMemory } from "../memory.js";
import { countFrames, type FrameCounts } from "./xdp-frames.js";

/** A worker's place for a socket. */
export interface Slot {
  readonly worker: number;
  readonly slot: number;
}

export class XskSlots {
  readonly #memory: SharedMemory;
  readonly #dataplane: Pick<Dataplane, "xskInitialise">;
  readonly #workers: number;

  constructor(memory: SharedMemory, dataplane: Pick<Dataplane, "xskInitialise">, workers: number) {
    this.#memory = memory;
    this.#dataplane = dataplane;
    this.#workers = workers;
  }

  /** Frames have 1 << shift bytes, those of all workers; 0: there are none yet. */
  get shift(): number {
    return this.#memory.u32[(XSK + XSK_STATE + XSK_FRAME_SHIFT) / 4];
  }

  /** Makes the workers' frames of that size if they have none, or smaller ones that nobody uses. False: not yet. */
  prepare(shift: number): boolean {
    if (this.shift >= shift) return true;
    for (let worker = 0; worker < this.#workers; worker++) {
      for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++)
        if (this.#state({ worker, slot }) !== XSK_SOCKET_FREE) return false;
    }
    for (let worker = 0; worker < this.#workers; worker++) this.#dataplane.xskInitialise(worker, shift);
    return true;
  }

  /** Undefined: the worker has no room for another. */
  free(worker: number): Slot | undefined {
    for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++)
      if (this.#state({ worker, slot }) === XSK_SOCKET_FREE) return { worker, slot };
    return undefined;
  }

  /** Where the worker's frames are, and a socket that has them already. */
  frames(worker: number): { umemPtr: number; frameSize: number; sharedFd?: number } {
    const umem = { umemPtr: XSK + worker * XSK_SIZE, frameSize: 2 ** this.shift };
    for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
      if (this.#state({ worker, slot }) !== XSK_SOCKET_OPEN) continue;
      return { ...umem, sharedFd: this.#memory.i32[this.#record({ worker, slot }) + XSK_SOCKET_FD / 4] };
    }
    return umem;
  }

  /** Pages for a socket's rings. */
  rings({ worker, slot }: Slot): { ringsPtr: number; ringsSize: number } {
    return {
      ringsPtr: XSK + worker * XSK_SIZE + XSK_RINGS + slot * XSK_SOCKET_RINGS_SIZE,
      ringsSize: XSK_SOCKET_RINGS_SIZE,
    };
  }

  /** From here on the worker knows the socket; nothing leads to it yet. */
  open(slot: Slot, { fd, rings, isZeroCopy }: Xsk, ifIndex: number, port: number): void {
    const { u32, i32 } = this.#memory;
    const record = this.#record(slot);
    i32[record + XSK_SOCKET_FD / 4] = fd;
    u32[record + XSK_SOCKET_IFINDEX / 4] = ifIndex;
    u32[record + XSK_SOCKET_PORT / 4] = port;
    u32[record + XSK_SOCKET_DOWN / 4] = 0;
    u32[record + XSK_SOCKET_ZERO_COPY / 4] = Number(isZeroCopy);
    u32.set(rings, record + XSK_RX / 4);
    Atomics.store(u32, record + XSK_SOCKET_STATE / 4, XSK_SOCKET_OPEN);
  }

  /** Frames over `lenMax` bytes are too big: the interface would lose them, and not say so. */
  limit(slot: Slot, lenMax: number): void {
    Atomics.store(this.#memory.u32, this.#record(slot) + XSK_SOCKET_LEN_MAX / 4, lenMax);
  }

  /** The worker begins nothing new with it. */
  closing(slot: Slot): void {
    Atomics.store(this.#memory.u32, this.#record(slot) + XSK_SOCKET_STATE / 4, XSK_SOCKET_CLOSING);
  }

  /** Sockets of an interface wait to be closed. */
  isClosing(ifIndex: number): boolean {
    for (let worker = 0; worker < this.#workers; worker++) {
      for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
        if (this.#state({ worker, slot }) !== XSK_SOCKET_CLOSING) continue;
        if (this.#memory.u32[this.#record({ worker, slot }) + XSK_SOCKET_IFINDEX / 4] === ifIndex) return true;
      }
    }
    return false;
  }

  /** The kernel has had frames for what comes. */
  isFilled(slot: Slot): boolean {
    const { u32 } = this.#memory;
    return Atomics.load(u32, u32[this.#record(slot) + (XSK_FILL + XSK_RING_PRODUCER) / 4] / 4) !== 0;
  }

  /** Frames in the TX ring that the kernel has not taken, and in the RX ring that the worker has not. */
  left(slot: Slot): number {
    return this.#filling(slot, XSK_TX) + this.#filling(slot, XSK_RX);
  }

  #filling(slot: Slot, ringOffset: number): number {
    const { u32 } = this.#memory;
    const ring = this.#record(slot) + ringOffset / 4;
    const position = (word: number) => Atomics.load(u32, u32[ring + word / 4] / 4);
    return (position(XSK_RING_PRODUCER) - position(XSK_RING_CONSUMER)) >>> 0;
  }

  /** The socket is gone, and the pages of its rings are memory again. */
  closed(slot: Slot): void {
    Atomics.store(this.#memory.u32, this.#record(slot) + XSK_SOCKET_STATE / 4, XSK_SOCKET_CLOSED);
  }

  /** Of those workers that have frames. */
  count(): FrameCounts[] {
    const workers = Array.from({ length: this.#workers }, (_, worker) => worker);
    return workers.flatMap((worker) => countFrames(this.#memory, worker) ?? []);
  }

  #state(slot: Slot): number {
    return Atomics.load(this.#memory.u32, this.#record(slot) + XSK_SOCKET_STATE / 4);
  }

  /** u32 index of a socket's record. */
  #record({ worker, slot }: Slot): number {
    return (XSK + worker * XSK_SIZE + XSK_STATE + XSK_SOCKETS + slot * XSK_SOCKET_SIZE) / 4;
  }
}

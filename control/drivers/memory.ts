// Both seams in memory, for tests: frames go in by `inject`, and what was sent can be read as plain arrays. A frame takes
// the same way through descriptors and buffers as with a real driver, and a send can be made to fail.

import {
  DESC_CHAIN,
  DESC_DROP,
  DESC_FLAG_CHAINED,
  DESC_FLAGS,
  DESC_HEADER_LEN,
  DESC_HEADER_PTR,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_PIECE_COUNT,
  DESC_PIECES,
  DESC_SEGMENTS,
  DESC_TARGET,
  DESC_TRAIN_SIZE,
  DESC_VIRTIO,
  PIECE_SIZE,
  SEND_OK,
  SYSTEM_BASE,
  VIRTIO_LEN,
} from "../../dataplane-wasm/layout.js";
import { parseAddress } from "../address.js";
import type { SharedMemory } from "../memory.js";
import { clearVirtio, writeInput, writeOuter, writeOuterAddress } from "./descriptors.js";
import { bufferPtr, framePtr, inputPtr, outputPtr } from "./io-tables.js";
import type { PortDriver, UnderlayDriver } from "./seams.js";

const VXLAN_LEN = 8;

/** Decides about one frame to be sent: SEND_OK lets it pass, another SEND_* fails it. */
export type SendHook = (index: number, target: number) => number;

export interface SentToPort {
  readonly port: number;
  /** 24 B */
  readonly virtio: Uint8Array;
  readonly frame: Uint8Array;
}

export interface SentToUnderlay {
  /** VTEP id. */
  readonly target: number;
  /** From the outer Ethernet header to the tunnel header; of a train to the UDP header. */
  readonly header: Uint8Array;
  /** Of a train its datagrams, from the first tunnel header on. */
  readonly payload: Uint8Array;
  /** Bytes of each datagram of a train, 0: it is one datagram. */
  readonly trainSize: number;
}

/** A datagram as a UDP socket would hand it over. */
export interface Datagram {
  /** From the tunnel header on. */
  readonly bytes: Uint8Array;
  /** Outer source address, as text. */
  readonly address: string;
  /** Outer source port; default 50000. */
  readonly port?: number;
  /** Default 0. */
  readonly tos?: number;
  /** Default 64. */
  readonly ttl?: number;
  /** DESC_FLAG_*; default 0. */
  readonly flags?: number;
}

interface QueuedFrame {
  readonly frame: Uint8Array;
  readonly virtio: Uint8Array;
  readonly flags: number;
}

/** What both doubles share: the worker's descriptors, and failing. */
class MemoryDriver {
  /** Asked for each frame to be sent; replace it to make sends fail. */
  onSend: SendHook = () => SEND_OK;
  protected readonly memory: SharedMemory;
  protected readonly worker: number;

  constructor(memory: SharedMemory, worker: number) {
    this.memory = memory;
    this.worker = worker;
  }

  protected word(ptr: number): number {
    return this.memory.u32[ptr >>> 2];
  }

  protected copy(ptr: number, length: number): Uint8Array {
    return this.memory.u8.slice(ptr, ptr + length);
  }

  protected half(ptr: number): number {
    return this.memory.u16[ptr >>> 1];
  }

  /** What output `index` and the members of its chain leave as; undefined: it has left with an earlier one, or the hook says no. */
  protected leaves(index: number): Uint8Array | undefined {
    const output = outputPtr(this.worker, index);
    if ((this.half(output + DESC_FLAGS) & DESC_FLAG_CHAINED) !== 0) return undefined;
    const result = this.onSend(index, this.word(output + DESC_TARGET));
    for (let member = index + 1; member !== 0; ) {
      const descriptor = outputPtr(this.worker, member - 1);
      this.memory.u8[descriptor + DESC_DROP] = result;
      member = this.half(descriptor + DESC_CHAIN);
    }
    if (result !== SEND_OK) return undefined;
    const first = this.word(output + DESC_PIECES);
    if (first === 0) return this.copy(this.word(output + DESC_PAYLOAD_PTR), this.word(output + DESC_PAYLOAD_LEN));
    const { u64 } = this.memory;
    const pieces = Array.from({ length: this.half(output + DESC_PIECE_COUNT) }, (_, n) => {
      const piece = first + n * PIECE_SIZE;
      return this.copy(Number(u64[piece >>> 3] - u64[SYSTEM_BASE >>> 3]), this.word(piece + 8));
    });
    return Buffer.concat(pieces);
  }
}

export class MemoryPorts extends MemoryDriver implements PortDriver {
  readonly sent: SentToPort[] = [];
  readonly #queues = new Map<number, QueuedFrame[]>();

  /** Puts a frame (from its Ethernet header on) into the queue of `port`. @param virtio 24 B, default zero */
  inject(port: number, frame: Uint8Array, virtio: Uint8Array = new Uint8Array(VIRTIO_LEN), flags = 0): void {
    const queue = this.#queues.get(port) ?? [];
    this.#queues.set(port, queue);
    queue.push({ frame: frame.slice(), virtio: virtio.slice(), flags });
  }

  receive(port: number, max: number): number {
    const { u8, u32 } = this.memory;
    const frames = this.#queues.get(port)?.splice(0, max) ?? [];
    frames.forEach(({ frame, virtio, flags }, i) => {
      const input = inputPtr(this.worker, i);
      const payload = framePtr(this.worker, i);
      u8.set(frame, payload);
      u8.set(virtio, input + DESC_VIRTIO);
      writeInput(u32, input >>> 2, bufferPtr(this.worker, i), payload, frame.length, port, flags);
    });
    return frames.length;
  }

  send(port: number, first: number, count: number): void {
    for (let i = first; i < first + count; i++) {
      const output = outputPtr(this.worker, i);
      const frame = this.leaves(i);
      if (frame === undefined) continue;
      this.sent.push({ port, virtio: this.copy(output + DESC_VIRTIO, VIRTIO_LEN), frame });
    }
  }
}

export class MemoryUnderlay extends MemoryDriver implements UnderlayDriver {
  readonly sent: SentToUnderlay[] = [];
  readonly held = 0;
  readonly #queues = new Map<number, Datagram[]>();

  /** @throws if the address is none */
  inject(datagram: Datagram, source = 0): void {
    if (parseAddress(datagram.address) === undefined) throw new Error(`${datagram.address} is not an IP address`);
    const queue = this.#queues.get(source) ?? [];
    this.#queues.set(source, queue);
    queue.push({ ...datagram, bytes: datagram.bytes.slice() });
  }

  receive(source: number, max: number): number {
    const { u8, u32 } = this.memory;
    const datagrams = this.#queues.get(source)?.splice(0, max) ?? [];
    datagrams.forEach(({ bytes, address, port = 50000, tos = 0, ttl = 64, flags = 0 }, i) => {
      const word = inputPtr(this.worker, i) >>> 2;
      const payload = framePtr(this.worker, i) - VXLAN_LEN;
      u8.set(bytes, payload);
      writeInput(u32, word, bufferPtr(this.worker, i), payload, bytes.length, 0, flags);
      clearVirtio(u32, word);
      writeOuter(u32, word, port, tos, ttl);
      const [a, b, c, d] = new Uint32Array((parseAddress(address) ?? new Uint8Array(16)).slice().buffer);
      writeOuterAddress(u32, word, a, b, c, d);
    });
    return datagrams.length;
  }

  send(first: number, count: number): void {
    for (let i = first; i < first + count; i++) {
      const output = outputPtr(this.worker, i);
      const payload = this.leaves(i);
      if (payload === undefined) continue;
      const trainSize = this.half(output + DESC_TRAIN_SIZE);
      // Of a chain whose head was one datagram, the tunnel header is in the pieces, too.
      const isChain = this.word(output + DESC_PIECES) !== 0 && this.half(output + DESC_SEGMENTS) === 1;
      const headerLen = this.word(output + DESC_HEADER_LEN) - (isChain ? VXLAN_LEN : 0);
      const header = this.copy(this.word(output + DESC_HEADER_PTR), headerLen);
      this.sent.push({ target: this.word(output + DESC_TARGET), header, payload, trainSize });
    }
  }
}

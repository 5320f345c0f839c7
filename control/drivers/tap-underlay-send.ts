// The sending half of the tap underlay driver: one write a frame, with its outer headers in front and the virtio-net header that
// tells the kernel how to cut and finish it.
//
// Not everything has its way through the TAP: groups, VTEPs whose route goes elsewhere, trains of small datagrams, and all that
// was finished while the interface was away go through sockets.

import {
  DESC_DROP,
  DESC_FLAG_CHAINED,
  DESC_FLAGS,
  DESC_HEADER_LEN,
  DESC_HEADER_PTR,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_PIECES,
  DESC_SIZE,
  DESC_TARGET,
  DESC_TRAIN_SIZE,
  DESC_VIRTIO,
  OFFLOAD_TUNNEL_GSO,
  SEND_DOWN,
  SEND_OK,
  SEND_TOO_BIG,
  SYSTEM_UNDERLAY_MTU,
  VIRTIO_LEN,
  VTEP_FLAG_GROUP,
  VTEP_FLAG_SOCKET,
  VTEP_FLAGS,
  VTEP_POINTERS,
} from "../../dataplane-wasm/layout.js";
import { EINTR, EINVAL, EOPNOTSUPP } from "../linux/errno.js";
import { baseAddress, lastErrno, writev } from "../linux/libc.js";
import { IOVEC_BASE, IOVEC_LEN, IOVEC_SIZE } from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import { IO_TUNNEL_SEND, ioPtr, outputPtr, writeAddress, writeU64 } from "./io-tables.js";
import { noteRefusal } from "./refusal.js";
import { sendResult } from "./send-result.js";

const ETHERNET_LEN = 14; // IEEE 802.3

/* Our choice */
/**
 * Super-frames refused in a row that make us cut them ourselves. One may be a frame's own fault; but each costs its sender a timeout,
 * and what goes through alone between two of them says nothing.
 */
const REFUSALS_MAX = 4;

const IOVECS = 3; // virtio-net header, headers, payload
const WORD_BASE = IOVEC_BASE >>> 2;
const WORD_LEN = IOVEC_LEN >>> 2;
const WORD_IOVEC = IOVEC_SIZE >>> 2;
const WORD_VIRTIO = DESC_VIRTIO >>> 2;
const WORD_GSO_SIZE = (DESC_VIRTIO + 4) >>> 2; // low half; csum_start is the high one
const GSO_TYPE_SHIFT = 8; // of the first word, HDR_LEN is its high half
const BY_SOCKET = VTEP_FLAG_GROUP | VTEP_FLAG_SOCKET;

/** Sends through the TAP, for one worker. */
export class TapUnderlaySender {
  readonly #memory: SharedMemory;
  readonly #fd: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  readonly #table: number; // process address
  readonly #word: number; // the same, as an index
  readonly #outputPtr: number;
  #refusals = 0;

  /** Writes the table. @param fd the worker's queue */
  constructor(memory: SharedMemory, worker: number, fd: number) {
    const base = baseAddress(memory);
    const table = ioPtr(worker) + IO_TUNNEL_SEND;
    this.#memory = memory;
    this.#fd = fd;
    this.#baseLow = base % 2 ** 32;
    this.#baseHigh = Math.floor(base / 2 ** 32);
    this.#table = base + table;
    this.#word = table >>> 2;
    this.#outputPtr = outputPtr(worker, 0);
    for (let i = 0; i < IOVECS; i++) writeU64(memory.u32, table + i * IOVEC_SIZE + IOVEC_LEN, 0);
    writeU64(memory.u32, table + IOVEC_LEN, VIRTIO_LEN);
  }

  /** False for what a socket sends: the rest of a chain, trains, and what has no way through the TAP. */
  takes(i: number): boolean {
    const { u16, u32 } = this.#memory;
    const output = this.#outputPtr + i * DESC_SIZE;
    if ((u16[(output + DESC_FLAGS) >>> 1] & DESC_FLAG_CHAINED) !== 0) return false;
    if (u16[(output + DESC_TRAIN_SIZE) >>> 1] !== 0 || u32[(output + DESC_PIECES) >>> 2] !== 0) return false;
    // Made for the TAP: no socket could finish it.
    if (u32[(output + DESC_VIRTIO) >>> 2] !== 0) return true;
    if (u32[SYSTEM_UNDERLAY_MTU >>> 2] === 0) return false;
    const record = u32[(VTEP_POINTERS >>> 2) + u32[(output + DESC_TARGET) >>> 2]];
    return record !== 0 && (u32[(record + VTEP_FLAGS) >>> 2] & BY_SOCKET) === 0;
  }

  /** Sends one output that it takes. */
  send(i: number): void {
    const { u8, u32 } = this.#memory;
    const output = this.#outputPtr + i * DESC_SIZE;
    const headerPtr = u32[(output + DESC_HEADER_PTR) >>> 2];
    const headerLen = u32[(output + DESC_HEADER_LEN) >>> 2];
    const payloadPtr = u32[(output + DESC_PAYLOAD_PTR) >>> 2];
    const payloadLen = u32[(output + DESC_PAYLOAD_LEN) >>> 2];
    const mtu = u32[SYSTEM_UNDERLAY_MTU >>> 2];
    if (this.#packetLen(output, headerLen + payloadLen) > mtu) {
      u8[output + DESC_DROP] = mtu === 0 ? SEND_DOWN : SEND_TOO_BIG;
      return;
    }
    const word = this.#word;
    this.#writeBase(word, output + DESC_VIRTIO);
    this.#writeBase(word + WORD_IOVEC, headerPtr);
    let iovecs = 2;
    if (headerPtr + headerLen === payloadPtr) {
      u32[word + WORD_IOVEC + WORD_LEN] = headerLen + payloadLen;
    } else {
      u32[word + WORD_IOVEC + WORD_LEN] = headerLen;
      this.#writeBase(word + 2 * WORD_IOVEC, payloadPtr);
      u32[word + 2 * WORD_IOVEC + WORD_LEN] = payloadLen;
      iovecs = 3;
    }
    u8[output + DESC_DROP] = this.#write(iovecs, this.#isSuper(output));
  }

  /** Bytes of the largest packet that comes of a frame, from the outer IP header on. */
  #packetLen(output: number, length: number): number {
    if (!this.#isSuper(output)) return length - ETHERNET_LEN;
    const { u32 } = this.#memory;
    const headers = u32[(output >>> 2) + WORD_VIRTIO] >>> 16;
    return headers + (u32[(output >>> 2) + WORD_GSO_SIZE] & 0xffff) - ETHERNET_LEN;
  }

  #isSuper(output: number): boolean {
    return ((this.#memory.u32[(output >>> 2) + WORD_VIRTIO] >>> GSO_TYPE_SHIFT) & 0xff) !== 0;
  }

  #write(iovecs: number, isSuper: boolean): number {
    while (writev(this.#fd, this.#table, iovecs) < 0) {
      const errno = lastErrno();
      if (errno === EINTR) continue;
      const isRefusal = isSuper && (errno === EINVAL || errno === EOPNOTSUPP);
      if (isRefusal && ++this.#refusals === REFUSALS_MAX) {
        noteRefusal(this.#memory, OFFLOAD_TUNNEL_GSO, errno);
      }
      return sendResult(errno);
    }
    if (isSuper) this.#refusals = 0;
    return SEND_OK;
  }

  #writeBase(iovec: number, ptr: number): void {
    writeAddress(this.#memory.u32, iovec + WORD_BASE, this.#baseLow, this.#baseHigh, ptr);
  }
}

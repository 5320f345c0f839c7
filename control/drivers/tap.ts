// The tap port driver: one readv a frame from a TAP queue into the worker's buffers, one writev a frame back. A TAP has
// no call for many frames at once, so the work around each call is kept to a handful of stores: the tables of
// iovecs are written once, and only the payload of a frame to be sent is new. Frames that were chained to a super-frame
// take one writev of all their pieces, behind the virtio-net header of the chain's head.
//
// Where the kernel has io_uring, a batch of frames is read by one system call instead (tap-ring.ts).
//
// A batch of super-frames ends after some 256 KiB: what is read has to stay in the cache until it is sent.
//
// The virtio-net header goes straight between the descriptor and the kernel. Kernels fill its first 10 bytes and skip
// the rest of the 24 that we ask for, so the rest stays zero as prepared here.

import {
  DESC_CHAIN,
  DESC_DROP,
  DESC_FLAG_CHAINED,
  DESC_FLAG_TRUNCATED,
  DESC_FLAGS,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_PIECE_COUNT,
  DESC_PIECES,
  DESC_SIZE,
  DESC_VIRTIO,
  FRAME_MAX,
  INPUTS_MAX,
  OFFLOAD_PORT_URING,
  OUTPUTS_MAX,
  PORT_QUEUES,
  PORT_QUEUES_SIZE,
  SEND_DOWN,
  SEND_OK,
  SYSTEM_OFFLOADS,
  VIRTIO_LEN,
} from "../../dataplane-wasm/layout.js";
import { EAGAIN, EINTR } from "../linux/errno.js";
import { baseAddress, lastErrno, readv, writev } from "../linux/libc.js";
import { IOVEC_BASE, IOVEC_LEN, IOVEC_SIZE } from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import { clearVirtio, writeInput } from "./descriptors.js";
import {
  BYTES_AT_ONCE,
  bufferPtr,
  framePtr,
  IO_TAP_RECEIVE,
  IO_TAP_SEND,
  IOVEC_PAIR_SIZE,
  inputPtr,
  ioPtr,
  outputPtr,
  READ_ROOM,
  writeAddress,
  writeU64,
} from "./io-tables.js";
import { noteRefusal } from "./refusal.js";
import type { PortDriver } from "./seams.js";
import { sendResult } from "./send-result.js";
import type { TapRing } from "./tap-ring.js";

const DESC_WORDS = DESC_SIZE >>> 2;
const PAIR_WORDS = IOVEC_PAIR_SIZE >>> 2;

// Words of the second iovec of a pair.
const WORD_PAYLOAD_BASE = (IOVEC_SIZE + IOVEC_BASE) >>> 2;
const WORD_PAYLOAD_SIZE = (IOVEC_SIZE + IOVEC_LEN) >>> 2;

/** TAP ports of one worker. It finds a port's queue in PORT_QUEUES, at each call. */
export class TapPorts implements PortDriver {
  /**
   * The errno that ended the last `receive`, 0 if that was an empty queue. EBADFD, EBADF or EFAULT: the device was
   * deleted under us, and epoll would report the descriptor for ever: take it out of the set.
   */
  receiveErrno = 0;

  readonly #memory: SharedMemory;
  readonly #worker: number;
  readonly #base: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  readonly #receiveTable: number; // process address
  readonly #sendTable: number; // process address
  readonly #sendWord: number;
  readonly #inputWord: number;
  readonly #outputPtr: number;
  readonly #queueWord: number;
  readonly #ring: TapRing | undefined;

  /**
   * Writes the tables.
   * @param worker the slot whose descriptors, buffers and tables it uses
   * @param ring reads many frames to a call, while OFFLOAD_PORT_URING says so
   */
  constructor(memory: SharedMemory, worker: number, ring?: TapRing) {
    this.#ring = ring;
    const base = baseAddress(memory);
    const io = ioPtr(worker);
    this.#memory = memory;
    this.#worker = worker;
    this.#base = base;
    this.#baseLow = base % 2 ** 32;
    this.#baseHigh = Math.floor(base / 2 ** 32);
    this.#receiveTable = base + io + IO_TAP_RECEIVE;
    this.#sendTable = base + io + IO_TAP_SEND;
    this.#sendWord = (io + IO_TAP_SEND) >>> 2;
    this.#inputWord = inputPtr(worker, 0) >>> 2;
    this.#outputPtr = outputPtr(worker, 0);
    this.#queueWord = (PORT_QUEUES >>> 2) + worker;
    const { u32 } = memory;
    for (let i = 0; i < INPUTS_MAX; i++) {
      const pair = io + IO_TAP_RECEIVE + i * IOVEC_PAIR_SIZE;
      writeIovec(u32, pair, base + inputPtr(worker, i) + DESC_VIRTIO, VIRTIO_LEN);
      writeIovec(u32, pair + IOVEC_SIZE, base + framePtr(worker, i), READ_ROOM);
      clearVirtio(u32, inputPtr(worker, i) >>> 2);
    }
    for (let i = 0; i < OUTPUTS_MAX; i++) {
      const pair = io + IO_TAP_SEND + i * IOVEC_PAIR_SIZE;
      writeIovec(u32, pair, base + outputPtr(worker, i) + DESC_VIRTIO, VIRTIO_LEN);
      writeIovec(u32, pair + IOVEC_SIZE, 0, 0);
    }
  }

  receive(port: number, max: number): number {
    this.receiveErrno = 0;
    const { u32 } = this.#memory;
    const fd = this.#queueOf(port);
    if (fd <= 0) return 0;
    if (this.#ring !== undefined && (u32[SYSTEM_OFFLOADS >>> 2] & OFFLOAD_PORT_URING) !== 0) {
      return this.#receiveByRing(this.#ring, fd, port, max);
    }
    const worker = this.#worker;
    let bytes = 0;
    for (let i = 0; i < max; i++) {
      const got = readv(fd, this.#receiveTable + i * IOVEC_PAIR_SIZE, 2);
      if (got < 0) {
        const errno = lastErrno();
        if (errno === EINTR) {
          i--;
          continue;
        }
        if (errno !== EAGAIN) this.receiveErrno = errno;
        return i;
      }
      const isTruncated = got > VIRTIO_LEN + FRAME_MAX;
      const length = isTruncated ? FRAME_MAX : got < VIRTIO_LEN ? 0 : got - VIRTIO_LEN;
      // For now a port has one attachment, and the two share their id.
      const attachment = port;
      writeInput(
        u32,
        this.#inputWord + i * DESC_WORDS,
        bufferPtr(worker, i),
        framePtr(worker, i),
        length,
        attachment,
        isTruncated ? DESC_FLAG_TRUNCATED : 0,
      );
      bytes += length;
      if (bytes >= BYTES_AT_ONCE) return i + 1;
    }
    return max;
  }

  #receiveByRing(ring: TapRing, fd: number, port: number, max: number): number {
    const count = ring.receive(fd, port, max);
    if (ring.refusal !== 0) noteRefusal(this.#memory, OFFLOAD_PORT_URING, ring.refusal);
    else this.receiveErrno = ring.errno;
    return count;
  }

  send(port: number, first: number, count: number): void {
    const { u16, u32 } = this.#memory;
    const fd = this.#queueOf(port);
    const end = first + count;
    for (let i = first; i < end; i++) {
      const output = this.#outputPtr + i * DESC_SIZE;
      if ((u16[(output + DESC_FLAGS) >>> 1] & DESC_FLAG_CHAINED) !== 0) continue;
      if (fd <= 0) {
        this.#mark(i, SEND_DOWN);
        continue;
      }
      const pieces = u32[(output + DESC_PIECES) >>> 2];
      if (pieces !== 0) {
        const virtio = pieces - IOVEC_SIZE;
        writeAddress(u32, (virtio + IOVEC_BASE) >>> 2, this.#baseLow, this.#baseHigh, output + DESC_VIRTIO);
        u32[(virtio + IOVEC_LEN) >>> 2] = VIRTIO_LEN;
        u32[(virtio + IOVEC_LEN + 4) >>> 2] = 0;
        this.#mark(i, this.#write(fd, this.#base + virtio, 1 + u16[(output + DESC_PIECE_COUNT) >>> 1]));
        continue;
      }
      const pairWord = this.#sendWord + i * PAIR_WORDS;
      const payloadPtr = u32[(output + DESC_PAYLOAD_PTR) >>> 2];
      writeAddress(u32, pairWord + WORD_PAYLOAD_BASE, this.#baseLow, this.#baseHigh, payloadPtr);
      u32[pairWord + WORD_PAYLOAD_SIZE] = u32[(output + DESC_PAYLOAD_LEN) >>> 2];
      this.#mark(i, this.#write(fd, this.#sendTable + i * IOVEC_PAIR_SIZE, 2));
    }
  }

  /** What became of an output, and so of all that left with it. */
  #mark(i: number, result: number): void {
    const { u8, u16 } = this.#memory;
    for (let member = i + 1; member !== 0; ) {
      const output = this.#outputPtr + (member - 1) * DESC_SIZE;
      u8[output + DESC_DROP] = result;
      member = u16[(output + DESC_CHAIN) >>> 1];
    }
  }

  #write(fd: number, iovecs: number, count: number): number {
    while (writev(fd, iovecs, count) < 0) {
      const errno = lastErrno();
      if (errno !== EINTR) return sendResult(errno);
    }
    return SEND_OK;
  }

  #queueOf(port: number): number {
    return this.#memory.i32[this.#queueWord + port * (PORT_QUEUES_SIZE >>> 2)];
  }
}

function writeIovec(u32: Uint32Array, ptr: number, address: number, length: number): void {
  writeU64(u32, ptr + IOVEC_BASE, address);
  writeU64(u32, ptr + IOVEC_LEN, length);
}

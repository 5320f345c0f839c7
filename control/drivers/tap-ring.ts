// Reads a batch of frames from a TAP queue by one system call: as many reads as there are likely to be frames, handed to
// io_uring together. A read that finds the queue empty ends with EAGAIN, so all of them have ended when the call returns:
// between calls the kernel holds nothing of ours, and a queue may be closed, or the worker die, at any time.
//
// The requests are written once, one for each buffer: read into the headroom, so that the virtio-net header comes to lie in
// front of the frame, from where its 10 bytes are copied into the descriptor.
//
// Measured alone, ns a frame of 64 B in batches of 64 (10th percentile of 4,000): readv 742; this 538; without registered buffers 560; with
// the queue registered, too, 501, but then the ring would keep a queue alive that control has closed, and its interface with it. What
// else io_uring_setup offers (SINGLE_ISSUER with DEFER_TASKRUN, COOP_TASKRUN, NO_SQARRAY) changes nothing: the reads end within the call.
//
// How many reads to hand over: one more than the queue gave last time, and twice as many as long as all of them find a frame. A
// queue with one frame, as between two that talk in turns, takes one call with two reads.

import {
  DESC_FLAG_TRUNCATED,
  DESC_SIZE,
  DESC_VIRTIO,
  FRAME_MAX,
  PORTS_MAX,
  VIRTIO_LEN,
} from "../../dataplane-wasm/layout.js";
import { EAGAIN, EINTR, EINVAL, EIO, EOPNOTSUPP } from "../linux/errno.js";
import {
  CQE_RESULT,
  CQE_SIZE,
  CQE_USER_DATA,
  IORING_ENTER_GETEVENTS,
  IORING_OP_READ_FIXED,
  RWF_NOWAIT,
  SQE_ADDRESS,
  SQE_FD,
  SQE_LEN,
  SQE_OPCODE,
  SQE_READ_FLAGS,
  SQE_SIZE,
  SQE_USER_DATA,
  type Uring,
} from "../linux/io-uring.js";
import { baseAddress, lastErrno, uringEnter } from "../linux/libc.js";
import type { SharedMemory } from "../memory.js";
import { clearVirtio, writeInput } from "./descriptors.js";
import { BYTES_AT_ONCE, bufferPtr, framePtr, inputPtr, READ_ROOM, TAP_READS_MAX, writeU64 } from "./io-tables.js";

const SQE_WORDS = SQE_SIZE >>> 2;
const CQE_WORDS = CQE_SIZE >>> 2;
const DESC_WORDS = DESC_SIZE >>> 2;
const WORD_FD = SQE_FD >>> 2;
const WORD_RESULT = CQE_RESULT >>> 2;
const WORD_USER_DATA = CQE_USER_DATA >>> 2;
const WORD_VIRTIO = DESC_VIRTIO >>> 2;
const VIRTIO_FILLED_END = 8; // of the ten bytes that a kernel fills, the last two

export class TapRing {
  /** The errno that ended the last `receive`, 0 if that was an empty queue. */
  errno = 0;
  /** The errno with which the kernel refused to read this way, 0 if it did not. Nothing was lost. */
  refusal = 0;

  readonly #memory: SharedMemory;
  readonly #ring: Uring;
  readonly #buffers: Uint32Array; // by slot
  readonly #frames: Uint32Array;
  readonly #inputWord: number;
  /** How many reads to begin with, by port. */
  readonly #reads = new Uint8Array(PORTS_MAX).fill(1);
  #bytes = 0;

  /** Writes the requests. What a predecessor that died has left in the ring is forgotten: its batch is lost with it. */
  constructor(memory: SharedMemory, worker: number, ring: Uring) {
    this.#memory = memory;
    this.#ring = ring;
    this.#inputWord = inputPtr(worker, 0) >>> 2;
    this.#buffers = Uint32Array.from({ length: TAP_READS_MAX }, (_, slot) => bufferPtr(worker, slot));
    this.#frames = Uint32Array.from({ length: TAP_READS_MAX }, (_, slot) => framePtr(worker, slot));
    const { u8, u32 } = memory;
    const base = baseAddress(memory);
    for (let slot = 0; slot < TAP_READS_MAX; slot++) {
      const request = ring.requestsPtr + slot * SQE_SIZE;
      u8.fill(0, request, request + SQE_SIZE);
      u8[request + SQE_OPCODE] = IORING_OP_READ_FIXED;
      writeU64(u32, request + SQE_ADDRESS, base + this.#frames[slot] - VIRTIO_LEN);
      u32[(request + SQE_LEN) >>> 2] = VIRTIO_LEN + READ_ROOM;
      u32[(request + SQE_READ_FLAGS) >>> 2] = RWF_NOWAIT;
      writeU64(u32, request + SQE_USER_DATA, slot);
      clearVirtio(u32, this.#inputWord + slot * DESC_WORDS);
    }
    Atomics.store(u32, ring.cqHeadPtr >>> 2, Atomics.load(u32, ring.cqTailPtr >>> 2));
    Atomics.store(u32, ring.sqTailPtr >>> 2, Atomics.load(u32, ring.sqHeadPtr >>> 2));
  }

  /** As PortDriver's. @param fd the queue of `port` */
  receive(fd: number, port: number, max: number): number {
    this.errno = 0;
    this.refusal = 0;
    this.#bytes = 0;
    const most = Math.min(max, TAP_READS_MAX);
    let reads = Math.min(most, this.#reads[port]);
    let count = 0;
    for (;;) {
      const got = this.#read(fd, port, count, reads);
      count += got;
      if (got < reads || count === most || this.#bytes >= BYTES_AT_ONCE) break;
      reads = Math.min(most - count, 2 * reads);
    }
    // Super-frames end a batch early; the next one will hardly hold more.
    this.#reads[port] = this.#bytes >= BYTES_AT_ONCE ? count : Math.min(TAP_READS_MAX, count + 1);
    return count;
  }

  /** Up to `count` frames into the slots and inputs from `first` on. */
  #read(fd: number, port: number, first: number, count: number): number {
    const { u32 } = this.#memory;
    const { sqTailPtr, sqArrayPtr, requestsPtr, entries } = this.#ring;
    const tail = u32[sqTailPtr >>> 2]; // nobody else writes it
    for (let i = 0; i < count; i++) {
      u32[(requestsPtr >>> 2) + (first + i) * SQE_WORDS + WORD_FD] = fd;
      u32[(sqArrayPtr >>> 2) + ((tail + i) & (entries - 1))] = first + i;
    }
    Atomics.store(u32, sqTailPtr >>> 2, tail + count);
    return this.#take(port, first, this.#enter(count));
  }

  /** Has the kernel carry out the requests. Returns how many of them it has taken: their results are there. */
  #enter(count: number): number {
    const { u32 } = this.#memory;
    const { fd, sqHeadPtr, sqTailPtr, cqHeadPtr, cqTailPtr } = this.#ring;
    let taken = uringEnter(fd, count, 0, 0);
    if (taken < count) {
      this.#refuse(taken < 0 ? lastErrno() : EIO);
      taken = Math.max(0, taken);
      Atomics.store(u32, sqTailPtr >>> 2, Atomics.load(u32, sqHeadPtr >>> 2)); // takes the others back
    }
    const head = u32[cqHeadPtr >>> 2];
    // A kernel that puts a read off, against its flag, is waited for: it would write into a buffer of a later batch.
    for (;;) {
      const ready = (Atomics.load(u32, cqTailPtr >>> 2) - head) >>> 0;
      if (ready >= taken) return taken;
      this.#refuse(EIO);
      uringEnter(fd, 0, taken - ready, IORING_ENTER_GETEVENTS);
    }
  }

  /** Makes inputs, from `first` on, of the frames among `count` results. */
  #take(port: number, first: number, count: number): number {
    const { u32 } = this.#memory;
    const { cqHeadPtr, resultsPtr, resultCount } = this.#ring;
    const head = u32[cqHeadPtr >>> 2];
    let input = first;
    for (let i = 0; i < count; i++) {
      const result = (resultsPtr >>> 2) + ((head + i) & (resultCount - 1)) * CQE_WORDS;
      const got = u32[result + WORD_RESULT] | 0;
      if (got >= 0) this.#describe(input++, u32[result + WORD_USER_DATA], got, port);
      else if (got === -EOPNOTSUPP || got === -EINVAL) this.#refuse(-got);
      else if (got !== -EAGAIN && got !== -EINTR) this.errno = -got;
    }
    Atomics.store(u32, cqHeadPtr >>> 2, head + count);
    return input - first;
  }

  /** A frame may have come after a read in front of its own found none: then slot and input differ. */
  #describe(input: number, slot: number, got: number, port: number): void {
    const { u16, u32 } = this.#memory;
    const word = this.#inputWord + input * DESC_WORDS;
    const framePtr = this.#frames[slot];
    const isTruncated = got > VIRTIO_LEN + FRAME_MAX;
    const length = isTruncated ? FRAME_MAX : got < VIRTIO_LEN ? 0 : got - VIRTIO_LEN;
    const virtio = framePtr - VIRTIO_LEN;
    u32[word + WORD_VIRTIO] = u32[virtio >>> 2];
    u32[word + WORD_VIRTIO + 1] = u32[(virtio >>> 2) + 1];
    u32[word + WORD_VIRTIO + 2] = u16[(virtio + VIRTIO_FILLED_END) >>> 1];
    // For now a port has one attachment, and the two share their id.
    writeInput(u32, word, this.#buffers[slot], framePtr, length, port, isTruncated ? DESC_FLAG_TRUNCATED : 0);
    this.#bytes += length;
  }

  #refuse(errno: number): void {
    if (this.refusal === 0) this.refusal = errno;
  }
}

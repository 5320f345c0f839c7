// Receives VXLAN datagrams: recvmmsg writes them into the worker's buffers so that the inner frame begins at the usual
// place behind the headroom, with the VXLAN header before it. TOS, TTL and "came in fragments" arrive as control
// messages beside each datagram.
//
// With UDP_GRO a message may be a train: datagrams of one flow, all of one length but the last. It becomes one input a
// datagram, each a part of the train's buffer; what does not fit the batch is held for the next one, and no buffer is
// received into before its last datagram was handed over in an earlier batch. A peer on this host may also send one datagram
// with a whole UDP super-frame inside, which a UDP_GRO socket gets as it is, with the size of the INNER segments beside it. What
// tells the two apart: the inner packet of a train's first datagram ends with it, that of a super-frame with the whole.
//
// The tables are written once. The kernel changes three fields of each message that it used: the name's length (always
// to the same value), the flags, and the length of the control messages, which is the only one to be put back.

import {
  DESC_FLAG_FRAGMENT,
  DESC_FLAG_TRUNCATED,
  DESC_SIZE,
  FRAME_MAX,
  INPUTS_MAX,
} from "../../dataplane-wasm/layout.js";
import { MSG_DONTWAIT, MSG_TRUNC } from "../linux/constants.js";
import { EAGAIN, EINTR } from "../linux/errno.js";
import { baseAddress, lastErrno, recvmmsg } from "../linux/libc.js";
import {
  IOVEC_BASE,
  IOVEC_LEN,
  IOVEC_SIZE,
  MMSG_CONTROL,
  MMSG_CONTROL_LEN,
  MMSG_FLAGS,
  MMSG_IOVEC_COUNT,
  MMSG_IOVECS,
  MMSG_LEN,
  MMSG_NAME,
  MMSG_NAME_LEN,
  MMSG_SIZE,
  SIN_ADDR,
  SIN6_ADDR,
  SOCKADDR_IN_SIZE,
  SOCKADDR_IN6_SIZE,
} from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import { ANCILLARY_FRAGMENT, ANCILLARY_SIZE_SHIFT, ANCILLARY_TTL_SHIFT, parseAncillary } from "./ancillary.js";
import { clearVirtio, writeInput, writeOuter, writeOuterAddress, writeUdpSuper } from "./descriptors.js";
import { filledL4 } from "./inner.js";
import {
  bufferPtr,
  CONTROL_SIZE,
  framePtr,
  IO_UDP_RECEIVE,
  IO_UDP_RECEIVE_CONTROL,
  IO_UDP_RECEIVE_IOVECS,
  IO_UDP_RECEIVE_NAMES,
  inputPtr,
  ioPtr,
  NAME_SIZE,
  writeU64,
} from "./io-tables.js";

/* From RFC 7348 */

const VXLAN_LEN = 8;

const DESC_WORDS = DESC_SIZE >>> 2;
const MMSG_WORDS = MMSG_SIZE >>> 2;
const NAME_WORDS = NAME_SIZE >>> 2;
const CONTROL_WORDS = CONTROL_SIZE >>> 2;
const WORD_LEN = MMSG_LEN >>> 2;
const WORD_FLAGS = MMSG_FLAGS >>> 2;
const WORD_CONTROL_LEN = MMSG_CONTROL_LEN >>> 2;
const WORD_SIN_ADDR = SIN_ADDR >>> 2;
const WORD_SIN6_ADDR = SIN6_ADDR >>> 2;
const PORT_SHIFT = 16; // of the port in the first word of a sockaddr
// 00 00 ff ff in wire order: the words before an IPv4 address that is mapped into IPv6 (RFC 4291 section 2.5.5.2).
const MAPPED_WORD = 0xffff0000;

/* Our choices. */
const MESSAGES_AT_ONCE = INPUTS_MAX;
/** Trains that one call takes: more than that leaves the cache before they are written to a port. */
const BYTES_AT_ONCE = 262144;

export class UdpReceiver {
  errno = 0;
  readonly #memory: SharedMemory;
  readonly #worker: number;
  readonly #isIpv6: boolean;
  readonly #table: number; // process address
  readonly #tableWord: number;
  readonly #nameWord: number;
  readonly #controlWord: number;
  readonly #inputWord: number;
  #atOnce = MESSAGES_AT_ONCE;
  #count = 0; // messages received
  #next = 0; // the one at hand
  #offset = 0; // and how much of it was handed over
  #ancillary = 0; // and what its control messages say

  constructor(memory: SharedMemory, worker: number, isIpv6: boolean) {
    const io = ioPtr(worker);
    this.#memory = memory;
    this.#worker = worker;
    this.#isIpv6 = isIpv6;
    this.#table = baseAddress(memory) + io + IO_UDP_RECEIVE;
    this.#tableWord = (io + IO_UDP_RECEIVE) >>> 2;
    this.#nameWord = (io + IO_UDP_RECEIVE_NAMES) >>> 2;
    this.#controlWord = (io + IO_UDP_RECEIVE_CONTROL) >>> 2;
    this.#inputWord = inputPtr(worker, 0) >>> 2;
    for (let i = 0; i < INPUTS_MAX; i++) this.#prepare(i);
  }

  /** Messages that were received and are not handed over yet. */
  get held(): number {
    return this.#count - this.#next;
  }

  /** Hands over what it holds. Only when that is nothing does it receive, for the buffers are in use until then. */
  receive(fd: number, max: number): number {
    this.errno = 0;
    if (this.#next === this.#count) {
      this.#next = 0;
      this.#count = this.#receiveBatch(fd, Math.min(max, this.#atOnce));
      this.#plan();
    }
    let inputs = 0;
    while (this.#next < this.#count && inputs < max) inputs += this.#expand(inputs, max - inputs);
    return inputs;
  }

  /** How many messages to take next time: single datagrams many at once, trains as many as stay in the cache. */
  #plan(): void {
    const { u32 } = this.#memory;
    let bytes = 0;
    for (let i = 0; i < this.#count; i++) bytes += u32[this.#tableWord + i * MMSG_WORDS + WORD_LEN];
    if (bytes > BYTES_AT_ONCE) this.#atOnce = Math.max(1, this.#atOnce >>> 1);
    else if (this.#count === this.#atOnce && bytes < BYTES_AT_ONCE / 2 && this.#atOnce < MESSAGES_AT_ONCE)
      this.#atOnce <<= 1;
  }

  /** Fills inputs from `input` on, at most `room`, with what is left of the message at hand. Returns how many. */
  #expand(input: number, room: number): number {
    const { u32 } = this.#memory;
    const i = this.#next;
    const message = this.#tableWord + i * MMSG_WORDS;
    const length = u32[message + WORD_LEN];
    const payload = framePtr(this.#worker, i) - VXLAN_LEN;
    if (this.#offset === 0) {
      const control = this.#controlWord + i * CONTROL_WORDS;
      this.#ancillary = parseAncillary(u32, control, u32[message + WORD_CONTROL_LEN], this.#isIpv6);
      u32[message + WORD_CONTROL_LEN] = CONTROL_SIZE;
    }
    const size = this.#ancillary >>> ANCILLARY_SIZE_SHIFT;
    const flags =
      ((u32[message + WORD_FLAGS] & MSG_TRUNC) !== 0 ? DESC_FLAG_TRUNCATED : 0) |
      (size === ANCILLARY_FRAGMENT ? DESC_FLAG_FRAGMENT : 0);
    // Only what is whole can be told apart.
    const isTrain = flags === 0 && size !== 0 && size < length;
    const l4 = isTrain && this.#offset === 0 ? filledL4(this.#memory.u8, payload + VXLAN_LEN, length - VXLAN_LEN) : 0;
    if (!isTrain || l4 !== 0) {
      this.#writeInput(input, i, payload, length, flags);
      if (isTrain) writeUdpSuper(u32, this.#inputWord + input * DESC_WORDS, size, l4);
      this.#next++;
      return 1;
    }
    let at = this.#offset;
    let count = 0;
    for (; at < length && count < room; at += size) {
      this.#writeInput(input + count, i, payload + at, Math.min(size, length - at), 0);
      count++;
    }
    if (at < length) {
      this.#offset = at;
    } else {
      this.#offset = 0;
      this.#next++;
    }
    return count;
  }

  /** @param i the message that it is of */
  #writeInput(index: number, i: number, payload: number, length: number, flags: number): void {
    const { u32 } = this.#memory;
    const input = this.#inputWord + index * DESC_WORDS;
    writeInput(u32, input, bufferPtr(this.#worker, i), payload, length, 0, flags);
    clearVirtio(u32, input);
    this.#writeSource(input, this.#nameWord + i * NAME_WORDS);
  }

  /** An error that was pending on the socket is taken off by the first call, so a second one tells the truth. */
  #receiveBatch(fd: number, max: number): number {
    for (let tries = 0; tries < 2; tries++) {
      const count = recvmmsg(fd, this.#table, max, MSG_DONTWAIT, 0);
      if (count >= 0) return count;
      const errno = lastErrno();
      if (errno === EAGAIN) return 0;
      if (errno === EINTR) tries--;
      this.errno = errno;
    }
    return 0;
  }

  #writeSource(input: number, name: number): void {
    const { u32 } = this.#memory;
    const ancillary = this.#ancillary;
    const portBe = u32[name] >>> PORT_SHIFT;
    const port = ((portBe & 0xff) << 8) | (portBe >>> 8);
    writeOuter(u32, input, port, ancillary & 0xff, (ancillary >>> ANCILLARY_TTL_SHIFT) & 0xff);
    if (this.#isIpv6) {
      const at = name + WORD_SIN6_ADDR;
      writeOuterAddress(u32, input, u32[at], u32[at + 1], u32[at + 2], u32[at + 3]);
    } else {
      writeOuterAddress(u32, input, 0, 0, MAPPED_WORD, u32[name + WORD_SIN_ADDR]);
    }
  }

  #prepare(i: number): void {
    const { u32 } = this.#memory;
    const base = baseAddress(this.#memory);
    const io = ioPtr(this.#worker);
    const message = io + IO_UDP_RECEIVE + i * MMSG_SIZE;
    const iovec = io + IO_UDP_RECEIVE_IOVECS + i * IOVEC_SIZE;
    writeU64(u32, iovec + IOVEC_BASE, base + framePtr(this.#worker, i) - VXLAN_LEN);
    writeU64(u32, iovec + IOVEC_LEN, VXLAN_LEN + FRAME_MAX);
    writeU64(u32, message + MMSG_NAME, base + io + IO_UDP_RECEIVE_NAMES + i * NAME_SIZE);
    // Just what the kernel will write back, so that it need not be put back.
    u32[(message + MMSG_NAME_LEN) >>> 2] = this.#isIpv6 ? SOCKADDR_IN6_SIZE : SOCKADDR_IN_SIZE;
    writeU64(u32, message + MMSG_IOVECS, base + iovec);
    writeU64(u32, message + MMSG_IOVEC_COUNT, 1);
    writeU64(u32, message + MMSG_CONTROL, base + io + IO_UDP_RECEIVE_CONTROL + i * CONTROL_SIZE);
    writeU64(u32, message + MMSG_CONTROL_LEN, CONTROL_SIZE);
  }
}

// Receives VXLAN datagrams: recvmmsg writes them into the worker's buffers so that the inner frame begins at the usual
// place behind the headroom, with the VXLAN header before it. TOS, TTL and "came in fragments" arrive as control
// messages beside each datagram.
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
import {
  IP_RECVFRAGSIZE,
  IP_TOS,
  IP_TTL,
  IPV6_HOPLIMIT,
  IPV6_RECVFRAGSIZE,
  IPV6_TCLASS,
  MSG_DONTWAIT,
  MSG_TRUNC,
} from "../linux/constants.js";
import { EAGAIN, EINTR } from "../linux/errno.js";
import { baseAddress, lastErrno, recvmmsg } from "../linux/libc.js";
import {
  CMSG_ALIGN,
  CMSG_DATA,
  CMSG_LEN,
  CMSG_TYPE,
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
import { clearVirtio, writeInput, writeOuter, writeOuterAddress } from "./descriptors.js";
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
const WORD_CMSG_LEN = CMSG_LEN >>> 2;
const WORD_CMSG_TYPE = CMSG_TYPE >>> 2;
const WORD_CMSG_DATA = CMSG_DATA >>> 2;
const WORD_SIN_ADDR = SIN_ADDR >>> 2;
const WORD_SIN6_ADDR = SIN6_ADDR >>> 2;
const PORT_SHIFT = 16; // of the port in the first word of a sockaddr
// 00 00 ff ff in wire order: the words before an IPv4 address that is mapped into IPv6 (RFC 4291 section 2.5.5.2).
const MAPPED_WORD = 0xffff0000;

/** What the control messages of a datagram say, packed so that nothing is allocated: TOS, TTL << 8, fragment << 16. */
const ANCILLARY_TTL_SHIFT = 8;
const ANCILLARY_FRAGMENT = 1 << 16;

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

  receive(fd: number, max: number): number {
    this.errno = 0;
    const count = this.#receiveBatch(fd, max);
    const { u32 } = this.#memory;
    const worker = this.#worker;
    for (let i = 0; i < count; i++) {
      const message = this.#tableWord + i * MMSG_WORDS;
      const input = this.#inputWord + i * DESC_WORDS;
      const control = this.#controlWord + i * CONTROL_WORDS;
      const ancillary = parseAncillary(u32, control, u32[message + WORD_CONTROL_LEN], this.#isIpv6);
      u32[message + WORD_CONTROL_LEN] = CONTROL_SIZE;
      const flags =
        ((u32[message + WORD_FLAGS] & MSG_TRUNC) !== 0 ? DESC_FLAG_TRUNCATED : 0) |
        ((ancillary & ANCILLARY_FRAGMENT) !== 0 ? DESC_FLAG_FRAGMENT : 0);
      const payload = framePtr(worker, i) - VXLAN_LEN;
      writeInput(u32, input, bufferPtr(worker, i), payload, u32[message + WORD_LEN], 0, flags);
      clearVirtio(u32, input);
      this.#writeSource(input, this.#nameWord + i * NAME_WORDS, ancillary);
    }
    return count;
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

  #writeSource(input: number, name: number, ancillary: number): void {
    const { u32 } = this.#memory;
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

/**
 * Reads the control messages of one datagram.
 * @param word index of the first one's first word
 * @param length bytes that the kernel wrote
 * @returns TOS | TTL << 8 | (came in fragments) << 16; what was not there is 0
 */
export function parseAncillary(u32: Uint32Array, word: number, length: number, isIpv6: boolean): number {
  // The socket asks for messages of one level only, so the type alone tells them apart.
  const tosType = isIpv6 ? IPV6_TCLASS : IP_TOS;
  const ttlType = isIpv6 ? IPV6_HOPLIMIT : IP_TTL;
  const fragmentType = isIpv6 ? IPV6_RECVFRAGSIZE : IP_RECVFRAGSIZE;
  const end = word + (length >>> 2);
  let ancillary = 0;
  for (let at = word; at + WORD_CMSG_DATA < end; ) {
    const messageLen = u32[at + WORD_CMSG_LEN];
    const type = u32[at + WORD_CMSG_TYPE];
    const value = u32[at + WORD_CMSG_DATA];
    // IP_TOS is one byte, the others are ints; all lie in the first byte, or are non-zero only where it counts.
    if (type === tosType) ancillary |= value & 0xff;
    else if (type === ttlType) ancillary |= (value & 0xff) << ANCILLARY_TTL_SHIFT;
    else if (type === fragmentType && value !== 0) ancillary |= ANCILLARY_FRAGMENT;
    if (messageLen < CMSG_DATA) break;
    at += ((messageLen + CMSG_ALIGN - 1) & -CMSG_ALIGN) >>> 2;
  }
  return ancillary;
}

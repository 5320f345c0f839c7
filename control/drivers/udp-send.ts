// Sends encapsulated frames: one sendmmsg a batch on a raw socket that takes the outer IP header from us. The kernel
// routes by the destination in the message's name; it fills in the IPv4 header checksum (and total length), and finds
// next hop and MAC.
//
// Header and payload usually lie one behind the other (the header is in the frame's headroom) and go out as one iovec;
// a copy of a flooded frame has its header elsewhere and takes two. A frame that fails is marked, and the batch goes
// on behind it.

import {
  DESC_DROP,
  DESC_HEADER_LEN,
  DESC_HEADER_PTR,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_SIZE,
  OUTPUTS_MAX,
  SEND_OK,
} from "../../dataplane-wasm/layout.js";
import { AF_INET, AF_INET6, MSG_DONTWAIT } from "../linux/constants.js";
import { EAGAIN, EINTR, ENOBUFS } from "../linux/errno.js";
import { baseAddress, lastErrno, sendmmsg } from "../linux/libc.js";
import {
  IOVEC_BASE,
  IOVEC_LEN,
  IOVEC_SIZE,
  MMSG_IOVEC_COUNT,
  MMSG_IOVECS,
  MMSG_NAME,
  MMSG_NAME_LEN,
  MMSG_SIZE,
  SIN_ADDR,
  SIN_FAMILY,
  SIN6_ADDR,
  SOCKADDR_IN_SIZE,
  SOCKADDR_IN6_SIZE,
} from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import {
  IO_UDP_SEND,
  IO_UDP_SEND_IOVECS,
  IO_UDP_SEND_NAMES,
  IOVEC_PAIR_SIZE,
  ioPtr,
  NAME_SIZE,
  outputPtr,
  writeAddress,
  writeU64,
} from "./io-tables.js";
import { sendResult } from "./send-result.js";

/* From IEEE 802.3, RFC 791 and RFC 8200: where the destination lies in the outer header */

const ETHERNET_LEN = 14;
const IPV4_DST = 16;
const IPV6_DST = 24;

const MMSG_WORDS = MMSG_SIZE >>> 2;
const PAIR_WORDS = IOVEC_PAIR_SIZE >>> 2;
const NAME_WORDS = NAME_SIZE >>> 2;
const WORD_IOVEC_COUNT = MMSG_IOVEC_COUNT >>> 2;
const WORD_BASE = IOVEC_BASE >>> 2;
const WORD_LEN = IOVEC_LEN >>> 2;
const WORD_SECOND = IOVEC_SIZE >>> 2;
const WORD_SIN_ADDR = SIN_ADDR >>> 2;
const WORD_SIN6_ADDR = SIN6_ADDR >>> 2;

export class UdpSender {
  readonly #memory: SharedMemory;
  readonly #view: DataView; // headers may lie on any byte
  readonly #fd: number;
  readonly #isIpv6: boolean;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  readonly #table: number; // process address
  readonly #tableWord: number;
  readonly #iovecWord: number;
  readonly #nameWord: number;
  readonly #outputPtr: number;

  constructor(memory: SharedMemory, worker: number, fd: number, isIpv6: boolean) {
    const base = baseAddress(memory);
    const io = ioPtr(worker);
    this.#memory = memory;
    this.#view = new DataView(memory.memory.buffer);
    this.#fd = fd;
    this.#isIpv6 = isIpv6;
    this.#baseLow = base % 2 ** 32;
    this.#baseHigh = Math.floor(base / 2 ** 32);
    this.#table = base + io + IO_UDP_SEND;
    this.#tableWord = (io + IO_UDP_SEND) >>> 2;
    this.#iovecWord = (io + IO_UDP_SEND_IOVECS) >>> 2;
    this.#nameWord = (io + IO_UDP_SEND_NAMES) >>> 2;
    this.#outputPtr = outputPtr(worker, 0);
    for (let i = 0; i < OUTPUTS_MAX; i++) this.#prepare(io, base, i);
  }

  send(first: number, count: number): void {
    const end = first + count;
    for (let i = first; i < end; i++) this.#describe(i);
    this.#sendDescribed(first, end);
  }

  /** Fills the message of output `i`: where its bytes lie and where they go. */
  #describe(i: number): void {
    const { u8, u32 } = this.#memory;
    const output = this.#outputPtr + i * DESC_SIZE;
    const headerPtr = u32[(output + DESC_HEADER_PTR) >>> 2];
    const headerLen = u32[(output + DESC_HEADER_LEN) >>> 2];
    const payloadPtr = u32[(output + DESC_PAYLOAD_PTR) >>> 2];
    const payloadLen = u32[(output + DESC_PAYLOAD_LEN) >>> 2];
    const packetPtr = headerPtr + ETHERNET_LEN;
    const packetHeaderLen = headerLen - ETHERNET_LEN;
    const message = this.#tableWord + i * MMSG_WORDS;
    const iovec = this.#iovecWord + i * PAIR_WORDS;
    this.#writeBase(iovec, packetPtr);
    if (headerPtr + headerLen === payloadPtr) {
      u32[iovec + WORD_LEN] = packetHeaderLen + payloadLen;
      u32[message + WORD_IOVEC_COUNT] = 1;
    } else {
      u32[iovec + WORD_LEN] = packetHeaderLen;
      this.#writeBase(iovec + WORD_SECOND, payloadPtr);
      u32[iovec + WORD_SECOND + WORD_LEN] = payloadLen;
      u32[message + WORD_IOVEC_COUNT] = 2;
    }
    const name = this.#nameWord + i * NAME_WORDS;
    if (this.#isIpv6) {
      for (let word = 0; word < 4; word++) {
        u32[name + WORD_SIN6_ADDR + word] = this.#view.getUint32(packetPtr + IPV6_DST + word * 4, true);
      }
    } else {
      u32[name + WORD_SIN_ADDR] = this.#view.getUint32(packetPtr + IPV4_DST, true);
    }
    u8[output + DESC_DROP] = SEND_OK;
  }

  #writeBase(iovec: number, ptr: number): void {
    writeAddress(this.#memory.u32, iovec + WORD_BASE, this.#baseLow, this.#baseHigh, ptr);
  }

  /** sendmmsg stops at a message that fails and reports it only when that is the first one. */
  #sendDescribed(first: number, end: number): void {
    let i = first;
    let isSecondTry = false;
    while (i < end) {
      const sent = sendmmsg(this.#fd, this.#table + i * MMSG_SIZE, end - i, MSG_DONTWAIT);
      if (sent > 0) {
        i += sent;
        isSecondTry = false;
        continue;
      }
      const errno = lastErrno();
      if (errno === EINTR) continue;
      // An error may belong to an earlier packet (an ICMP answer, say); asking took it off the socket.
      if (!isSecondTry && errno !== EAGAIN && errno !== ENOBUFS) {
        isSecondTry = true;
        continue;
      }
      this.#memory.u8[this.#outputPtr + i * DESC_SIZE + DESC_DROP] = sendResult(errno);
      i++;
      isSecondTry = false;
    }
  }

  #prepare(io: number, base: number, i: number): void {
    const { u32, u16 } = this.#memory;
    const message = io + IO_UDP_SEND + i * MMSG_SIZE;
    const name = io + IO_UDP_SEND_NAMES + i * NAME_SIZE;
    // The port stays 0: on a raw IPv6 socket it would be a protocol number.
    u16[(name + SIN_FAMILY) >>> 1] = this.#isIpv6 ? AF_INET6 : AF_INET;
    writeU64(u32, message + MMSG_NAME, base + name);
    u32[(message + MMSG_NAME_LEN) >>> 2] = this.#isIpv6 ? SOCKADDR_IN6_SIZE : SOCKADDR_IN_SIZE;
    writeU64(u32, message + MMSG_IOVECS, base + io + IO_UDP_SEND_IOVECS + i * IOVEC_PAIR_SIZE);
  }
}

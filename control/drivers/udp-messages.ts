// The table of messages that sendmmsg takes: for each, where its bytes lie, where they go, and for a train how it is to be cut.
// Tables and what never changes of them are written once; a message is described by a dozen stores.
//
// A single datagram goes through a raw socket, which takes the outer IP header from us. Header and payload usually lie one
// behind the other (the header is in the frame's headroom) and go out as one iovec; a copy of a flooded frame has its
// header elsewhere and takes two. A train goes through a UDP socket, for which the kernel makes the outer headers: it is told
// TOS and TTL, and the length of each datagram, beside the message.

import {
  DESC_HEADER_LEN,
  DESC_HEADER_PTR,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_PIECE_COUNT,
  DESC_PIECES,
  DESC_TRAIN_SIZE,
  OUTPUTS_MAX,
} from "../../dataplane-wasm/layout.js";
import {
  AF_INET,
  AF_INET6,
  IP_TOS,
  IP_TTL,
  IPV6_HOPLIMIT,
  IPV6_TCLASS,
  SOL_IP,
  SOL_IPV6,
  SOL_UDP,
  UDP_SEGMENT,
} from "../linux/constants.js";
import { baseAddress } from "../linux/libc.js";
import {
  CMSG_DATA,
  CMSG_LEN,
  CMSG_LEVEL,
  CMSG_TYPE,
  IOVEC_BASE,
  IOVEC_LEN,
  IOVEC_SIZE,
  MMSG_CONTROL,
  MMSG_CONTROL_LEN,
  MMSG_IOVEC_COUNT,
  MMSG_IOVECS,
  MMSG_NAME,
  MMSG_NAME_LEN,
  MMSG_SIZE,
  SIN_ADDR,
  SIN_FAMILY,
  SIN_PORT,
  SIN6_ADDR,
  SOCKADDR_IN_SIZE,
  SOCKADDR_IN6_SIZE,
} from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import {
  IO_UDP_SEND,
  IO_UDP_SEND_CONTROL,
  IO_UDP_SEND_IOVECS,
  IO_UDP_SEND_NAMES,
  IOVEC_PAIR_SIZE,
  ioPtr,
  NAME_SIZE,
  TRAIN_CONTROL_SIZE,
  writeAddress,
  writeU64,
} from "./io-tables.js";
import {
  ETHERNET_LEN,
  IPV4_DST,
  IPV4_LEN,
  IPV4_TOS,
  IPV4_TTL,
  IPV6_DST,
  IPV6_HOP_LIMIT,
  IPV6_LEN,
  UDP_DST,
} from "./outer.js";

const MMSG_WORDS = MMSG_SIZE >>> 2;
const PAIR_WORDS = IOVEC_PAIR_SIZE >>> 2;
const NAME_WORDS = NAME_SIZE >>> 2;
const WORD_IOVECS = MMSG_IOVECS >>> 2;
const WORD_IOVEC_COUNT = MMSG_IOVEC_COUNT >>> 2;
const WORD_CONTROL_LEN = MMSG_CONTROL_LEN >>> 2;
const WORD_BASE = IOVEC_BASE >>> 2;
const WORD_LEN = IOVEC_LEN >>> 2;
const WORD_SECOND = IOVEC_SIZE >>> 2;
const WORD_SIN_ADDR = SIN_ADDR >>> 2;
const WORD_SIN6_ADDR = SIN6_ADDR >>> 2;
const HALF_PORT = SIN_PORT >>> 1;

// The three control messages of a train: each takes 24 bytes.
const CONTROL_WORDS = TRAIN_CONTROL_SIZE >>> 2;
const CMSG_ROOM = 24;
const WORD_SEGMENT = CMSG_DATA >>> 2;
const WORD_TOS = WORD_SEGMENT + (CMSG_ROOM >>> 2);
const WORD_TTL = WORD_TOS + (CMSG_ROOM >>> 2);

export class UdpMessages {
  /** Process address of message 0. */
  readonly table: number;
  readonly #memory: SharedMemory;
  readonly #view: DataView; // headers may lie on any byte
  readonly #isIpv6: boolean;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  readonly #tableWord: number;
  readonly #iovecPtr: number;
  readonly #nameWord: number;
  readonly #controlWord: number;

  constructor(memory: SharedMemory, worker: number, isIpv6: boolean) {
    const base = baseAddress(memory);
    const io = ioPtr(worker);
    this.#memory = memory;
    this.#view = new DataView(memory.memory.buffer);
    this.#isIpv6 = isIpv6;
    this.#baseLow = base % 2 ** 32;
    this.#baseHigh = Math.floor(base / 2 ** 32);
    this.table = base + io + IO_UDP_SEND;
    this.#tableWord = (io + IO_UDP_SEND) >>> 2;
    this.#iovecPtr = io + IO_UDP_SEND_IOVECS;
    this.#nameWord = (io + IO_UDP_SEND_NAMES) >>> 2;
    this.#controlWord = (io + IO_UDP_SEND_CONTROL) >>> 2;
    for (let i = 0; i < OUTPUTS_MAX; i++) this.#prepare(io, base, i);
  }

  /** Message `n`: an output as one datagram with the outer header that it has. @param output its descriptor's address */
  describeSingle(n: number, output: number): void {
    const { u32 } = this.#memory;
    this.describe(
      n,
      u32[(output + DESC_HEADER_PTR) >>> 2],
      u32[(output + DESC_HEADER_LEN) >>> 2],
      u32[(output + DESC_PAYLOAD_PTR) >>> 2],
      u32[(output + DESC_PAYLOAD_LEN) >>> 2],
    );
  }

  /** Message `n`: one datagram. @param headerPtr outer Ethernet header */
  describe(n: number, headerPtr: number, headerLen: number, payloadPtr: number, payloadLen: number): void {
    const { u16, u32 } = this.#memory;
    const packetPtr = headerPtr + ETHERNET_LEN;
    const packetHeaderLen = headerLen - ETHERNET_LEN;
    const message = this.#tableWord + n * MMSG_WORDS;
    const iovec = this.#ownIovec(n, message);
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
    u32[message + WORD_CONTROL_LEN] = 0;
    // On a raw IPv6 socket it would be a protocol number.
    u16[(this.#writeDestination(n, packetPtr) << 1) + HALF_PORT] = 0;
  }

  /** Message `n`: an output that is a train, or the head of one. */
  describeTrain(n: number, output: number): void {
    const { u8, u16, u32 } = this.#memory;
    const message = this.#tableWord + n * MMSG_WORDS;
    const pieces = u32[(output + DESC_PIECES) >>> 2];
    if (pieces === 0) {
      const iovec = this.#ownIovec(n, message);
      this.#writeBase(iovec, u32[(output + DESC_PAYLOAD_PTR) >>> 2]);
      u32[iovec + WORD_LEN] = u32[(output + DESC_PAYLOAD_LEN) >>> 2];
      u32[message + WORD_IOVEC_COUNT] = 1;
    } else {
      this.#writeBase(message + WORD_IOVECS, pieces);
      u32[message + WORD_IOVEC_COUNT] = u16[(output + DESC_PIECE_COUNT) >>> 1];
    }
    const packetPtr = u32[(output + DESC_HEADER_PTR) >>> 2] + ETHERNET_LEN;
    const udpPtr = packetPtr + (this.#isIpv6 ? IPV6_LEN : IPV4_LEN);
    u16[(this.#writeDestination(n, packetPtr) << 1) + HALF_PORT] = this.#view.getUint16(udpPtr + UDP_DST, true);
    const control = this.#controlWord + n * CONTROL_WORDS;
    u32[control + WORD_SEGMENT] = u16[(output + DESC_TRAIN_SIZE) >>> 1];
    if (this.#isIpv6) {
      // Version 4 bits, traffic class 8, flow label 20.
      u32[control + WORD_TOS] = ((u8[packetPtr] << 4) | (u8[packetPtr + 1] >>> 4)) & 0xff;
      u32[control + WORD_TTL] = u8[packetPtr + IPV6_HOP_LIMIT];
    } else {
      u32[control + WORD_TOS] = u8[packetPtr + IPV4_TOS];
      u32[control + WORD_TTL] = u8[packetPtr + IPV4_TTL];
    }
    u32[message + WORD_CONTROL_LEN] = TRAIN_CONTROL_SIZE;
  }

  /** Returns the word of the message's name. */
  #writeDestination(n: number, packetPtr: number): number {
    const { u32 } = this.#memory;
    const name = this.#nameWord + n * NAME_WORDS;
    if (this.#isIpv6) {
      for (let word = 0; word < 4; word++) {
        u32[name + WORD_SIN6_ADDR + word] = this.#view.getUint32(packetPtr + IPV6_DST + word * 4, true);
      }
    } else {
      u32[name + WORD_SIN_ADDR] = this.#view.getUint32(packetPtr + IPV4_DST, true);
    }
    return name;
  }

  /** Makes the message refer to its own pair of iovecs, as after a chain of pieces it may not. Returns the pair's first word. */
  #ownIovec(n: number, message: number): number {
    const ptr = this.#iovecPtr + n * IOVEC_PAIR_SIZE;
    this.#writeBase(message + WORD_IOVECS, ptr);
    return (this.#iovecPtr >>> 2) + n * PAIR_WORDS;
  }

  /** Stores the process address of `ptr`. @param word of an iovec or of a message's pointer */
  #writeBase(word: number, ptr: number): void {
    writeAddress(this.#memory.u32, word + WORD_BASE, this.#baseLow, this.#baseHigh, ptr);
  }

  #prepare(io: number, base: number, n: number): void {
    const { u32, u16 } = this.#memory;
    const message = io + IO_UDP_SEND + n * MMSG_SIZE;
    const name = io + IO_UDP_SEND_NAMES + n * NAME_SIZE;
    const control = io + IO_UDP_SEND_CONTROL + n * TRAIN_CONTROL_SIZE;
    u16[(name + SIN_FAMILY) >>> 1] = this.#isIpv6 ? AF_INET6 : AF_INET;
    writeU64(u32, message + MMSG_NAME, base + name);
    u32[(message + MMSG_NAME_LEN) >>> 2] = this.#isIpv6 ? SOCKADDR_IN6_SIZE : SOCKADDR_IN_SIZE;
    writeU64(u32, message + MMSG_CONTROL, base + control);
    const level = this.#isIpv6 ? SOL_IPV6 : SOL_IP;
    this.#prepareControl(control, SOL_UDP, UDP_SEGMENT, 2);
    this.#prepareControl(control + CMSG_ROOM, level, this.#isIpv6 ? IPV6_TCLASS : IP_TOS, 4);
    this.#prepareControl(control + 2 * CMSG_ROOM, level, this.#isIpv6 ? IPV6_HOPLIMIT : IP_TTL, 4);
  }

  #prepareControl(ptr: number, level: number, type: number, dataLen: number): void {
    const { u32 } = this.#memory;
    writeU64(u32, ptr + CMSG_LEN, CMSG_DATA + dataLen);
    u32[(ptr + CMSG_LEVEL) >>> 2] = level;
    u32[(ptr + CMSG_TYPE) >>> 2] = type;
  }
}

// Cuts a train into single datagrams, for when it cannot leave as one: the kernel refuses, or no socket is to be had for its
// source port. Each datagram gets a copy of the train's outer header, with its own length and UDP checksum; the raw socket
// fills in the rest.

import {
  DESC_HEADER_LEN,
  DESC_HEADER_PTR,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_TRAIN_SIZE,
  TRAIN_DATAGRAMS_MAX,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import type { SharedMemory } from "../memory.js";
import { IO_TRAIN_HEADERS, ioPtr, TRAIN_HEADER_SIZE } from "./io-tables.js";
import {
  ETHERNET_LEN,
  IPV4_LEN,
  IPV4_SRC,
  IPV4_TOTAL_LEN,
  IPV6_LEN,
  IPV6_PAYLOAD_LEN,
  IPV6_SRC,
  UDP_CHECKSUM,
  UDP_LEN,
  UDP_LENGTH,
} from "./outer.js";
import type { UdpMessages } from "./udp-messages.js";

/* From RFC 768 and IANA */
const PROTOCOL_UDP = 17;

export type ChecksumSum = Dataplane["checksumSum"];

export class TrainCut {
  readonly #memory: SharedMemory;
  readonly #view: DataView;
  readonly #isIpv6: boolean;
  readonly #headerLen: number;
  readonly #messages: UdpMessages;
  readonly #headers: number;
  readonly #checksumSum: ChecksumSum;

  constructor(memory: SharedMemory, worker: number, isIpv6: boolean, messages: UdpMessages, checksumSum: ChecksumSum) {
    this.#memory = memory;
    this.#view = new DataView(memory.memory.buffer);
    this.#isIpv6 = isIpv6;
    this.#headerLen = ETHERNET_LEN + (isIpv6 ? IPV6_LEN : IPV4_LEN) + UDP_LEN;
    this.#messages = messages;
    this.#headers = ioPtr(worker) + IO_TRAIN_HEADERS;
    this.#checksumSum = checksumSum;
  }

  /** Whether an output is several datagrams one behind the other: then the tunnel headers lie in its payload. */
  isTrain(output: number): boolean {
    return this.#memory.u32[(output + DESC_HEADER_LEN) >>> 2] === this.#headerLen;
  }

  /** Describes the datagrams of a contiguous train as messages 0 and on. Returns how many. @param output its descriptor's address */
  describe(output: number): number {
    const { u8, u16, u32 } = this.#memory;
    const headerPtr = u32[(output + DESC_HEADER_PTR) >>> 2];
    const end = u32[(output + DESC_PAYLOAD_PTR) >>> 2] + u32[(output + DESC_PAYLOAD_LEN) >>> 2];
    const size = u16[(output + DESC_TRAIN_SIZE) >>> 1];
    const headerLen = this.#headerLen;
    let count = 0;
    for (let at = u32[(output + DESC_PAYLOAD_PTR) >>> 2]; at < end && count < TRAIN_DATAGRAMS_MAX; at += size) {
      const length = Math.min(size, end - at);
      const header = this.#headers + count * TRAIN_HEADER_SIZE;
      u8.copyWithin(header, headerPtr, headerPtr + headerLen);
      this.#finish(header + ETHERNET_LEN, at, length);
      this.#messages.describe(count, header, headerLen, at, length);
      count++;
    }
    return count;
  }

  /** Lengths and UDP checksum of one datagram. */
  #finish(packetPtr: number, payloadPtr: number, payloadLen: number): void {
    const view = this.#view;
    const isIpv6 = this.#isIpv6;
    const udp = packetPtr + (isIpv6 ? IPV6_LEN : IPV4_LEN);
    const udpLen = UDP_LEN + payloadLen;
    if (isIpv6) view.setUint16(packetPtr + IPV6_PAYLOAD_LEN, udpLen);
    else view.setUint16(packetPtr + IPV4_TOTAL_LEN, IPV4_LEN + udpLen);
    view.setUint16(udp + UDP_LENGTH, udpLen);
    view.setUint16(udp + UDP_CHECKSUM, 0);
    // The addresses lie one behind the other. Sums are of words as loaded, so the pseudo-header's two are swapped.
    const addresses = packetPtr + (isIpv6 ? IPV6_SRC : IPV4_SRC);
    let sum = swap16(PROTOCOL_UDP) + swap16(udpLen);
    sum = this.#checksumSum(addresses, udp - addresses, sum);
    sum = this.#checksumSum(udp, UDP_LEN, sum);
    sum = this.#checksumSum(payloadPtr, payloadLen, sum);
    // RFC 768: a sum of zero is sent as all ones.
    view.setUint16(udp + UDP_CHECKSUM, ~sum & 0xffff || 0xffff, true);
  }
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

// Sends encapsulated frames: single datagrams by one raw socket, trains by the UDP socket of their source port. Neighbours
// that leave through the same socket are one sendmmsg. The kernel routes by the destination in the message's name; it fills
// in the IPv4 header checksum (and total length), and finds next hop and MAC.
//
// A frame that fails is marked, and the batch goes on behind it. A train that the kernel refuses for what it is (no checksum
// offload on the way, IPsec, a kernel that forgot how) leaves again as single datagrams; where the first of these passes, trains
// are given up for good: the refusal's errno alone does not tell, because kernels before 6.11 answer EINVAL to a train that the
// MTU forbids, and the last datagram of a train may be short enough to pass where the others are not.

import {
  DESC_CHAIN,
  DESC_DROP,
  DESC_FLAG_CHAINED,
  DESC_FLAGS,
  DESC_HEADER_PTR,
  DESC_OUTER_PORT,
  DESC_SIZE,
  DESC_TRAIN_SIZE,
  OFFLOAD_UDP_SEGMENT,
  OUTPUTS_MAX,
  SEND_OK,
  SYSTEM_OFFLOADS,
} from "../../dataplane-wasm/layout.js";
import { MSG_DONTWAIT } from "../linux/constants.js";
import { EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE, ENOBUFS, ENOPROTOOPT, EOPNOTSUPP } from "../linux/errno.js";
import { lastErrno, sendmmsg } from "../linux/libc.js";
import { MMSG_SIZE } from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import { outputPtr } from "./io-tables.js";
import { ETHERNET_LEN, isMulticast } from "./outer.js";
import { noteRefusal } from "./refusal.js";
import { sendResult } from "./send-result.js";
import { type ChecksumSum, TrainCut } from "./train-cut.js";
import { TrainSockets } from "./train-sockets.js";
import { UdpMessages } from "./udp-messages.js";

export interface UdpSendOptions {
  /** The worker's raw socket. */
  readonly sendFd: number;
  readonly isIpv6: boolean;
  /** Sockets for trains that the worker may open. */
  readonly trainSockets: number;
}

export class UdpSender {
  readonly #memory: SharedMemory;
  readonly #rawFd: number;
  readonly #isIpv6: boolean;
  readonly #outputPtr: number;
  readonly #messages: UdpMessages;
  readonly #cut: TrainCut;
  readonly #sockets: TrainSockets;
  /** By message: the output that it is of. */
  readonly #outputs = new Uint16Array(OUTPUTS_MAX);
  #count = 0; // messages described
  #fd = -1; // and their socket

  constructor(memory: SharedMemory, worker: number, options: UdpSendOptions, checksumSum: ChecksumSum) {
    const { sendFd, isIpv6, trainSockets } = options;
    this.#memory = memory;
    this.#rawFd = sendFd;
    this.#isIpv6 = isIpv6;
    this.#outputPtr = outputPtr(worker, 0);
    this.#messages = new UdpMessages(memory, worker, isIpv6);
    this.#cut = new TrainCut(memory, worker, isIpv6, this.#messages, checksumSum);
    this.#sockets = new TrainSockets(memory, worker, trainSockets);
  }

  send(first: number, count: number): void {
    const { u16 } = this.#memory;
    for (let i = first; i < first + count; i++) {
      const output = this.#outputPtr + i * DESC_SIZE;
      if ((u16[(output + DESC_FLAGS) >>> 1] & DESC_FLAG_CHAINED) !== 0) continue;
      if (u16[(output + DESC_TRAIN_SIZE) >>> 1] === 0) {
        this.#turnTo(this.#rawFd);
        this.#messages.describeSingle(this.#count, output);
        this.#outputs[this.#count++] = i;
        continue;
      }
      const fd = this.#socketOf(output);
      if (fd < 0) {
        this.#flush();
        this.#sendApart(i);
        continue;
      }
      this.#turnTo(fd);
      this.#messages.describeTrain(this.#count, output);
      this.#outputs[this.#count++] = i;
    }
    this.#flush();
  }

  tick(): void {
    this.#sockets.tick();
  }

  close(): void {
    this.#sockets.close();
  }

  /** The socket for a train, -1: it has to leave apart. */
  #socketOf(output: number): number {
    const { u8, u16, u32 } = this.#memory;
    if ((Atomics.load(u32, SYSTEM_OFFLOADS >>> 2) & OFFLOAD_UDP_SEGMENT) === 0) return -1;
    // The raw socket alone knows where packets to groups leave.
    if (isMulticast(u8, u32[(output + DESC_HEADER_PTR) >>> 2] + ETHERNET_LEN, this.#isIpv6)) return -1;
    return this.#sockets.fdOf(u16[(output + DESC_OUTER_PORT) >>> 1]);
  }

  #turnTo(fd: number): void {
    if (this.#fd === fd) return;
    this.#flush();
    this.#fd = fd;
  }

  /** Sends what is described. sendmmsg stops at a message that fails and reports it only when that is the first one. */
  #flush(): void {
    const count = this.#count;
    const fd = this.#fd;
    this.#count = 0;
    this.#fd = -1;
    for (let n = 0; n < count; ) {
      const sent = this.#sendSome(fd, n, count);
      for (const end = n + Math.max(0, sent); n < end; n++) this.#mark(this.#outputs[n], SEND_OK);
      if (sent > 0) continue;
      const i = this.#outputs[n++];
      if (fd === this.#rawFd || !isRefusal(-sent)) {
        this.#mark(i, sendResult(-sent));
        continue;
      }
      if (this.#sendApart(i)) noteRefusal(this.#memory, OFFLOAD_UDP_SEGMENT, -sent);
      // The messages that it took were described already.
      for (let k = n; k < count; k++) this.#messages.describeTrain(k, this.#descriptorOf(this.#outputs[k]));
    }
  }

  /** Sends a train as single datagrams; each output of a chain is counted as itself. Returns whether the first one left. */
  #sendApart(i: number): boolean {
    const output = this.#descriptorOf(i);
    const hasLeft = this.#sendCut(i, output);
    for (let member = this.#memory.u16[(output + DESC_CHAIN) >>> 1]; member !== 0; ) {
      const next = this.#descriptorOf(member - 1);
      this.#sendCut(member - 1, next);
      member = this.#memory.u16[(next + DESC_CHAIN) >>> 1];
    }
    return hasLeft;
  }

  /** Sends one output as single datagrams: it is one itself, or several one behind the other. Returns whether the first one left. */
  #sendCut(i: number, output: number): boolean {
    let count = 1;
    if (this.#cut.isTrain(output)) count = this.#cut.describe(output);
    else this.#messages.describeSingle(0, output);
    let result = SEND_OK;
    let hasLeft = false;
    for (let n = 0; n < count; ) {
      const sent = this.#sendSome(this.#rawFd, n, count);
      if (sent <= 0) result = sendResult(-sent);
      else if (n === 0) hasLeft = true;
      n += Math.max(1, sent);
    }
    // All of it failed when some of it did.
    this.#markOne(i, result);
    return hasLeft;
  }

  /** What became of an output, and so of all that left with it. */
  #mark(i: number, result: number): void {
    const { u16 } = this.#memory;
    for (let member = i + 1; member !== 0; member = u16[(this.#descriptorOf(member - 1) + DESC_CHAIN) >>> 1]) {
      this.#markOne(member - 1, result);
    }
  }

  #markOne(i: number, result: number): void {
    this.#memory.u8[this.#descriptorOf(i) + DESC_DROP] = result;
  }

  #descriptorOf(i: number): number {
    return this.#outputPtr + i * DESC_SIZE;
  }

  /** Returns how many were sent, or the first one's errno, negative. */
  #sendSome(fd: number, from: number, to: number): number {
    for (let isSecondTry = false; ; ) {
      const sent = sendmmsg(fd, this.#messages.table + from * MMSG_SIZE, to - from, MSG_DONTWAIT);
      if (sent > 0) return sent;
      const errno = lastErrno();
      if (errno === EINTR) continue;
      // An error may belong to an earlier packet (an ICMP answer, say); asking took it off the socket.
      if (isSecondTry || errno === EAGAIN || errno === ENOBUFS) return -errno;
      isSecondTry = true;
    }
  }
}

/** Errors that may be the train's. EMSGSIZE too: its datagrams may pass, or at least a shorter one at its end. */
function isRefusal(errno: number): boolean {
  switch (errno) {
    case EIO: // no checksum offload on the way, or IPsec
    case EINVAL:
    case EMSGSIZE:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
      return true;
    default:
      return false;
  }
}

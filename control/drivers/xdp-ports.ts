// Ports of both kinds of one worker: TAP devices, and interfaces of others that are read and written through AF_XDP rings. A port's
// entry in PORT_QUEUES says which it is.
//
// A worker that has no queue of such an interface, because it has fewer queues than there are workers, sends through a packet socket;
// and so does everybody with super-frames, which only the kernel could cut.

import {
  DESC_DROP,
  DESC_SIZE,
  PORT_QUEUE_INTERFACE,
  PORT_QUEUE_XSK,
  PORT_QUEUES,
  PORT_QUEUES_SIZE,
  SEND_ELSEWHERE,
  XSK,
  XSK_SIZE,
  XSK_SOCKET_IFINDEX,
  XSK_SOCKET_SIZE,
  XSK_SOCKETS,
  XSK_STATE,
} from "../../dataplane-wasm/layout.js";
import { EPOLL_PORT, EPOLL_UNDERLAY } from "../linux/index.js";
import type { SharedMemory } from "../memory.js";
import { outputPtr } from "./io-tables.js";
import type { PacketSender } from "./packet-send.js";
import type { PortDriver } from "./seams.js";
import type { XskRings } from "./xdp-rings.js";

/** What a worker waits for: a port's id, and for a ring its slot + 1 above it. */
const SLOT_SHIFT = 16;

/** Of a socket's token in a worker's epoll set. @param port 0: the underlay */
export function xskTokenKind(port: number): number {
  return port === 0 ? EPOLL_UNDERLAY : EPOLL_PORT;
}

export function xskTokenId(port: number, slot: number): number {
  return port === 0 ? PORT_QUEUE_XSK | slot : port | ((slot + 1) << SLOT_SHIFT);
}

export class MixedPorts implements PortDriver {
  readonly #memory: SharedMemory;
  readonly #rings: XskRings;
  readonly #taps: PortDriver;
  readonly #packets: PacketSender;
  readonly #queueWord: number;
  readonly #outputs: number;
  readonly #ifIndexWord: number;

  constructor(memory: SharedMemory, worker: number, rings: XskRings, taps: PortDriver, packets: PacketSender) {
    this.#memory = memory;
    this.#rings = rings;
    this.#taps = taps;
    this.#packets = packets;
    this.#queueWord = (PORT_QUEUES >>> 2) + worker;
    this.#outputs = outputPtr(worker, 0);
    this.#ifIndexWord = (XSK + worker * XSK_SIZE + XSK_STATE + XSK_SOCKETS + XSK_SOCKET_IFINDEX) >>> 2;
  }

  /** @param token a port's id, or `xskTokenId` */
  receive(token: number, max: number): number {
    const slot = token >>> SLOT_SHIFT;
    return slot === 0 ? this.#taps.receive(token, max) : this.#rings.receive(slot - 1, max);
  }

  send(port: number, first: number, count: number): void {
    const queue = this.#memory.i32[this.#queueWord + port * (PORT_QUEUES_SIZE >>> 2)];
    if ((queue & PORT_QUEUE_XSK) !== 0) {
      const slot = queue & ~PORT_QUEUE_XSK;
      if (this.#rings.send(slot, first, count) === 0) return;
      const ifIndex = this.#memory.u32[this.#ifIndexWord + slot * (XSK_SOCKET_SIZE >>> 2)];
      for (let i = first; i < first + count; i++) if (this.#isElsewhere(i)) this.#packets.send(ifIndex, i);
    } else if ((queue & PORT_QUEUE_INTERFACE) !== 0) {
      for (let i = first; i < first + count; i++) this.#packets.send(queue & ~PORT_QUEUE_INTERFACE, i);
    } else {
      this.#taps.send(port, first, count);
    }
  }

  done(count: number): void {
    this.#rings.done(count);
  }

  #isElsewhere(output: number): boolean {
    return this.#memory.u8[this.#outputs + output * DESC_SIZE + DESC_DROP] === SEND_ELSEWHERE;
  }
}

// The udp underlay driver: VXLAN datagrams through ordinary sockets. Receiving is one recvmmsg a batch from a UDP
// socket; sending is one sendmmsg a batch on a raw socket, which takes the outer header as the batch functions built it
// and so sends from any source port. See udp-receive.ts and udp-send.ts.
//
// Sockets are opened by control (linux/underlay.ts). A source is named by its descriptor, so groups can be joined and
// left while the worker runs, and nothing has to be told to the driver.

import type { SharedMemory } from "../memory.js";
import type { UnderlayDriver } from "./seams.js";
import { UdpReceiver } from "./udp-receive.js";
import { UdpSender } from "./udp-send.js";

export interface UdpUnderlayOptions {
  /** The worker's raw socket: `underlay.sendFds[worker]`. */
  readonly sendFd: number;
  readonly isIpv6: boolean;
}

/** The udp underlay of one worker. */
export class UdpUnderlay implements UnderlayDriver {
  readonly #receiver: UdpReceiver;
  readonly #sender: UdpSender;

  /** Writes the tables. @param worker the slot whose descriptors, buffers and tables it uses */
  constructor(memory: SharedMemory, worker: number, { sendFd, isIpv6 }: UdpUnderlayOptions) {
    this.#receiver = new UdpReceiver(memory, worker, isIpv6);
    this.#sender = new UdpSender(memory, worker, sendFd, isIpv6);
  }

  /** The errno that ended the last `receive`, 0 if that was an empty socket. */
  get receiveErrno(): number {
    return this.#receiver.errno;
  }

  /** @param source descriptor of a receive or group socket; the id of its epoll token */
  receive(source: number, max: number): number {
    return this.#receiver.receive(source, max);
  }

  send(first: number, count: number): void {
    this.#sender.send(first, count);
  }
}

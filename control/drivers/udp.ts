// The udp underlay driver: VXLAN datagrams through ordinary sockets. Receiving is one recvmmsg a batch from a UDP
// socket; sending is one sendmmsg a batch on a raw socket, which takes the outer header as the batch functions built it
// and so sends from any source port. Many datagrams of one flow take one call each way, as trains (UDP_SEGMENT, UDP_GRO). See
// udp-receive.ts and udp-send.ts.
//
// Sockets are opened by control (linux/underlay.ts), but for those of trains (train-sockets.ts). A source is named by its
// descriptor, so groups can be joined and left while the worker runs, and nothing has to be told to the driver.

import type { SharedMemory } from "../memory.js";
import type { UnderlayDriver } from "./seams.js";
import type { ChecksumSum } from "./train-cut.js";
import { UdpReceiver } from "./udp-receive.js";
import { UdpSender, type UdpSendOptions } from "./udp-send.js";

export type UdpUnderlayOptions = UdpSendOptions;

/** The udp underlay of one worker. */
export class UdpUnderlay implements UnderlayDriver {
  readonly #receiver: UdpReceiver;
  readonly #sender: UdpSender;

  /**
   * Writes the tables.
   * @param worker the slot whose descriptors, buffers and tables it uses
   * @param checksumSum the dataplane's
   */
  constructor(memory: SharedMemory, worker: number, options: UdpUnderlayOptions, checksumSum: ChecksumSum) {
    this.#receiver = new UdpReceiver(memory, worker, options.isIpv6);
    this.#sender = new UdpSender(memory, worker, options, checksumSum);
  }

  /** The errno that ended the last `receive`, 0 if that was an empty socket. */
  get receiveErrno(): number {
    return this.#receiver.errno;
  }

  get held(): number {
    return this.#receiver.held;
  }

  /** @param source descriptor of a receive or group socket; the id of its epoll token */
  receive(source: number, max: number): number {
    return this.#receiver.receive(source, max);
  }

  send(first: number, count: number): void {
    this.#sender.send(first, count);
  }

  tick(): void {
    this.#sender.tick();
  }

  /** Closes the sockets that it has opened. */
  close(): void {
    this.#sender.close();
  }
}

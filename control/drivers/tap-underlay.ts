// The tap underlay driver: whole outer frames through a TAP that is joined to the underlay's interface
// (linux/tunnel-tap.ts). One read or write moves a super-frame of up to 64 KiB with its virtio-net header; the kernel or
// the NIC cuts it, and gathers what it receives. See tap-underlay-receive.ts and tap-underlay-send.ts.
//
// The sockets of the udp driver stay, and take what has no way through the TAP, and everything while the interface is away. So
// one driver serves both kinds of source.

import { tellsTapIsGone } from "../linux/index.js";
import type { SharedMemory } from "../memory.js";
import type { UnderlayDriver } from "./seams.js";
import { TapUnderlayReceiver } from "./tap-underlay-receive.js";
import { TapUnderlaySender } from "./tap-underlay-send.js";

export interface TapUnderlayOptions {
  /** The worker's queue: `tunnelTap.queueFds[worker]`. */
  readonly queueFd: number;
}

/* Our choice */
/**
 * A few frames, as the acknowledgements of one TCP flow, leave the TAP for less than a socket takes to put a train of them
 * together and their receiver to take it apart.
 */
const TRAIN_MIN = 9;

/** The tap underlay of one worker. */
export class TapUnderlay implements UnderlayDriver {
  readonly trainMin = TRAIN_MIN;
  readonly #fd: number;
  readonly #receiver: TapUnderlayReceiver;
  readonly #sender: TapUnderlaySender;
  readonly #sockets: UnderlayDriver;

  /** @param sockets the udp driver of this worker */
  constructor(memory: SharedMemory, worker: number, { queueFd }: TapUnderlayOptions, sockets: UnderlayDriver) {
    this.#fd = queueFd;
    this.#receiver = new TapUnderlayReceiver(memory, worker, queueFd);
    this.#sender = new TapUnderlaySender(memory, worker, queueFd);
    this.#sockets = sockets;
  }

  /** The errno that ended the last `receive` from the TAP, 0 if that was an empty queue. */
  get receiveErrno(): number {
    return this.#receiver.errno;
  }

  get held(): number {
    return this.#sockets.held;
  }

  /** @param source descriptor of the TAP's queue, or of a socket */
  receive(source: number, max: number): number {
    return source === this.#fd ? this.#receiver.receive(max) : this.#sockets.receive(source, max);
  }

  send(first: number, count: number): void {
    const end = first + count;
    for (let i = first; i < end; ) {
      let next = i;
      while (next < end && !this.#sender.takes(next)) next++;
      if (next > i) this.#sockets.send(i, next - i);
      if (next < end) this.#sender.send(next++);
      i = next;
    }
  }

  tick(): void {
    this.#sockets.tick?.();
  }

  /** The sockets stay, whatever happens to their interface. */
  isGone(source: number): boolean {
    return source === this.#fd && tellsTapIsGone(this.#receiver.errno);
  }
}

// The AF_XDP sockets of one interface: one for each of its queues, shared out over the workers. A worker's sockets share its frames, so
// what comes in by one leaves by another as it lies.
//
// Closing goes in steps, because a worker may be in the middle of a ring: its epoll set, then (after an epoch) the socket and the
// mapping, then the worker takes the frames back. Only then its slot and, if it was the last, its frames are free for others.

import { PORT_QUEUE_INTERFACE, PORT_QUEUE_XSK, XSK_SOCKETS_MAX } from "../../dataplane-wasm/layout.js";
import { xskTokenId, xskTokenKind } from "../drivers/xdp-ports.js";
import { VxlaneError } from "../errors.js";
import { EBUSY, EEXIST, EINVAL } from "../linux/errno.js";
import { closeFd, epollAdd, epollRemove, SyscallError } from "../linux/index.js";
import { openXsk, readXskLosses, unmapRings, type Xsk, type XskLosses } from "../linux/xdp.js";
import type { SharedMemory } from "../memory.js";
import { storePortQueues } from "../tables/records.js";
import { ETHERNET_LEN, TAGGED_LEN } from "../xdp-frames.js";
import type { Workers } from "./workers.js";
import type { Slot, XskSlots } from "./xdp-slots.js";

/* Our choice: a queue that a socket has just left is free a moment later. */
const BUSY_WAIT_MS = 5;

/** The interface as what it serves. */
export interface QueuesOptions {
  readonly name: string;
  readonly ifIndex: number;
  /** Port id; 0: the underlay. */
  readonly port: number;
  readonly zeroCopy: boolean;
  /** How often a queue is asked for while somebody has it. */
  readonly tries: number;
}

/** In the order of the queues. */
export interface QueueSocket extends Slot, Pick<Xsk, "fd" | "isZeroCopy"> {}

export class XdpQueues {
  readonly #memory: SharedMemory;
  readonly #slots: XskSlots;
  readonly #workers: Pick<Workers, "count" | "epoll" | "wake">;

  constructor(memory: SharedMemory, slots: XskSlots, workers: Pick<Workers, "count" | "epoll" | "wake">) {
    this.#memory = memory;
    this.#slots = slots;
    this.#workers = workers;
  }

  /** @param onOpen what is open stays open when a later one fails @throws VxlaneError ERR_LIMIT, SyscallError */
  open(options: QueuesOptions, onOpen: (socket: QueueSocket) => void): QueueSocket[] {
    const { name, ifIndex, port } = options;
    const sockets: QueueSocket[] = [];
    for (let queue = 0; ; queue++) {
      const slot = this.#slots.free(queue % this.#workers.count);
      if (slot === undefined) {
        const most = `a worker has room for ${XSK_SOCKETS_MAX} queues of XDP interfaces`;
        throw new VxlaneError("ERR_LIMIT", `${name}: ${most}: use more workers, or fewer queues (ethtool -L ${name})`);
      }
      const xsk = this.#openQueue(options, queue, slot);
      if (xsk === undefined) return sockets;
      this.#slots.open(slot, xsk, ifIndex, port);
      const socket = { ...slot, fd: xsk.fd, isZeroCopy: xsk.isZeroCopy };
      sockets.push(socket);
      onOpen(socket);
    }
  }

  /** Lets frames flow: the workers wait for the sockets, and send through them. */
  connect({ port, ifIndex }: QueuesOptions, sockets: readonly QueueSocket[]): void {
    const queues = Array.from({ length: this.#workers.count }, (_, worker) => {
      const own = sockets.find((socket) => socket.worker === worker);
      if (own !== undefined) return PORT_QUEUE_XSK | own.slot;
      return port === 0 ? 0 : PORT_QUEUE_INTERFACE | ifIndex;
    });
    storePortQueues(this.#memory, port, queues);
    for (const { worker, slot, fd } of sockets) {
      // The worker may have been faster.
      unless(EEXIST, () => epollAdd(this.#workers.epoll(worker), fd, xskTokenKind(port), xskTokenId(port, slot)));
      this.#workers.wake(worker);
    }
  }

  /** The interface has this MTU now. What goes to the underlay has no VLAN tag, whatever its payload has. @param port 0: the underlay */
  limit(port: number, mtu: number, sockets: readonly Slot[]): void {
    const lenMax = mtu + (port === 0 ? ETHERNET_LEN : TAGGED_LEN);
    for (const socket of sockets) this.#slots.limit(socket, lenMax);
  }

  /** An epoch later no worker uses them. */
  disconnect(port: number, sockets: readonly QueueSocket[]): void {
    storePortQueues(this.#memory, port, []);
    for (const socket of sockets) {
      this.#slots.closing(socket);
      unless(undefined, () => epollRemove(this.#workers.epoll(socket.worker), socket.fd));
    }
  }

  /** No worker uses it any more. Returns how many frames are lost with it, and were before. */
  close(socket: QueueSocket): XskLosses {
    const losses = lossesOf(socket);
    const lost = losses.lost + this.#slots.left(socket);
    closeFd(socket.fd);
    const { ringsPtr, ringsSize } = this.#slots.rings(socket);
    unmapRings(this.#memory, ringsPtr, ringsSize);
    this.#slots.closed(socket);
    this.#workers.wake(socket.worker);
    return { ...losses, lost };
  }

  /** Undefined: there is no such queue. */
  #openQueue({ ifIndex, zeroCopy, tries }: QueuesOptions, queue: number, slot: Slot): Xsk | undefined {
    const memory = { ...this.#slots.frames(slot.worker), ...this.#slots.rings(slot) };
    for (let tried = 1; ; tried++) {
      try {
        return openXsk(this.#memory, { ifIndex, queue, zeroCopy, ...memory });
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        if (error.errno === EINVAL && queue > 0 && error.call.startsWith("bind")) return undefined;
        // Sockets of our own are not closed while we wait here.
        if (error.errno !== EBUSY || tried >= tries || this.#slots.isClosing(ifIndex)) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_WAIT_MS);
      }
    }
  }
}

/** Frames that the kernel could not hand over; 0 if it no longer says. */
export function lossesOf({ fd }: Pick<QueueSocket, "fd">): XskLosses {
  let losses: XskLosses = NO_LOSSES;
  unless(undefined, () => {
    losses = readXskLosses(fd);
  });
  return losses;
}

export const NO_LOSSES: XskLosses = { lost: 0, tooBig: 0 };

export function addLosses(a: XskLosses, b: XskLosses): XskLosses {
  return { lost: a.lost + b.lost, tooBig: a.tooBig + b.tooBig };
}

/** @param errno which one is as good as success; undefined: any */
function unless(errno: number | undefined, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof SyscallError) || (errno !== undefined && error.errno !== errno)) throw error;
  }
}

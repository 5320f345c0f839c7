// Frames that the host sent to a port and that found its queue full: the kernel drops them and counts them in the
// interface's tx_dropped, or the statistics of an xdp port's sockets, before any worker could. The figures of an interface that goes stay with its network.

import { listTxDropped, SyscallError } from "../linux/index.js";
import type { Device } from "./port-devices.js";

/* Our choices: from so many ports on one question for all interfaces, whose answer serves for so long. */
const ALL_FROM_PORTS = 32;
const ALL_FOR_MS = 20;

/** Frames. */
export interface PortLoss {
  /** They found the queue full. */
  readonly lost: number;
  /** They were larger than what the queue takes (xdp). */
  readonly tooBig: number;
}

export interface Loss {
  /** tx_dropped when the port was opened: a persistent device may bring losses of its own. */
  readonly before: number;
  /** As last read; the figures of a device that somebody deletes go with it. */
  last: PortLoss;
}

/** A network's ports that are gone, or about to close. */
interface Closed {
  readonly closing: Set<Lossy>;
  sum: PortLoss;
}

interface Lossy {
  readonly tap: Pick<Device, "index" | "readTxDropped" | "readTooBig" | "connect">;
  readonly loss: Loss;
}

export class PortLosses {
  /** By network id: ports that are gone. */
  readonly #ofClosed = new Map<number, Closed>();
  #all: { readonly dropped: ReadonlyMap<number, number>; readonly atMs: number } = {
    dropped: new Map(),
    atMs: Number.NEGATIVE_INFINITY,
  };

  /** Of a port that is opened now. */
  begin(tap: Lossy["tap"]): Loss {
    return { before: tap.readTxDropped(), last: NONE };
  }

  /**
   * A port of a network has been taken from the workers; its queue goes on to fill until it is closed.
   * @returns what to call then, with how many frames the queue still held
   */
  closing(network: number, port: Lossy): (unread: number) => void {
    const closed = this.#ofClosed.get(network) ?? { closing: new Set(), sum: NONE };
    this.#ofClosed.set(network, closed);
    closed.closing.add(port);
    return (unread) => {
      closed.closing.delete(port);
      closed.sum = add(closed.sum, readLoss(port), { lost: unread, tooBig: 0 });
    };
  }

  /** The network is gone. */
  forget(network: number): void {
    this.#ofClosed.delete(network);
  }

  /** Of a network, whose open ports are these. @param portCount of all networks */
  read(network: number, ports: Iterable<Lossy>, portCount: number): PortLoss {
    const dropped = this.#readAll(portCount);
    const closed = this.#ofClosed.get(network);
    const all = [...ports, ...(closed?.closing ?? [])];
    return add(closed?.sum ?? NONE, ...all.map((port) => readLoss(port, dropped?.get(port.tap.index))));
  }

  /** With many ports, tx_dropped of all interfaces as of just now; who asks for one network mostly asks for all. */
  #readAll(portCount: number): ReadonlyMap<number, number> | undefined {
    if (portCount < ALL_FROM_PORTS) return undefined;
    const nowMs = performance.now();
    if (nowMs - this.#all.atMs > ALL_FOR_MS) this.#all = { dropped: listTxDropped(), atMs: nowMs };
    return this.#all.dropped;
  }
}

const NONE: PortLoss = { lost: 0, tooBig: 0 };

function add(...losses: readonly PortLoss[]): PortLoss {
  return losses.reduce((a, b) => ({ lost: a.lost + b.lost, tooBig: a.tooBig + b.tooBig }));
}

function readLoss({ tap, loss }: Lossy, dropped?: number): PortLoss {
  try {
    // What an interface of others has dropped is their matter; ours is what found no room in our rings.
    const isOurs = tap.connect === undefined;
    const lost = ((isOurs ? dropped : undefined) ?? tap.readTxDropped()) - loss.before;
    loss.last = { lost, tooBig: tap.readTooBig?.() ?? 0 };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
  return loss.last;
}

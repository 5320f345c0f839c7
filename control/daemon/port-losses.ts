// Frames that the host sent to a port and that found its queue full: the kernel drops them and counts them in the
// interface's tx_dropped, before any worker could. The figures of an interface that goes stay with its network.

import { listTxDropped, SyscallError } from "../linux/index.js";
import type { Device } from "./port-devices.js";

/* Our choices: from so many ports on one question for all interfaces, whose answer serves for so long. */
const ALL_FROM_PORTS = 32;
const ALL_FOR_MS = 20;

export interface Loss {
  /** tx_dropped when the port was opened: a persistent device may bring losses of its own. */
  readonly before: number;
  /** Frames, as last read; the figures of a device that somebody deletes go with it. */
  frames: number;
}

interface Lossy {
  readonly tap: Pick<Device, "index" | "readTxDropped" | "connect">;
  readonly loss: Loss;
}

export class PortLosses {
  /** By network id: losses of ports that are gone. */
  readonly #ofClosed = new Map<number, number>();
  #all: { readonly dropped: ReadonlyMap<number, number>; readonly atMs: number } = {
    dropped: new Map(),
    atMs: Number.NEGATIVE_INFINITY,
  };

  /** Of a port that is opened now. */
  begin(tap: Lossy["tap"]): Loss {
    return { before: tap.readTxDropped(), frames: 0 };
  }

  /** A port of a network is about to close. */
  keep(network: number, port: Lossy): void {
    this.#ofClosed.set(network, (this.#ofClosed.get(network) ?? 0) + readLoss(port));
  }

  /** The network is gone. */
  forget(network: number): void {
    this.#ofClosed.delete(network);
  }

  /** Of a network, whose open ports are these. @param portCount of all networks */
  read(network: number, ports: Iterable<Lossy>, portCount: number): number {
    const dropped = this.#readAll(portCount);
    let lost = this.#ofClosed.get(network) ?? 0;
    for (const port of ports) lost += readLoss(port, dropped?.get(port.tap.index));
    return lost;
  }

  /** With many ports, tx_dropped of all interfaces as of just now; who asks for one network mostly asks for all. */
  #readAll(portCount: number): ReadonlyMap<number, number> | undefined {
    if (portCount < ALL_FROM_PORTS) return undefined;
    const nowMs = performance.now();
    if (nowMs - this.#all.atMs > ALL_FOR_MS) this.#all = { dropped: listTxDropped(), atMs: nowMs };
    return this.#all.dropped;
  }
}

function readLoss({ tap, loss }: Lossy, dropped?: number): number {
  try {
    // What an interface of others has dropped is their matter; ours is what found no room in our rings.
    const isOurs = tap.connect === undefined;
    loss.frames = ((isOurs ? dropped : undefined) ?? tap.readTxDropped()) - loss.before;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
  return loss.frames;
}

// When an AF_XDP socket gets its first frame: not before its worker has filled its fill ring, or the kernel would drop what comes until
// then. The program is on the interface already, and leaves to the host what finds no socket in its map, so an underlay's datagrams come
// through the udp driver meanwhile, and none is lost.
//
// A worker fills the ring in its next round; one that is only starting, or starting again, takes longer, and one whose frames are
// all in use waits for some. A port has no other way: its program drops what finds no socket, and does not count. So its socket gets
// frames after a second in any case, and counts them (port_lost).

import { updateMap } from "../linux/bpf.js";
import { ENOMEM, SyscallError } from "../linux/errno.js";
import type { QueueSocket } from "./xdp-queues.js";
import type { XskSlots } from "./xdp-slots.js";

/* Our choices. A round of a worker that has just been woken is over by the first look; later ones come less and less often. */
const LOOK_MS = 1;
const LOOK_MAX_MS = 8;
const PORT_WAIT_MS = 1000;

interface Waiting {
  readonly mapFd: number;
  readonly queue: number;
  readonly socket: QueueSocket;
  readonly untilMs: number;
}

export class XdpAdmission {
  readonly #slots: Pick<XskSlots, "isFilled">;
  readonly #update: typeof updateMap;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(slots: Pick<XskSlots, "isFilled">, update: typeof updateMap = updateMap) {
    this.#slots = slots;
    this.#update = update;
  }

  /** Puts each into its program's map as soon as it can take frames. @param sockets in the order of the queues @param port 0: the underlay */
  admit(mapFd: number, sockets: readonly QueueSocket[], port: number): void {
    const untilMs = port === 0 ? Number.POSITIVE_INFINITY : performance.now() + PORT_WAIT_MS;
    for (const [queue, socket] of sockets.entries()) this.#waiting.push({ mapFd, queue, socket, untilMs });
    this.#lookIn(LOOK_MS);
  }

  /** The map is about to be closed. */
  forget(map: number): void {
    this.#waiting = this.#waiting.filter(({ mapFd }) => mapFd !== map);
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#waiting.length === 0) return;
    this.#timer = setTimeout(() => {
      this.#waiting = this.#waiting.filter((waiting) => !this.#isAdmitted(waiting));
      this.#lookIn(Math.min(2 * ms, LOOK_MAX_MS));
    }, ms).unref();
  }

  #isAdmitted({ mapFd, queue, socket, untilMs }: Waiting): boolean {
    if (!this.#slots.isFilled(socket) && performance.now() < untilMs) return false;
    try {
      this.#update(mapFd, intBytes(queue), intBytes(socket.fd));
      return true;
    } catch (error) {
      if (error instanceof SyscallError && error.errno === ENOMEM) return false; // a shortage that passes
      throw error;
    }
  }
}

function intBytes(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number);
  return bytes;
}

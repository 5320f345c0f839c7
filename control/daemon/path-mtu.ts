// Lets the kernel learn the MTU of the paths to other VTEPs. It does so from what routers answer to our datagrams, but only
// where a UDP socket has the datagram's source port; most leave by a raw socket or a TAP. So whoever is told to be too big gets
// such a socket for a moment: the answer to the next one teaches the kernel, and what is too big from then on is refused, and
// counted, instead of vanishing. Trains have sockets of their own. Who the datagrams were for is told to whoever looks up their paths.

import { formatAddress } from "../address.js";
import { SyscallError } from "../linux/errno.js";
import { IcmpErrors } from "../linux/icmp-errors.js";
import { close } from "../linux/libc.js";
import { openTrainSocket } from "../linux/sockets.js";

/* Our choices. */
const OPEN_MS = 5000;
/** Whoever forges such answers gets no more of us. */
const SOCKETS_MAX = 16;
const TOLD_MAX = 64;
const ANSWERS_A_TICK = 64;

export class PathMtu {
  readonly #local: Uint8Array;
  readonly #port: number;
  readonly #errors: IcmpErrors;
  /** By source port. */
  readonly #open = new Map<number, { readonly fd: number; readonly untilMs: number }>();
  /** By address. */
  readonly #told = new Map<string, { readonly address: Uint8Array; readonly untilMs: number }>();

  /** @param local 16 B @param port of the VTEPs @throws SyscallError */
  constructor(local: Uint8Array, port: number) {
    this.#local = local;
    this.#port = port;
    this.#errors = new IcmpErrors(local, port);
  }

  /** To be called a few times a second. Returns true when the kernel may have learned something. */
  tick(nowMs: number): boolean {
    let isOver = false;
    for (const [port, { fd, untilMs }] of this.#open) {
      if (nowMs < untilMs) continue;
      close(fd);
      this.#open.delete(port);
      isOver = true;
    }
    for (const [text, { untilMs }] of this.#told) if (nowMs >= untilMs) this.#told.delete(text);
    for (let answers = 0; answers < ANSWERS_A_TICK; answers++) {
      const told = this.#errors.next();
      if (told === undefined) break;
      this.#listen(told.port, nowMs);
      const text = formatAddress(told.destination);
      if (this.#told.size >= TOLD_MAX && !this.#told.has(text)) continue;
      this.#told.set(text, { address: told.destination, untilMs: nowMs + OPEN_MS });
    }
    return isOver;
  }

  /** Addresses that datagrams of ours were for, which were too big for a router on their way a moment ago. */
  *told(): Generator<Uint8Array> {
    for (const { address } of this.#told.values()) yield address;
  }

  close(): void {
    for (const { fd } of this.#open.values()) close(fd);
    this.#open.clear();
    this.#errors.close();
  }

  #listen(port: number, nowMs: number): void {
    // The VTEP's own port has a socket, and another one would take its share of what peers send.
    if (port === this.#port || this.#open.has(port) || this.#open.size >= SOCKETS_MAX) return;
    try {
      this.#open.set(port, { fd: openTrainSocket(this.#local, port), untilMs: nowMs + OPEN_MS });
    } catch (error) {
      // Another program has the port, and the answers.
      if (!(error instanceof SyscallError)) throw error;
    }
  }
}

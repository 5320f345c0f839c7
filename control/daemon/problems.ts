// What is wrong at the moment, in words for an operator: logged when it begins and when it ends, and shown by `status`
// in between. A problem is something that may mend itself or be mended while the daemon runs; it keeps forwarding
// whatever it can.

import type { Logger } from "pino";

/** Stable, for programs. */
export type ProblemCode =
  | "underlay_address" // no interface has the local address
  | "underlay_down"
  | "underlay_mtu" // it carries less than networks allow
  | "underlay_xdp" // its interface has no XDP sockets now
  | "underlay_interface" // the interface of the config is not there
  | "underlay_groups" // a multicast group could not be joined again
  | "underlay_tunnel" // the tap underlay does not work, the sockets do its work
  | "underlay_route" // a VTEP's way is not through the tap underlay's interface
  | "port_gone" // its interface was deleted
  | "port_down"
  | "port_too_big" // an xdp port's other end makes super-frames
  | "fdb_frozen" // entries that moved too often
  | "state_dir"
  | "metrics";

export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

export class Problems {
  readonly #log: Logger;
  readonly #open = new Map<string, Problem>();

  constructor(log: Logger) {
    this.#log = log;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Oldest first. */
  list(): Problem[] {
    return [...this.#open.values()];
  }

  /** There is a problem, perhaps still. @param subject tells apart what has the same code: a port, say */
  begin(code: ProblemCode, subject: string, message: string): void {
    const key = `${code} ${subject}`;
    const known = this.#open.get(key);
    if (known?.message === message) return;
    this.#open.set(key, { code, message, since: known?.since ?? new Date().toISOString() });
    this.#log.warn({ problem: code }, message);
  }

  /** As `begin`, but what is only put in other words, a count in them say, is not logged again. */
  update(code: ProblemCode, subject: string, message: string): void {
    const key = `${code} ${subject}`;
    const known = this.#open.get(key);
    if (known === undefined) this.begin(code, subject, message);
    else this.#open.set(key, { ...known, message });
  }

  /** There is none, perhaps never was. */
  end(code: ProblemCode, subject: string): void {
    const key = `${code} ${subject}`;
    const known = this.#open.get(key);
    if (known === undefined) return;
    this.#open.delete(key);
    this.#log.info({ problem: code, since: known.since }, `no more: ${known.message}`);
  }

  /** Ends those of a code whose subject is gone. */
  retain(code: ProblemCode, isThere: (subject: string) => boolean): void {
    for (const [key, problem] of this.#open) {
      const subject = key.slice(code.length + 1);
      if (problem.code === code && !isThere(subject)) this.end(code, subject);
    }
  }
}

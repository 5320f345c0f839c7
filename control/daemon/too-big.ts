// Tells an operator of frames that are too large for an xdp port's rings: the kernel drops them, and what sends them is a super-frame's
// sender that nobody has told to cut. The problem names the port and the remedy, and is over when none has come for a while.

import type { Problems } from "./problems.js";
import { NO_SUPER_FRAMES, type XdpAttachment } from "./xdp-attachment.js";
import type { XdpSockets } from "./xdp-sockets.js";

/* Our choice. */
const OVER_AFTER_MS = 60_000;

interface Seen {
  readonly frames: number;
  /** When they last became more. */
  readonly atMs: number;
}

export class TooBigReport {
  readonly #xdp: Pick<XdpSockets, "all" | "readLost">;
  readonly #problems: Problems;
  readonly #seen = new Map<XdpAttachment, Seen>();

  constructor(xdp: Pick<XdpSockets, "all" | "readLost">, problems: Problems) {
    this.#xdp = xdp;
    this.#problems = problems;
  }

  /** To be called a few times a second. */
  tick(nowMs: number): void {
    const there = new Set<XdpAttachment>();
    for (const attachment of this.#xdp.all()) {
      if (attachment.wanted.port === 0) continue; // the host takes what is too large for the underlay's
      there.add(attachment);
      this.#look(attachment, nowMs);
    }
    for (const attachment of this.#seen.keys()) if (!there.has(attachment)) this.#forget(attachment);
  }

  #look(attachment: XdpAttachment, nowMs: number): void {
    const { name } = attachment.wanted;
    const { tooBig } = this.#xdp.readLost(attachment);
    const seen = this.#seen.get(attachment);
    if (tooBig > (seen?.frames ?? 0)) {
      this.#seen.set(attachment, { frames: tooBig, atMs: nowMs });
      const what = `port ${name}: ${tooBig} frames were too large for its rings and dropped`;
      this.#problems.update("port_too_big", name, `${what}: ${NO_SUPER_FRAMES}`);
    } else if (seen !== undefined && nowMs - seen.atMs >= OVER_AFTER_MS) {
      this.#problems.end("port_too_big", name);
    }
  }

  #forget(attachment: XdpAttachment): void {
    this.#seen.delete(attachment);
    this.#problems.end("port_too_big", attachment.wanted.name);
  }
}

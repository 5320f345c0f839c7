// The flow hash as a probe: which octets of a frame the parser reads, and that it reads none behind the frame's end.
//
// Memory around a frame is 0xa5, then 0x5a: a hash that changes with it was read from there.

import { expect } from "vitest";
import { flowHash } from "../oracle/flow.js";
import { world } from "../oracle/world.js";
import { Engine } from "./engine.js";

export class HashProbe {
  private constructor(private readonly engine: Engine) {}

  static async create(): Promise<HashProbe> {
    return new HashProbe(await Engine.create(world({})));
  }

  of(frame: Uint8Array): number {
    const hash = this.with(frame, 0xa5);
    expect(this.with(frame, 0x5a)).toBe(hash);
    return hash;
  }

  port(frame: Uint8Array): number {
    return this.engine.dataplane.outerSourcePort(this.of(frame));
  }

  /** Every form of the frame of at least `from` octets hashes as the oracle says. */
  expectRejectsShort(frame: Uint8Array, from: number): void {
    for (let length = from; length <= frame.length; length++) {
      const short = frame.subarray(0, length);
      expect(this.of(short)).toBe(flowHash(short));
    }
  }

  /** Octets of `frame` in [from, to), counted from `from`, on which the hash depends. */
  readOctets(frame: Uint8Array, from: number, to: number): number[] {
    const base = this.of(frame);
    const read: number[] = [];
    for (let at = from; at < to; at++) {
      const changed = frame.slice();
      changed[at] ^= 0x40;
      if (this.of(changed) !== base) read.push(at - from);
    }
    return read;
  }

  private with(frame: Uint8Array, around: number): number {
    const { shared, dataplane } = this.engine;
    const at = this.engine.frameAt(0);
    shared.u8.fill(around, at - 128, at + frame.length + 128);
    shared.u8.set(frame, at);
    return dataplane.flowHash(at, frame.length) >>> 0;
  }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

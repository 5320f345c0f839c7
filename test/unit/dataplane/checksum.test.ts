// The vectorised sum against the one that adds word by word: every short length, every alignment, every chunk border.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { sum16 } from "../../oracle/checksum.js";
import { world } from "../../oracle/world.js";
import { filler } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";

let engine: Engine;

beforeAll(async () => {
  engine = await Engine.create(world({}));
});

const swap = (value: number) => ((value & 0xff) << 8) | (value >>> 8);

/** The engine's sum is of little-endian words: the byte-swapped sum of big-endian ones. RFC 1071 section 2 (B). */
function engineSum(bytes: Uint8Array, offset: number, initial = 0): number {
  const at = engine.frameAt(0) + offset;
  engine.shared.u8.fill(0xa5, at - 64, at + bytes.length + 64);
  engine.shared.u8.set(bytes, at);
  return swap(engine.dataplane.checksumSum(at, bytes.length, swap(initial)));
}

describe("checksumSum", () => {
  it("reads every length from 0 to 700 at every alignment of 16", () => {
    for (let length = 0; length <= 700; length++) {
      const bytes = filler(length, length + 1);
      expect(engineSum(bytes, length % 16)).toBe(sum16(bytes));
    }
    for (let offset = 0; offset < 16; offset++) {
      for (const length of [1, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129]) {
        const bytes = filler(length, offset);
        expect(engineSum(bytes, offset)).toBe(sum16(bytes));
      }
    }
  });

  it("does not overflow on the largest values", () => {
    for (const length of [2, 64, 1500, 9000, 65535]) {
      const bytes = new Uint8Array(length).fill(0xff);
      expect(engineSum(bytes, 1)).toBe(sum16(bytes));
    }
  });

  it("is 0 for nothing and for zeros, and 0xffff only for more", () => {
    expect(engineSum(new Uint8Array(0), 0)).toBe(0);
    expect(engineSum(new Uint8Array(100), 3)).toBe(0);
    expect(engineSum(Uint8Array.of(0xff, 0xff), 0)).toBe(0xffff);
  });

  it("adds the initial sum", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(0xffff), fc.nat(15), (bytes, initial, offset) => {
        const start = Uint8Array.of(initial >>> 8, initial & 0xff);
        expect(engineSum(bytes, offset, initial)).toBe(sum16(start, bytes));
      }),
      { numRuns: 300 },
    );
  });
});

import fc from "fast-check";
import { expect, it } from "vitest";
import type { Views } from "../../../control/memory.js";
import { readU64, storeU64 } from "../../../control/u64.js";

function views(): Views {
  const buffer = new SharedArrayBuffer(64);
  return {
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    u64: new BigUint64Array(buffer),
    f64: new Float64Array(buffer),
  };
}

it("reads what a u64 holds, exactly below 2^53", () => {
  const memory = views();
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }), (value) => {
      memory.u64[3] = value;
      expect(readU64(memory, 24)).toBe(Number(value));
    }),
  );
});

it("reads the nearest number from there on", () => {
  const memory = views();
  for (const value of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n + 12345n, 2n ** 63n, 2n ** 64n - 1n]) {
    memory.u64[3] = value;
    expect(readU64(memory, 24)).toBe(Number(value));
  }
});

it("stores the same bits as a u64", () => {
  const memory = views();
  const numbers = [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 52 - 1, 2 ** 52, 2 ** 53 - 1, 2 ** 53, 2 ** 60];
  for (const value of numbers) {
    storeU64(memory, 8, value);
    expect(memory.u64[1]).toBe(BigInt(value));
    expect([memory.u64[0], memory.u64[2]]).toEqual([0n, 0n]);
  }
});

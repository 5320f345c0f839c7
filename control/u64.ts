// Counters of 64 bits, read and written as plain numbers in one load or store, without a BigInt on the heap.
//
// A double below 2^53 times the smallest positive double has exactly the bits of the integer (a denormal's mantissa is
// its value), so a Float64Array over the shared memory moves all 64 bits at once. Two 32-bit halves would tear at
// every carry, which busy nanoseconds reach every four seconds; BigInts would cost the worker's loop an allocation
// a round. From 2^53 on numbers are not exact any more and the halves serve: a carry is then rare and small.

import type { Views } from "./memory.js";

const UNIT = Number.MIN_VALUE;
const EXACT = 2 ** 53;
const HALF = 2 ** 32;

/** The u64 at `address`, a multiple of 8; rounded from 2^53 on. */
export function readU64({ f64, u32 }: Views, address: number): number {
  const value = f64[address / 8] / UNIT;
  return value > 0 && value < EXACT ? value : u32[address / 4 + 1] * HALF + u32[address / 4];
}

/** Stores a whole number as u64. */
export function storeU64({ f64, u32 }: Views, address: number, value: number): void {
  if (value < EXACT) {
    f64[address / 8] = value * UNIT;
    return;
  }
  u32[address / 4] = value; // takes it modulo 2^32
  u32[address / 4 + 1] = Math.floor(value / HALF);
}

// How even a distribution is: the load of its fullest bin, and Pearson's chi-square.

import type { PortRange } from "./source-ports.js";

/** Load of the fullest bin over the mean load: 1 is even, the number of bins is all in one. */
export function fullest(counts: readonly number[] | Uint32Array): number {
  let sum = 0;
  let most = 0;
  for (const count of counts) {
    sum += count;
    most = Math.max(most, count);
  }
  return (most * counts.length) / sum;
}

/** Pearson's chi-square of counts against what was expected, a degree of freedom: about 1 of random throws. */
export function chiSquare(counts: readonly number[] | Uint32Array, expected: readonly number[]): number {
  let sum = 0;
  for (const [bin, want] of expected.entries()) sum += ((counts[bin] ?? 0) - want) ** 2 / want;
  return sum / (expected.length - 1);
}

/** The slice of a range that a port is in. */
export function sliceOf(port: number, { min, end }: PortRange, slices: number): number {
  return Math.floor(((port - min) * slices) / (end - min));
}

/** Of `total` flows, those that belong into each slice: not all slices have equally many ports. */
export function expectedIn(range: PortRange, slices: number, total: number): number[] {
  const ports = new Array<number>(slices).fill(0);
  for (let port = range.min; port < range.end; port++) {
    const slice = sliceOf(port, range, slices);
    ports[slice] = (ports[slice] ?? 0) + 1;
  }
  return ports.map((count) => (count * total) / (range.end - range.min));
}

/** Where 95 % of random throws have their chi-square a degree of freedom (Wilson and Hilferty). */
export function chiSquareBand(degrees: number): { low: number; high: number } {
  const z = 1.959964;
  const at = (sign: number): number => (1 - 2 / (9 * degrees) + sign * z * Math.sqrt(2 / (9 * degrees))) ** 3;
  return { low: at(-1), high: at(1) };
}

// How a figure grows with a number: the exponent of what is added to the figure of the smallest number. A daemon that takes
// 100 MiB before it has a single network would hide, in the exponent of the whole, that its networks cost anything.

import { growthExponent } from "../../statistics.js";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Growth {
  /** The figure of the smallest number. */
  readonly base: number;
  /** k of base + a (x - x0)^k, by least squares of the logarithms; undefined: it does not grow beyond the noise. */
  readonly exponent: number | undefined;
  /** What one more costs at the largest number, on average since the smallest. */
  readonly each: number;
  /** The figure of the largest number over that of the smallest. */
  readonly times: number;
}

/** Our choice: less than this share of the base is noise. */
const NOISE = 0.05;

/** @returns undefined of fewer than two different numbers */
export function fitGrowth(points: readonly Point[]): Growth | undefined {
  const sorted = [...points].sort((one, other) => one.x - other.x);
  const [first] = sorted;
  const last = sorted.at(-1);
  if (first === undefined || last === undefined || first.x === last.x) return undefined;
  const added = sorted
    .map(({ x, y }) => ({ x: x - first.x, y: y - first.y }))
    .filter(({ x, y }) => x > 0 && y > first.y * NOISE);
  return {
    base: first.y,
    exponent: added.length < 2 ? undefined : growthExponent(added),
    each: (last.y - first.y) / (last.x - first.x),
    times: last.y / first.y,
  };
}

/** `95 MiB, and 1.2 KiB more for each network (exponent 0.98)`. */
export function describeGrowth(
  { base, exponent, each, times }: Growth,
  one: string,
  write: (y: number) => string,
): string {
  if (exponent === undefined && Math.abs(times - 1) <= NOISE) return `${write(base)}, the same at all sizes`;
  const curve = exponent === undefined ? "only the largest differs" : `exponent ${exponent.toFixed(2)}`;
  return `${write(base)}, and ${write(each)} more for each ${one} (${curve})`;
}

// Statistics of a few samples. Rounds are few and their distribution is unknown, so there are medians and the least and
// the greatest, and no means or deviations.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median, least and greatest; undefined of nothing. */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1];
  const high = sorted[sorted.length >> 1];
  const min = sorted[0];
  const max = sorted[sorted.length - 1];
  if (low === undefined || high === undefined || min === undefined || max === undefined) return undefined;
  return { median: (low + high) / 2, min, max };
}

/** Our choice: above this a machine was too noisy to say much. */
export const NOISE_MAX = 0.2;

/** Width of a spread as a share of its median; 0 of one sample. */
export function noise({ median, min, max }: Spread): number {
  return max === min ? 0 : (max - min) / Math.abs(median);
}

/** `share` 0 to 1 of values in rising order. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * The exponent k of y = a x^k that fits best (least squares of the logarithms): 0 is constant, 1 linear. undefined of
 * fewer than two different x, or where something is not positive.
 */
export function growthExponent(points: readonly { readonly x: number; readonly y: number }[]): number | undefined {
  if (points.some(({ x, y }) => !(x > 0) || !(y > 0))) return undefined;
  const logs = points.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }));
  const meanX = logs.reduce((sum, { x }) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, { y }) => sum + y, 0) / logs.length;
  const spreadX = logs.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  if (!(spreadX > 0)) return undefined;
  return logs.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spreadX;
}

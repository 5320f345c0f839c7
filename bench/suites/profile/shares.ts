// From samples to shares: whose samples count, and how many of them belong to each part.

import { PARTS, type Part, partOf } from "./parts.js";
import type { Sample } from "./script.js";

/** Fewer say nothing: the standard error of a share of a half is then above 5 %. */
export const SAMPLES_MIN = 100;

/**
 * The thread that has the most samples, but for the main one, which carries no frame.
 * @param pid the main thread's id, too. @throws if there is none that was busy
 */
export function busiest(samples: readonly Sample[], pid: number): { thread: number; samples: Sample[] } {
  const threads = new Map<number, Sample[]>();
  for (const sample of samples.filter(({ thread }) => thread !== pid)) {
    const own = threads.get(sample.thread) ?? [];
    own.push(sample);
    threads.set(sample.thread, own);
  }
  const [most] = [...threads].sort(([, a], [, b]) => b.length - a.length);
  const [thread = 0, own = []] = most ?? [];
  if (own.length < SAMPLES_MIN) throw new Error(`the workers hardly ran: ${own.length} samples of the busiest one`);
  return { thread, samples: own };
}

/** Of all samples; together 1. */
export function sharesOf(samples: readonly Sample[]): Record<Part, number> {
  const counts = new Map<Part, number>();
  for (const { frames } of samples) {
    const part = partOf(frames);
    counts.set(part, (counts.get(part) ?? 0) + 1);
  }
  const shares = PARTS.map((part) => [part, (counts.get(part) ?? 0) / samples.length] as const);
  return Object.fromEntries(shares) as Record<Part, number>;
}

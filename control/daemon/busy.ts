// How busy the workers are: the share of the last whole second, or more, that a worker did not wait. Workers only add up
// their time in the shared memory; control looks now and then.

/* Our choice. */
const WINDOW_MS = 1000;
const NS_PER_MS = 1e6;

interface Window {
  ratio: number;
  sinceMs: number;
  sinceNs: number;
}

export class Busy {
  readonly #windows: readonly Window[];

  constructor(workers: number, nowMs: number) {
    this.#windows = Array.from({ length: workers }, () => ({ ratio: 0, sinceMs: nowMs, sinceNs: 0 }));
  }

  /** 0 to 1. */
  ratio(worker: number): number {
    return this.#windows[worker].ratio;
  }

  /** To be called now and then, with the workers' busy time. */
  look(nowMs: number, busyNs: (worker: number) => number): void {
    for (const [worker, window] of this.#windows.entries()) {
      if (nowMs - window.sinceMs < WINDOW_MS) continue;
      const ns = busyNs(worker);
      const share = (ns - window.sinceNs) / ((nowMs - window.sinceMs) * NS_PER_MS);
      window.ratio = Math.min(1, Math.max(0, share));
      window.sinceMs = nowMs;
      window.sinceNs = ns;
    }
  }
}

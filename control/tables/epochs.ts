// When is it safe to reuse what workers may still be reading? Control switches a pointer, then bumps EPOCH; a
// worker copies EPOCH into its context before each round and keeps nothing of the tables between rounds. So once
// every worker has seen the bumped value, or was seen asleep after the bump, nobody holds the old thing.
//
//   control:  store pointer         ->  EPOCH + 1             ->  read each worker's STATE and EPOCH
//   worker:   store STATE running   ->  load EPOCH, store it  ->  load pointers
//
// All of these are sequentially consistent, which is what makes a worker that wakes up see the new pointer.

import { setTimeout as sleep } from "node:timers/promises";
import {
  CONTEXT_EPOCH,
  CONTEXT_STATE,
  SYSTEM_EPOCH,
  WORKER_SIZE,
  WORKER_STATE_RUNNING,
  WORKERS,
} from "../../dataplane-wasm/layout.js";
import type { Views } from "../memory.js";

/* Our choice: a caller of the API waits no longer for a worker that hangs. */
const QUIESCE_MS = 1000;

/** u32 index of a field of a worker's context. */
export function contextIndex(worker: number, field: number): number {
  return (WORKERS + worker * WORKER_SIZE + field) / 4;
}

export class Epochs {
  readonly #u32: Uint32Array;
  readonly #workers: number;
  readonly #retired: { epoch: number; action: () => void }[] = [];

  /** @param workers how many worker slots may run */
  constructor(views: Views, workers: number) {
    this.#u32 = views.u32;
    this.#workers = workers;
  }

  /** Starts a new epoch and returns it. */
  bump(): number {
    return (Atomics.add(this.#u32, SYSTEM_EPOCH / 4, 1) + 1) >>> 0;
  }

  /** True once no worker can hold what was unreachable when `epoch` began. */
  passed(epoch: number): boolean {
    for (let worker = 0; worker < this.#workers; worker++) {
      if (Atomics.load(this.#u32, contextIndex(worker, CONTEXT_STATE)) !== WORKER_STATE_RUNNING) continue;
      const seen = Atomics.load(this.#u32, contextIndex(worker, CONTEXT_EPOCH));
      if (((seen - epoch) | 0) < 0) return false;
    }
    return true;
  }

  /** Calls `action` from a later `reclaim`, when what is unreachable now can no longer be in use. */
  retire(action: () => void): void {
    this.#retired.push({ epoch: this.bump(), action });
  }

  /**
   * Waits until every worker has let go of what is unreachable now, and reclaims it, and what that retires in turn (the
   * sockets of an interface that was detached): a round of the busiest worker for each, milliseconds. A worker that hangs is
   * not waited for longer than QUIESCE_MS; the rest comes due later.
   */
  async quiesce(): Promise<void> {
    const endMs = performance.now() + QUIESCE_MS;
    for (let epoch: number | undefined = this.bump(); epoch !== undefined; epoch = this.#retired.at(-1)?.epoch) {
      while (!this.passed(epoch) && performance.now() < endMs) await sleep(1);
      this.reclaim();
      if (performance.now() >= endMs) return;
    }
  }

  /** Runs what has come due, in the order in which it was retired; returns how many are still waiting. */
  reclaim(): number {
    while (this.#retired[0] !== undefined && this.passed(this.#retired[0].epoch)) this.#retired.shift()?.action();
    return this.#retired.length;
  }
}

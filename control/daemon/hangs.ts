// Which worker hangs? One that says it is awake, and from look to look has done nothing: no round, no batch, no frame
// of its batch, no copy of its frame. The shared memory tells, so workers do nothing for it.
//
// On a busy host a worker may do nothing because it gets no core. That mends itself, and to end its thread would make
// it worse. So the kernel is asked too: a worker hangs if it has used its time for nothing (a loop without end), or
// if it waits for something at each look (a system call that does not return; a worker's never wait).

import {
  BATCHES,
  BATCHES_SIZE,
  CONTEXT_EPOCH,
  CONTEXT_HEARTBEAT,
  CONTEXT_STATE,
  CONTEXT_THREAD,
  WORKER_STATE_RUNNING,
} from "../../dataplane-wasm/layout.js";
import { readThread, type ThreadState } from "../linux/index.js";
import type { Views } from "../memory.js";
import { contextIndex } from "../tables/epochs.js";

/* Our choices: with a look every 250 ms, a hang is seen within a second. */
const HANG_MS = 450;
/** No call of the dataplane and none of the kernel takes a hundredth of it. */
const HANG_CPU_MS = 200;

const BATCH_WORDS = BATCHES_SIZE / 4;

interface Look {
  readonly words: Uint32Array;
  readonly atMs: number;
  readonly cpuMs: number;
  /** It waited at each look since. */
  readonly waits: boolean;
}

export class Hangs {
  readonly #u32: Uint32Array;
  readonly #readThread: (thread: number) => ThreadState | undefined;
  readonly #since = new Map<number, Look>();

  /** @param readState for tests */
  constructor({ u32 }: Pick<Views, "u32">, readState: (thread: number) => ThreadState | undefined = readThread) {
    this.#u32 = u32;
    this.#readThread = readState;
  }

  /** The kernel's id of a worker's thread. */
  threadOf(worker: number): number {
    return Atomics.load(this.#u32, contextIndex(worker, CONTEXT_THREAD));
  }

  /** Looks at a worker, a few times a second: has it hung for some looks? */
  look(worker: number, nowMs: number): boolean {
    const isAwake = Atomics.load(this.#u32, contextIndex(worker, CONTEXT_STATE)) === WORKER_STATE_RUNNING;
    const thread = isAwake ? this.#readThread(this.threadOf(worker)) : undefined;
    if (thread === undefined) {
      this.#since.delete(worker);
      return false;
    }
    const words = this.#progress(worker);
    const before = this.#since.get(worker);
    if (before === undefined || before.words.some((word, index) => word !== words[index])) {
      this.#since.set(worker, { words, atMs: nowMs, cpuMs: thread.cpuMs, waits: !thread.isRunnable });
      return false;
    }
    const waits = before.waits && !thread.isRunnable;
    this.#since.set(worker, { ...before, waits });
    return nowMs - before.atMs >= HANG_MS && (waits || thread.cpuMs - before.cpuMs >= HANG_CPU_MS);
  }

  /** What changes whenever a worker gets on: its rounds, its batches, and how far it is in one. */
  #progress(worker: number): Uint32Array {
    const batches = BATCHES / 4 + worker * BATCH_WORDS;
    const cursors = this.#u32.subarray(contextIndex(worker, 0), contextIndex(worker, CONTEXT_EPOCH));
    return Uint32Array.of(
      Atomics.load(this.#u32, contextIndex(worker, CONTEXT_HEARTBEAT)),
      ...cursors,
      ...this.#u32.subarray(batches, batches + BATCH_WORDS),
    );
  }
}

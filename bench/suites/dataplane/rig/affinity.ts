// Which core a benchmark thread runs on: worker n on core n, where there is a core left for the main thread and everybody
// else. On one or two cores threads go where the scheduler wants them.

import { availableParallelism } from "node:os";
import koffi from "koffi";

const CORES_NEEDED = 3;
/** Bytes of a cpu_set_t: 1024 cores. */
const SET_SIZE = 128;

const setAffinity: (pid: number, size: number, set: Uint8Array) => number = koffi
  .load(null)
  .func("int sched_setaffinity(int pid, size_t size, void *set)");

/** The core of a worker; undefined: any. */
export function coreOf(worker: number, cores: number): number | undefined {
  return cores < CORES_NEEDED ? undefined : worker % cores;
}

/** Keeps the calling thread to the core of its worker. A refusal is no reason not to measure. */
export function pinWorker(worker: number): void {
  const core = coreOf(worker, availableParallelism());
  if (core !== undefined) setAffinity(0, SET_SIZE, maskOf(core));
}

/** A cpu_set_t of one core. */
export function maskOf(core: number): Uint8Array {
  const set = new Uint8Array(SET_SIZE);
  set[core >>> 3] = 1 << (core & 7);
  return set;
}

/** For the record. */
export function workerPinning(): string {
  const cores = availableParallelism();
  return cores < CORES_NEEDED ? `none: ${cores} cores are shared by all threads` : "worker n on core n";
}

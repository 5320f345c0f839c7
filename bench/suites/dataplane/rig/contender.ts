// The two that do the packet work: the compiled WebAssembly module and the C twin, behind one shape. Both do a whole
// batch: the batch function, then settle, again while something is pending, as a worker does it.
//
// Beside each piece of work stands what it costs to ask for it beyond what the product pays, to be taken off: for the twin
// the foreign-function call.

import { CONTEXT_PENDING, WORKER_CONTROL, WORKER_SIZE, WORKERS } from "../../../../dataplane-wasm/layout.js";
import type { Direction } from "./frames.js";
import { loadTwin } from "./twin.js";
import { bucketsOf, type World } from "./world.js";

export const WASM = "WebAssembly";
export const TWIN = "C twin";

/** One batch of `count` inputs of a worker slot. @returns outputs made, or a sum that nobody reads */
export type Batch = (worker: number, count: number) => number;

export interface Work {
  readonly batch: Batch;
  /** As much as is to be taken off the time of `batch`. */
  readonly nothing: Batch;
}

export interface Contender {
  readonly name: string;
  readonly forward: Readonly<Record<Direction, Work>>;
  /** Parses and hashes the frames of the inputs. */
  readonly hash: Work;
  /** Chains the outputs of an encap batch; not the batch itself. */
  readonly gather: Work;
  /** Chains the outputs of a decap batch; not the batch itself. */
  readonly coalesce: Work;
  /** Control's walks over a slice of the table. @returns entries that went */
  readonly sweep: (fromBucket: number, count: number) => number;
  readonly flush: (fromBucket: number, count: number) => number;
  /** A walk that meets no bucket: what asking for one costs. */
  readonly emptyWalk: () => number;
}

const NOTHING: Batch = (worker, count) => worker + count;

export function wasmContender(world: World): Contender {
  const { shared, dataplane } = world;
  const { u32 } = shared;
  const end = bucketsOf(shared);
  const pending = (worker: number): boolean => u32[(WORKERS + worker * WORKER_SIZE + CONTEXT_PENDING) / 4] !== 0;
  const encap: Batch = (worker, count) => {
    let made = 0;
    do {
      const outputs = dataplane.encapBatch(worker, count);
      dataplane.encapSettle(worker, outputs);
      made += outputs;
    } while (pending(worker));
    return made;
  };
  const decap: Batch = (worker, count) => {
    let made = 0;
    do {
      const outputs = dataplane.decapBatch(worker, count);
      dataplane.decapSettle(worker, outputs);
      made += outputs;
    } while (pending(worker));
    return made;
  };
  const gather: Batch = (worker, count) => {
    dataplane.encapGather(worker, count);
    return count;
  };
  const coalesce: Batch = (worker, count) => {
    dataplane.decapCoalesce(worker, count);
    return count;
  };
  const sweep = (from: number, count: number): number => dataplane.fdbSweep(WORKER_CONTROL, from, count);
  const flush = (from: number, count: number): number => dataplane.fdbFlush(WORKER_CONTROL, from, count, 0, 0n, 0n);
  return {
    name: WASM,
    forward: { encap: { batch: encap, nothing: NOTHING }, decap: { batch: decap, nothing: NOTHING } },
    hash: { batch: (worker, count) => dataplane.flowHashes(worker, count), nothing: NOTHING },
    gather: { batch: gather, nothing: NOTHING },
    coalesce: { batch: coalesce, nothing: NOTHING },
    sweep,
    flush,
    emptyWalk: () => sweep(end, 0),
  };
}

export function twinContender(library: string, { shared }: World): Contender {
  const twin = loadTwin(library, shared.memory);
  const end = bucketsOf(shared);
  const work = (batch: Batch): Work => ({ batch, nothing: twin.nothing });
  const sweep = (from: number, count: number): number => twin.sweep(WORKER_CONTROL, from, count);
  const flush = (from: number, count: number): number => twin.flush(WORKER_CONTROL, from, count, 0, 0n, 0n);
  return {
    name: TWIN,
    forward: { encap: work(twin.encap), decap: work(twin.decap) },
    hash: work(twin.hash),
    gather: work(twin.gather),
    coalesce: work(twin.coalesce),
    sweep,
    flush,
    emptyWalk: () => sweep(end, 0),
  };
}

// The two that do the packet work: the compiled WebAssembly module and the C twin, behind one shape. Both do a whole
// batch: the batch function, then settle, again while something is pending, as a worker does it.

import { CONTEXT_PENDING, WORKER_SIZE, WORKERS } from "../dataplane-wasm/layout.js";
import type { World } from "./engine.js";
import type { Direction } from "./frames.js";
import { loadTwin } from "./twin.js";

export const WASM = "WebAssembly";
export const TWIN = "C twin";

/** One batch of `count` inputs of a worker slot. @returns outputs made */
export type Batch = (worker: number, count: number) => number;

export interface Contender {
  readonly name: string;
  readonly batch: Readonly<Record<Direction, Batch>>;
  /** What a call from here costs beyond what the product pays: the foreign-function call of the C twin. undefined: nothing. */
  readonly nothing: Batch | undefined;
}

export function wasmContender({ shared, dataplane }: World): Contender {
  const { u32 } = shared;
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
  return { name: WASM, batch: { encap, decap }, nothing: undefined };
}

export function twinContender(library: string, { shared }: World): Contender {
  const twin = loadTwin(library, shared.memory);
  return { name: TWIN, batch: { encap: twin.encap, decap: twin.decap }, nothing: twin.nothing };
}

// Where a worker's counters lie, and the one way to add to them: only the owner of a row writes it.

import {
  NETWORK_COUNTERS,
  NETWORK_COUNTERS_SIZE,
  NETWORK_COUNTERS_WORKER,
  VTEP_COUNTER_DROPS_ENCAP,
  VTEP_COUNTERS,
  VTEP_COUNTERS_SIZE,
  VTEP_COUNTERS_WORKER,
} from "./layout/counters";
import { CONTEXT_FLAG_DRY_RUN, CONTEXT_FLAGS, WORKER_SIZE, WORKERS } from "./layout/worker";

/** The counters of a network; row 0 is for frames whose network is unknown. */
export function networkRow(worker: u32, network: u32): usize {
  return NETWORK_COUNTERS + <usize>worker * NETWORK_COUNTERS_WORKER + <usize>network * NETWORK_COUNTERS_SIZE;
}

export function vtepRow(worker: u32, vtep: u32): usize {
  return VTEP_COUNTERS + <usize>worker * VTEP_COUNTERS_WORKER + <usize>vtep * VTEP_COUNTERS_SIZE;
}

export function addCounter(counter: usize, value: u64): void {
  store<u64>(counter, load<u64>(counter) + value);
}

/** False for a trace. */
export function counts(worker: u32): bool {
  return !(load<u32>(WORKERS + <usize>worker * WORKER_SIZE, CONTEXT_FLAGS) & CONTEXT_FLAG_DRY_RUN);
}

/** Frames that the way to a VTEP is too narrow for. */
export function countTooBig(worker: u32, vtep: u32, segments: u32): void {
  if (counts(worker)) addCounter(vtepRow(worker, vtep) + VTEP_COUNTER_DROPS_ENCAP, segments);
}

// Where a worker's counters lie, and the one way to add to them: only the owner of a row writes it.

import {
  NETWORK_COUNTERS,
  NETWORK_COUNTERS_SIZE,
  NETWORK_COUNTERS_WORKER,
  VTEP_COUNTERS,
  VTEP_COUNTERS_SIZE,
  VTEP_COUNTERS_WORKER,
} from "./layout/counters";

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

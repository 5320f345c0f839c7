// Counters, u64, per worker slot: only that worker adds, anybody sums. Row 0 of the network counters takes what
// happens before the network is known.

import { NETWORKS_MAX, PAGE, VTEPS_MAX, WORKER_SLOTS } from "./maxima.ts";
import { XSK_END } from "./xsk.ts";

export const COUNTER_RECEIVED_ENCAP: usize = 0;
export const COUNTER_RECEIVED_DECAP: usize = COUNTER_RECEIVED_ENCAP + 8;
export const COUNTER_FRAMES_ENCAP: usize = COUNTER_RECEIVED_DECAP + 8;
export const COUNTER_FRAMES_DECAP: usize = COUNTER_FRAMES_ENCAP + 8;
export const COUNTER_BYTES_ENCAP: usize = COUNTER_FRAMES_DECAP + 8; // inner Ethernet frames without FCS
export const COUNTER_BYTES_DECAP: usize = COUNTER_BYTES_ENCAP + 8;
export const COUNTER_LOCAL: usize = COUNTER_BYTES_DECAP + 8;
export const COUNTER_FLOODED_ENCAP: usize = COUNTER_LOCAL + 8;
export const COUNTER_FLOODED_DECAP: usize = COUNTER_FLOODED_ENCAP + 8;
export const COUNTER_LEARNED: usize = COUNTER_FLOODED_DECAP + 8;
export const COUNTER_MOVED: usize = COUNTER_LEARNED + 8;
export const COUNTER_AGED: usize = COUNTER_MOVED + 8;
export const COUNTER_LIMIT: usize = COUNTER_AGED + 8; // frames whose source was not learned for a limit or a full bucket
export const COUNTER_ECN_ALARM: usize = COUNTER_LIMIT + 8; // RFC 6040 combinations that it calls currently unused
export const COUNTER_ICMP: usize = COUNTER_ECN_ALARM + 8; // `too big` messages sent to a port
export const COUNTER_FROZEN: usize = COUNTER_ICMP + 8; // entries that control froze
export const COUNTER_HELD: usize = COUNTER_FROZEN + 8; // frames from elsewhere that a frozen entry did not follow
export const COUNTER_DROPS: usize = COUNTER_HELD + 8; // one u64 for each member of Drop
export const NETWORK_COUNTERS_SIZE: usize = 448;
export const NETWORK_COUNTERS: usize = XSK_END;
export const NETWORK_COUNTERS_WORKER: usize = NETWORK_COUNTERS_SIZE * NETWORKS_MAX;
export const NETWORK_COUNTERS_END: usize = NETWORK_COUNTERS + NETWORK_COUNTERS_WORKER * WORKER_SLOTS;

export const VTEP_COUNTER_FRAMES_ENCAP: usize = 0;
export const VTEP_COUNTER_FRAMES_DECAP: usize = 8;
export const VTEP_COUNTER_BYTES_ENCAP: usize = 16;
export const VTEP_COUNTER_BYTES_DECAP: usize = 24;
export const VTEP_COUNTER_DROPS_ENCAP: usize = 32;
export const VTEP_COUNTER_DROPS_DECAP: usize = 40;
export const VTEP_COUNTERS_SIZE: usize = 64;
export const VTEP_COUNTERS: usize = NETWORK_COUNTERS_END;
export const VTEP_COUNTERS_WORKER: usize = VTEP_COUNTERS_SIZE * VTEPS_MAX;
export const VTEP_COUNTERS_END: usize = VTEP_COUNTERS + VTEP_COUNTERS_WORKER * WORKER_SLOTS;

/** BATCHES: per worker slot, a histogram of batch sizes: u64 for batches of up to 1, 2, 4 ... 256 frames, then sum and count. */
export const BATCHES_SIZE: usize = 128;
export const BATCHES: usize = VTEP_COUNTERS_END;
export const BATCHES_END: usize = BATCHES + BATCHES_SIZE * WORKER_SLOTS;

export const MEMORY_END: usize = BATCHES_END;
export const MEMORY_PAGES: u32 = (MEMORY_END + PAGE - 1) >>> 16;

// Our choices: the maxima that the regions are sized for.

/** Worker slots: 0 to 63 are workers, then control's own instance, then the spare slot for traces. */
export const WORKERS_MAX: u32 = 64;
export const WORKER_CONTROL: u32 = 64;
export const WORKER_TRACE: u32 = 65;
export const WORKER_SLOTS: u32 = 66;

export const NETWORKS_MAX: u32 = 65536; // id 0 is `no network`
export const ATTACHMENTS_MAX: u32 = 65536; // id 0 is `no attachment`
export const PORTS_MAX: u32 = 65536; // id 0 is `no port`
export const VTEPS_MAX: u32 = 16384; // id 0 is `no VTEP`
export const VTEPS_LEARNED_MAX: u32 = 12288; // addresses learned through prefixes leave the last quarter of the ids to configured ones
export const VNIS: u32 = 16777216;
export const DECAP_TABLES: u32 = 4; // (underlay, destination port) pairs; the foundation uses table 0
export const FDB_ENTRIES_MAX: u32 = 4194304;

/** Input descriptors (and packet buffers) of a worker, and output descriptors. */
export const INPUTS_MAX: u32 = 256;
export const OUTPUTS_MAX: u32 = 512;

export const CACHE_LINE: usize = 64;
export const PAGE: usize = 65536; // of WebAssembly

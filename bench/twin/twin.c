// The packet work of dataplane-wasm in C: the same algorithm on the same memory, file by file, written as a C programmer
// would write it. It is what the WebAssembly is compared with; it must produce the same bytes. Built by ../twin.ts.

#include "coalesce.h"
#include "control.h"
#include "encap.h"
#include "gather.h"
#include "settle.h"

/** Where the linear memory lies in this process. */
void twin_attach(void *memory) { base = memory; }

/** Costs what a call into this library costs. */
u32 twin_nothing(u32 worker, u32 count) { return worker + count; }

/** One batch from first output to last count. Returns how many outputs it made. */
u32 twin_encap(u32 worker, u32 count) {
  u32 made = 0;
  do {
    u32 outputs = encap_batch(worker, count);
    encap_settle(worker, outputs);
    made += outputs;
  } while (ld32(context_of(worker) + CONTEXT_PENDING));
  return made;
}

/** Outputs of an encap batch: those of one flow of the underlay are chained. */
u32 twin_gather(u32 worker, u32 outputs) {
  encap_gather(worker, outputs);
  return outputs;
}

/** Outputs of a decap batch: those of one flow are chained. */
u32 twin_coalesce(u32 worker, u32 outputs) {
  decap_coalesce(worker, outputs);
  return outputs;
}

u32 twin_decap(u32 worker, u32 count) {
  u32 made = 0;
  do {
    u32 outputs = decap_batch(worker, count);
    decap_settle(worker, outputs);
    made += outputs;
  } while (ld32(context_of(worker) + CONTEXT_PENDING));
  return made;
}

u32 twin_hash(u32 worker, u32 count) { return hash_batch(worker, count); }

u32 twin_sweep(u32 worker, u32 from, u32 count) { return fdb_sweep(worker, from, count); }

u32 twin_flush(u32 worker, u32 from, u32 count, u32 network, u64 mask, u64 match) {
  return fdb_flush(worker, from, count, network, mask, match);
}

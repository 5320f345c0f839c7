// What a worker does when the kernel refuses an offload that the probes had found: it gives it up for all workers, and leaves
// the errno for control to log and to show.

import { SYSTEM_OFFLOADS, SYSTEM_REFUSALS } from "../../dataplane-wasm/layout.js";
import type { SharedMemory } from "../memory.js";

/** @param offload one OFFLOAD_* bit */
export function noteRefusal({ u32 }: SharedMemory, offload: number, errno: number): void {
  const bit = 31 - Math.clz32(offload);
  Atomics.store(u32, (SYSTEM_REFUSALS >>> 2) + bit, errno);
  Atomics.and(u32, SYSTEM_OFFLOADS >>> 2, ~offload);
}

// Owns the one shared WebAssembly.Memory: creates it at the size of the layout, and hands out typed views.
//
// Addresses of the layout are byte addresses; a view is indexed by address >> 1, >> 2 or >> 3. They reach past
// 2^31, so an index is computed with >>> or division, never with >>.

import { MEMORY_PAGES, PAGE } from "../dataplane-wasm/layout.js";
import { VxlaneError } from "./errors.js";

/** Typed views of the whole memory. All of them see the same bytes. */
export interface Views {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  /** For counters without BigInts: see u64.ts. */
  readonly f64: Float64Array;
}

export interface SharedMemory extends Views {
  readonly memory: WebAssembly.Memory;
}

/** Creates the memory. Its pages are reserved, not used, until somebody writes them. @throws VxlaneError ERR_LIMIT */
export function createMemory(): SharedMemory {
  try {
    return attachMemory(new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES, shared: true }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const remedy = "raise the limit of the address space (ulimit -v unlimited; systemd: LimitAS=infinity)";
    const message = `no room for the shared memory, which reserves address space and uses little of it: ${remedy}`;
    throw new VxlaneError("ERR_LIMIT", message, { cause: error });
  }
}

/** The views of a memory that another thread created. */
export function attachMemory(memory: WebAssembly.Memory): SharedMemory {
  const { buffer } = memory;
  if (buffer.byteLength !== MEMORY_PAGES * PAGE) {
    throw new Error(`the memory has ${buffer.byteLength} bytes, the layout wants ${MEMORY_PAGES * PAGE}`);
  }
  return {
    memory,
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    u64: new BigUint64Array(buffer),
    f64: new Float64Array(buffer),
  };
}

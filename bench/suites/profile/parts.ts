// Whose time a sample is, told by its call stack: the innermost frame says what the core was doing, those around it for whom.
//
// Each sample belongs to exactly one part, so shares of all parts are the whole. What no rule knows is a part of its own, and nothing is
// dropped. The kernel is told by its addresses, the upper half of the address space; V8 names its code in a map for perf.

import type { Frame } from "./script.js";

export const PARTS = [
  "kernel copies",
  "other system calls",
  "softirqs",
  "WebAssembly",
  "JavaScript",
  "Node.js",
  "libraries",
  "unknown",
] as const;
export type Part = (typeof PARTS)[number];

/** What those mean that do not explain themselves; the report prints it below the figures. */
export const PART_NOTES: readonly string[] = [
  "kernel copies: to and from the worker's memory, between buffers, checksums, and the kernel's check of what it copies",
  "other system calls: all else that the kernel does for the worker: its network stack, TAP, AF_XDP and io_uring, waking and sleeping",
  "softirqs: what the kernel received in the worker's time, below its sends and writes or on an interrupt, copies included. With both ends on one machine that of loads out is nearly all the far end's, which behind a NIC has cores of its own; xdp's has in it what a veth does to put frames into a ring, and of loads in what the container receives",
  "WebAssembly: the hot path, and the memory.copy and memory.fill that libc does for it; JavaScript: the worker's loop and V8's builtins; Node.js: the rest of node, such as Node-API, garbage collection and compiling; libraries: libc and koffi, through which system calls go",
  "unknown: code that has no name, or of no known file",
];

/** Upper half of a 64-bit address space. */
const KERNEL_ADDRESS = /^ffff[0-9a-f]{12}$/;
const SOFTIRQ = /^(__do_softirq|handle_softirqs|net_rx_action|do_softirq)\b/;
const COPY = /copy_(to|from|user|page|mc)|_copy_|_(to|from)_user|memcpy|memmove|rep_movs|copyin|copyout/;
const CHECKSUM = /csum_(partial|and)|do_csum|skb_checksum/;
/** Before a copy to or from user memory. */
const COPY_CHECK = /^(__check_object_size|__check_heap_object|check_stack_object|__virt_addr_valid)\b/;
const V8_MAP = /\/perf-\d+\.map$/;
const NODE = /(^|\/)(node|nodejs|libnode\.so[.\d]*)$/;
const LIBRARY = /\.(so[.\d]*|node)$|^\[vdso\]$/;
/** Of memory.copy and memory.fill, inside of node. */
const WASM_MEMORY = /^v8::internal::wasm::memory_/;
const UNNAMED = "[unknown]";

export function partOf(frames: readonly Frame[]): Part {
  const [leaf, caller] = frames;
  if (leaf === undefined) return "unknown";
  return KERNEL_ADDRESS.test(leaf.address) ? inKernel(leaf, frames) : inProcess(leaf, caller);
}

function inKernel({ symbol }: Frame, frames: readonly Frame[]): Part {
  if (frames.some(({ symbol }) => SOFTIRQ.test(symbol))) return "softirqs";
  if (symbol === UNNAMED) return "unknown";
  return COPY.test(symbol) || CHECKSUM.test(symbol) || COPY_CHECK.test(symbol) ? "kernel copies" : "other system calls";
}

function inProcess(leaf: Frame, caller: Frame | undefined): Part {
  const { symbol, object } = leaf;
  if (isWebAssembly(leaf)) return "WebAssembly";
  if (V8_MAP.test(object)) return symbol === UNNAMED ? "unknown" : "JavaScript";
  if (NODE.test(object)) return symbol.startsWith("Builtins_") ? "JavaScript" : "Node.js";
  if (!LIBRARY.test(object)) return "unknown";
  return caller !== undefined && isWebAssembly(caller) ? "WebAssembly" : "libraries";
}

function isWebAssembly({ symbol, object }: Frame): boolean {
  return V8_MAP.test(object) ? symbol.includes("wasm") : NODE.test(object) && WASM_MEMORY.test(symbol);
}

// The compiled hot path: loads the module once, instantiates it a thread over the shared memory.

import { readFile } from "node:fs/promises";

/**
 * What the module exports (dataplane-wasm/index.ts has the contracts). Addresses, counts and ids are u32; the
 * engine hands u32 results to JavaScript as signed numbers, so a result that may pass 2^31 wants `>>> 0`.
 */
export interface Dataplane {
  /** Writes the constants. Control calls it once, before any other. */
  initialise(): void;

  /** Inputs 0 to count - 1 of the worker to outputs. Returns how many outputs are ready; CONTEXT_PENDING > 0: send, settle and call again. */
  encapBatch(worker: number, count: number): number;
  /** Between encapBatch and send, where trains leave: chains datagrams of one VTEP and source port (layout/descriptor.ts). */
  encapGather(worker: number, outputs: number): void;
  /** Takes note of what `send` did with outputs 0 to outputs - 1, and counts the batch when nothing is pending. */
  encapSettle(worker: number, outputs: number): void;
  decapBatch(worker: number, count: number): number;
  /** Between decapBatch and send, where ports take super-frames: chains frames of one flow (layout/descriptor.ts). */
  decapCoalesce(worker: number, outputs: number): void;
  decapSettle(worker: number, outputs: number): void;

  /** `key` and `value` as in layout.ts; the tag is filled in. Returns FDB_SET_* */
  fdbSet(worker: number, key: bigint, value: bigint): number;
  /** Returns 1 if the key was present, 0 if not, FDB_SET_BUSY if it is learned and its bucket stayed locked. */
  fdbRemove(worker: number, key: bigint): number;
  /**
   * Freezes (`frozen` 1) a learned entry where it is, so that it does not follow its MAC, or thaws it (0). Returns FDB_FREEZE_*,
   * or FDB_SET_BUSY if its bucket stayed locked.
   */
  fdbFreeze(worker: number, key: bigint, frozen: number): number;
  /** The live value of a key, or -1n (as u64: all ones) if there is none. */
  fdbGet(key: bigint): bigint;
  /** Removes aged and dead entries in buckets from .. from + count - 1. Returns how many went. */
  fdbSweep(worker: number, fromBucket: number, bucketCount: number): number;
  /** Learns that `key` is behind (`kind`, `id`), as a frame from there would. Returns LEARN_* (dataplane-wasm/fdb/outcome.ts) */
  fdbLearn(worker: number, key: bigint, kind: number, id: number): number;
  /**
   * Removes entries of `network` (0: any) with (value & mask) == match in those buckets. Returns how many went, and the
   * bit FDB_FLUSH_BLOCKED if some are left because their bucket stayed locked. An entry that a worker kicks behind the walk
   * escapes: who wants all to go repeats the walk (tables/kicks.ts).
   */
  fdbFlush(
    worker: number,
    fromBucket: number,
    bucketCount: number,
    network: number,
    mask: bigint,
    match: bigint,
  ): number;
  /** Counts such entries, those that wait to be swept too. */
  fdbCount(fromBucket: number, bucketCount: number, network: number, mask: bigint, match: bigint): number;
  /** Releases every FDB lock and the VTEP lock that a dead worker slot holds. Returns how many. */
  releaseLocks(deadWorker: number): number;

  /** Id of the VTEP whose 16-byte address (wire order, IPv4 mapped) lies at `address`; made if absent. 0: the table is full. */
  vtepIntern(worker: number, address: number, flags: number): number;
  /** The id of an address, or 0. */
  vtepFind(address: number): number;
  /**
   * Takes a VTEP out of the index and keeps its record: its id is not found any more, nor reused. Returns 1, or 0 if the
   * lock stayed taken.
   */
  vtepUnlink(worker: number, vtep: number): number;
  /**
   * Forgets a VTEP; its id is reused by a later `vtepIntern`. Call it an epoch after the last reference went. Returns 1,
   * or 0 if the lock stayed taken.
   */
  vtepRemove(worker: number, vtep: number): number;
  /** Writes the VTEP's outer header into its spare record and switches to it. `ttl` 1 to 255. */
  vtepRewrite(worker: number, vtep: number, flags: number, ttl: number): void;
  /**
   * Gives a VTEP another next hop: writes its spare record and switches to it. The record before this one may still be in use until
   * an epoch has passed, so wait for that between two calls for one VTEP. @param mac low 6 bytes as in memory, 0: unknown
   */
  vtepSetNextHop(worker: number, vtep: number, mac: bigint): void;
  /** Lets `vtep` send into `network`. Returns 0 when the set is full. */
  accessAllow(worker: number, network: number, vtep: number): number;
  /** Returns 1 if the pair was there, 0 if not, FDB_SET_BUSY if the lock stayed taken. */
  accessDeny(worker: number, network: number, vtep: number): number;

  /** Makes the worker's UMEM of frames of 1 << shift bytes, while it has no socket. By control. */
  xskInitialise(worker: number, shift: number): void;
  /** To be called by a worker that starts, before any of the following. */
  xskRecover(worker: number): void;
  /** Fills inputs from a socket's RX ring. Returns how many. */
  xskReceive(worker: number, slot: number, max: number): number;
  /** Sends outputs first to first + count - 1. Returns how many are left as SEND_ELSEWHERE. */
  xskSend(worker: number, slot: number, first: number, count: number): number;
  /** After an `xskSend` whose frames the kernel has not looked at, its interface being down or gone: they leave the ring, as SEND_DOWN. */
  xskTakeBack(worker: number, slot: number, first: number, count: number): void;
  /** Gives back the frames of inputs 0 to count - 1 that have not gone to a socket. */
  xskFinish(worker: number, count: number): void;
  /** Looks after the sockets. Returns which want a call: bits 0 to 15 to send, 16 to 31 to receive. */
  xskTick(worker: number): number;
  /** Frames of a socket that wait until the kernel is called. */
  xskWaiting(worker: number, slot: number): number;

  /** Flow hash of the Ethernet frame at `frame`, and the outer source port that it means. */
  flowHash(frame: number, length: number): number;
  outerSourcePort(hash: number): number;
  /** Of the inputs' frames, Ethernet headers at the least, together by exclusive or; nothing else is done with them. */
  flowHashes(worker: number, count: number): number;
  /** One's complement sum (RFC 1071) of `length` bytes, folded to 16 bits, not inverted, as little-endian words. */
  checksumSum(from: number, length: number, initial: number): number;
}

export const FDB_SET_FULL = 0;
export const FDB_SET_NEW = 1;
export const FDB_SET_CHANGED = 2;
export const FDB_SET_BUSY = 3;
/** There is no live learned entry. */
export const FDB_FREEZE_NONE = 0;
export const FDB_FREEZE_DONE = 1;
/** It was so already. */
export const FDB_FREEZE_SAME = 2;
export const FDB_FLUSH_BLOCKED = 0x80000000;
export const FDB_NONE = 0xffffffffffffffffn;

// Beside dist/control when built; tests run from the sources and use the built module too.
const WASM_URL = new URL(
  import.meta.url.endsWith(".ts") ? "../dist/dataplane.wasm" : "../dataplane.wasm",
  import.meta.url,
);

/** Compiles the built module. @throws if it has not been built (`npm run build`). */
export async function compileDataplane(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(WASM_URL));
}

export async function instantiateDataplane(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Dataplane> {
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  return instance.exports as unknown as Dataplane;
}

// What the module offers to control and to the workers; control/dataplane.ts has the contracts.
//
// What every frame passes is written with V8 in mind, which compiles what it is given. It makes a number of `a && b` and tests that
// again, so on the way of every frame conditions are `if`s in each other, or bits that are put together where the frame decides
// which is true. It checks for interrupts at every turn of a loop, and it has 15 registers for everything that is alive in a
// function, so loops over many equal things are functions of their own.

import { checkDescriptor, inputAt } from "./descriptor";
import { flowHashOf, outerSrcPortOf } from "./flow";
import { CONSTANTS } from "./layout/system";
import { fold, sumBytes } from "./wire/checksum";
import { writeCrcTable } from "./wire/crc32c";
import { ETH_LEN } from "./wire/ethernet";
import { parseInner } from "./wire/inner";

export { decapCoalesce } from "./coalesce/pass";
export { decapBatch } from "./decap";
export { encapBatch } from "./encap";
export { fdbCount, fdbFlush, fdbFreeze, fdbRemove, fdbSet, fdbSweep } from "./fdb/control";
export { fdbGet } from "./fdb/find";
export { fdbLearn } from "./fdb/learn";
export { releaseLocks } from "./fdb/lock";
export { encapGather } from "./gather";
export { decapSettle, encapSettle } from "./settle";
export { accessAllow, accessDeny } from "./tables/access";
export { vtepFind, vtepIntern, vtepRemove, vtepRewrite, vtepSetNextHop, vtepUnlink } from "./tables/vtep";
export { xskReceive } from "./xdp/receive";
export { xskSend, xskTakeBack } from "./xdp/send";
export { xskFinish, xskInitialise, xskRecover, xskTick, xskWaiting } from "./xdp/upkeep";

/** Writes the patterns that loops load instead of literals. Once, by control, before anything else runs. */
export function initialise(): void {
  checkDescriptor();
  memory.fill(CONSTANTS, 0, 16);
  writeCrcTable();
}

/** Flow hash of a frame; 0 if it is shorter than an Ethernet header. */
export function flowHash(frame: usize, length: u32): u32 {
  return length < ETH_LEN ? 0 : flowHashOf(frame, parseInner(frame, length));
}

/** The flow hashes of a batch's inputs, together by exclusive or: what a hash costs. */
export function flowHashes(worker: u32, count: u32): u32 {
  let all: u32 = 0;
  for (let n: u32 = 0; n < count; n++) {
    const input = inputAt(worker, n);
    all ^= flowHashOf(input.payloadPtr, parseInner(input.payloadPtr, input.payloadLen));
  }
  return all;
}

/** The outer source port of a hash, host order. */
export function outerSourcePort(hash: u32): u32 {
  return outerSrcPortOf(hash);
}

/** One's complement sum of `length` bytes, folded to 16 bits, not inverted, in words as loaded little-endian. */
export function checksumSum(from: usize, length: u32, initial: u32): u32 {
  return fold(sumBytes(from, length, initial));
}

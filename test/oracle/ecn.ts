// ECN through a tunnel: the table of RFC 6040 section 4.2, cell by cell, as behaviour prints it, and what a changed
// field does to the inner packet.

import { be16, readBe16 } from "../support/bytes.js";
import { checksumAfter } from "./checksum.js";
import { parse } from "./parse.js";

export const NOT_ECT = 0;
export const ECT1 = 1;
export const ECT0 = 2;
export const CE = 3;

export interface EcnCell {
  readonly inner: number;
  readonly outer: number;
  /** The field that leaves, or `drop`. */
  readonly result: number | "drop";
  /** RFC 6040 calls the combination currently unused; a dropped one is counted as a drop instead. */
  readonly alarm: boolean;
}

function cell(inner: number, outer: number, result: number | "drop", alarm = false): EcnCell {
  return { inner, outer, result, alarm };
}

export const ECN_TABLE: readonly EcnCell[] = [
  cell(NOT_ECT, NOT_ECT, NOT_ECT),
  cell(NOT_ECT, ECT0, NOT_ECT, true),
  cell(NOT_ECT, ECT1, NOT_ECT, true),
  cell(NOT_ECT, CE, "drop"),
  cell(ECT0, NOT_ECT, ECT0),
  cell(ECT0, ECT0, ECT0),
  cell(ECT0, ECT1, ECT1),
  cell(ECT0, CE, CE),
  cell(ECT1, NOT_ECT, ECT1),
  cell(ECT1, ECT0, ECT1, true),
  cell(ECT1, ECT1, ECT1),
  cell(ECT1, CE, CE),
  cell(CE, NOT_ECT, CE),
  cell(CE, ECT0, CE),
  cell(CE, ECT1, CE, true),
  cell(CE, CE, CE),
];

export interface EcnOutcome {
  readonly frame: Uint8Array | "drop";
  readonly alarm: boolean;
}

/** Decapsulation of `frame` that came under `outerTos`. What is not IP has no field, and passes. */
export function decapEcn(frame: Uint8Array, outerTos: number): EcnOutcome {
  const parsed = parse(frame);
  if (parsed?.ip === undefined) return { frame, alarm: false };
  const { ip, l3 } = parsed;
  const found = ECN_TABLE.find((row) => row.inner === (ip.tos & 3) && row.outer === (outerTos & 3));
  if (found === undefined) throw new Error("the table has a hole");
  if (found.result === "drop") return { frame: "drop", alarm: found.alarm };
  if (found.result === found.inner) return { frame, alarm: found.alarm };
  const rewritten = frame.slice();
  if (ip.version === 4) {
    rewritten[l3 + 1] = (ip.tos & 0xfc) | found.result;
    const sum = checksumAfter(readBe16(frame, l3 + 10), readBe16(frame, l3), readBe16(rewritten, l3));
    rewritten.set(be16(sum), l3 + 10);
  } else {
    rewritten[l3 + 1] = (frame[l3 + 1] & 0xcf) | (found.result << 4);
  }
  return { frame: rewritten, alarm: found.alarm };
}

/** The ECN bits that encapsulation copies outwards (RFC 6040 section 4.1, normal mode). */
export function encapEcn(frame: Uint8Array): number {
  return (parse(frame)?.ip?.tos ?? 0) & 3;
}

// The labels of drops derive from the names of the Drop enum, so a new reason needs no second list: DecapBadChecksum
// is direction="decap", reason="bad_checksum".

import { Drop } from "../../dataplane-wasm/drop.js";

export type Direction = "encap" | "decap";

export interface DropLabel {
  readonly direction: Direction;
  readonly reason: string;
  /** Index in a network's drop counters. */
  readonly drop: number;
}

/** The labels of a member's name. @throws if the name has no direction */
export function dropLabel(name: string): { direction: Direction; reason: string } {
  const match = /^(Encap|Decap)([A-Z].*)$/.exec(name);
  if (match === null) throw new Error(`${name} names no direction`);
  const reason = match[2].replace(/(?<!^)[A-Z]/g, "_$&").toLowerCase();
  return { direction: match[1] === "Encap" ? "encap" : "decap", reason };
}

/** Every reason that there is, in the order of the checks. */
export const DROP_LABELS: readonly DropLabel[] = Object.entries(Drop)
  .filter(([name, value]) => typeof value === "number" && name !== "None")
  .map(([name, value]) => ({ ...dropLabel(name), drop: Number(value) }));

// The rights that vxlane needs, read from /proc: CAP_NET_ADMIN for TAP devices and large socket buffers, CAP_NET_RAW
// for the socket that sends whole outer headers.

import { readFileSync } from "node:fs";

/* From linux/capability.h */

const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13 } as const;

export type Capability = keyof typeof CAPABILITIES;

/** The capabilities that this process lacks, of those that vxlane needs. Empty: all are there. */
export function missingCapabilities(status = readFileSync("/proc/self/status", "utf8")): Capability[] {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  const effective = BigInt(`0x${hex}`);
  const names = Object.keys(CAPABILITIES) as Capability[];
  return names.filter((name) => ((effective >> BigInt(CAPABILITIES[name])) & 1n) === 0n);
}

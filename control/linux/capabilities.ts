// The rights that vxlane needs, read from /proc, and how a process comes by them: CAP_NET_ADMIN for TAP devices and large
// socket buffers, CAP_NET_RAW for the socket that sends whole outer headers, CAP_BPF for programs of its own (tap
// underlay, AF_XDP), CAP_PERFMON for the one that subtracts pointers (xdp underlay).

import { readFileSync } from "node:fs";

/* From linux/capability.h */

const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_IPC_LOCK: 14, CAP_PERFMON: 38, CAP_BPF: 39 } as const;
const CAP_SYS_ADMIN = 21;
/** What CAP_SYS_ADMIN was needed for until Linux 5.8, it still suffices for. */
const IN_SYS_ADMIN: readonly Capability[] = ["CAP_PERFMON", "CAP_BPF"];

export type Capability = keyof typeof CAPABILITIES;

/** Those that no driver goes without. */
export const ALWAYS_NEEDED: readonly Capability[] = ["CAP_NET_ADMIN", "CAP_NET_RAW"];

/** The capabilities that this process lacks, of those that are wanted. Empty: all are there. */
export function missingCapabilities(
  wanted: readonly Capability[],
  status = readFileSync("/proc/self/status", "utf8"),
): Capability[] {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  const effective = BigInt(`0x${hex}`);
  const has = (bit: number) => ((effective >> BigInt(bit)) & 1n) !== 0n;
  return wanted.filter((name) => !has(CAPABILITIES[name]) && !(IN_SYS_ADMIN.includes(name) && has(CAP_SYS_ADMIN)));
}

/** What whoever starts the process can do about it. */
export function remedyFor(missing: readonly Capability[]): string {
  if (missing.length === 0) {
    return "this process has the capabilities for it: something else forbids it (a container's seccomp, a security module, kernel lockdown)";
  }
  const file = missing.join(",").toLowerCase();
  return `run as root, or with ${missing.join(" ")} (systemd: AmbientCapabilities=${missing.join(" ")}; else: setcap ${file}+ep on a node binary of its own)`;
}

/** What ENOSYS of bpf(2) means. */
export const NO_BPF = "this kernel has no bpf (CONFIG_BPF_SYSCALL), or a container's seccomp hides it";

/** Bytes that this process may lock; Infinity where nothing limits it. */
export function lockedMemoryMax(limits = readFileSync("/proc/self/limits", "utf8")): number {
  if (missingCapabilities(["CAP_IPC_LOCK"]).length === 0) return Infinity;
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1] ?? "unlimited";
  return soft === "unlimited" ? Infinity : Number(soft);
}

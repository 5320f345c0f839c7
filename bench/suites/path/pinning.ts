// Which core does what: the sender has the first (trafgen puts itself there), the receiver the last, and the tunnel's own
// process those between. Where there are fewer cores than busy processes, everybody shares, as recorded.

import { availableParallelism } from "node:os";
import { hasProgram } from "../../host.js";

export type Role = "sender" | "tunnel" | "receiver";

/** Processes that work at the same time: all three, or no receiver, when the kernel counts what comes and drops it. */
export type Parties = 2 | 3;

const ROLES: Readonly<Record<Parties, readonly Role[]>> = {
  2: ["sender", "tunnel"],
  3: ["sender", "tunnel", "receiver"],
};

/** The cores of a role as taskset writes them; undefined: any. */
export function coresOf(role: Role, cores: number, parties: Parties = 3): string | undefined {
  if (cores < parties) return undefined;
  if (role === "sender") return "0";
  if (role === "receiver") return String(cores - 1);
  const last = parties === 2 ? cores - 1 : cores - 2;
  return last === 1 ? "1" : `1-${last}`;
}

/** A command line that keeps to the cores of its role. */
export function pinned(role: Role, file: string, args: readonly string[], parties: Parties = 3): string[] {
  const cores = hasProgram("taskset") ? coresOf(role, availableParallelism(), parties) : undefined;
  return cores === undefined ? [file, ...args] : ["taskset", "-c", cores, file, ...args];
}

/** For the record. */
export function pinning(parties: Parties = 3): string {
  const cores = availableParallelism();
  const roles = ROLES[parties];
  if (cores < parties) return `none: ${cores} cores are shared by ${roles.join(", ")}`;
  if (!hasProgram("taskset")) return "none: no taskset (apt-get install util-linux)";
  return roles.map((role) => `${role} on ${coresOf(role, cores, parties)}`).join(", ");
}

// Which core does what, where there are more than two: the sender has the first core (trafgen puts itself there), the
// receiver the last, and the tunnel's own process those between. On one or two cores everybody shares, as recorded.

import { availableParallelism } from "node:os";
import { hasProgram } from "../../host.js";

export type Role = "sender" | "tunnel" | "receiver";

const CORES_NEEDED = 3;

/** The cores of a role as taskset writes them; undefined: any. */
export function coresOf(role: Role, cores: number): string | undefined {
  if (cores < CORES_NEEDED) return undefined;
  if (role === "sender") return "0";
  if (role === "receiver") return String(cores - 1);
  return cores === CORES_NEEDED ? "1" : `1-${cores - 2}`;
}

/** A command line that keeps to the cores of its role. */
export function pinned(role: Role, file: string, args: readonly string[]): string[] {
  const cores = hasProgram("taskset") ? coresOf(role, availableParallelism()) : undefined;
  return cores === undefined ? [file, ...args] : ["taskset", "-c", cores, file, ...args];
}

/** For the record. */
export function pinning(): string {
  const cores = availableParallelism();
  if (cores < CORES_NEEDED) return `none: ${cores} cores are shared by sender, tunnel and receiver`;
  if (!hasProgram("taskset")) return "none: no taskset (apt-get install util-linux)";
  const roles: readonly Role[] = ["sender", "tunnel", "receiver"];
  return roles.map((role) => `${role} on ${coresOf(role, cores)}`).join(", ");
}

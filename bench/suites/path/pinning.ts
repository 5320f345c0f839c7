// Which core does what: the sender has the first (trafgen puts itself there), the receiver the last, and the tunnel's own
// process those between. Where there are fewer cores than busy processes, everybody shares, as recorded.
//
// Frames have no receiving process where the kernel counts them, and then two cores are enough to keep the generator and the
// tunnel apart. A tunnel that already runs for other tests is moved for that time, whoever it is of.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { command, hasProgram } from "../../host.js";

export type Role = "sender" | "tunnel" | "receiver";

/** Processes that work at the same time: all three, or no receiver, when the kernel counts what comes and drops it. */
export type Parties = 2 | 3;

const ROLES: Readonly<Record<Parties, readonly Role[]>> = {
  2: ["sender", "tunnel"],
  3: ["sender", "tunnel", "receiver"],
};

const MOVE_MS = 5000;

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

/** Does something while a tunnel's process keeps out of the sender's way. @param pid undefined: the kernel itself is the tunnel */
export async function apart<T>(pid: number | undefined, action: () => Promise<T>): Promise<T> {
  const all = availableParallelism();
  const cores = coresOf("tunnel", all, 3) === undefined ? coresOf("tunnel", all, 2) : undefined; // or it is pinned for good
  if (pid === undefined || cores === undefined || !hasProgram("taskset")) return action();
  const before =
    /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? `0-${all - 1}`;
  const move = (to: string): Promise<string> => command("taskset", ["-a", "-c", "-p", to, `${pid}`], MOVE_MS);
  await move(cores);
  try {
    return await action();
  } finally {
    // A tunnel that has ended meanwhile is somebody else's finding.
    await move(before).catch(() => undefined);
  }
}

/** For the record. */
export function pinning(parties: Parties = 3): string {
  const cores = availableParallelism();
  const roles = ROLES[parties];
  if (cores < parties) return `none: ${cores} cores are shared by ${roles.join(", ")}`;
  if (!hasProgram("taskset")) return "none: no taskset (apt-get install util-linux)";
  return roles.map((role) => `${role} on ${coresOf(role, cores, parties)}`).join(", ");
}

/** The same of frames end to end. */
export function framesPinning(): string {
  return availableParallelism() < 3 ? `${pinning(2)}, the far end of both ends on any` : pinning();
}

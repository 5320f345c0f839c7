// Who goes first where cores are scarce. Each process that we start leads a session; with autogroups (sched(7)) the sessions
// share the cores, and nice counts only within one, so a session is given its priority too.

import type { ChildProcess } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/* Our choices, in steps of nice. */
/** The generator stands for a network, which does not wait for a core of ours. */
export const GENERATOR_NICE = -10;
/** A client takes what is left: what is measured is what answering takes from forwarding. */
export const CLIENT_NICE = 10;

/** Of a process that was just started, and of the threads that it is going to start. */
export function prioritise({ pid }: ChildProcess, nice: number): void {
  if (pid === undefined) return;
  setPriority(pid, nice);
  const session = `/proc/${pid}/autogroup`; // none: the kernel has none, or the process has ended
  if (existsSync(session)) writeFileSync(session, String(nice));
}

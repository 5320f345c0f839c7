// How much of a contended core the scheduler gives a thread: its nice, and its session's.
//
// Linux keeps nice for each thread, and a new one has that of the thread that starts it. Everybody may lower a thread's
// priority; to raise it again takes CAP_SYS_NICE.
//
// Nice counts among the threads of one session only: by default (kernel.sched_autogroup_enabled) a core is shared among sessions first, whatever
// their threads' nice, as sched(7) tells. So who leads a session, as a service does, raises that as well. Where control groups share
// CPU time, they come before both.

import { readFileSync, writeFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

/** Of the calling thread: 0 is normal, 19 the lowest priority. */
export function ownNice(): number {
  return getPriority(0);
}

/** Of a thread of this process. */
export function niceOf(thread: number): number {
  return getPriority(thread);
}

/**
 * Lowers the priority of threads to `nice`; those that have as low a one, are gone, or are not ours to change stay as they are: a
 * filter of system calls may forbid it even for our own.
 */
export function lowerPriority(threads: readonly number[], nice: number): void {
  for (const thread of threads) {
    try {
      if (getPriority(thread) < nice) setPriority(thread, nice);
    } catch (error) {
      if (!isRefused(error, "ESRCH", "EACCES", "EPERM")) throw error;
    }
  }
}

/** Raises the calling thread's priority to `nice`. False: it may not. */
export function raiseOwnPriority(nice: number): boolean {
  try {
    if (ownNice() > nice) setPriority(0, nice);
    return true;
  } catch (error) {
    if (isRefused(error, "EACCES", "EPERM")) return false;
    throw error;
  }
}

/**
 * Raises the session that the process `pid` leads to `nice`, among the sessions that share a core. False: it leads none, or it may
 * not, or this kernel shares by threads alone.
 */
export function raiseSession(pid: number, nice: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything; then come state, parent, process group and session.
    const session = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
    if (session !== pid) return false;
    if (sessionNice(pid) > nice) writeFileSync(`/proc/${pid}/autogroup`, String(nice));
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ESRCH", "EACCES", "EPERM", "EROFS", "EAGAIN"].includes(code)) return false;
    throw error;
  }
}

/** @throws an Error with a code if this kernel has no groups by session */
export function sessionNice(pid: number): number {
  return Number(/nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, "utf8"))?.[1] ?? 0);
}

/** Node names the errno in `info`. */
function isRefused(error: unknown, ...codes: string[]): boolean {
  const info = error instanceof Error && "info" in error ? (error.info as { code?: string }) : {};
  return codes.includes(info.code ?? "");
}

// The threads of this process as the kernel knows them: who they are, what they do, and how to wake them out of a call.

import { readdirSync, readFileSync } from "node:fs";
import { ESRCH } from "./errno.js";
import { check, gettid, lastErrno, siginterrupt, tgkill } from "./libc.js";

/** Free for programs, and ignored unless somebody asks for it. */
const INTERRUPT = "SIGURG";
const SIGURG = 23;

/** Of the calling thread. */
export function threadId(): number {
  return check(gettid(), "gettid");
}

export function threadIds(): number[] {
  return readdirSync("/proc/self/task").map(Number);
}

export interface ThreadState {
  /** It runs, or would if it had a core; otherwise it waits for something. */
  readonly isRunnable: boolean;
  /** Time on a core since it began, ms. */
  readonly cpuMs: number;
}

/** Undefined: there is no such thread. */
export function readThread(thread: number): ThreadState | undefined {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, "utf8");
    const [ns = "0"] = readFileSync(`/proc/self/task/${thread}/schedstat`, "utf8").split(" ");
    // The name in brackets may hold anything.
    return { isRunnable: stat.slice(stat.lastIndexOf(")") + 2).startsWith("R"), cpuMs: Number(ns) / 1e6 };
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

/** Makes `interruptThread` work in this process, from the main thread. */
export function allowInterrupts(): void {
  if (process.listenerCount(INTERRUPT) > 0) return;
  process.on(INTERRUPT, () => {});
  // Node has the kernel restart what a signal interrupts: here it shall return with EINTR.
  check(siginterrupt(SIGURG, 1), "siginterrupt");
}

/** Gets a thread of this process out of the system call that it waits in. False: there is no such thread. */
export function interruptThread(thread: number): boolean {
  const result = tgkill(process.pid, thread, SIGURG);
  if (result < 0 && lastErrno() === ESRCH) return false;
  check(result, `tgkill ${thread}`);
  return true;
}

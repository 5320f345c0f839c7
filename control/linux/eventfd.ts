// A bell: control rings it to get a worker out of epoll. Rings before the worker looks count as one.

import { O_CLOEXEC, O_NONBLOCK } from "./constants.js";
import { EAGAIN, SyscallError } from "./errno.js";
import { check, eventfd, eventfdRead, eventfdWrite, lastErrno } from "./libc.js";

const ignored = new BigUint64Array(1);

/** @returns a descriptor; it is readable from a ring until it is drained */
export function createBell(): number {
  return check(eventfd(0, O_NONBLOCK | O_CLOEXEC), "eventfd");
}

/** Any thread may ring. */
export function ringBell(fd: number): void {
  // A counter at its maximum refuses with EAGAIN; it is ringing then.
  if (eventfdWrite(fd, 1) < 0 && lastErrno() !== EAGAIN) throw new SyscallError("eventfd_write", lastErrno());
}

/** Silences it. @returns whether it was ringing */
export function drainBell(fd: number): boolean {
  if (eventfdRead(fd, ignored) === 0) return true;
  if (lastErrno() !== EAGAIN) throw new SyscallError("eventfd_read", lastErrno());
  return false;
}

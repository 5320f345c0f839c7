// Errno numbers and the error that carries one. Every system call of vxlane either returns or throws a SyscallError
// with the call's name; "would block" and "interrupted" are ordinary results and never thrown by what a worker runs.
//
// The few numbers that code branches on are named here (asm-generic/errno.h, the same on x86-64 and arm64). Names for
// people come from Node's own table.

import { constants } from "node:os";

/* From Linux, include/uapi/asm-generic/errno-base.h and errno.h */

export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const EFBIG = 27;
export const ENOSYS = 38;
export const EBADFD = 77;
export const EMSGSIZE = 90;
export const ENOPROTOOPT = 92;
export const EOPNOTSUPP = 95;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ENOBUFS = 105;
export const EHOSTUNREACH = 113;

const NAMES = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, errno]): [number, string] => [errno, name]),
  // Node's table has aliases of 11 and 95, and lacks 77.
  [EAGAIN, "EAGAIN"],
  [EBADFD, "EBADFD"],
  [EOPNOTSUPP, "EOPNOTSUPP"],
]);

/** `EINVAL` for 22; `E4095` for a number without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** A system call that failed. `code` is the errno's name, as in Node's own errors. */
export class SyscallError extends Error {
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  /**
   * @param call the call and what tells it from others: `bind 10.99.0.1:4789`, `TUNSETIFF blue0`
   * @param errno positive
   */
  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`);
    this.name = "SyscallError";
    this.call = call;
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

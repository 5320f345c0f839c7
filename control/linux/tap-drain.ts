// The end of a TAP whose queues nobody reads any more: what the host has sent and they still hold would go with them, in no counter of
// the kernel. So the device is taken down, that no more comes, and its queues are emptied and counted.

import { EINTR, SyscallError } from "./errno.js";
import { takeDown, withSocket } from "./interface-ioctl.js";
import { addressOf, lastErrno, readv } from "./libc.js";
import { inNamespace } from "./netns.js";
import { IOVEC_BASE, IOVEC_LEN, IOVEC_SIZE } from "./structs.js";

/* Our choices */

/** The header is enough: a read takes the frame out, whatever its length. */
const READ_SIZE = 64;
/** Of one queue: more than it holds, for what still comes into a device that stays up. */
const FRAMES_MAX = 2000;

/** @param nameOf the device; undefined: it stays up. @returns how many frames the queues held */
export function drainQueues(
  queueFds: readonly number[],
  nameOf: (() => string) | undefined,
  netns: string | undefined,
): number {
  if (nameOf !== undefined) {
    try {
      const name = nameOf();
      inNamespace(netns, () => withSocket((fd) => takeDown(fd, name)));
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error; // it is gone, or elsewhere
    }
  }
  const bytes = Buffer.alloc(READ_SIZE);
  const iovec = Buffer.alloc(IOVEC_SIZE);
  iovec.writeBigUInt64LE(addressOf(bytes), IOVEC_BASE);
  iovec.writeBigUInt64LE(BigInt(READ_SIZE), IOVEC_LEN);
  const at = Number(addressOf(iovec));
  return queueFds.reduce((sum, fd) => sum + drain(fd, at), 0);
}

function drain(fd: number, iovec: number): number {
  let frames = 0;
  while (frames < FRAMES_MAX) {
    if (readv(fd, iovec, 1) >= 0) frames++;
    else if (lastErrno() !== EINTR) break;
  }
  return frames;
}

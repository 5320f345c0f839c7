// Finds out what this kernel can do with trains of UDP datagrams: sends one of two datagrams over the loopback, from a socket
// to itself, and looks at how it comes back. That tells the kernel's part; whether the way to a peer can do it shows
// only when a train is sent there.

import { setTimeout as sleep } from "node:timers/promises";
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOL_UDP, UDP_SEGMENT } from "./constants.js";
import { EAGAIN, SyscallError } from "./errno.js";
import { bind, check, close, connect, lastErrno, recv, send, socket } from "./libc.js";
import { mapAddress, socketAddress } from "./sockaddr.js";
import { getSocketAddress, setGro, setOption } from "./sockets.js";

/** What keeps each from working, undefined: nothing. */
export interface TrainProbe {
  readonly segment: SyscallError | undefined;
  readonly gro: SyscallError | undefined;
}

const LOOPBACK = mapAddress(Uint8Array.of(127, 0, 0, 1));
const DATAGRAM_LEN = 64;
const TRIES = 20;

/** @throws SyscallError if there are no UDP sockets at all */
export async function probeTrains(): Promise<TrainProbe> {
  const fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket UDP");
  try {
    const any = socketAddress(LOOPBACK, 0);
    check(bind(fd, any, any.length), "bind 127.0.0.1");
    const self = getSocketAddress(fd, any.length);
    check(connect(fd, self, self.length), "connect 127.0.0.1");
    const gro = refusal(() => setGro(fd, true));
    const train = Buffer.alloc(2 * DATAGRAM_LEN);
    const segment = refusal(() => {
      setOption(fd, SOL_UDP, UDP_SEGMENT, DATAGRAM_LEN);
      check(send(fd, train, train.length, 0), "send a train");
    });
    if (gro !== undefined || segment !== undefined) return { segment, gro };
    const bytes = Buffer.alloc(4 * DATAGRAM_LEN);
    for (let tries = 0; tries < TRIES; tries++) {
      const got = recv(fd, bytes, bytes.length, 0);
      if (got >= 0)
        return { segment, gro: got === train.length ? undefined : new SyscallError("recv a train", EAGAIN) };
      await sleep(1);
    }
    return { segment, gro: new SyscallError("recv a train", lastErrno()) };
  } finally {
    close(fd);
  }
}

function refusal(attempt: () => void): SyscallError | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof SyscallError) return error;
    throw error;
  }
}

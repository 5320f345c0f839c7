// Sends mutated frames as fast as the kernel takes them: as datagrams to a VTEP's port, or straight into an interface. The
// sockets are opened inside a namespace of the lab and used from here; batches of 64 a call make a million of them a
// matter of seconds.

import { setTimeout as sleep } from "node:timers/promises";
import { parseAddress } from "../../control/address.js";
import type { Namespace } from "../../control/demo/lab/netns.js";
import {
  AF_INET,
  IPPROTO_UDP,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_SOCKET,
} from "../../control/linux/constants.js";
import { EINTR, EMSGSIZE, ENOBUFS } from "../../control/linux/errno.js";
import {
  addressOf,
  bind,
  check,
  close,
  connect,
  lastErrno,
  sendmmsg,
  setsockopt,
  socket,
} from "../../control/linux/libc.js";
import { findLink, withNetlink } from "../../control/linux/links.js";
import { inNamespace } from "../../control/linux/netns.js";
import { socketAddress } from "../../control/linux/sockaddr.js";
import { IOVEC_SIZE, MMSG_IOVEC_COUNT, MMSG_IOVECS, MMSG_SIZE } from "../../control/linux/structs.js";
import type { Mutator } from "./mutate.js";

const AF_PACKET = 17;
const SOCKADDR_LL_LEN = 20;
const SOCKADDR_LL_IFINDEX = 4;
const BATCH = 64;
const SLOT = 2048;
const SEND_BUFFER = 1 << 20;
/** Whoever sends without a pause gets all of the CPU, and the kernel loses half of it before a worker looks. */
const PAUSE_EVERY = 512;

const netnsFile = ({ name }: Namespace) => `/run/netns/${name}`;

export interface Blast {
  /** Sends so many and says how many the kernel took. */
  send(count: number): Promise<number>;
  close(): void;
}

/** Datagrams from one address to another. */
export function datagramBlast(from: Namespace, source: string, target: string, port: number, mutator: Mutator): Blast {
  const fd = inNamespace(netnsFile(from), () =>
    check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP), "socket UDP"),
  );
  const [own, peer] = [socketAddress(requireAddress(source), 0), socketAddress(requireAddress(target), port)];
  check(bind(fd, own, own.length), `bind ${source}`);
  check(connect(fd, peer, peer.length), `connect ${target}`);
  return new Blaster(fd, mutator, 0, 1472);
}

/** Frames into an interface, as a host behind it sends them. */
export function frameBlast(into: Namespace, device: string, mtu: number, mutator: Mutator): Blast {
  const fd = inNamespace(netnsFile(into), () =>
    check(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket AF_PACKET"),
  );
  const index = withNetlink(netnsFile(into), (netlink) => findLink(netlink, device)?.index);
  if (index === undefined) throw new Error(`there is no interface ${device}`);
  const address = Buffer.alloc(SOCKADDR_LL_LEN);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeInt32LE(index, SOCKADDR_LL_IFINDEX);
  check(bind(fd, address, address.length), `bind ${device}`);
  // The kernel refuses what is shorter than an Ethernet header, or longer than fits.
  return new Blaster(fd, mutator, 14, mtu + 14);
}

class Blaster implements Blast {
  readonly #messages = Buffer.alloc(BATCH * MMSG_SIZE);
  readonly #iovecs = Buffer.alloc(BATCH * IOVEC_SIZE);
  readonly #slots = Buffer.alloc(BATCH * SLOT);

  constructor(
    readonly fd: number,
    readonly mutator: Mutator,
    readonly least: number,
    readonly most: number,
  ) {
    const size = Buffer.alloc(4);
    size.writeInt32LE(SEND_BUFFER);
    check(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, 4), "setsockopt SO_SNDBUFFORCE");
    for (let i = 0; i < BATCH; i++) {
      this.#iovecs.writeBigUInt64LE(addressOf(this.#slots) + BigInt(i * SLOT), i * IOVEC_SIZE);
      this.#messages.writeBigUInt64LE(addressOf(this.#iovecs) + BigInt(i * IOVEC_SIZE), i * MMSG_SIZE + MMSG_IOVECS);
      this.#messages.writeBigUInt64LE(1n, i * MMSG_SIZE + MMSG_IOVEC_COUNT);
    }
  }

  async send(count: number): Promise<number> {
    let taken = 0;
    for (let done = 0; done < count; done += BATCH) {
      const batch = Math.min(BATCH, count - done);
      for (let i = 0; i < batch; i++) {
        const length = Math.max(this.least, this.mutator.fill(this.#slots, i * SLOT, this.most));
        this.#iovecs.writeUInt32LE(length, i * IOVEC_SIZE + 8);
      }
      taken += this.#sendBatch(batch);
      if (done % PAUSE_EVERY === 0) await sleep(2);
    }
    return taken;
  }

  /** What the kernel refuses is left out. */
  #sendBatch(count: number): number {
    const table = Number(addressOf(this.#messages));
    let refused = 0;
    for (let sent = 0; sent < count; ) {
      const result = sendmmsg(this.fd, table + sent * MMSG_SIZE, count - sent, 0);
      if (result > 0) sent += result;
      else {
        const errno = lastErrno();
        if (errno === EINTR) continue;
        if (errno !== ENOBUFS && errno !== EMSGSIZE) check(result, "sendmmsg");
        refused++;
        sent++;
      }
    }
    return count - refused;
  }

  close(): void {
    close(this.fd);
  }
}

function requireAddress(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

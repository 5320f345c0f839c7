// Opens TAP devices: layer-2 interfaces of this host whose other end is a file descriptor. A device has as many queues
// as workers read it; each queue is a descriptor. Every frame is preceded by a 24-byte virtio-net header both ways,
// which says what is unfinished about it (checksum, segmentation).
//
// The device gets its MAC and MTU and goes up; it never gets an address, that is the operator's. A device that we made
// disappears with its last descriptor, unless it is persistent; a persistent one that we find is taken over as it is.

import { VIRTIO_LEN } from "../../dataplane-wasm/layout.js";
import { formatMac, parseMac } from "../address.js";
import { VxlaneError } from "../errors.js";
import {
  ARPHRD_ETHER,
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  IFF_VNET_HDR,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  SIOCSIFHWADDR,
  SIOCSIFMTU,
  SIOCSIFTXQLEN,
  TUN_F_CSUM,
  TUN_F_TSO_ECN,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_USO4,
  TUN_F_USO6,
  TUNGETIFF,
  TUNSETIFF,
  TUNSETOFFLOAD,
  TUNSETPERSIST,
  TUNSETVNETHDRSZ,
} from "./constants.js";
import { EBADF, EBADFD, EBUSY, EFAULT, SyscallError } from "./errno.js";
import { interfaceRequest, setNumber, takeUp, withSocket } from "./interface-ioctl.js";
import { check, close, ioctl, ioctlNumber, lastErrno, open } from "./libc.js";
import { findLink, getLink, type Link, readTxDropped } from "./links.js";
import { acquireNetlink, type Netlink, releaseNetlink } from "./netlink.js";
import { inNamespace } from "./netns.js";
import { IFREQ_FLAGS, IFREQ_HWADDR, IFREQ_HWADDR_FAMILY, IFREQ_SIZE } from "./structs.js";
import { drainQueues } from "./tap-drain.js";

/* From linux/if_link.h: attributes of a link of kind `tun` */

const IFLA_TUN_TYPE = 3; // IFF_TUN or IFF_TAP
const IFLA_TUN_PERSIST = 6;
const IFLA_TUN_MULTI_QUEUE = 7;
const IFLA_TUN_NUM_QUEUES = 8;

const DEVICE = "/dev/net/tun";

/*
 * Our choice: frames that a queue holds while its worker is off the CPU. Twice the kernel's default; twice as many more leave the
 * cache before they are read when the queue is full, which costs some percent of the rate.
 */

const QUEUE_LENGTH = 1000;

const TSO = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

const NO_OFFLOADS = { checksum: false, tso: false, uso: false };
const OFFLOADS = [
  { flags: TSO | TUN_F_USO4 | TUN_F_USO6, accepted: { checksum: true, tso: true, uso: true } }, // Linux >= 6.2
  { flags: TSO, accepted: { checksum: true, tso: true, uso: false } },
  { flags: TUN_F_CSUM, accepted: { checksum: true, tso: false, uso: false } },
];

export interface TapOptions {
  /** At most 15 bytes. */
  readonly name: string;
  /** Descriptors to open, 1 to 256. */
  readonly queues: number;
  /** `02:00:00:00:00:01`; default: the kernel makes one up. */
  readonly mac?: string;
  /** Largest L3 packet, bytes. */
  readonly mtu: number;
  /** The device stays when its descriptors are closed. */
  readonly persistent: boolean;
  /** Namespace file to make it in; default: the one we are in. */
  readonly netns?: string;
  /** Frames may come and go unfinished; default: whatever the kernel offers. */
  readonly offloads?: boolean;
}

/** What frames of a device may leave to their receiver. */
export interface TapOffloads {
  /** Checksums. */
  readonly checksum: boolean;
  /** Cutting TCP super-frames. */
  readonly tso: boolean;
  /** And UDP ones. */
  readonly uso: boolean;
}

/** An open TAP device. Property names are those that users of the common TAP packages know. */
export class Tap {
  readonly name: string;
  readonly index: number;
  /** One descriptor a queue, non-blocking. */
  readonly queueFds: readonly number[];
  /** What the kernel accepted: what frames read from it may leave unfinished. */
  readonly offloads: TapOffloads;
  readonly #netlink: Netlink;
  readonly #netns: string | undefined;
  readonly #persistent: boolean;
  #isReleased = false;

  /** @internal use `openTap` */
  constructor(
    { name, netns, persistent }: Pick<TapOptions, "name" | "netns" | "persistent">,
    index: number,
    queueFds: readonly number[],
    offloads: TapOffloads,
    netlink: Netlink,
  ) {
    this.name = name;
    this.index = index;
    this.queueFds = queueFds;
    this.offloads = offloads;
    this.#netlink = netlink;
    this.#netns = netns;
    this.#persistent = persistent;
  }

  /** @throws SyscallError ENODEV if somebody deleted the device; so do the next ones */
  get mac(): string {
    return getLink(this.#netlink, this.index).mac;
  }

  get mtu(): number {
    return getLink(this.#netlink, this.index).mtu;
  }

  get isUp(): boolean {
    return getLink(this.#netlink, this.index).isUp;
  }

  /** False once the device was deleted; it may also have moved to another namespace, where it goes on. */
  get isAttached(): boolean {
    return ioctl(this.queueFds[0], TUNGETIFF, Buffer.alloc(IFREQ_SIZE)) >= 0;
  }

  /** Frames that the host sent and that found a queue full, since the device exists (`port_lost`). */
  readTxDropped(): number {
    return readTxDropped(this.#netlink, this.index);
  }

  /** @param mtu largest L3 packet, bytes. @throws SyscallError ENODEV, EINVAL */
  setMtu(mtu: number): void {
    // The name may have changed since.
    const { name } = getLink(this.#netlink, this.index);
    inNamespace(this.#netns, () => withSocket((fd) => setNumber(fd, name, SIOCSIFMTU, mtu, "SIOCSIFMTU")));
  }

  /** Takes out what its queues hold, once no worker reads them, and the device down unless it outlives us. Returns how many frames. */
  drain(): number {
    if (this.#isReleased) return 0;
    const name = () => getLink(this.#netlink, this.index).name;
    return drainQueues(this.queueFds, this.#persistent ? undefined : name, this.#netns);
  }

  /** Closes every queue; a device that is not persistent is gone then. Take the queues away from the workers first. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const fd of this.queueFds) close(fd);
    releaseNetlink(this.#netlink);
  }
}

/**
 * Opens a TAP device, made or taken over, sets it up and takes it up. On failure nothing stays open.
 * @throws VxlaneError ERR_HOST_INTERFACE if the name belongs to something that cannot be taken over
 * @throws SyscallError (EPERM without CAP_NET_ADMIN, ENOENT without /dev/net/tun)
 */
export function openTap(options: TapOptions): Tap {
  const netlink = acquireNetlink(options.netns);
  const fds: number[] = [];
  try {
    const existing = findLink(netlink, options.name);
    if (existing !== undefined) refuseIfUnfit(existing, options.queues);
    const isMultiQueue = existing === undefined || flagOf(existing, IFLA_TUN_MULTI_QUEUE);
    inNamespace(options.netns, () => {
      for (let queue = 0; queue < options.queues; queue++) fds.push(openQueue(options.name, isMultiQueue));
      setUp(options);
    });
    const offloads = fds.map((fd) => setOffloads(fd, options.offloads ?? true)).at(-1) ?? NO_OFFLOADS;
    const link = findLink(netlink, options.name);
    if (link === undefined)
      throw new VxlaneError("ERR_HOST_INTERFACE", `${options.name} disappeared while it was set up`);
    // Last, so that a failure before it leaves nothing behind.
    if (options.persistent) check(ioctlNumber(fds[0], TUNSETPERSIST, 1), `TUNSETPERSIST ${options.name}`);
    return new Tap(options, link.index, fds, offloads, netlink);
  } catch (error) {
    for (const fd of fds) close(fd);
    releaseNetlink(netlink);
    throw error;
  }
}

/** Why this interface cannot serve as a TAP port of that many queues; undefined if it can. Also for `check --host`. */
export function tapConflict(link: Link, queues: number): string | undefined {
  if (link.kind !== "tun" || link.kindData.get(IFLA_TUN_TYPE)?.[0] !== IFF_TAP) {
    const kind = link.kind === "tun" ? "TUN device" : link.kind === "" ? "network interface" : `${link.kind} device`;
    return `${link.name} is an existing ${kind}, not a TAP device; ${USE_XDP}`;
  }
  const readers = link.kindData.get(IFLA_TUN_NUM_QUEUES)?.readUInt32LE(0) ?? 0;
  if (readers > 0 || !flagOf(link, IFLA_TUN_PERSIST)) return inUse(link.name);
  if (queues > 1 && !flagOf(link, IFLA_TUN_MULTI_QUEUE)) {
    return `the TAP device ${link.name} was made with one queue, ${queues} are wanted: make it with multi_queue, or set queues to 1`;
  }
  return undefined;
}

const USE_XDP = "driver xdp attaches to an interface that is there (port add: --driver xdp)";

function inUse(name: string): string {
  return `the TAP device ${name} is in use by another program; ${USE_XDP}`;
}

function refuseIfUnfit(link: Link, queues: number): void {
  const conflict = tapConflict(link, queues);
  if (conflict !== undefined) throw new VxlaneError("ERR_HOST_INTERFACE", conflict);
}

function flagOf(link: Link, attribute: number): boolean {
  return (link.kindData.get(attribute)?.[0] ?? 0) !== 0;
}

/**
 * Whether a read that failed so says that the TAP or its descriptor is no more (drivers/net/tun.c: EBADFD, once the
 * device was deleted), for good. Any other errno was about one frame.
 */
export function tellsTapIsGone(errno: number): boolean {
  return errno === EBADFD || errno === EBADF || errno === EFAULT;
}

/** A descriptor without a device, for now. */
export function openTunDevice(): number {
  return check(open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC), `open ${DEVICE}`);
}

function openQueue(name: string, isMultiQueue: boolean): number {
  const fd = openTunDevice();
  try {
    const request = interfaceRequest(name);
    const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (isMultiQueue ? IFF_MULTI_QUEUE : 0);
    request.writeUInt16LE(flags, IFREQ_FLAGS);
    if (ioctl(fd, TUNSETIFF, request) < 0) {
      const errno = lastErrno();
      // A device with one queue does not tell netlink that it has a reader.
      if (errno === EBUSY) throw new VxlaneError("ERR_HOST_INTERFACE", inUse(name));
      throw new SyscallError(`TUNSETIFF ${name}`, errno);
    }
    const headerLen = Buffer.alloc(4);
    headerLen.writeInt32LE(VIRTIO_LEN);
    check(ioctl(fd, TUNSETVNETHDRSZ, headerLen), `TUNSETVNETHDRSZ ${name}`);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Asks for as much as the kernel has, most first. Returns what it accepted. */
function setOffloads(fd: number, areWanted: boolean): TapOffloads {
  if (areWanted) {
    for (const { flags, accepted } of OFFLOADS) {
      if (ioctlNumber(fd, TUNSETOFFLOAD, flags) >= 0) return accepted;
    }
  }
  check(ioctlNumber(fd, TUNSETOFFLOAD, 0), "TUNSETOFFLOAD");
  return NO_OFFLOADS;
}

/** MAC, MTU, up. */
function setUp({ name, mac, mtu }: TapOptions): void {
  withSocket((fd) => {
    const bytes = mac === undefined ? undefined : parseMac(mac);
    if (bytes !== undefined) {
      const request = interfaceRequest(name);
      request.writeUInt16LE(ARPHRD_ETHER, IFREQ_HWADDR_FAMILY);
      request.set(bytes, IFREQ_HWADDR);
      check(ioctl(fd, SIOCSIFHWADDR, request), `SIOCSIFHWADDR ${name} ${formatMac(bytes)}`);
    }
    setNumber(fd, name, SIOCSIFMTU, mtu, "SIOCSIFMTU");
    // The kernel makes room for 500 frames, which a burst of TCP fills before a worker gets the CPU.
    setNumber(fd, name, SIOCSIFTXQLEN, QUEUE_LENGTH, "SIOCSIFTXQLEN");
    takeUp(fd, name);
  });
}

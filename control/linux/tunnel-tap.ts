// The device of the tap underlay: a TAP of our own that takes and gives whole outer frames with tunnel GSO, joined to the
// interface that the underlay uses by eBPF programs (tunnel-programs.ts). It has no address and no route; the host's own
// `local` address stays where it is.
//
// Everything here is a descriptor: when the process ends, however it ends, the device and the programs are gone. The
// programs on the interface go with the interface too; `join` puts them on the one that takes its place.

import { release } from "node:os";
import { VIRTIO_LEN } from "../../dataplane-wasm/layout.js";
import { VxlaneError } from "../errors.js";
import {
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  linkTcxEgress,
  linkTcxIngress,
  loadProgram,
} from "./bpf.js";
import { NO_BPF } from "./capabilities.js";
import {
  AF_INET6,
  IFF_LOOPBACK,
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  IFF_VNET_HDR,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  SIOCSIFMTU,
  SIOCSIFTXQLEN,
  TUNSETIFF,
  TUNSETOFFLOAD,
  TUNSETVNETHDRSZ,
} from "./constants.js";
import { EBUSY, EINVAL, ENOSYS, SyscallError } from "./errno.js";
import { interfaceRequest, setNumber, takeUp, withSocket } from "./interface-ioctl.js";
import { check, close, ioctl, ioctlNumber, lastErrno, open } from "./libc.js";
import { findLink, type Link, readTxDropped } from "./links.js";
import { acquireNetlink, type Netlink, releaseNetlink } from "./netlink.js";
import { familyOf } from "./sockaddr.js";
import { IFREQ_FLAGS } from "./structs.js";
import { onlyReceived, sendOut, steerByPort, takeDatagrams } from "./tunnel-programs.js";

/* From linux/if_tun.h */

const TUNSETSTEERINGEBPF = 0x800454e0;
const IFF_TUN_EXCL = 0x8000;
const OFFLOADS = 0x7f & ~0x10; // CSUM, TSO4, TSO6, TSO_ECN, USO4, USO6
const TUNNEL_OFFLOADS = 0x180; // UDP_TUNNEL_GSO, UDP_TUNNEL_GSO_CSUM

const DEVICE = "/dev/net/tun";

/* Our choices */
const NAME = "vxlane-u"; // and a number
const NAMES_MAX = 100;
const MTU = 65521; // the largest that a TAP takes: what passes is not its own traffic
const QUEUE_LENGTH = 2000;

export interface TunnelTapOptions {
  /** 16 B, wire order, IPv4 mapped: this VTEP's address. */
  readonly local: Uint8Array;
  /** UDP port, host order. */
  readonly port: number;
  /** One a worker. */
  readonly queues: number;
  /** Super-frames and unfinished checksums may pass; else the kernel finishes everything first. */
  readonly offloads: boolean;
}

export class TunnelTap {
  readonly name: string;
  readonly index: number;
  /** One descriptor a worker, non-blocking. */
  readonly queueFds: readonly number[];
  readonly #options: TunnelTapOptions;
  readonly #netlink: Netlink;
  readonly #own: number[];
  #links: number[] = [];
  #isReleased = false;

  /** @internal use `openTunnelTap` */
  constructor(name: string, options: TunnelTapOptions, queueFds: readonly number[], netlink: Netlink) {
    const link = findLink(netlink, name);
    if (link === undefined) throw new VxlaneError("ERR_HOST_INTERFACE", `${name} disappeared while it was set up`);
    this.name = name;
    this.index = link.index;
    this.queueFds = queueFds;
    this.#options = options;
    this.#netlink = netlink;
    this.#own = [linked("vxlane_received", onlyReceived(), (program) => linkTcxEgress(program, link.index))];
  }

  /**
   * Takes datagrams from this interface from now on, and sends through it. The old one is left alone.
   * @throws VxlaneError ERR_HOST_INTERFACE if it is no Ethernet interface. SyscallError, ProgramError; then nothing has changed
   */
  join(nic: Link): void {
    refuseUnlessEthernet(nic);
    const { local, port } = this.#options;
    const made: number[] = [];
    try {
      made.push(linked("vxlane_send", sendOut(nic.index), (program) => linkTcxIngress(program, this.index)));
      made.push(linked("vxlane_take", takeDatagrams(local, port, this.index), (p) => linkTcxIngress(p, nic.index)));
    } catch (error) {
      for (const fd of made) close(fd);
      throw error;
    }
    // The old program ran in front of the new one until here.
    this.leave();
    this.#links = made;
  }

  /** Takes nothing any more. */
  leave(): void {
    for (const fd of this.#links.splice(0)) close(fd);
  }

  /** True while the device exists and is up. */
  get isUp(): boolean {
    const link = findLink(this.#netlink, this.name);
    return link !== undefined && link.index === this.index && link.isUp;
  }

  /** Takes the device up again that somebody has taken down. @throws SyscallError ENODEV if it was deleted */
  takeUp(): void {
    withSocket((fd) => takeUp(fd, this.name));
  }

  /** Datagrams that found a queue full, since the device exists (`underlay_lost`). 0 if it was deleted. */
  readLost(): number {
    try {
      return readTxDropped(this.#netlink, this.index);
    } catch (error) {
      if (error instanceof SyscallError) return 0;
      throw error;
    }
  }

  /** Closes everything; the workers have to be done with it. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.leave();
    for (const fd of [...this.#own, ...this.queueFds]) close(fd);
    releaseNetlink(this.#netlink);
  }
}

/**
 * Makes the device, joined to nothing yet. On failure nothing stays open.
 * @throws VxlaneError ERR_HOST_INTERFACE where the kernel is too old or has no bpf(2), with what is missing
 * @throws SyscallError (EPERM without CAP_NET_ADMIN, ENOENT without /dev/net/tun)
 */
export function openTunnelTap(options: TunnelTapOptions): TunnelTap {
  const netlink = acquireNetlink();
  const fds: number[] = [];
  try {
    const name = openFirstQueue(options.queues > 1, fds);
    while (fds.length < options.queues) fds.push(openQueue(name, IFF_MULTI_QUEUE));
    if (options.offloads) for (const fd of fds) setOffloads(fd);
    if (options.queues > 1) steer(fds[0], familyOf(options.local) === AF_INET6);
    withSocket((fd) => {
      setNumber(fd, name, SIOCSIFMTU, MTU, "SIOCSIFMTU");
      setNumber(fd, name, SIOCSIFTXQLEN, QUEUE_LENGTH, "SIOCSIFTXQLEN");
    });
    // The programs first, so that the host has never sent anything here.
    const tap = new TunnelTap(name, options, fds, netlink);
    withSocket((fd) => takeUp(fd, name));
    return tap;
  } catch (error) {
    for (const fd of fds) close(fd);
    releaseNetlink(netlink);
    throw explain(error);
  }
}

/** Why an interface cannot be joined; undefined if it can. */
export function tunnelConflict(nic: Link): string | undefined {
  const isEthernet = nic.mac !== "" && (nic.flags & IFF_LOOPBACK) === 0;
  return isEthernet ? undefined : `${nic.name} is no Ethernet interface, which the tap underlay needs`;
}

function refuseUnlessEthernet(nic: Link): void {
  const conflict = tunnelConflict(nic);
  if (conflict !== undefined) throw new VxlaneError("ERR_HOST_INTERFACE", `${conflict}: use underlay.driver: udp`);
}

/** A program and its link to an interface; the link keeps the program. */
function linked(name: string, code: Uint8Array, link: (program: number) => number): number {
  const program = loadProgram({ type: BPF_PROG_TYPE_SCHED_CLS, name, code });
  try {
    return link(program);
  } finally {
    close(program);
  }
}

function steer(fd: number, isIpv6: boolean): void {
  const type = BPF_PROG_TYPE_SOCKET_FILTER;
  const program = loadProgram({ type, name: "vxlane_steer", code: steerByPort(isIpv6) });
  try {
    const argument = Buffer.alloc(4);
    argument.writeInt32LE(program);
    check(ioctl(fd, TUNSETSTEERINGEBPF, argument), "TUNSETSTEERINGEBPF");
  } finally {
    close(program);
  }
}

/** A device of a name that nobody has. */
function openFirstQueue(isMultiQueue: boolean, fds: number[]): string {
  for (let number = 0; number < NAMES_MAX; number++) {
    const name = `${NAME}${number}`;
    try {
      fds.push(openQueue(name, IFF_TUN_EXCL | (isMultiQueue ? IFF_MULTI_QUEUE : 0)));
      return name;
    } catch (error) {
      // EINVAL: the name belongs to something that is no TAP.
      if (!(error instanceof SyscallError) || ![EBUSY, EINVAL].includes(error.errno)) throw error;
    }
  }
  throw new VxlaneError("ERR_HOST_INTERFACE", `the names ${NAME}0 to ${NAME}${NAMES_MAX - 1} are all taken`);
}

function openQueue(name: string, flags: number): number {
  const fd = check(open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC), `open ${DEVICE}`);
  try {
    const request = interfaceRequest(name);
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags, IFREQ_FLAGS);
    check(ioctl(fd, TUNSETIFF, request), `TUNSETIFF ${name}`);
    const headerLen = Buffer.alloc(4);
    headerLen.writeInt32LE(VIRTIO_LEN);
    check(ioctl(fd, TUNSETVNETHDRSZ, headerLen), `TUNSETVNETHDRSZ ${name}`);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

function setOffloads(fd: number): void {
  if (ioctlNumber(fd, TUNSETOFFLOAD, OFFLOADS | TUNNEL_OFFLOADS) >= 0) return;
  const cause = new SyscallError("TUNSETOFFLOAD UDP_TUNNEL_GSO", lastErrno());
  throw new VxlaneError("ERR_HOST_INTERFACE", tooOld("6.17", "tunnel GSO in TAP devices"), { cause });
}

function explain(error: unknown): unknown {
  if (!(error instanceof SyscallError)) return error;
  const { call, errno, message } = error;
  const refused = (why: string) => new VxlaneError("ERR_HOST_INTERFACE", why, { cause: error });
  if (errno === ENOSYS) return refused(`underlay.driver: tap: ${message}: ${NO_BPF}: use driver: udp, or auto`);
  return call.startsWith("TCX link") && errno === EINVAL ? refused(tooOld("6.6", "TCX links")) : error;
}

function tooOld(version: string, what: string): string {
  return `underlay.driver: tap needs Linux ${version} or later (${what}), this is ${release()}: use driver: udp, or auto`;
}

// All sockets of the udp underlay: for each worker one that receives and one that sends, and one socket for each
// multicast group. Control opens them, puts them into the workers' epoll sets and closes them.
//
// With SO_REUSEPORT the kernel spreads flows over the workers' sockets, but hands every socket bound to a group its own
// copy, so a group has one socket, which one worker reads. One group a socket, because a socket that is bound to the
// group's address gets nothing else, neither unicast nor other groups, and the kernel's limit of 20 joins is far away.

import { formatAddress, parseAddress } from "../address.js";
import { VxlaneError } from "../errors.js";
import { AF_INET6 } from "./constants.js";
import { EADDRINUSE, EADDRNOTAVAIL, SyscallError } from "./errno.js";
import { describeHolder, whoHasUdpPort } from "./holders.js";
import { close } from "./libc.js";
import { findLink, listInterfaces, withNetlink } from "./links.js";
import { inNamespace } from "./netns.js";
import { familyOf } from "./sockaddr.js";
import {
  joinOn,
  openGroupSocket,
  openReceiveSocket,
  openSendSocket,
  readSocketDrops,
  sendGroupsOn,
  setGro,
} from "./sockets.js";

export interface UnderlayOptions {
  /** This VTEP's address, as text. */
  readonly local: string;
  /** UDP port, host order. */
  readonly port: number;
  readonly workers: number;
  /** Needed for groups: where to join and where packets to groups leave. */
  readonly interface?: string;
  /** Namespace file; default: the one we are in. */
  readonly netns?: string;
}

/** The socket of one multicast group. */
export interface GroupSocket {
  readonly group: string;
  readonly fd: number;
  /** Leaves the group. Take `fd` out of the worker's epoll set and wait an epoch first. */
  close(): void;
}

export class Underlay {
  /** By worker: readable when datagrams have come. The source id of the udp driver is the descriptor itself. */
  readonly receiveFds: readonly number[];
  /** By worker. */
  readonly sendFds: readonly number[];
  readonly isIpv6: boolean;
  readonly #options: UnderlayOptions;
  #ifIndex: number;
  readonly #groups = new Map<string, GroupSocket>();
  #trains = false;
  #lostByClosed = 0;
  #isClosed = false;

  /** @internal use `openUnderlay` */
  constructor(options: UnderlayOptions, ifIndex: number, receiveFds: number[], sendFds: number[]) {
    this.receiveFds = receiveFds;
    this.sendFds = sendFds;
    this.isIpv6 = familyOf(requireAddress(options.local)) === AF_INET6;
    this.#options = options;
    this.#ifIndex = ifIndex;
  }

  /**
   * Opens the socket of a group and joins it.
   * @param group address of this underlay's family, as text; at most one socket each
   * @throws VxlaneError ERR_HOST_INTERFACE without an interface, ERR_CONFLICT if it is joined already. SyscallError
   */
  joinGroup(group: string): GroupSocket {
    const address = requireAddress(group);
    const key = formatAddress(address);
    if (this.#ifIndex === 0)
      throw new VxlaneError("ERR_HOST_INTERFACE", `the group ${key} needs an underlay interface`);
    if (this.#groups.has(key)) throw new VxlaneError("ERR_CONFLICT", `the group ${key} is joined already`);
    const { port, netns } = this.#options;
    const fd = inNamespace(netns, () => openGroupSocket(address, port, this.#ifIndex));
    if (this.#trains) setGro(fd, true);
    const socket: GroupSocket = {
      group: key,
      fd,
      close: () => {
        if (!this.#groups.delete(key)) return;
        this.#lostByClosed += readSocketDrops(fd);
        close(fd);
      },
    };
    this.#groups.set(key, socket);
    return socket;
  }

  /** Joins all groups on another interface, and sends to groups through it from now on: the old one is gone. @throws SyscallError */
  moveGroups(ifIndex: number): void {
    const local = requireAddress(this.#options.local);
    for (const fd of this.sendFds) sendGroupsOn(fd, local, ifIndex);
    for (const { group, fd } of this.#groups.values()) joinOn(fd, requireAddress(group), ifIndex);
    this.#ifIndex = ifIndex;
  }

  /** Whether datagrams of one flow may come as one train, now and on sockets of groups to come. @throws SyscallError */
  receiveTrains(areWanted: boolean): void {
    this.#trains = areWanted;
    for (const fd of this.receiveFds) setGro(fd, areWanted);
    for (const { fd } of this.#groups.values()) setGro(fd, areWanted);
  }

  /** Datagrams that the kernel dropped before a worker could read them, since the underlay was opened (`underlay_lost`). */
  readLost(): number {
    if (this.#isClosed) return this.#lostByClosed;
    const open = [...this.receiveFds, ...[...this.#groups.values()].map(({ fd }) => fd)];
    return open.reduce((sum, fd) => sum + readSocketDrops(fd), this.#lostByClosed);
  }

  /** Closes everything, groups too. The workers have to be done with it. */
  close(): void {
    if (this.#isClosed) return;
    this.#lostByClosed = this.readLost();
    this.#isClosed = true;
    for (const fd of [...this.receiveFds, ...this.sendFds]) close(fd);
    for (const { fd } of this.#groups.values()) close(fd);
    this.#groups.clear();
  }
}

/**
 * Opens the sockets of all workers. On failure nothing stays open.
 * @throws VxlaneError ERR_HOST_PORT_TAKEN (names the holder if it can be found), ERR_HOST_ADDRESS, ERR_HOST_INTERFACE
 * @throws SyscallError (EPERM without CAP_NET_RAW)
 */
export function openUnderlay(options: UnderlayOptions): Underlay {
  const { port, workers, netns } = options;
  const local = requireAddress(options.local);
  const ifIndex = options.interface === undefined ? 0 : indexOf(options.interface, netns);
  const receiveFds: number[] = [];
  const sendFds: number[] = [];
  try {
    inNamespace(netns, () => {
      for (let worker = 0; worker < workers; worker++) {
        receiveFds.push(openReceiveSocket({ local, port, join: worker > 0 }));
        sendFds.push(openSendSocket(local, ifIndex));
      }
    });
    return new Underlay(options, ifIndex, receiveFds, sendFds);
  } catch (error) {
    for (const fd of [...receiveFds, ...sendFds]) close(fd);
    throw explain(error, options);
  }
}

function explain(error: unknown, { local, port, netns }: UnderlayOptions): unknown {
  if (!(error instanceof SyscallError)) return error;
  if (error.errno === EADDRINUSE) {
    const holder = describeHolder(whoHasUdpPort(port, netns));
    return new VxlaneError("ERR_HOST_PORT_TAKEN", `UDP port ${port} on ${local} is taken by ${holder}`, {
      cause: error,
    });
  }
  if (error.errno === EADDRNOTAVAIL) {
    const message = hasAddress(local, netns)
      ? `the address ${local} cannot be used yet: IPv6 duplicate address detection has not finished, or has found a duplicate`
      : `this host does not have the address ${local}`;
    return new VxlaneError("ERR_HOST_ADDRESS", message, { cause: error });
  }
  return error;
}

function hasAddress(local: string, netns: string | undefined): boolean {
  const wanted = formatAddress(requireAddress(local));
  return listInterfaces(netns).some(({ addresses }) =>
    addresses.some(({ address }) => formatAddress(address) === wanted),
  );
}

function indexOf(name: string, netns: string | undefined): number {
  const link = withNetlink(netns, (netlink) => findLink(netlink, name));
  if (link === undefined) throw new VxlaneError("ERR_HOST_INTERFACE", `there is no interface ${name}`);
  return link.index;
}

function requireAddress(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new VxlaneError("ERR_HOST_ADDRESS", `${text} is not an IP address`);
  return address;
}

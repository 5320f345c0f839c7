// The four kinds of socket that the underlay is made of, each set up completely before anybody sees it:
//   receive  UDP, bound to the VTEP's address and port; workers share the port (SO_REUSEPORT)
//   group    UDP, bound to one multicast group and the port, joined on one interface
//   send     raw; the packet brings its own IP header, so one socket sends from any source port
//   train    UDP, bound to the VTEP's address and one source port: trains of datagrams leave through it
//
// A receive socket reports TOS, TTL and whether the datagram came in fragments beside each datagram. Nothing is ever
// fragmented on the way out: what does not fit fails with EMSGSIZE.

import { formatAddress } from "../address.js";
import {
  AF_INET,
  BPF_RET_K,
  IP_ADD_MEMBERSHIP,
  IP_HDRINCL,
  IP_MTU_DISCOVER,
  IP_MULTICAST_ALL,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_PMTUDISC_DO,
  IP_RECVERR,
  IP_RECVFRAGSIZE,
  IP_RECVTOS,
  IP_RECVTTL,
  IPPROTO_RAW,
  IPPROTO_UDP,
  IPV6_ADD_MEMBERSHIP,
  IPV6_AUTOFLOWLABEL,
  IPV6_HDRINCL,
  IPV6_MTU_DISCOVER,
  IPV6_MULTICAST_ALL,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
  IPV6_RECVERR,
  IPV6_RECVFRAGSIZE,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVTCLASS,
  IPV6_V6ONLY,
  SK_MEMINFO_DROPS,
  SK_MEMINFO_VARS,
  SO_ATTACH_FILTER,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_UDP,
  UDP_GRO,
  UDP_NO_CHECK6_RX,
} from "./constants.js";
import { EADDRINUSE, SyscallError } from "./errno.js";
import { addressOf, bind, check, close, getsockname, getsockopt, lastErrno, setsockopt, socket } from "./libc.js";
import { type Family, familyOf, nativeAddress, socketAddress } from "./sockaddr.js";
import {
  MREQ6_GROUP,
  MREQ6_IFINDEX,
  MREQ6_SIZE,
  MREQN_GROUP,
  MREQN_IFINDEX,
  MREQN_SIZE,
  SOCK_FILTER_SIZE,
  SOCK_FPROG_FILTER,
  SOCK_FPROG_SIZE,
} from "./structs.js";

/* Our choices */

const RECEIVE_BUFFER = 8 << 20; // a burst of some 4,000 full datagrams while a worker is off the CPU
const SEND_BUFFER = 4 << 20; // a batch of super-frames, twice
const SEND_SOCKET_RECEIVE_BUFFER = 4096; // only for the error queue that IP_RECVERR fills

/** How a receive socket takes its port. */
export interface ReceiveOptions {
  /** 16 B, wire order, IPv4 mapped. */
  readonly local: Uint8Array;
  readonly port: number;
  /** False: bind fails if anybody has the port, and the port is shared from then on. */
  readonly join: boolean;
}

/** @throws SyscallError EADDRINUSE, EADDRNOTAVAIL: the host does not have the address */
export function openReceiveSocket({ local, port, join }: ReceiveOptions): number {
  const family = familyOf(local);
  return opening(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP), "socket UDP", (fd) => {
    if (join) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    setUpReceiving(fd, family);
    bindTo(fd, local, port);
    // After the first bind, so that it proves that nobody else had the port, not even a program of the same user.
    if (!join) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  });
}

/** @param ifIndex the interface to join on. @throws SyscallError */
export function openGroupSocket(group: Uint8Array, port: number, ifIndex: number): number {
  const family = familyOf(group);
  return opening(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP), "socket UDP", (fd) => {
    setUpReceiving(fd, family);
    if (family === AF_INET) setOption(fd, SOL_IP, IP_MULTICAST_ALL, 0);
    else setOption(fd, SOL_IPV6, IPV6_MULTICAST_ALL, 0);
    bindTo(fd, group, port);
    joinOn(fd, group, ifIndex);
  });
}

/** Joins a group on an interface. A socket that has joined it there already may do so again. @throws SyscallError */
export function joinOn(fd: number, group: Uint8Array, ifIndex: number): void {
  const request = membership(group, ifIndex);
  const isIpv4 = familyOf(group) === AF_INET;
  const [level, option] = isIpv4 ? [SOL_IP, IP_ADD_MEMBERSHIP] : [SOL_IPV6, IPV6_ADD_MEMBERSHIP];
  if (setsockopt(fd, level, option, request, request.length) >= 0) return;
  const errno = lastErrno();
  if (errno !== EADDRINUSE) throw new SyscallError(`join ${formatAddress(group)} on interface ${ifIndex}`, errno);
}

/** Packets to groups leave through this interface. @param address any of the socket's family. @throws SyscallError */
export function sendGroupsOn(fd: number, address: Uint8Array, ifIndex: number): void {
  sendGroupsThrough(fd, familyOf(address), ifIndex);
}

/**
 * @param local 16 B: the source address, for policy routing; packets name it themselves
 * @param multicastIfIndex where packets to groups leave; 0: as routed
 * @throws SyscallError EPERM without CAP_NET_RAW
 */
export function openSendSocket(local: Uint8Array, multicastIfIndex: number): number {
  const family = familyOf(local);
  return opening(socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW), "socket RAW", (fd) => {
    receiveNothing(fd);
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
    setOption(fd, SOL_SOCKET, SO_RCVBUF, SEND_SOCKET_RECEIVE_BUFFER);
    // With RECVERR a full queue of the device answers ENOBUFS; without it the packet would vanish silently.
    if (family === AF_INET) {
      setOption(fd, SOL_IP, IP_HDRINCL, 1);
      setOption(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
      setOption(fd, SOL_IP, IP_RECVERR, 1);
      setOption(fd, SOL_IP, IP_MULTICAST_LOOP, 0);
    } else {
      setOption(fd, SOL_IPV6, IPV6_HDRINCL, 1);
      setOption(fd, SOL_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO);
      setOption(fd, SOL_IPV6, IPV6_RECVERR, 1);
      setOption(fd, SOL_IPV6, IPV6_MULTICAST_LOOP, 0);
    }
    if (multicastIfIndex !== 0) sendGroupsThrough(fd, family, multicastIfIndex);
    bindTo(fd, local, 0);
  });
}

/**
 * The socket of one source port, for trains of datagrams: UDP_SEGMENT works on a bound socket only. Workers share the
 * port. It reads nothing: who answers to a source port gets no further than its filter.
 * @param local 16 B
 * @throws SyscallError EADDRINUSE: another program has the port. EMFILE
 */
export function openTrainSocket(local: Uint8Array, port: number): number {
  const family = familyOf(local);
  return opening(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP), "socket UDP", (fd) => {
    receiveNothing(fd);
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
    setOption(fd, SOL_SOCKET, SO_RCVBUF, SEND_SOCKET_RECEIVE_BUFFER);
    setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family === AF_INET) {
      setOption(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
      setOption(fd, SOL_IP, IP_RECVERR, 1);
    } else {
      setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1);
      setOption(fd, SOL_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO);
      setOption(fd, SOL_IPV6, IPV6_RECVERR, 1);
      // A label of its own would let a router send trains and single datagrams of one flow on different ways.
      setOption(fd, SOL_IPV6, IPV6_AUTOFLOWLABEL, 0);
    }
    bindTo(fd, local, port);
  });
}

/** Whether datagrams of one flow may come as one train. @throws SyscallError ENOPROTOOPT before Linux 5.0 */
export function setGro(fd: number, isOn: boolean): void {
  setOption(fd, SOL_UDP, UDP_GRO, isOn ? 1 : 0);
}

/** The address and port that a socket is bound to, as the kernel writes it. @param length of it. @throws SyscallError */
export function getSocketAddress(fd: number, length: number): Buffer {
  const address = Buffer.alloc(length);
  const room = Buffer.alloc(4);
  room.writeUInt32LE(length);
  check(getsockname(fd, address, room), "getsockname");
  return address;
}

/** Datagrams that the socket lost since it was opened: full buffer, bad checksum. Wraps at 2^32. */
export function readSocketDrops(fd: number): number {
  const values = Buffer.alloc(SK_MEMINFO_VARS * 4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(values.length);
  check(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, length), "getsockopt SO_MEMINFO");
  return values.readUInt32LE(SK_MEMINFO_DROPS * 4);
}

function setUpReceiving(fd: number, family: Family): void {
  setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER);
  if (family === AF_INET) {
    setOption(fd, SOL_IP, IP_RECVTOS, 1);
    setOption(fd, SOL_IP, IP_RECVTTL, 1);
    setOption(fd, SOL_IP, IP_RECVFRAGSIZE, 1);
    setOption(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  } else {
    setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    setOption(fd, SOL_IPV6, IPV6_RECVTCLASS, 1);
    setOption(fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 1);
    setOption(fd, SOL_IPV6, IPV6_RECVFRAGSIZE, 1);
    setOption(fd, SOL_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO);
    // RFC 6935: a tunnel may send a zero checksum over IPv6; the kernel drops it unless told otherwise.
    setOption(fd, SOL_UDP, UDP_NO_CHECK6_RX, 1);
  }
}

/** A raw socket would be handed copies of packets of its own protocol number. */
function receiveNothing(fd: number): void {
  const filter = Buffer.alloc(SOCK_FILTER_SIZE);
  filter.writeUInt16LE(BPF_RET_K);
  const program = Buffer.alloc(SOCK_FPROG_SIZE);
  program.writeUInt16LE(1);
  program.writeBigUInt64LE(addressOf(filter), SOCK_FPROG_FILTER);
  check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length), "setsockopt SO_ATTACH_FILTER");
}

function sendGroupsThrough(fd: number, family: Family, ifIndex: number): void {
  if (family === AF_INET) {
    const request = Buffer.alloc(MREQN_SIZE);
    request.writeInt32LE(ifIndex, MREQN_IFINDEX);
    check(setsockopt(fd, SOL_IP, IP_MULTICAST_IF, request, request.length), "setsockopt IP_MULTICAST_IF");
  } else {
    setOption(fd, SOL_IPV6, IPV6_MULTICAST_IF, ifIndex);
  }
}

function membership(group: Uint8Array, ifIndex: number): Buffer {
  const isIpv4 = familyOf(group) === AF_INET;
  const request = Buffer.alloc(isIpv4 ? MREQN_SIZE : MREQ6_SIZE);
  request.set(nativeAddress(group), isIpv4 ? MREQN_GROUP : MREQ6_GROUP);
  request.writeInt32LE(ifIndex, isIpv4 ? MREQN_IFINDEX : MREQ6_IFINDEX);
  return request;
}

/** Closes the descriptor if its setting up fails. */
function opening(result: number, call: string, setUp: (fd: number) => void): number {
  const fd = check(result, call);
  try {
    setUp(fd);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

function bindTo(fd: number, address: Uint8Array, port: number): void {
  const bytes = socketAddress(address, port);
  check(bind(fd, bytes, bytes.length), `bind ${formatAddress(address)} port ${port}`);
}

/** The forced size passes the host's limit; without the right to force, as much as the limit allows. */
function setBuffer(fd: number, forced: number, plain: number, bytes: number): void {
  const value = intBytes(bytes);
  if (setsockopt(fd, SOL_SOCKET, forced, value, value.length) < 0) setOption(fd, SOL_SOCKET, plain, bytes);
}

/** @throws SyscallError */
export function setOption(fd: number, level: number, option: number, number: number): void {
  const value = intBytes(number);
  check(setsockopt(fd, level, option, value, value.length), `setsockopt level ${level} option ${option}`);
}

function intBytes(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number);
  return bytes;
}

// Owns the raw sockets of the demo and of the interop tests: ICMP echo, Ethernet frames as they pass an interface,
// and UDP that leaves segmentation to the kernel. Node offers none of these, so libc is called through koffi.
//
// All sockets are non-blocking and few: this is a measuring instrument, not the data path. Frames wait in a large
// socket buffer until somebody takes them, so that catching them needs no thread and no timer.

import koffi from "koffi";
import { isMapped, parseAddress } from "../../address.js";

const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, void *address, uint32_t length)");
const connect = libc.func("int connect(int fd, void *address, uint32_t length)");
const setsockopt = libc.func("int setsockopt(int fd, int level, int option, void *value, uint32_t length)");
const send = libc.func("long send(int fd, void *data, size_t length, int flags)");
const recvmsg = libc.func("long recvmsg(int fd, void *message, int flags)");
const close = libc.func("int close(int fd)");
const ifNameToIndex = libc.func("uint32_t if_nametoindex(const char *name)");

/* From the kernel's headers (x86-64 and arm64 agree). */
export const AF_INET = 2;
export const AF_INET6 = 10;
const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const SOL_PACKET = 263;
const PACKET_AUXDATA = 8;
const ETH_P_ALL = 3;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const PATH_ERRORS = [90, 101, 111, 113]; // EMSGSIZE, ENETUNREACH, ECONNREFUSED, EHOSTUNREACH: what ICMP reported

// struct sockaddr_ll, 20 B: 0 family (2) | 2 protocol (2, wire order) | 4 ifindex (4) | 8 hatype (2) | 10 pkttype (1) | 11 halen (1) | 12 address (8)
const SOCKADDR_LL_LEN = 20;
const SOCKADDR_LL_PROTOCOL = 2;
const SOCKADDR_LL_IFINDEX = 4;
const SOCKADDR_LL_PKTTYPE = 10;
const PACKET_OUTGOING = 4;

// struct msghdr, 56 B: 0 name ptr | 8 name length (4) | 16 iov ptr | 24 iov count | 32 control ptr | 40 control length | 48 flags (4)
const MSGHDR_LEN = 56;
const CONTROL_LEN = 128;
// A control message: 0 length (8) | 8 level (4) | 12 type (4) | 16 struct tpacket_auxdata:
//   0 status (4) | 4 length (4) | 8 captured (4) | 12 mac (2) | 14 net (2) | 16 vlan tci (2) | 18 vlan tpid (2)
const CMSG_DATA = 16;
const AUX_TCI = CMSG_DATA + 16;
const AUX_TPID = AUX_TCI + 2;
const TP_STATUS_CSUMNOTREADY = 1 << 3;
const TP_STATUS_VLAN_VALID = 1 << 4;

/* Our choices. */
const FRAME_BUFFER = 70_000;
const CAPTURE_BUFFER = 64 * 1024 * 1024;

function check(result: number, call: string): number {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}`);
  return result;
}

/** An IP address and a port (host order) as struct sockaddr_in or sockaddr_in6. @throws if `address` is none */
function socketAddress(address: string, port: number): Buffer {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new Error(`${address} is no IP address`);
  const result = Buffer.alloc(isMapped(bytes) ? 16 : 28);
  result.writeUInt16LE(isMapped(bytes) ? AF_INET : AF_INET6, 0);
  result.writeUInt16BE(port, 2);
  result.set(isMapped(bytes) ? bytes.subarray(12) : bytes, isMapped(bytes) ? 4 : 8);
  return result;
}

/** A datagram or raw IP socket that talks to one address. */
export class ConnectedSocket {
  readonly #fd: number;
  readonly #receiver: Receiver;

  constructor(type: number, protocol: number, address: string, port: number) {
    const target = socketAddress(address, port);
    const family = target.readUInt16LE(0);
    this.#fd = check(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), "socket");
    this.#receiver = new Receiver(this.#fd);
    check(connect(this.#fd, target, target.length), `connect to ${address}`);
  }

  /** What is sent from now on is cut into datagrams of `bytes` by the kernel or the device. */
  segment(bytes: number): void {
    const value = Buffer.alloc(4);
    value.writeInt32LE(bytes);
    check(setsockopt(this.#fd, SOL_UDP, UDP_SEGMENT, value, 4), "setsockopt UDP_SEGMENT");
  }

  /** @throws with the errno */
  send(data: Uint8Array): void {
    check(Number(send(this.#fd, data, data.length, 0)), "send");
  }

  /** The next datagram, or undefined if there is none now. */
  receive(): Buffer | undefined {
    return this.#receiver.next()?.data;
  }

  close(): void {
    close(this.#fd);
  }
}

export interface Frame {
  /** Index of the interface. */
  interface: number;
  /** The host sent it, rather than received it. */
  outgoing: boolean;
  /** Its TCP or UDP checksum is left to the hardware. */
  checksumPending: boolean;
  /** From the Ethernet header on, a VLAN tag in its place. */
  data: Uint8Array;
}

/** All frames of all interfaces of this namespace, or of one. */
export class PacketSocket {
  readonly #fd: number;
  readonly #receiver: Receiver;

  /** @param name of the interface; without it, all of them, and nothing can be sent */
  constructor(name?: string) {
    this.#fd = check(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket AF_PACKET");
    const option = Buffer.alloc(4);
    option.writeInt32LE(CAPTURE_BUFFER);
    check(setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, option, 4), "setsockopt SO_RCVBUFFORCE");
    option.writeInt32LE(1);
    check(setsockopt(this.#fd, SOL_PACKET, PACKET_AUXDATA, option, 4), "setsockopt PACKET_AUXDATA");
    const address = Buffer.alloc(SOCKADDR_LL_LEN);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_ALL, SOCKADDR_LL_PROTOCOL);
    address.writeInt32LE(name === undefined ? 0 : interfaceIndex(name), SOCKADDR_LL_IFINDEX);
    check(bind(this.#fd, address, address.length), "bind AF_PACKET");
    this.#receiver = new Receiver(this.#fd);
  }

  /** Sends one Ethernet frame as it is. @throws with the errno */
  send(frame: Uint8Array): void {
    check(Number(send(this.#fd, frame, frame.length, 0)), "send");
  }

  /** The next frame, or undefined if there is none now. */
  receive(): Frame | undefined {
    const got = this.#receiver.next();
    if (got === undefined) return undefined;
    const { data, name, control } = got;
    const hasAux = control.length > AUX_TPID + 2 && control.readInt32LE(8) === SOL_PACKET;
    const status = hasAux ? control.readUInt32LE(CMSG_DATA) : 0;
    return {
      interface: name.readInt32LE(SOCKADDR_LL_IFINDEX),
      outgoing: name[SOCKADDR_LL_PKTTYPE] === PACKET_OUTGOING,
      checksumPending: (status & TP_STATUS_CSUMNOTREADY) !== 0,
      data: (status & TP_STATUS_VLAN_VALID) === 0 ? data : insertTag(data, control),
    };
  }

  close(): void {
    close(this.#fd);
  }
}

/** The kernel takes the tag out and hands it over apart. */
function insertTag(frame: Buffer, control: Buffer): Buffer {
  const tag = Buffer.alloc(4);
  tag.writeUInt16BE(control.readUInt16LE(AUX_TPID), 0);
  tag.writeUInt16BE(control.readUInt16LE(AUX_TCI), 2);
  return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
}

/** @throws if there is no such interface */
export function interfaceIndex(name: string): number {
  const index = ifNameToIndex(name);
  if (index === 0) throw new Error(`there is no interface ${name}`);
  return index;
}

interface Received {
  data: Buffer;
  name: Buffer;
  control: Buffer;
}

/** recvmsg with its structures laid out once. */
class Receiver {
  readonly #data = Buffer.alloc(FRAME_BUFFER);
  readonly #name = Buffer.alloc(32);
  readonly #control = Buffer.alloc(CONTROL_LEN);
  readonly #iov = Buffer.alloc(16);
  readonly #message = Buffer.alloc(MSGHDR_LEN);

  constructor(readonly fd: number) {
    this.#iov.writeBigUInt64LE(koffi.address(this.#data), 0);
    this.#iov.writeBigUInt64LE(BigInt(FRAME_BUFFER), 8);
    this.#message.writeBigUInt64LE(koffi.address(this.#name), 0);
    this.#message.writeBigUInt64LE(koffi.address(this.#iov), 16);
    this.#message.writeBigUInt64LE(1n, 24);
    this.#message.writeBigUInt64LE(koffi.address(this.#control), 32);
  }

  next(): Received | undefined {
    this.#message.writeUInt32LE(this.#name.length, 8);
    this.#message.writeBigUInt64LE(BigInt(CONTROL_LEN), 40);
    const length = Number(recvmsg(this.fd, this.#message, MSG_DONTWAIT));
    if (length < 0) {
      if (koffi.errno() === EAGAIN || PATH_ERRORS.includes(koffi.errno())) return undefined;
      throw new Error(`recvmsg: errno ${koffi.errno()}`);
    }
    const controlLength = Number(this.#message.readBigUInt64LE(40));
    return {
      data: Buffer.from(this.#data.subarray(0, length)),
      name: this.#name,
      control: this.#control.subarray(0, controlLength),
    };
  }
}

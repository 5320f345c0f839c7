// A packet socket that sends whole Ethernet frames out of any interface, each with a virtio-net header in front that tells the kernel
// what is left to finish or to cut. It receives nothing. As a member of an interface's "promiscuous" group it makes the interface
// take frames to all MACs; that ends with the socket, so a process that is killed leaves nothing set.

import { SO_SNDBUF, SO_SNDBUFFORCE, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, SOL_SOCKET } from "./constants.js";
import { check, close, setsockopt, socket } from "./libc.js";

/* From linux/if_packet.h */

export const AF_PACKET = 17;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_DROP_MEMBERSHIP = 2;
const PACKET_VNET_HDR = 15;
const PACKET_MR_PROMISC = 1;

/* struct sockaddr_ll:  0 family (2) | 2 protocol (2, wire order) | 4 interface (4) | 8 ... */
export const SLL_FAMILY = 0;
export const SLL_IFINDEX = 4;
export const SOCKADDR_LL_SIZE = 20;
/* struct packet_mreq:  0 interface (4) | 4 type (2) | 6 address length (2) | 8 address (8) */
const MREQ_TYPE = 4;
const MREQ_SIZE = 16;
/* struct virtio_net_hdr: the first bytes of the header that descriptors have. */
export const PACKET_VIRTIO_LEN = 10;

/* Our choice */
const SEND_BUFFER = 4 << 20;

/** @throws SyscallError EPERM without CAP_NET_RAW */
export function openPacketSocket(): number {
  const fd = check(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket AF_PACKET");
  try {
    check(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, intBytes(1), 4), "setsockopt PACKET_VNET_HDR");
    const size = intBytes(SEND_BUFFER);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, 4) < 0) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, size, 4);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Lets an interface take frames to any MAC, once for each call. @throws SyscallError */
export function joinPromiscuous(fd: number, ifIndex: number): void {
  const request = promiscuous(ifIndex);
  check(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request, MREQ_SIZE), "setsockopt PACKET_ADD_MEMBERSHIP");
}

/** The interface may be gone already, and its membership with it. */
export function leavePromiscuous(fd: number, ifIndex: number): void {
  setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, promiscuous(ifIndex), MREQ_SIZE);
}

function promiscuous(ifIndex: number): Buffer {
  const request = Buffer.alloc(MREQ_SIZE);
  request.writeInt32LE(ifIndex, 0);
  request.writeUInt16LE(PACKET_MR_PROMISC, MREQ_TYPE);
  return request;
}

function intBytes(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number);
  return bytes;
}

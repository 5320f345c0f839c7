// Who is the next hop to an address, and what is its MAC: the kernel's routes and its neighbour table, through one netlink socket that
// stays open. A driver that makes Ethernet headers itself follows them; resolving is left to the kernel.

import { AF_INET, AF_INET6 } from "./constants.js";
import { SyscallError } from "./errno.js";
import { attribute, type Netlink, parseAttributes } from "./netlink.js";
import { familyOf, mapAddress, nativeAddress } from "./sockaddr.js";
import { RTMSG_DST_LEN, RTMSG_FAMILY, RTMSG_SIZE, RTMSG_SRC_LEN, RTMSG_TYPE } from "./structs.js";

/* From linux/rtnetlink.h and linux/neighbour.h */

const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
const RTN_UNICAST = 1;
const RTN_MULTICAST = 5;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_METRICS = 8;
const RTAX_MTU = 2;
const RTA_VIA = 18;
const RTA_VIA_ADDRESS = 2; // behind the family
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_STALE = 0x04;
const NUD_VALID = 0x02 | NUD_STALE | 0x08 | 0x10 | 0x40 | 0x80; // reachable, stale, delay, probe, no ARP, permanent
const NTF_USE = 0x01;
const NLM_F_CREATE = 0x400;
const NLM_F_REPLACE = 0x100;

/* struct ndmsg:  0 family (1) | 4 interface (4) | 8 state (2) | 10 flags (1) | 11 type (1) */
const NDMSG_IFINDEX = 4;
const NDMSG_STATE = 8;
const NDMSG_FLAGS = 10;
const NDMSG_SIZE = 12;

const MAC_LEN = 6;

export interface NextHop {
  /** Of the interface. */
  readonly ifIndex: number;
  /** 16 B: the gateway, or the destination itself where it is on the link. */
  readonly address: Uint8Array;
  /** The route's own, a path MTU that was learned too; 0: the interface's. Bytes of L3. */
  readonly mtu: number;
}

/**
 * The next hop to `destination`; undefined: there is no route, or it is no unicast (or multicast) route.
 * @param source 16 B: one of this host's addresses, for policy routing
 */
export function nextHopOf(netlink: Netlink, destination: Uint8Array, source: Uint8Array): NextHop | undefined {
  const native = nativeAddress(destination);
  const header = Buffer.alloc(RTMSG_SIZE);
  header[RTMSG_FAMILY] = familyOf(destination);
  header[RTMSG_DST_LEN] = native.length * 8;
  header[RTMSG_SRC_LEN] = native.length * 8;
  const body = Buffer.concat([header, attribute(RTA_DST, native), attribute(RTA_SRC, nativeAddress(source))]);
  let answer: Buffer;
  try {
    answer = netlink.get("RTM_GETROUTE", RTM_GETROUTE, body);
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
  if (![RTN_UNICAST, RTN_MULTICAST].includes(answer[RTMSG_TYPE])) return undefined;
  const attributes = parseAttributes(answer, RTMSG_SIZE);
  const metrics = parseAttributes(attributes.get(RTA_METRICS) ?? Buffer.alloc(0));
  const gateway = attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(RTA_VIA_ADDRESS);
  return {
    ifIndex: attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0,
    address: gateway === undefined ? destination : mapAddress(gateway),
    mtu: metrics.get(RTAX_MTU)?.readUInt32LE(0) ?? 0,
  };
}

export interface Neighbour {
  /** 16 B, IPv4 mapped. */
  readonly address: Uint8Array;
  /** 6 B */
  readonly mac: Uint8Array;
  /** Nobody has confirmed it for a while. */
  readonly isStale: boolean;
}

/** The neighbours of an interface whose MAC is known. @throws SyscallError */
export function listNeighbours(netlink: Netlink, ifIndex: number): Neighbour[] {
  const body = Buffer.alloc(NDMSG_SIZE);
  body.writeInt32LE(ifIndex, NDMSG_IFINDEX);
  const found: Neighbour[] = [];
  for (const answer of netlink.dump("RTM_GETNEIGH", RTM_GETNEIGH, body)) {
    const state = answer.readUInt16LE(NDMSG_STATE);
    if (answer.readInt32LE(NDMSG_IFINDEX) !== ifIndex || ![AF_INET, AF_INET6].includes(answer[0])) continue;
    const attributes = parseAttributes(answer, NDMSG_SIZE);
    const [address, mac] = [attributes.get(NDA_DST), attributes.get(NDA_LLADDR)];
    if ((state & NUD_VALID) === 0 || address === undefined || mac?.length !== MAC_LEN) continue;
    found.push({ address: mapAddress(address), mac: new Uint8Array(mac), isStale: state === NUD_STALE });
  }
  return found;
}

/** Has the kernel confirm a neighbour (or look for it), as if it had sent something there. @throws SyscallError */
export function useNeighbour(netlink: Netlink, ifIndex: number, address: Uint8Array): void {
  const header = Buffer.alloc(NDMSG_SIZE);
  header[0] = familyOf(address);
  header.writeInt32LE(ifIndex, NDMSG_IFINDEX);
  header[NDMSG_FLAGS] = NTF_USE;
  const body = Buffer.concat([header, attribute(NDA_DST, nativeAddress(address))]);
  netlink.tell("RTM_NEWNEIGH", RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body);
}

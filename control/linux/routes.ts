// The way that the kernel would send a packet: which interface, from which address, how large.

import { getLink, withNetlink } from "./links.js";
import { attribute, type Netlink, parseAttributes } from "./netlink.js";
import { familyOf, mapAddress, nativeAddress } from "./sockaddr.js";
import { RTMSG_DST_LEN, RTMSG_FAMILY, RTMSG_SIZE, RTMSG_SRC_LEN, RTMSG_TYPE } from "./structs.js";

/* From linux/rtnetlink.h */

const RTM_GETROUTE = 26;
const RTN_LOCAL = 2;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTAX_MTU = 2;

export interface Route {
  /** Of the outgoing interface. */
  readonly index: number;
  readonly interface: string;
  /** What fits: the route's own MTU if it has one (a path MTU learned counts), else the interface's. Bytes of L3. */
  readonly mtu: number;
  /** 16 B, wire order, IPv4 mapped: what the kernel would take as source; undefined if `source` was given. */
  readonly source?: Uint8Array;
  /** 16 B; undefined: the destination is on the link. */
  readonly gateway?: Uint8Array;
  /** The destination is one of this host's addresses. */
  readonly isLocal: boolean;
}

/**
 * Looks up the route to `destination`.
 * @param destination 16 B, wire order, IPv4 mapped
 * @param source the same: the address to send from, where policy routing looks at it; it has to be this host's
 * @throws SyscallError ENETUNREACH, EHOSTUNREACH (IPv6) or EACCES, EINVAL (blackhole) if there is none
 */
export function lookUpRoute(destination: Uint8Array, source?: Uint8Array, netns?: string): Route {
  return withNetlink(netns, (netlink) => {
    const { answer, attributes, index, mtu } = askRoute(netlink, destination, source);
    const link = getLink(netlink, index);
    return {
      index,
      interface: link.name,
      mtu: mtu || link.mtu,
      source: mapOptional(attributes.get(RTA_PREFSRC)),
      gateway: mapOptional(attributes.get(RTA_GATEWAY)),
      isLocal: answer[RTMSG_TYPE] === RTN_LOCAL,
    };
  });
}

/** The interface that packets to `destination` leave by; `mtu` 0: the interface's own. For many questions in a row. @throws as above */
export function lookUpWay(
  netlink: Netlink,
  destination: Uint8Array,
  source: Uint8Array,
): { readonly index: number; readonly mtu: number } {
  return askRoute(netlink, destination, source);
}

/** Bytes of L3 that the way to `destination` takes: its path MTU as far as the kernel knows one, else the interface's. @throws as above */
export function lookUpMtu(netlink: Netlink, destination: Uint8Array, source: Uint8Array): number {
  const { index, mtu } = askRoute(netlink, destination, source);
  return mtu || getLink(netlink, index).mtu;
}

function askRoute(netlink: Netlink, destination: Uint8Array, source: Uint8Array | undefined) {
  const native = nativeAddress(destination);
  const header = Buffer.alloc(RTMSG_SIZE);
  header[RTMSG_FAMILY] = familyOf(destination);
  header[RTMSG_DST_LEN] = native.length * 8;
  const from = source === undefined ? [] : [attribute(RTA_SRC, nativeAddress(source))];
  const body = Buffer.concat([header, attribute(RTA_DST, native), ...from]);
  if (source !== undefined) body[RTMSG_SRC_LEN] = native.length * 8;
  const answer = netlink.get("RTM_GETROUTE", RTM_GETROUTE, body);
  const attributes = parseAttributes(answer, RTMSG_SIZE);
  const metrics = parseAttributes(attributes.get(RTA_METRICS) ?? Buffer.alloc(0));
  const index = attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0;
  return { answer, attributes, index, mtu: metrics.get(RTAX_MTU)?.readUInt32LE(0) ?? 0 };
}

function mapOptional(native: Buffer | undefined): Uint8Array | undefined {
  return native === undefined ? undefined : mapAddress(native);
}

// Network interfaces as the kernel knows them, up or down: what kind they are, their MTU, addresses and lost packets.
// Used to refuse a name that is taken, to check a config against this host, and to find who holds a UDP port.

import { formatMac } from "../address.js";
import { AF_INET, AF_INET6, IFF_UP, IFNAMSIZ } from "./constants.js";
import { ENODEV, SyscallError } from "./errno.js";
import { type Attributes, attribute, attributeText, Netlink, parseAttributes } from "./netlink.js";
import { mapAddress } from "./sockaddr.js";
import {
  IFADDR_FAMILY,
  IFADDR_INDEX,
  IFADDR_PREFIX_LEN,
  IFADDR_SIZE,
  IFINFO_FLAGS,
  IFINFO_INDEX,
  IFINFO_SIZE,
  IFSTATS_FILTER,
  IFSTATS_INDEX,
  IFSTATS_SIZE,
  LINK_STATS_TX_DROPPED,
} from "./structs.js";

/* From linux/rtnetlink.h, linux/if_link.h and linux/if_addr.h */

const RTM_GETLINK = 18;
const RTM_GETADDR = 22;
const RTM_GETSTATS = 94;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_XDP = 43;
const IFLA_XDP_PROG_IDS = [4, 5, 6, 7]; // the only one; of the driver, generic, of the hardware
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_STATS_LINK_64 = 1;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** `02:00:00:00:00:01`; empty for a device without one. */
  readonly mac: string;
  /** Largest L3 packet, bytes. */
  readonly mtu: number;
  /** IFF_* */
  readonly flags: number;
  readonly isUp: boolean;
  /** `vxlan`, `tun` (TAP devices too), `veth`, ...; empty for hardware and loopback. */
  readonly kind: string;
  /** IFLA_INFO_DATA: attributes of the kind's own. */
  readonly kindData: Attributes;
}

export interface LinkAddress {
  readonly index: number;
  /** 16 B, wire order, IPv4 mapped. */
  readonly address: Uint8Array;
  /** Bits in the address's own family. */
  readonly prefixLength: number;
}

export interface Interface extends Link {
  readonly addresses: readonly LinkAddress[];
}

/** All interfaces of a network namespace, with their addresses. @throws SyscallError */
export function listInterfaces(netns?: string): Interface[] {
  return withNetlink(netns, (netlink) => {
    const byIndex = new Map<number, LinkAddress[]>(); // of thousands of interfaces each has an address or more
    for (const address of listAddresses(netlink)) {
      const known = byIndex.get(address.index);
      if (known === undefined) byIndex.set(address.index, [address]);
      else known.push(address);
    }
    return listLinks(netlink).map((link) => ({ ...link, addresses: byIndex.get(link.index) ?? [] }));
  });
}

/** Runs `use` with a netlink socket of that namespace, and closes it. */
export function withNetlink<T>(netns: string | undefined, use: (netlink: Netlink) => T): T {
  const netlink = new Netlink(netns);
  try {
    return use(netlink);
  } finally {
    netlink.close();
  }
}

export function listLinks(netlink: Netlink): Link[] {
  return netlink.dump("RTM_GETLINK", RTM_GETLINK, Buffer.alloc(IFINFO_SIZE)).map(parseLink);
}

/** The interface of that name, or undefined. */
export function findLink(netlink: Netlink, name: string): Link | undefined {
  if (Buffer.byteLength(name) >= IFNAMSIZ) return undefined;
  const body = Buffer.concat([Buffer.alloc(IFINFO_SIZE), attribute(IFLA_IFNAME, Buffer.from(`${name}\0`))]);
  try {
    return parseLink(netlink.get(`RTM_GETLINK ${name}`, RTM_GETLINK, body));
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ENODEV) return undefined;
    throw error;
  }
}

/** @throws SyscallError ENODEV if it is gone */
export function getLink(netlink: Netlink, index: number): Link {
  return parseLink(askLink(netlink, index));
}

/** Ids of the XDP programs on an interface, in whatever mode; none if it is gone. */
export function listXdpPrograms(netlink: Netlink, index: number): number[] {
  try {
    const answer = askLink(netlink, index);
    const xdp = parseAttributes(parseAttributes(answer, IFINFO_SIZE).get(IFLA_XDP) ?? Buffer.alloc(0));
    return IFLA_XDP_PROG_IDS.flatMap((type) => xdp.get(type)?.readUInt32LE(0) ?? []);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ENODEV) return [];
    throw error;
  }
}

function askLink(netlink: Netlink, index: number): Buffer {
  const body = Buffer.alloc(IFINFO_SIZE);
  body.writeInt32LE(index, IFINFO_INDEX);
  return netlink.get(`RTM_GETLINK index ${index}`, RTM_GETLINK, body);
}

function parseLink(body: Buffer): Link {
  const attributes = parseAttributes(body, IFINFO_SIZE);
  const info = parseAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0));
  const flags = body.readUInt32LE(IFINFO_FLAGS);
  return {
    index: body.readInt32LE(IFINFO_INDEX),
    name: attributeText(attributes.get(IFLA_IFNAME)),
    mac: macText(attributes.get(IFLA_ADDRESS)),
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    flags,
    isUp: (flags & IFF_UP) !== 0,
    kind: attributeText(info.get(IFLA_INFO_KIND)),
    kindData: parseAttributes(info.get(IFLA_INFO_DATA) ?? Buffer.alloc(0)),
  };
}

function macText(mac: Buffer | undefined): string {
  return mac?.length === 6 ? formatMac(mac) : "";
}

function listAddresses(netlink: Netlink): LinkAddress[] {
  return netlink
    .dump("RTM_GETADDR", RTM_GETADDR, Buffer.alloc(IFADDR_SIZE))
    .filter((body) => [AF_INET, AF_INET6].includes(body[IFADDR_FAMILY]))
    .map((body) => {
      const attributes = parseAttributes(body, IFADDR_SIZE);
      // On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL ours.
      const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? Buffer.alloc(4);
      return {
        index: body.readInt32LE(IFADDR_INDEX),
        address: mapAddress(address),
        prefixLength: body[IFADDR_PREFIX_LEN],
      };
    });
}

/** The same of all interfaces of a namespace, by index: one question for thousands of them. */
export function listTxDropped(netns?: string): Map<number, number> {
  const body = Buffer.alloc(IFSTATS_SIZE);
  body.writeUInt32LE(1 << (IFLA_STATS_LINK_64 - 1), IFSTATS_FILTER);
  const answers = withNetlink(netns, (netlink) => netlink.dump("RTM_GETSTATS", RTM_GETSTATS, body));
  return new Map(answers.map((answer) => [answer.readUInt32LE(IFSTATS_INDEX), txDroppedOf(answer)]));
}

/** Packets that the device could not hand to its reader: for a TAP, those that found its queue full. */
export function readTxDropped(netlink: Netlink, index: number): number {
  const body = Buffer.alloc(IFSTATS_SIZE);
  body.writeInt32LE(index, IFSTATS_INDEX);
  body.writeUInt32LE(1 << (IFLA_STATS_LINK_64 - 1), IFSTATS_FILTER);
  const answer = netlink.get(`RTM_GETSTATS index ${index}`, RTM_GETSTATS, body);
  return txDroppedOf(answer);
}

function txDroppedOf(answer: Buffer): number {
  const stats = parseAttributes(answer, IFSTATS_SIZE).get(IFLA_STATS_LINK_64);
  return stats === undefined ? 0 : Number(stats.readBigUInt64LE(LINK_STATS_TX_DROPPED));
}

// Builders of the frames that the tests send: Ethernet with VLAN tags around ARP, IPv4 and IPv6 around TCP, UDP, SCTP,
// ICMP, IGMP or anything.
//
// They nest as the packets do: `ethernet({...}, ipv4({...}, tcp({...}, payload)))`. Each fills its lengths and
// checksums; a transport checksum needs the addresses, so the IP builder writes it, right or in one of the wrong ways
// that a virtio or veth peer produces.

import { checksum, crc32c, pseudoHeader, sum16 } from "../oracle/checksum.js";
import { be16, be32, concat, ip, mac } from "./bytes.js";

export const ETHERTYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  qinq: 0x88a8,
  ipv6: 0x86dd,
  local: 0x88b5, // IEEE 802, for experiments
} as const;

export const PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  gre: 47,
  esp: 50,
  auth: 51,
  icmpv6: 58,
  noNext: 59,
  destination: 60,
  sctp: 132,
  mobility: 135,
  hip: 139,
  shim6: 140,
} as const;

/** Of a transport header: right; only the pseudo-header's sum, as offloading leaves it; absent; or off by one. */
export type ChecksumMode = "right" | "unfinished" | "zero" | "wrong";

/** What goes into an IP packet. */
export interface Segment {
  readonly protocol: number;
  readonly bytes: Uint8Array;
  /** Offset of the checksum that covers a pseudo-header; undefined: there is none, or it is written already. */
  readonly checksumAt?: number;
}

/** What goes into an Ethernet frame. */
export interface Packet {
  readonly ethertype: number;
  readonly bytes: Uint8Array;
}

export interface Tag {
  readonly vid: number;
  readonly tpid?: number;
  readonly pcp?: number;
}

export interface EthernetFields {
  readonly dst: string;
  readonly src: string;
  /** Outermost first. Two tags: the first is 802.1ad unless it says otherwise. */
  readonly tags?: readonly Tag[];
}

export function ethernet(fields: EthernetFields, packet: Packet): Uint8Array {
  const tags = fields.tags ?? [];
  const tagBytes = tags.flatMap((tag, i) => [
    ...be16(tag.tpid ?? (i + 1 < tags.length ? ETHERTYPE.qinq : ETHERTYPE.vlan)),
    ...be16(((tag.pcp ?? 0) << 13) | tag.vid),
  ]);
  return concat(mac(fields.dst), mac(fields.src), tagBytes, be16(packet.ethertype), packet.bytes);
}

export function arp(fields: {
  op?: number;
  senderMac: string;
  senderIp: string;
  targetMac?: string;
  targetIp: string;
}): Packet {
  const target = mac(fields.targetMac ?? "00:00:00:00:00:00");
  const head = [...be16(1), ...be16(ETHERTYPE.ipv4), 6, 4, ...be16(fields.op ?? 1)];
  return {
    ethertype: ETHERTYPE.arp,
    bytes: concat(head, mac(fields.senderMac), ip(fields.senderIp), target, ip(fields.targetIp)),
  };
}

export function anything(ethertype: number, bytes: Uint8Array): Packet {
  return { ethertype, bytes };
}

export interface Ipv4Fields {
  readonly src: string;
  readonly dst: string;
  readonly tos?: number;
  readonly ttl?: number;
  readonly id?: number;
  readonly df?: boolean;
  readonly mf?: boolean;
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  /** Padded with End of Options to a multiple of 4. */
  readonly options?: Uint8Array;
  readonly checksum?: ChecksumMode;
}

export function ipv4(fields: Ipv4Fields, segment: Segment): Packet {
  const src = ip(fields.src);
  const dst = ip(fields.dst);
  const given = fields.options ?? new Uint8Array(0);
  const options = concat(given, new Uint8Array((4 - (given.length % 4)) % 4));
  const payload = withChecksum(src, dst, segment, fields.checksum ?? "right");
  const fragment = ((fields.df ?? true) ? 0x4000 : 0) | (fields.mf ? 0x2000 : 0) | ((fields.fragmentOffset ?? 0) >>> 3);
  const header = concat(
    [0x45 + options.length / 4, fields.tos ?? 0],
    be16(20 + options.length + payload.length),
    be16(fields.id ?? 0),
    be16(fragment),
    [fields.ttl ?? 64, segment.protocol, 0, 0],
    src,
    dst,
    options,
  );
  header.set(be16(checksum(header)), 10);
  return { ethertype: ETHERTYPE.ipv4, bytes: concat(header, payload) };
}

/** An IPv6 extension header; its first byte (next header) is filled in by `ipv6`. */
export interface Extension {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Hop-by-hop or destination options, or a routing header with no segments left: 8 bytes for each of `units`. */
export function options6(type: 0 | 43 | 60 | 135 | 139 | 140, units = 1): Extension {
  const bytes = new Uint8Array(8 * units);
  bytes[1] = units - 1;
  if (type === PROTOCOL.routing) bytes[2] = 4;
  else bytes.set([1, 8 * units - 4], 2); // PadN
  return { type, bytes };
}

export function fragment6(fields: { offset?: number; more?: boolean; id?: number }): Extension {
  const word = (fields.offset ?? 0) | (fields.more ? 1 : 0);
  return { type: PROTOCOL.fragment, bytes: concat([0, 0], be16(word), be32(fields.id ?? 7)) };
}

/** RFC 4302: its length is in 4-byte units, minus 2. */
export function auth6(icvWords = 3): Extension {
  return {
    type: PROTOCOL.auth,
    bytes: concat([0, icvWords + 1, 0, 0], be32(1), be32(2), new Uint8Array(4 * icvWords)),
  };
}

export interface Ipv6Fields {
  readonly src: string;
  readonly dst: string;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  readonly hopLimit?: number;
  readonly extensions?: readonly Extension[];
  readonly checksum?: ChecksumMode;
}

export function ipv6(fields: Ipv6Fields, segment: Segment): Packet {
  const src = ip(fields.src);
  const dst = ip(fields.dst);
  const extensions = fields.extensions ?? [];
  const types = [...extensions.map((extension) => extension.type), segment.protocol];
  const chain = extensions.map((extension, i) => concat([types[i + 1]], extension.bytes.subarray(1)));
  const payload = withChecksum(src, dst, segment, fields.checksum ?? "right");
  const rest = concat(...chain, payload);
  const word = 0x60000000 + (fields.trafficClass ?? 0) * 0x100000 + (fields.flowLabel ?? 0);
  const header = concat(be32(word), be16(rest.length), [types[0], fields.hopLimit ?? 64], src, dst);
  return { ethertype: ETHERTYPE.ipv6, bytes: concat(header, rest) };
}

export interface Ports {
  readonly srcPort: number;
  readonly dstPort: number;
}

export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;

export interface TcpFields extends Ports {
  readonly seq?: number;
  readonly ack?: number;
  readonly flags?: number;
  readonly options?: Uint8Array;
}

export function tcp(fields: TcpFields, payload: Uint8Array = new Uint8Array(0)): Segment {
  const given = fields.options ?? new Uint8Array(0);
  const options = concat(given, new Uint8Array((4 - (given.length % 4)) % 4));
  const header = concat(
    be16(fields.srcPort),
    be16(fields.dstPort),
    be32(fields.seq ?? 1),
    be32(fields.ack ?? 1),
    [(5 + options.length / 4) << 4, fields.flags ?? TCP_FLAG.ack],
    be16(65535),
    [0, 0, 0, 0],
    options,
  );
  return { protocol: PROTOCOL.tcp, bytes: concat(header, payload), checksumAt: 16 };
}

export function udp(fields: Ports, payload: Uint8Array = new Uint8Array(0)): Segment {
  const header = concat(be16(fields.srcPort), be16(fields.dstPort), be16((8 + payload.length) & 0xffff), [0, 0]);
  return { protocol: PROTOCOL.udp, bytes: concat(header, payload), checksumAt: 6 };
}

export function sctp(fields: Ports & { tag?: number }, payload: Uint8Array = new Uint8Array(0)): Segment {
  const bytes = concat(be16(fields.srcPort), be16(fields.dstPort), be32(fields.tag ?? 0), [0, 0, 0, 0], payload);
  new DataView(bytes.buffer).setUint32(8, crc32c(bytes), true);
  return { protocol: PROTOCOL.sctp, bytes };
}

/** `rest` are the four bytes after the checksum. */
export function icmp(type: number, code: number, rest: Uint8Array, payload: Uint8Array = new Uint8Array(0)): Segment {
  const bytes = concat([type, code, 0, 0], rest, payload);
  bytes.set(be16(checksum(bytes)), 2);
  return { protocol: PROTOCOL.icmp, bytes };
}

export function icmpv6(type: number, code: number, rest: Uint8Array, payload: Uint8Array = new Uint8Array(0)): Segment {
  return { protocol: PROTOCOL.icmpv6, bytes: concat([type, code, 0, 0], rest, payload), checksumAt: 2 };
}

/** An IGMPv2 membership report. */
export function igmp(group: string): Segment {
  const bytes = concat([0x16, 0, 0, 0], ip(group));
  bytes.set(be16(checksum(bytes)), 2);
  return { protocol: PROTOCOL.igmp, bytes };
}

export function transport(protocol: number, bytes: Uint8Array): Segment {
  return { protocol, bytes };
}

function withChecksum(src: Uint8Array, dst: Uint8Array, segment: Segment, mode: ChecksumMode): Uint8Array {
  const bytes = segment.bytes.slice();
  const at = segment.checksumAt;
  if (at === undefined || mode === "zero") return bytes;
  const pseudo = pseudoHeader(src, dst, segment.protocol, bytes.length);
  let value = mode === "unfinished" ? sum16(pseudo) : checksum(pseudo, bytes);
  // RFC 768: a computed zero goes out as all ones.
  if (value === 0 && segment.protocol === PROTOCOL.udp) value = 0xffff;
  if (mode === "wrong") value = (value + 1) & 0xffff || 1;
  bytes.set(be16(value), at);
  return bytes;
}

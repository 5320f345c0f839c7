// Segmentation, the slow way: each segment is put together from the parsed pieces of its super-frame, with lengths and
// checksums computed anew over what is there. RFC 9293, RFC 768, RFC 3168 section 6.1.2 (CWR), and Linux's documentation of
// segmentation offloads (IPv4 ids count up).

import { be16, be32, concat, readBe16, readBe32 } from "../support/bytes.js";
import { PROTOCOL } from "../support/frames.js";
import { checksum, pseudoHeader } from "./checksum.js";
import { type Parsed, type ParsedIp, parse } from "./parse.js";
import type { Virtio } from "./virtio.js";

/* linux/virtio_net.h */
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const GSO_UDP_L4 = 5;
const GSO_ECN = 0x80;

/** Nobody honest asks for more. */
const SEGMENTS_MAX = 2048;

const TCP_FIN = 0x01;
const TCP_PSH = 0x08;
const TCP_CWR = 0x80;

/** What a super-frame consists of. */
export interface Super {
  /** Bytes from the Ethernet header to the data, which every segment has. */
  readonly headers: number;
  /** Data bytes of each segment but the last. */
  readonly size: number;
}

interface IpFrame extends Parsed {
  readonly ip: ParsedIp;
}

/** `undefined`: the virtio-net header asks for no cutting, or for one that the frame does not allow. */
export function superOf(frame: Uint8Array, virtio: Virtio): Super | undefined {
  const parsed = parse(frame);
  if (parsed?.ip === undefined || parsed.ip.fragment || !virtio.needsCsum) return undefined;
  const { ip } = parsed;
  const type = virtio.gsoType & ~GSO_ECN;
  const isTcp = type === (ip.version === 4 ? GSO_TCPV4 : GSO_TCPV6);
  if (!isTcp && type !== GSO_UDP_L4) return undefined;
  if (ip.protocol !== (isTcp ? PROTOCOL.tcp : PROTOCOL.udp) || ip.end !== frame.length) return undefined;
  const least = isTcp ? 20 : 8;
  if (ip.end - ip.l4 < least) return undefined;
  const length = isTcp ? (frame[ip.l4 + 12] >>> 4) * 4 : 8;
  const headers = ip.l4 + length;
  const size = virtio.gsoSize;
  if (length < least || size === 0 || frame.length - headers <= size) return undefined;
  if (frame.length > size * SEGMENTS_MAX) return undefined;
  return { headers, size };
}

/** The frames that a super-frame stands for. */
export function cut(frame: Uint8Array, { headers, size }: Super): Uint8Array[] {
  const parsed = parse(frame);
  if (parsed?.ip === undefined) throw new Error("no super-frame");
  const ipFrame = { ...parsed, ip: parsed.ip };
  const segments: Uint8Array[] = [];
  for (let at = headers; at < frame.length; at += size) {
    const isLast = at + size >= frame.length;
    const data = frame.subarray(at, at + size);
    segments.push(segment(frame, ipFrame, headers, data, segments.length, at - headers, isLast));
  }
  return segments;
}

function segment(
  frame: Uint8Array,
  { l3, ip }: IpFrame,
  headers: number,
  data: Uint8Array,
  index: number,
  offset: number,
  isLast: boolean,
): Uint8Array {
  const network = frame.slice(l3, ip.l4);
  const transport = frame.slice(ip.l4, headers);
  const length = transport.length + data.length;
  if (ip.version === 4) {
    network.set(be16(network.length + length), 2);
    network.set(be16((readBe16(network, 4) + index) & 0xffff), 4);
    network.set([0, 0], 10);
    network.set(be16(checksum(network)), 10);
  } else {
    network.set(be16(network.length - 40 + length), 4);
  }
  const pseudo = pseudoHeader(ip.src, ip.dst, ip.protocol, length);
  if (ip.protocol === PROTOCOL.tcp) {
    transport.set(be32((readBe32(transport, 4) + offset) % 2 ** 32), 4);
    if (!isLast) transport[13] &= ~(TCP_FIN | TCP_PSH);
    if (index > 0) transport[13] &= ~TCP_CWR;
    transport.set([0, 0], 16);
    transport.set(be16(checksum(pseudo, transport, data)), 16);
  } else {
    transport.set(be16(length), 4);
    transport.set([0, 0], 6);
    transport.set(be16(checksum(pseudo, transport, data) || 0xffff), 6);
  }
  return concat(frame.subarray(0, l3), network, transport, data);
}

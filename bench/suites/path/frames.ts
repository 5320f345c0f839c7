// The frames that the generators send: UDP of one flow, plain or already inside VXLAN, as bytes. They look as if a socket of Linux
// had sent them, with DF and a UDP checksum: without these two, nobody may join frames of a flow to a super-frame.

/* From RFC 791, 768 and 7348 */
const ETHERNET_LEN = 14;
const IPV4_LEN = 20;
const UDP_LEN = 8;
const VXLAN_LEN = 8;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
const VXLAN_FLAG_I = 0x08;
const IPV4_DF = 0x4000;
/** What a super-frame has once, and each of its frames would have again. */
export const HEADERS_LEN = ETHERNET_LEN + IPV4_LEN + UDP_LEN;

/* Our choices */
const TTL = 64;
/** The discard port: nobody listens. */
const INNER_PORT = 9;
const OUTER_SRC_PORT = 50_000;
const FILL = 0x5a;

export interface Addresses {
  readonly srcMac: string;
  readonly dstMac: string;
  readonly src: string;
  readonly dst: string;
}

/** A UDP frame of `frameLen` bytes from the Ethernet header on, without FCS. */
export function udpFrame(addresses: Addresses, frameLen: number): Uint8Array {
  const payloadLen = frameLen - HEADERS_LEN;
  if (payloadLen < 0) throw new Error(`a UDP frame has no room in ${frameLen} bytes`);
  const frame = around(addresses, INNER_PORT, INNER_PORT, new Uint8Array(payloadLen).fill(FILL));
  const view = new DataView(frame.buffer);
  const udp = ETHERNET_LEN + IPV4_LEN;
  // The pseudo-header: addresses, which lie in front of the UDP header, protocol, and length.
  const sum = wordsOf(view, udp - 8, frame.length) + PROTOCOL_UDP + UDP_LEN + payloadLen;
  view.setUint16(udp + 6, ~fold(sum) & 0xffff || 0xffff);
  return frame;
}

/** `inner` in VXLAN, with no outer UDP checksum. */
export function vxlanFrame(
  outer: Addresses,
  { port, vni }: { port: number; vni: number },
  inner: Uint8Array,
): Uint8Array {
  const payload = new Uint8Array(VXLAN_LEN + inner.length);
  payload[0] = VXLAN_FLAG_I;
  new DataView(payload.buffer).setUint32(4, vni * 256);
  payload.set(inner, VXLAN_LEN);
  return around(outer, OUTER_SRC_PORT, port, payload);
}

function around(
  { srcMac, dstMac, src, dst }: Addresses,
  sport: number,
  dport: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(HEADERS_LEN + payload.length);
  const view = new DataView(frame.buffer);
  frame.set(macBytes(dstMac), 0);
  frame.set(macBytes(srcMac), 6);
  view.setUint16(12, ETHERTYPE_IPV4);
  const ip = ETHERNET_LEN;
  view.setUint16(ip, 0x4500);
  view.setUint16(ip + 2, frame.length - ETHERNET_LEN);
  view.setUint16(ip + 6, IPV4_DF);
  view.setUint8(ip + 8, TTL);
  view.setUint8(ip + 9, PROTOCOL_UDP);
  frame.set(ipv4Bytes(src), ip + 12);
  frame.set(ipv4Bytes(dst), ip + 16);
  view.setUint16(ip + 10, ~fold(wordsOf(view, ip, ip + IPV4_LEN)) & 0xffff);
  const udp = ip + IPV4_LEN;
  view.setUint16(udp, sport);
  view.setUint16(udp + 2, dport);
  view.setUint16(udp + 4, UDP_LEN + payload.length);
  frame.set(payload, udp + UDP_LEN);
  return frame;
}

function wordsOf(view: DataView, from: number, end: number): number {
  let sum = 0;
  for (let at = from; at < end; at += 2) sum += at + 1 < end ? view.getUint16(at) : view.getUint8(at) << 8;
  return sum;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

function macBytes(mac: string): number[] {
  return mac.split(":").map((byte) => Number.parseInt(byte, 16));
}

function ipv4Bytes(address: string): number[] {
  return address.split(".").map(Number);
}

/** One frame as a configuration of trafgen's. */
export function trafgenConfig(frame: Uint8Array): string {
  return `{ ${[...frame].join(", ")} }\n`;
}

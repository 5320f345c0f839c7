// The frames that the generators send: UDP of one flow, plain or already inside VXLAN, as bytes.

/* From RFC 791, 768 and 7348 */
const ETHERNET_LEN = 14;
const IPV4_LEN = 20;
const UDP_LEN = 8;
const VXLAN_LEN = 8;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
const VXLAN_FLAG_I = 0x08;

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
  const payloadLen = frameLen - ETHERNET_LEN - IPV4_LEN - UDP_LEN;
  if (payloadLen < 0) throw new Error(`a UDP frame has no room in ${frameLen} bytes`);
  return around(addresses, INNER_PORT, INNER_PORT, new Uint8Array(payloadLen).fill(FILL));
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
  const frame = new Uint8Array(ETHERNET_LEN + IPV4_LEN + UDP_LEN + payload.length);
  const view = new DataView(frame.buffer);
  frame.set(macBytes(dstMac), 0);
  frame.set(macBytes(srcMac), 6);
  view.setUint16(12, ETHERTYPE_IPV4);
  const ip = ETHERNET_LEN;
  view.setUint16(ip, 0x4500);
  view.setUint16(ip + 2, frame.length - ETHERNET_LEN);
  view.setUint8(ip + 8, TTL);
  view.setUint8(ip + 9, PROTOCOL_UDP);
  frame.set(ipv4Bytes(src), ip + 12);
  frame.set(ipv4Bytes(dst), ip + 16);
  view.setUint16(ip + 10, headerChecksum(view, ip));
  const udp = ip + IPV4_LEN;
  view.setUint16(udp, sport);
  view.setUint16(udp + 2, dport);
  view.setUint16(udp + 4, UDP_LEN + payload.length);
  frame.set(payload, udp + UDP_LEN);
  return frame;
}

function headerChecksum(view: DataView, offset: number): number {
  let sum = 0;
  for (let at = 0; at < IPV4_LEN; at += 2) sum += view.getUint16(offset + at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
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

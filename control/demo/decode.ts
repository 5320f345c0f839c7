// Explains frames: every field of the headers around a VXLAN frame, and one line for each header inside.
//
// A reading aid, not a parser for the data path: it takes what the demo itself has sent, complains when it meets
// something else, and computes checksums the slow way, so that it agrees with no code that it is meant to check.

import { formatAddress } from "../address.js";

/* From IEEE 802.3, RFC 791, RFC 768, RFC 792 and RFC 7348: lengths and offsets. */
const ETHERNET_LEN = 14;
const IPV4_LEN = 20;
const UDP_LEN = 8;
const VXLAN_LEN = 8;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_ICMP = 1;
const PROTOCOL_UDP = 17;
const IPV4_DF = 0x4000;
const VXLAN_FLAG_I = 0x08;
const ICMP_ECHO = 8;
const ECN_NAMES = ["Not-ECT", "ECT(1)", "ECT(0)", "CE"];

/** Bytes in front of the inner frame over IPv4. */
export const OUTER_LEN = ETHERNET_LEN + IPV4_LEN + UDP_LEN + VXLAN_LEN;

export interface Field {
  /** From the start of the frame, bytes. */
  offset: number;
  name: string;
  value: string;
  /** What it means, or what was found out about it. */
  note: string;
}

export interface Header {
  name: string;
  length: number;
  fields: Field[];
}

export interface Outer {
  headers: Header[];
  vni: number;
  outerSrcPort: number;
  /** Checksums and lengths are as they should be. */
  right: boolean;
  /** The inner frame. */
  inner: Uint8Array;
}

/** True if this is a VXLAN packet over IPv4 to that port. */
export function isVxlan(frame: Uint8Array, port: number): boolean {
  const data = Buffer.from(frame);
  if (data.length < OUTER_LEN || data.readUInt16BE(12) !== ETHERTYPE_IPV4 || data[14] !== 0x45) return false;
  return data[ETHERNET_LEN + 9] === PROTOCOL_UDP && data.readUInt16BE(ETHERNET_LEN + IPV4_LEN + 2) === port;
}

/**
 * The headers of a VXLAN packet, field by field.
 * @param checksumPending the UDP checksum is left to hardware that a veth does not have, so it cannot be right yet
 */
export function decodeOuter(frame: Uint8Array, checksumPending: boolean): Outer {
  const data = Buffer.from(frame);
  const ip = ETHERNET_LEN;
  const udp = ip + IPV4_LEN;
  const vxlan = udp + UDP_LEN;
  const totalLength = data.readUInt16BE(ip + 2);
  const udpLength = data.readUInt16BE(udp + 4);
  const ipChecksumRight = sum(data.subarray(ip, udp)) === 0xffff;
  const udpChecksum = data.readUInt16BE(udp + 6);
  const udpNote = udpChecksum === 0 ? "none" : checksumPending ? "left to the hardware" : udpVerdict(data, ip, udp);
  const flags = data.readUInt16BE(ip + 6);
  const tos = data[ip + 1] ?? 0;
  const vni = data.readUIntBE(vxlan + 4, 3);
  const lengthsFit = totalLength === data.length - ETHERNET_LEN && udpLength === totalLength - IPV4_LEN;
  const hasFlag = ((data[vxlan] ?? 0) & VXLAN_FLAG_I) !== 0;

  const ethernetFields = [
    field(0, "destination", mac(data, 0), ""),
    field(6, "source", mac(data, 6), ""),
    field(12, "type", word(data, 12), "IPv4"),
  ];
  const ipFields = [
    field(ip, "version, length", `4, ${(data[ip] ?? 0) & 0xf}`, "words of 4 bytes"),
    field(ip + 1, "DSCP, ECN", `${tos >>> 2}, ${tos & 3}`, ECN_NAMES[tos & 3] ?? ""),
    field(ip + 2, "total length", String(totalLength), lengthsFit ? "fits" : "WRONG"),
    field(ip + 4, "identification", word(data, ip + 4), ""),
    field(ip + 6, "flags, offset", word(data, ip + 6), flags === IPV4_DF ? "DF: do not fragment" : flagsNote(flags)),
    field(ip + 8, "TTL", String(data[ip + 8]), "hops"),
    field(ip + 9, "protocol", String(data[ip + 9]), "UDP"),
    field(ip + 10, "header checksum", word(data, ip + 10), ipChecksumRight ? "right" : "WRONG"),
    field(ip + 12, "source", address(data, ip + 12), "VTEP that sent it"),
    field(ip + 16, "destination", address(data, ip + 16), "VTEP that gets it"),
  ];
  const outerSrcPort = data.readUInt16BE(udp);
  const udpFields = [
    field(udp, "source port", String(outerSrcPort), "hash of the inner flow"),
    field(udp + 2, "destination port", String(data.readUInt16BE(udp + 2)), "VXLAN"),
    field(udp + 4, "length", String(udpLength), lengthsFit ? "fits" : "WRONG"),
    field(udp + 6, "checksum", word(data, udp + 6), udpNote),
  ];
  const vxlanFields = [
    field(vxlan, "flags", `0x${hex(data.subarray(vxlan, vxlan + 1))}`, hasFlag ? "I: the VNI is valid" : "WRONG: no I"),
    field(vxlan + 1, "reserved", `0x${hex(data.subarray(vxlan + 1, vxlan + 4))}`, ""),
    field(vxlan + 4, "VNI", String(vni), "the network"),
    field(vxlan + 7, "reserved", `0x${hex(data.subarray(vxlan + 7, vxlan + 8))}`, ""),
  ];
  return {
    headers: [
      { name: "Outer Ethernet", length: ETHERNET_LEN, fields: ethernetFields },
      { name: "Outer IPv4", length: IPV4_LEN, fields: ipFields },
      { name: "Outer UDP", length: UDP_LEN, fields: udpFields },
      { name: "VXLAN", length: VXLAN_LEN, fields: vxlanFields },
    ],
    vni,
    outerSrcPort,
    right: ipChecksumRight && lengthsFit && udpNote !== "WRONG" && hasFlag,
    inner: new Uint8Array(data.subarray(OUTER_LEN)),
  };
}

/** One line for each header of a ping. */
export function describeEcho(frame: Uint8Array): [header: string, text: string][] {
  const data = Buffer.from(frame);
  const ip = ETHERNET_LEN;
  const icmp = ip + IPV4_LEN;
  const kind = data[icmp] === ICMP_ECHO ? "echo request" : "echo reply";
  return [
    ["Ethernet", `${mac(data, 6)} to ${mac(data, 0)}, type ${word(data, 12)} IPv4`],
    [
      "IPv4",
      `${address(data, ip + 12)} to ${address(data, ip + 16)}, TTL ${data[ip + 8]}, ${data.readUInt16BE(ip + 2)} bytes`,
    ],
    ["ICMP", `${kind}, id ${data.readUInt16BE(icmp + 4)}, sequence ${data.readUInt16BE(icmp + 6)}`],
  ];
}

/** True if this frame is an ICMP echo, request or reply, without IP options. */
export function isEcho(frame: Uint8Array, request: boolean): boolean {
  const data = Buffer.from(frame);
  if (data.length < ETHERNET_LEN + IPV4_LEN + 8 || data.readUInt16BE(12) !== ETHERTYPE_IPV4) return false;
  return data[ETHERNET_LEN + 9] === PROTOCOL_ICMP && data[ETHERNET_LEN + IPV4_LEN] === (request ? ICMP_ECHO : 0);
}

/** Rows of offset, 16 bytes in hex, and text. */
export function hexDump(data: Uint8Array, rows: number): string[] {
  const result: string[] = [];
  for (let at = 0; at < data.length && result.length < rows; at += 16) {
    const row = data.subarray(at, at + 16);
    const bytes = Array.from(row, (byte) => byte.toString(16).padStart(2, "0"));
    const text = Array.from(row, (byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "."));
    const halves = `${bytes.slice(0, 8).join(" ")}  ${bytes.slice(8).join(" ")}`;
    result.push(`${at.toString(16).padStart(4, "0")}  ${halves.padEnd(48)}  ${text.join("")}`);
  }
  return result;
}

function udpVerdict(data: Buffer, ip: number, udp: number): string {
  const length = data.readUInt16BE(udp + 4);
  const pseudo = Buffer.concat([
    data.subarray(ip + 12, ip + 20),
    Buffer.from([0, PROTOCOL_UDP, length >>> 8, length & 0xff]),
  ]);
  return sum(Buffer.concat([pseudo, data.subarray(udp, udp + length)])) === 0xffff ? "right" : "WRONG";
}

/** RFC 1071, folded, not inverted. */
function sum(data: Buffer): number {
  let total = 0;
  for (let i = 0; i < data.length; i += 2) total += i + 1 < data.length ? data.readUInt16BE(i) : (data[i] ?? 0) << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function flagsNote(flags: number): string {
  return flags === 0 ? "may be fragmented" : "";
}

const field = (offset: number, name: string, value: string, note: string): Field => ({ offset, name, value, note });
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const word = (data: Buffer, at: number) => `0x${hex(data.subarray(at, at + 2))}`;
const mac = (data: Buffer, at: number) =>
  Array.from(data.subarray(at, at + 6), (b) => b.toString(16).padStart(2, "0")).join(":");

function address(data: Buffer, at: number): string {
  const mapped = new Uint8Array(16).fill(0xff, 10, 12);
  mapped.set(data.subarray(at, at + 4), 12);
  return formatAddress(mapped);
}

// Frames as plain objects, so that a failed comparison shows fields and not two walls of hex.
//
// Decodes leniently: whatever does not fit ends as `rest`, the length of what was not decoded.

import { expect } from "vitest";
import { parse } from "../oracle/parse.js";
import { hex, ipText, macText, readBe16, readBe32 } from "./bytes.js";
import { ETHERTYPE, PROTOCOL } from "./frames.js";

export type Decoded = Record<string, string | number | boolean | object>;

export function decode(frame: Uint8Array): Decoded {
  const parsed = parse(frame);
  if (parsed === undefined) return { length: frame.length, bytes: hex(frame) };
  const { l3, ip } = parsed;
  const ethernet = {
    length: frame.length,
    dst: macText(frame.subarray(0, 6)),
    src: macText(frame.subarray(6, 12)),
    tags: hex(frame.subarray(12, l3 - 2)),
    ethertype: `0x${parsed.ethertype.toString(16)}`,
  };
  if (parsed.ethertype === ETHERTYPE.arp) return { ...ethernet, arp: hex(frame.subarray(l3, l3 + 28)) };
  if (ip === undefined) return { ...ethernet, rest: hex(frame.subarray(l3, l3 + 64)) };
  const packet: Decoded = {
    version: ip.version,
    tos: ip.tos,
    src: ipText(ip.src),
    dst: ipText(ip.dst),
    protocol: ip.protocol,
    end: ip.end,
  };
  if (ip.version === 4) {
    const fragment = readBe16(frame, l3 + 6);
    const [id, ttl] = [readBe16(frame, l3 + 4), frame[l3 + 8]];
    Object.assign(packet, { id, ttl, fragment, checksum: readBe16(frame, l3 + 10) });
  } else {
    Object.assign(packet, { flowLabel: readBe32(frame, l3) & 0xfffff, hopLimit: frame[l3 + 7], l4: ip.l4 - l3 });
  }
  return { ...ethernet, ip: packet, ...(ip.laterFragment ? {} : decodeL4(frame, ip.protocol, ip.l4)) };
}

function decodeL4(frame: Uint8Array, protocol: number, at: number): Decoded {
  if (frame.length < at + 8) return { rest: frame.length - at };
  const ports = { srcPort: readBe16(frame, at), dstPort: readBe16(frame, at + 2) };
  if (protocol === PROTOCOL.udp) {
    return { udp: { ...ports, length: readBe16(frame, at + 4), checksum: readBe16(frame, at + 6) } };
  }
  if (protocol === PROTOCOL.tcp && frame.length >= at + 20) {
    const flags = frame[at + 13];
    return { tcp: { ...ports, seq: readBe32(frame, at + 4), flags, checksum: readBe16(frame, at + 16) } };
  }
  if (protocol === PROTOCOL.sctp) return { sctp: { ...ports, tag: readBe32(frame, at + 4) } };
  if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6) {
    const [type, code] = [frame[at], frame[at + 1]];
    return { icmp: { type, code, checksum: readBe16(frame, at + 2), rest: readBe32(frame, at + 4) } };
  }
  return { rest: frame.length - at };
}

/** A frame of the underlay: outer headers, VXLAN header, inner frame. */
export function decodeOuter(frame: Uint8Array): Decoded {
  const parsed = parse(frame);
  const at = (parsed?.ip?.l4 ?? frame.length) + 8;
  if (frame.length < at + 8) return decode(frame);
  const vxlan = { flags: frame[at], vni: readBe32(frame, at + 4) >>> 8, reserved: frame[at + 7] };
  return { outer: decode(frame), vxlan, inner: decode(frame.subarray(at + 8)) };
}

/** Byte for byte, and in words where it differs. */
export function expectBytes(
  actual: Uint8Array,
  expected: Uint8Array,
  show: (bytes: Uint8Array) => Decoded = decode,
): void {
  if (Buffer.compare(actual, expected) === 0) return;
  expect(show(actual)).toEqual(show(expected));
  const at = expected.findIndex((byte, i) => actual[i] !== byte);
  expect(`byte ${at}: ${hex(actual.subarray(at, at + 16))}`).toBe(`byte ${at}: ${hex(expected.subarray(at, at + 16))}`);
  expect(actual.length).toBe(expected.length);
}

// The outer source port, twice: `flowKey` says what it may depend on (RFC 7348 section 4.1 and behaviour), and
// `flowHash` is the hash that dataplane-wasm/flow.ts documents, again, in BigInt arithmetic from its formula.

import { hex, readBe16 } from "../support/bytes.js";
import { PROTOCOL } from "../support/frames.js";
import { type ParsedIp, parse } from "./parse.js";
import type { World } from "./world.js";

/** Frames with the same key are one flow. Ports: of TCP, UDP and SCTP, when whole and in no fragment. */
export function flowKey(frame: Uint8Array): string {
  const parsed = parse(frame);
  if (parsed === undefined) throw new Error("no Ethernet header");
  const { ip } = parsed;
  if (ip === undefined) return `l2 ${parsed.dst} ${parsed.src} ${parsed.ethertype}`;
  const pair = `${hex(ip.src)} ${hex(ip.dst)}`;
  if (!hasPorts(frame, ip)) return `l3 ${pair} ${ip.protocol}`;
  return `l4 ${pair} ${ip.protocol} ${readBe16(frame, ip.l4)} ${readBe16(frame, ip.l4 + 2)}`;
}

function hasPorts(frame: Uint8Array, ip: ParsedIp): boolean {
  const known = ip.protocol === PROTOCOL.tcp || ip.protocol === PROTOCOL.udp || ip.protocol === PROTOCOL.sctp;
  return known && !ip.fragment && frame.length >= ip.l4 + 4;
}

const A = 0x6a09e667f3bcc909n;
const B = 0xbb67ae8584caa73bn;
const C = 0x3c6ef372fe94f82bn;
const D = 0xa54ff53a5f1d36f1n;
const E = 0x510e527fade682d1n;
const F = 0x9b05688c2b3e6c1fn;

/** 32 bits. */
export function flowHash(frame: Uint8Array): number {
  const parsed = parse(frame);
  if (parsed === undefined) throw new Error("no Ethernet header");
  const { ip, l3 } = parsed;
  let x: bigint;
  if (ip === undefined) {
    const type = littleEndian(frame, l3 - 2, 2);
    x = littleEndian(frame, 0, 8) * A + (littleEndian(frame, 8, 4) | (type << 32n)) * B;
  } else {
    const ports = hasPorts(frame, ip) ? littleEndian(frame, ip.l4, 4) : 0n;
    const w = (BigInt(ip.protocol) << 32n) | ports;
    x = w * E;
    if (ip.version === 4) {
      x += (littleEndian(ip.src, 0, 4) | (littleEndian(ip.dst, 0, 4) << 32n)) * A;
    } else {
      x += halfSwapped(ip.src, 0) * A + halfSwapped(ip.src, 8) * B;
      x += halfSwapped(ip.dst, 0) * C + halfSwapped(ip.dst, 8) * D;
    }
  }
  x = BigInt.asUintN(64, x);
  x ^= x >> 32n;
  x = BigInt.asUintN(64, x * F);
  x ^= x >> 25n;
  return Number((x >> 32n) ^ (x & 0xffffffffn));
}

export function outerSourcePort(world: World, frame: Uint8Array): number {
  const { min, max } = world.sourcePorts;
  return min + Number((BigInt(flowHash(frame)) * BigInt(max - min + 1)) >> 32n);
}

function littleEndian(bytes: Uint8Array, at: number, length: number): bigint {
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]);
  return value;
}

/** Eight octets as a little-endian word, rotated by 32 bits. */
function halfSwapped(bytes: Uint8Array, at: number): bigint {
  return littleEndian(bytes, at + 4, 4) | (littleEndian(bytes, at, 4) << 32n);
}

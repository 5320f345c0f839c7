// Addresses as text, as bytes and as words of the FDB. Everything below control's edges knows an IP address as
// 16 bytes in wire order, IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2), and a MAC as 6 bytes in wire order.
//
// One length for both families keeps tables, records and comparisons free of a case for each. Parsers return
// undefined for what is not well-formed: the caller knows the key's path and the user, and says it there.

import { isIPv4, isIPv6 } from "node:net";
import {
  FDB_VALUE_FLAGS_SHIFT,
  FDB_VALUE_GENERATION_SHIFT,
  FDB_VALUE_ID_MASK,
  FDB_VALUE_ID_SHIFT,
  FDB_VALUE_KIND_SHIFT,
  FDB_VALUE_STAMP_SHIFT,
} from "../dataplane-wasm/layout.js";

/** From RFC 4291: lengths in bytes. */
export const ADDRESS_LEN = 16;
const MAPPED_LEN = 12;
export const MAC_LEN = 6;

export interface Prefix {
  /** 16 B, wire order, IPv4 mapped, bits behind the mask cleared. */
  readonly address: Uint8Array;
  /** 16 B, wire order. */
  readonly mask: Uint8Array;
  /** Bits in the address's own family: 0 to 32 or 0 to 128. */
  readonly length: number;
}

/** 16 bytes, wire order, IPv4 mapped; undefined if `text` is neither IPv4 nor IPv6. Zone ids (`%eth0`) are refused. */
export function parseAddress(text: string): Uint8Array | undefined {
  const address = new Uint8Array(ADDRESS_LEN);
  if (isIPv4(text)) {
    address.fill(0xff, MAPPED_LEN - 2, MAPPED_LEN);
    address.set(text.split(".").map(Number), MAPPED_LEN);
    return address;
  }
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [left = "", right] = text.split("::");
  address.set(groupBytes(left), 0);
  if (right !== undefined) {
    const tail = groupBytes(right);
    address.set(tail, ADDRESS_LEN - tail.length);
  }
  return address;
}

/** The bytes of colon-separated groups, the last of which may be dotted IPv4. */
function groupBytes(groups: string): number[] {
  if (groups === "") return [];
  return groups.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const word = Number.parseInt(group, 16);
    return [word >>> 8, word & 0xff];
  });
}

/** An address, or a prefix in CIDR form; a bare address is a prefix of full length. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const familyBits = text.includes(":") ? 128 : 32;
  const lengthText = slash < 0 ? String(familyBits) : text.slice(slash + 1);
  const length = Number(lengthText);
  if (!/^\d{1,3}$/.test(lengthText) || length > familyBits) return undefined;
  const bits = 128 - familyBits + length;
  const mask = maskOf(bits);
  const masked = address.map((byte, i) => byte & mask[i]);
  return { address: masked, mask, length: isMapped(masked) ? bits - 8 * MAPPED_LEN : length };
}

function maskOf(bits: number): Uint8Array {
  return Uint8Array.from({ length: ADDRESS_LEN }, (_, i) => {
    const bitsHere = Math.min(8, Math.max(0, bits - i * 8));
    return (0xff << (8 - bitsHere)) & 0xff;
  });
}

export function prefixContains(prefix: Prefix, address: Uint8Array): boolean {
  return prefix.address.every((byte, i) => byte === (address[i] & prefix.mask[i]));
}

/** True if every bit of the mask counts: the prefix is one address. */
export function isHostPrefix(prefix: Prefix): boolean {
  return prefix.mask.every((byte) => byte === 0xff);
}

/** True for an IPv4 address (mapped). */
export function isMapped(address: Uint8Array): boolean {
  for (let i = 0; i < MAPPED_LEN - 2; i++) if (address[i] !== 0) return false;
  return address[MAPPED_LEN - 2] === 0xff && address[MAPPED_LEN - 1] === 0xff;
}

export function isMulticastAddress(address: Uint8Array): boolean {
  return isMapped(address) ? (address[MAPPED_LEN] & 0xf0) === 0xe0 : address[0] === 0xff;
}

export function isUnspecifiedAddress(address: Uint8Array): boolean {
  return address.subarray(isMapped(address) ? MAPPED_LEN : 0).every((byte) => byte === 0);
}

/** IPv4 dotted for a mapped address, else IPv6 as RFC 5952 wants it. */
export function formatAddress(address: Uint8Array): string {
  if (isMapped(address)) return `${address[12]}.${address[13]}.${address[14]}.${address[15]}`;
  const groups = Array.from({ length: 8 }, (_, i) => (address[i * 2] << 8) | address[i * 2 + 1]);
  // RFC 5952 section 4.2.3: the longest run of zero groups goes, the first of equals; never a single one.
  let runStart = 0;
  let runLen = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > runLen) [runStart, runLen] = [start, end - start];
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (runLen === 1) return text(groups);
  return `${text(groups.slice(0, runStart))}::${text(groups.slice(runStart + runLen))}`;
}

/** A prefix in CIDR form; a host prefix as a bare address. */
export function formatPrefix(prefix: Prefix): string {
  const text = formatAddress(prefix.address);
  return isHostPrefix(prefix) ? text : `${text}/${prefix.length}`;
}

/** 6 bytes, wire order, from `02:00:00:00:00:01`, any case; undefined if malformed. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  const mac = new Uint8Array(MAC_LEN);
  for (let i = 0; i < MAC_LEN; i++) mac[i] = Number.parseInt(text.slice(3 * i, 3 * i + 2), 16);
  return mac;
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac.subarray(0, MAC_LEN), (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** True for a MAC that a station may have: neither zero nor a group address (IEEE 802 bit 0 of the first byte). */
export function isStationMac(mac: Uint8Array): boolean {
  return (mac[0] & 1) === 0 && mac.some((byte) => byte !== 0);
}

/** The FDB key of layout.ts: the MAC's bytes lowest, as they lie in memory, then the network id. */
export function packFdbKey(mac: Uint8Array, network: number): bigint {
  const low = (mac[0] | (mac[1] << 8) | (mac[2] << 16) | (mac[3] << 24)) >>> 0;
  const high = (mac[4] | (mac[5] << 8) | (network << 16)) >>> 0;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** What {@link packFdbKey} has packed. */
export function unpackFdbKey(key: bigint): { mac: Uint8Array; network: number } {
  const mac = Uint8Array.from({ length: MAC_LEN }, (_, i) => Number((key >> BigInt(8 * i)) & 0xffn));
  return { mac, network: Number(key >> 48n) & 0xffff };
}

/** Where an FDB value points. */
export interface FdbTarget {
  /** FDB_KIND_* */
  readonly kind: number;
  /** Attachment, VTEP or group id, 20 bits. */
  readonly id: number;
}

/** One number for a target: kind (4 bits) | id (20), as in the high word of a value. */
export function packFdbTarget(kind: number, id: number): number {
  return kind * (FDB_VALUE_ID_MASK + 1) + id;
}

/** The fields of an FDB value but its tag, which the dataplane fills in. */
export interface FdbValue extends FdbTarget {
  /** Of the network; 8 bits. */
  readonly generation: number;
  /** FDB_FLAG_* */
  readonly flags: number;
  /** Low 16 bits of the clock, seconds. */
  readonly stamp: number;
}

export function packFdbValue(value: FdbValue): bigint {
  return (
    (BigInt(value.kind) << BigInt(FDB_VALUE_KIND_SHIFT)) |
    (BigInt(value.id & FDB_VALUE_ID_MASK) << BigInt(FDB_VALUE_ID_SHIFT)) |
    (BigInt(value.generation & 0xff) << BigInt(FDB_VALUE_GENERATION_SHIFT)) |
    (BigInt(value.flags & 0xff) << BigInt(FDB_VALUE_FLAGS_SHIFT)) |
    (BigInt(value.stamp & 0xffff) << BigInt(FDB_VALUE_STAMP_SHIFT))
  );
}

export function unpackFdbValue(value: bigint): FdbValue {
  const field = (shift: number, mask: number) => Number((value >> BigInt(shift)) & BigInt(mask));
  return {
    kind: field(FDB_VALUE_KIND_SHIFT, 0xf),
    id: field(FDB_VALUE_ID_SHIFT, FDB_VALUE_ID_MASK),
    generation: field(FDB_VALUE_GENERATION_SHIFT, 0xff),
    flags: field(FDB_VALUE_FLAGS_SHIFT, 0xff),
    stamp: field(FDB_VALUE_STAMP_SHIFT, 0xffff),
  };
}

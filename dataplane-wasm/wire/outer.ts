// The outer headers of a datagram that a raw driver received: no socket has looked at them yet.
//
// The result is one u64: bits 0-15 offset of the tunnel header | 16-31 bytes from there on | 32-63 Drop, or 0.

import { Drop } from "../drop";
import { outerChecksumHolds } from "../outer-checksum";
import { asWire16, loadBe16 } from "./bytes";
import { fold, sumBytes } from "./checksum";
import { ETH_LEN, ETH_TYPE, ETH_TYPE_IPV4_WIRE, ETH_TYPE_IPV6_WIRE, isVlanType, VLAN_TAG_LEN } from "./ethernet";
import {
  IPV4_FRAGMENT,
  IPV4_FRAGMENT_MASK_WIRE,
  IPV4_LEN,
  IPV4_PROTOCOL,
  IPV4_SRC,
  IPV4_TOTAL_LEN,
  ipv4HeaderLen,
} from "./ipv4";
import { IPV6_LEN, IPV6_NEXT_HEADER, IPV6_PAYLOAD_LEN, IPV6_SRC, PROTOCOL_FRAGMENT } from "./ipv6";
import { PROTOCOL_UDP, UDP_LEN, UDP_LENGTH } from "./transport";
import { VXLAN_LEN } from "./vxlan";

const WHOLE: u32 = 0xffff;
const VERSION_6: u32 = 6;

function fail(reason: u32): u64 {
  return (<u64>reason) << 32;
}

export function outerFailure(outer: u64): u32 {
  return <u32>(outer >> 32);
}
export function outerTunnel(outer: u64): u32 {
  return <u32>outer & 0xffff;
}
export function outerTunnelLen(outer: u64): u32 {
  return <u32>outer >> 16;
}

/** Offset of the outer IP header of a frame, 0 if it is neither IPv4 nor IPv6; one VLAN tag may precede it. */
export function outerL3(frame: usize, len: u32): u32 {
  if (len < ETH_LEN + VLAN_TAG_LEN + IPV4_LEN) return 0;
  const l3 = isVlanType(load<u16>(frame, ETH_TYPE)) ? ETH_LEN + VLAN_TAG_LEN : ETH_LEN;
  const type = <u32>load<u16>(frame + l3 - 2);
  return type === ETH_TYPE_IPV4_WIRE || type === ETH_TYPE_IPV6_WIRE ? l3 : 0;
}

/**
 * Checks fragment, length and checksums, in this order, from the IP header at `l3` on.
 * @param isChecked the UDP checksum is not finished, or known to hold
 * @param isSuper the frame stands for many, and its own length counts: the headers' fields may be too small for it
 */
export function parseOuter(frame: usize, len: u32, l3: u32, isChecked: bool, isSuper: bool): u64 {
  const ip = frame + l3;
  const version = load<u8>(ip) >> 4;
  if (version === VERSION_6) return parseOuterIpv6(ip, len - l3, l3, isChecked, isSuper);
  const headerLen = ipv4HeaderLen(ip);
  if (load<u16>(ip, IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK_WIRE) return fail(Drop.DecapFragment);
  const totalLen = isSuper ? len - l3 : loadBe16(ip + IPV4_TOTAL_LEN);
  if (headerLen === 0 || load<u8>(ip, IPV4_PROTOCOL) !== PROTOCOL_UDP) return fail(Drop.DecapTruncated);
  if (totalLen > len - l3 || totalLen < headerLen + UDP_LEN + VXLAN_LEN) return fail(Drop.DecapTruncated);
  if (fold(sumBytes(ip, headerLen, 0)) !== WHOLE) return fail(Drop.DecapBadChecksum);
  if (isSuper) return found(l3 + headerLen, totalLen - headerLen);
  return parseUdp(
    ip + headerLen,
    totalLen - headerLen,
    isChecked ? 0 : sumBytes(ip + IPV4_SRC, 8, 0),
    l3 + headerLen,
    isChecked,
  );
}

function parseOuterIpv6(ip: usize, len: u32, l3: u32, isChecked: bool, isSuper: bool): u64 {
  if (len < IPV6_LEN) return fail(Drop.DecapTruncated);
  const next = load<u8>(ip, IPV6_NEXT_HEADER);
  if (next === PROTOCOL_FRAGMENT) return fail(Drop.DecapFragment);
  const payloadLen = isSuper ? len - IPV6_LEN : loadBe16(ip + IPV6_PAYLOAD_LEN);
  if (next !== PROTOCOL_UDP || payloadLen > len - IPV6_LEN || payloadLen < UDP_LEN + VXLAN_LEN) {
    return fail(Drop.DecapTruncated);
  }
  if (isSuper) return found(l3 + IPV6_LEN, payloadLen);
  return parseUdp(ip + IPV6_LEN, payloadLen, isChecked ? 0 : sumBytes(ip + IPV6_SRC, 32, 0), l3 + IPV6_LEN, isChecked);
}

function parseUdp(udp: usize, len: u32, addresses: u64, at: u32, isChecked: bool): u64 {
  const udpLen = loadBe16(udp + UDP_LENGTH);
  if (udpLen > len || udpLen < UDP_LEN + VXLAN_LEN) return fail(Drop.DecapTruncated);
  if (!isChecked) {
    const pseudo = addresses + <u64>asWire16(PROTOCOL_UDP) + <u64>asWire16(udpLen);
    if (!outerChecksumHolds(udp, udpLen, pseudo)) return fail(Drop.DecapBadChecksum);
  }
  return found(at, udpLen);
}

/** A UDP header at `at`, and its datagram's length. */
function found(at: u32, udpLen: u32): u64 {
  return <u64>(at + UDP_LEN) | ((<u64>(udpLen - UDP_LEN)) << 16);
}

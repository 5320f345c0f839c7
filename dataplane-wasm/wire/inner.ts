// One look at an Ethernet frame: where its network and transport headers are. Encap needs it for the flow hash, the
// ECN field and the MTU; decap for ECN, unfinished checksums and super-frames.
//
// The result is one u64, so that nothing is allocated and the callers' locals hold it:
//
//   bits 0-7 L3 offset | 8-15 L3 kind | 16-23 protocol | 24-31 flags | 32-47 L4 offset | 48-63 L4 length
//
// The L4 offset is set when ports or a TCP header may be read there (at least 4 bytes are present) and the packet
// is no fragment. The L4 length is what the IP header announces, 0 if the frame does not hold that much.

import { loadBe16 } from "./bytes";
import { ETH_LEN, ETH_TYPE, ETH_TYPE_IPV4_WIRE, ETH_TYPE_IPV6_WIRE, isVlanType, VLAN_TAG_LEN } from "./ethernet";
import {
  IPV4_FRAGMENT,
  IPV4_FRAGMENT_MASK_WIRE,
  IPV4_LEN,
  IPV4_PROTOCOL,
  IPV4_TOS,
  IPV4_TOTAL_LEN,
  ipv4HeaderLen,
} from "./ipv4";
import {
  EXTENSION_MIN_LEN,
  EXTENSIONS_MAX,
  extensionLen,
  IPV6_LEN,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LEN,
  ipv6Ecn,
  isExtension,
  PROTOCOL_FRAGMENT,
} from "./ipv6";
import { hasPorts, PORTS_LEN } from "./transport";

export const L3_NONE: u32 = 0;
export const L3_IPV4: u32 = 4;
export const L3_IPV6: u32 = 6;
export const INNER_FRAGMENT: u32 = 1;
export const INNER_TAGGED: u32 = 2;
const VERSION_6: u32 = 6;
/** Type and first octet of untagged IPv4 without options, and of untagged IPv6, as loaded little-endian from the type on. */
const PLAIN_IPV4: u32 = ETH_TYPE_IPV4_WIRE | 0x450000;
const PLAIN_IPV4_MASK: u32 = 0xffffff;
const PLAIN_IPV6: u32 = ETH_TYPE_IPV6_WIRE | 0x600000;
const PLAIN_IPV6_MASK: u32 = 0xf0ffff;

export function innerL3(inner: u64): u32 {
  return <u32>inner & 0xff;
}
export function innerKind(inner: u64): u32 {
  return (<u32>inner >> 8) & 0xff;
}
export function innerProtocol(inner: u64): u32 {
  return (<u32>inner >> 16) & 0xff;
}
export function innerFlags(inner: u64): u32 {
  return <u32>inner >> 24;
}
/** Offset of the transport header, 0 if there is none to read. */
export function innerL4(inner: u64): u32 {
  return <u32>(inner >> 32) & 0xffff;
}
/** Bytes of the transport header and its payload, by the IP header; 0 if the frame is shorter than that. */
export function innerL4Len(inner: u64): u32 {
  return <u32>(inner >> 48);
}

function pack(l3: u32, kind: u32, protocol: u32, flags: u32, l4: u32, l4Len: u32): u64 {
  return <u64>(l3 | (kind << 8) | (protocol << 16) | (flags << 24)) | ((<u64>(l4 | (l4Len << 16))) << 32);
}

/** Reads the frame at `frame`, `len` bytes, at least 14. Nearly every frame is one of two shapes; `parseAny` reads all. */
export function parseInner(frame: usize, len: u32): u64 {
  const start = load<u32>(frame, ETH_TYPE); // type, version and IHL
  const ip = frame + ETH_LEN;
  if ((start & PLAIN_IPV4_MASK) === PLAIN_IPV4) {
    const l4 = ETH_LEN + IPV4_LEN;
    if (len >= l4 + PORTS_LEN) {
      if (!(load<u16>(ip, IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK_WIRE)) {
        const l4Len = loadBe16(ip + IPV4_TOTAL_LEN) - IPV4_LEN; // far too much where the total is less than the header
        return pack(ETH_LEN, L3_IPV4, <u32>load<u8>(ip, IPV4_PROTOCOL), 0, l4, l4Len <= len - l4 ? l4Len : 0);
      }
    }
  } else if ((start & PLAIN_IPV6_MASK) === PLAIN_IPV6) {
    const l4 = ETH_LEN + IPV6_LEN;
    if (len >= l4 + PORTS_LEN) {
      const protocol = <u32>load<u8>(ip, IPV6_NEXT_HEADER);
      if (hasPorts(protocol)) {
        const l4Len = loadBe16(ip + IPV6_PAYLOAD_LEN);
        return pack(ETH_LEN, L3_IPV6, protocol, 0, l4, l4Len <= len - l4 ? l4Len : 0);
      }
    }
  }
  return parseAny(frame, len);
}

function parseAny(frame: usize, len: u32): u64 {
  let l3 = ETH_LEN;
  let type = <u32>load<u16>(frame, ETH_TYPE);
  let flags: u32 = 0;
  if (isVlanType(type)) {
    flags = INNER_TAGGED;
    if (len < l3 + VLAN_TAG_LEN) return pack(l3, L3_NONE, 0, flags, 0, 0);
    l3 += VLAN_TAG_LEN;
    type = <u32>load<u16>(frame + l3 - 2);
    if (isVlanType(type)) {
      if (len < l3 + VLAN_TAG_LEN) return pack(l3, L3_NONE, 0, flags, 0, 0);
      l3 += VLAN_TAG_LEN;
      type = <u32>load<u16>(frame + l3 - 2);
    }
  }
  if (type === ETH_TYPE_IPV4_WIRE) return parseIpv4(frame, len, l3, flags);
  if (type === ETH_TYPE_IPV6_WIRE) return parseIpv6(frame, len, l3, flags);
  return pack(l3, L3_NONE, 0, flags, 0, 0);
}

/** Of the packet that begins at `l3` and lies in front of `len`. */
export function parseIpv4(frame: usize, len: u32, l3: u32, flags: u32): u64 {
  const ip = frame + l3;
  const headerLen = len >= l3 + IPV4_LEN ? ipv4HeaderLen(ip) : 0;
  if (headerLen === 0 || len < l3 + headerLen) return pack(l3, L3_NONE, 0, flags, 0, 0);
  const protocol = <u32>load<u8>(ip, IPV4_PROTOCOL);
  if (load<u16>(ip, IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK_WIRE) {
    return pack(l3, L3_IPV4, protocol, flags | INNER_FRAGMENT, 0, 0);
  }
  const l4 = l3 + headerLen;
  if (len < l4 + PORTS_LEN) return pack(l3, L3_IPV4, protocol, flags, 0, 0);
  const totalLen = loadBe16(ip + IPV4_TOTAL_LEN);
  const whole = totalLen >= headerLen && l3 + totalLen <= len;
  return pack(l3, L3_IPV4, protocol, flags, l4, whole ? totalLen - headerLen : 0);
}

/** Likewise. */
export function parseIpv6(frame: usize, len: u32, l3: u32, flags: u32): u64 {
  const ip = frame + l3;
  if (len < l3 + IPV6_LEN || load<u8>(ip) >> 4 !== VERSION_6) return pack(l3, L3_NONE, 0, flags, 0, 0);
  let protocol = <u32>load<u8>(ip, IPV6_NEXT_HEADER);
  let l4 = l3 + IPV6_LEN;
  for (let n: u32 = 0; isExtension(protocol); n++) {
    if (n === EXTENSIONS_MAX || len < l4 + EXTENSION_MIN_LEN) return pack(l3, L3_IPV6, protocol, flags, 0, 0);
    const next = <u32>load<u8>(frame + l4);
    // Every fragment of a packet must hash alike, so the ports of the first one do not count; RFC 8200 section 4.5.
    if (protocol === PROTOCOL_FRAGMENT) return pack(l3, L3_IPV6, next, flags | INNER_FRAGMENT, 0, 0);
    l4 += extensionLen(protocol, frame + l4);
    protocol = next;
  }
  if (len < l4 + PORTS_LEN) return pack(l3, L3_IPV6, protocol, flags, 0, 0);
  const end = l3 + IPV6_LEN + loadBe16(ip + IPV6_PAYLOAD_LEN);
  return pack(l3, L3_IPV6, protocol, flags, l4, end >= l4 && end <= len ? end - l4 : 0);
}

/** True if the transport ports may be read at `innerL4`. */
export function innerHasPorts(inner: u64): bool {
  return <bool>(<u32>(innerL4(inner) !== 0) & <u32>hasPorts(innerProtocol(inner)));
}

/** The ECN field of the inner packet; Not-ECT for what is not IP. RFC 3168 section 5, RFC 8200 section 7. */
export function innerEcn(frame: usize, inner: u64): u32 {
  const kind = innerKind(inner);
  const ip = frame + innerL3(inner);
  if (kind === L3_IPV4) return <u32>load<u8>(ip, IPV4_TOS) & 3;
  return kind === L3_IPV6 ? ipv6Ecn(ip) : 0;
}

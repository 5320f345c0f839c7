// A packet inside the packet of an inner frame: the tunnels that a container or a VM makes itself. VXLAN over any UDP port, GRE, and IP
// in IP. One look only, for those who want to know what a sender left unfinished in there.

import { loadBe16 } from "./bytes";
import { ETH_LEN, ETH_TYPE, ETH_TYPE_IPV4_WIRE, ETH_TYPE_IPV6_WIRE } from "./ethernet";
import { innerL4, innerL4Len, innerProtocol, parseIpv4, parseIpv6 } from "./inner";
import { PROTOCOL_GRE, PROTOCOL_IPV4, PROTOCOL_IPV6, PROTOCOL_UDP, UDP_LEN } from "./transport";
import { VXLAN_FLAG_I, VXLAN_LEN } from "./vxlan";

/* From RFC 2784 and RFC 2890: flags and version (2) | protocol type (2) | checksum (4) | key (4) | sequence (4), as flagged. */
const GRE_LEN: u32 = 4;
const GRE_FLAG_CHECKSUM: u32 = 0x8000;
const GRE_FLAG_KEY: u32 = 0x2000;
const GRE_FLAG_SEQUENCE: u32 = 0x1000;
const GRE_FIELD_LEN: u32 = 4;
const GRE_TYPE: usize = 2;
const ETH_TYPE_TEB_WIRE: u32 = 0x5865; // 0x6558, transparent Ethernet bridging

/** All of a VXLAN header's 8 bytes but the VNI, as loaded little-endian. Linux sends nothing else unless GBP is asked for. */
const VXLAN_FIXED: u64 = 0xff000000ffffffff;

const NOTHING: u64 = 0;
const L3_OFFSET_MAX: u32 = 255; // it has 8 bits

/** What `parseInner` would say of the packet inside, with offsets from the same start; 0: there is none that we know. */
export function parseNested(frame: usize, inner: u64): u64 {
  const l4 = innerL4(inner);
  const l4Len = innerL4Len(inner);
  const end = l4 + l4Len;
  switch (innerProtocol(inner)) {
    case PROTOCOL_UDP:
      if (l4Len < UDP_LEN + VXLAN_LEN) return NOTHING;
      if ((load<u64>(frame + l4 + UDP_LEN) & VXLAN_FIXED) !== VXLAN_FLAG_I) return NOTHING;
      return parseEthernet(frame, l4 + UDP_LEN + VXLAN_LEN, end);
    case PROTOCOL_GRE:
      return parseGre(frame, l4, end);
    case PROTOCOL_IPV4:
      return parseType(frame, ETH_TYPE_IPV4_WIRE, l4, end);
    case PROTOCOL_IPV6:
      return parseType(frame, ETH_TYPE_IPV6_WIRE, l4, end);
    default:
      return NOTHING;
  }
}

function parseGre(frame: usize, at: u32, end: u32): u64 {
  if (at + GRE_LEN > end) return NOTHING;
  const flags = loadBe16(frame + at);
  const fields =
    <u32>((flags & GRE_FLAG_CHECKSUM) !== 0) +
    <u32>((flags & GRE_FLAG_KEY) !== 0) +
    <u32>((flags & GRE_FLAG_SEQUENCE) !== 0);
  const type = <u32>load<u16>(frame + at, GRE_TYPE);
  const next = at + GRE_LEN + fields * GRE_FIELD_LEN;
  return type === ETH_TYPE_TEB_WIRE ? parseEthernet(frame, next, end) : parseType(frame, type, next, end);
}

function parseEthernet(frame: usize, at: u32, end: u32): u64 {
  if (at + ETH_LEN > end) return NOTHING;
  return parseType(frame, <u32>load<u16>(frame + at, ETH_TYPE), at + ETH_LEN, end);
}

function parseType(frame: usize, type: u32, at: u32, end: u32): u64 {
  if (at > L3_OFFSET_MAX) return NOTHING;
  if (type === ETH_TYPE_IPV4_WIRE) return parseIpv4(frame, end, at, 0);
  return type === ETH_TYPE_IPV6_WIRE ? parseIpv6(frame, end, at, 0) : NOTHING;
}

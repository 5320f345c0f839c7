// The flow hash and the outer source port: what spreads tunnels over equal-cost paths (RFC 7348 section 4).
//
// Words are as loaded little-endian from the frame; arithmetic is modulo 2^64:
//
//   IPv4   x = (src | dst << 32) * A                                      + w * E
//   IPv6   x = r(src[0..7]) * A + r(src[8..15]) * B + r(dst[0..7]) * C + r(dst[8..15]) * D + w * E
//          r rotates by 32 bits: the last octets of an address would else reach the top bits of x only
//          w = protocol << 32 | ports, where ports = srcPort | dstPort << 16 as they lie in the frame,
//          and 0 for fragments and for protocols without ports
//   other  x = frame[0..7] * A + (frame[8..11] | type << 32) * B          (both MACs and the type behind the tags)
//   then   x ^= x >> 32;  x *= F;  x ^= x >> 25;  hash = (x >> 32) ^ x, 32 bits;  port = min + (hash * count >> 32)
//
// Multilinear over odd 64-bit constants: five independent multiplications instead of a chain. Tags do not count,
// so a flow has one port with and without them. Nothing here is symmetric: the two directions of a flow differ.

import { SYSTEM_SRC_PORT_COUNT, SYSTEM_SRC_PORT_MIN } from "./layout/system";
import { innerHasPorts, innerKind, innerL3, innerL4, innerProtocol, L3_IPV4, L3_IPV6 } from "./wire/inner";
import { IPV4_SRC } from "./wire/ipv4";
import { IPV6_DST, IPV6_SRC } from "./wire/ipv6";

/* Our choices: odd, with about half of the bits set (fractions of the square roots of 2, 3, 5, 7, 11 and 13). */
const A: u64 = 0x6a09e667f3bcc909;
const B: u64 = 0xbb67ae8584caa73b;
const C: u64 = 0x3c6ef372fe94f82b;
const D: u64 = 0xa54ff53a5f1d36f1;
const E: u64 = 0x510e527fade682d1;
const F: u64 = 0x9b05688c2b3e6c1f;

/** The hash of a frame of at least 14 bytes that `parseInner` has read. */
export function flowHashOf(frame: usize, inner: u64): u32 {
  const kind = innerKind(inner);
  const ip = frame + innerL3(inner);
  let x: u64;
  if (kind === L3_IPV4) {
    x = load<u64>(ip, IPV4_SRC) * A + transportWord(frame, inner) * E;
  } else if (kind === L3_IPV6) {
    x =
      rotl<u64>(load<u64>(ip, IPV6_SRC), 32) * A +
      rotl<u64>(load<u64>(ip, IPV6_SRC + 8), 32) * B +
      rotl<u64>(load<u64>(ip, IPV6_DST), 32) * C +
      rotl<u64>(load<u64>(ip, IPV6_DST + 8), 32) * D +
      transportWord(frame, inner) * E;
  } else {
    const type = <u64>load<u16>(ip - 2);
    x = load<u64>(frame) * A + (<u64>load<u32>(frame, 8) | (type << 32)) * B;
  }
  x ^= x >> 32;
  x *= F;
  x ^= x >> 25;
  return <u32>(x >> 32) ^ <u32>x;
}

function transportWord(frame: usize, inner: u64): u64 {
  const protocol = (<u64>innerProtocol(inner)) << 32;
  return innerHasPorts(inner) ? protocol | <u64>load<u32>(frame + innerL4(inner)) : protocol;
}

/** The outer source port of a hash, in the configured range, both ends included; host order. */
export function outerSrcPortOf(hash: u32): u32 {
  const spread = (<u64>hash * <u64>load<u32>(SYSTEM_SRC_PORT_COUNT)) >> 32;
  return load<u32>(SYSTEM_SRC_PORT_MIN) + <u32>spread;
}

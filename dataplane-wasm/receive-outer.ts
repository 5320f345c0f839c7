// For drivers that hand over whole outer frames (AF_XDP, packet rings): reads the outer headers into the descriptor, as a
// socket driver fills it, and moves the payload to the tunnel header.

import { Descriptor, dropInput } from "./descriptor";
import { Drop } from "./drop";
import { loadBe16 } from "./wire/bytes";
import { IPV4_SRC, IPV4_TOS, IPV4_TTL } from "./wire/ipv4";
import { IPV6_HOP_LIMIT, IPV6_SRC, ipv6TrafficClass } from "./wire/ipv6";
import { outerFailure, outerL3, outerTunnel, outerTunnelLen, parseOuter } from "./wire/outer";
import { UDP_LEN, UDP_SRC_PORT } from "./wire/transport";

const VERSION_6: u32 = 6;
/** ::ffff:0:0 in front of an IPv4 address, RFC 4291 section 2.5.5.2; bytes 8 to 11 as loaded. */
const MAPPED_PREFIX: u64 = 0xffff0000;

/** False with the input dropped if the outer headers do not hold. */
export function readOuter(input: Descriptor): bool {
  const frame: usize = input.payloadPtr;
  const l3 = outerL3(frame, input.payloadLen);
  if (l3 === 0) {
    dropInput(input, Drop.DecapTruncated);
    return false;
  }
  const outer = parseOuter(frame, input.payloadLen, l3);
  const reason = outerFailure(outer);
  if (reason !== 0) {
    dropInput(input, reason);
    return false;
  }
  const ip = frame + l3;
  if (load<u8>(ip) >> 4 === VERSION_6) {
    input.outerTos = <u8>ipv6TrafficClass(ip);
    input.outerTtl = load<u8>(ip, IPV6_HOP_LIMIT);
    input.outerAddressLow = load<u64>(ip, IPV6_SRC);
    input.outerAddressHigh = load<u64>(ip, IPV6_SRC + 8);
  } else {
    input.outerTos = load<u8>(ip, IPV4_TOS);
    input.outerTtl = load<u8>(ip, IPV4_TTL);
    input.outerAddressLow = 0;
    input.outerAddressHigh = MAPPED_PREFIX | ((<u64>load<u32>(ip, IPV4_SRC)) << 32);
  }
  const tunnel = outerTunnel(outer);
  input.outerPort = <u16>loadBe16(frame + tunnel - UDP_LEN + UDP_SRC_PORT);
  input.payloadPtr += tunnel;
  input.payloadLen = outerTunnelLen(outer);
  return true;
}

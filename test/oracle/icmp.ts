// The answer to a frame that fits no tunnel: ICMP fragmentation needed (RFC 792, RFC 1191 section 4) or ICMPv6 packet
// too big (RFC 4443 section 3.2), to the host that sent it, as if its peer had answered.
//
// None for what is sent to a group, for fragments but the first, for ICMP errors (RFC 1122 section 3.2.2, RFC 4443
// section 2.4), and for IPv4 without DF, where a router would have cut the packet.

import { be16, be32, concat } from "../support/bytes.js";
import { PROTOCOL } from "../support/frames.js";
import { checksum, pseudoHeader } from "./checksum.js";
import { type ParsedIp, parse } from "./parse.js";

const TTL = 64;
const QUOTE4 = 548; // RFC 1812 section 4.3.2.3: 576 bytes in all
const QUOTE6 = 1232; // RFC 4443 section 2.4 (c): the minimum IPv6 MTU in all

/** Our choice: answers of one worker in one second. */
export const ANSWERS_PER_SECOND = 100;

/** The frame to send back out of the port that `frame` came from; `undefined`: it gets no answer. */
export function tooBigAnswer(frame: Uint8Array, mtu: number): Uint8Array | undefined {
  const parsed = parse(frame);
  if (parsed?.ip === undefined || (frame[0] & 1) === 1) return undefined;
  const { ip, l3 } = parsed;
  if (isIcmpError(frame, ip)) return undefined;
  const packet = ip.version === 4 ? answer4(frame, ip, l3, mtu) : answer6(frame, ip, l3, mtu);
  return packet && concat(frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, l3), packet);
}

function answer4(frame: Uint8Array, ip: ParsedIp, l3: number, mtu: number): Uint8Array | undefined {
  const isHost = (address: Uint8Array) => address[0] !== 0 && address[0] !== 127 && address[0] < 224;
  if (!ip.dontFragment || ip.laterFragment || !isHost(ip.src) || !isHost(ip.dst)) return undefined;
  const icmp = concat([3, 4, 0, 0, 0, 0], be16(mtu), frame.subarray(l3, l3 + QUOTE4));
  icmp.set(be16(checksum(icmp)), 2);
  // RFC 1812 section 4.3.2.5: precedence INTERNETWORK CONTROL.
  const header = concat([0x45, 0xc0], be16(20 + icmp.length), be16(0), be16(0x4000), [TTL, PROTOCOL.icmp, 0, 0]);
  const whole = concat(header, ip.dst, ip.src);
  whole.set(be16(checksum(whole)), 10);
  return concat(whole, icmp);
}

function answer6(frame: Uint8Array, ip: ParsedIp, l3: number, mtu: number): Uint8Array | undefined {
  const unspecified = ip.src.every((byte) => byte === 0);
  if (unspecified || ip.src[0] === 0xff || ip.dst[0] === 0xff) return undefined;
  const icmp = concat([2, 0, 0, 0], be32(mtu), frame.subarray(l3, l3 + QUOTE6));
  icmp.set(be16(checksum(pseudoHeader(ip.dst, ip.src, PROTOCOL.icmpv6, icmp.length), icmp)), 2);
  return concat(be32(0x60000000), be16(icmp.length), [PROTOCOL.icmpv6, TTL], ip.dst, ip.src, icmp);
}

/** Errors, and what cannot be told from one. */
function isIcmpError(frame: Uint8Array, ip: ParsedIp): boolean {
  if (ip.protocol !== (ip.version === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6)) return false;
  if (ip.fragment || frame.length < ip.l4 + 4) return true;
  const type = frame[ip.l4];
  return ip.version === 4 ? type !== 8 && type !== 0 : type < 128;
}

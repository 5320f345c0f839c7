// The answer to a frame that does not fit: ICMP fragmentation needed (RFC 792, RFC 1191 section 4) or ICMPv6 packet too
// big (RFC 4443 section 3.2), back out of the port that it came from; for a network's own MTU and for that of the way to a VTEP.
//
// It is built in place, in front of the packet that it quotes, from that packet's own addresses swapped, as the kernel's
// tunnels do (net/ipv4/ip_tunnel_core.c): an endpoint has no address in the tenant's network. Never for multicast,
// later fragments or ICMP errors (RFC 1122 section 3.2.2, RFC 4443 section 2.4), and only so many a second.

import { addCounter, networkRow } from "./counters";
import { Descriptor, workerContext } from "./descriptor";
import { emitAnswer } from "./emit";
import { COUNTER_ICMP } from "./layout/counters";
import { SYSTEM_CLOCK } from "./layout/system";
import { CONTEXT_FLAG_DRY_RUN, CONTEXT_FLAGS, CONTEXT_ICMP_CLOCK, CONTEXT_ICMP_SENT } from "./layout/worker";
import { asWire16, storeBe16 } from "./wire/bytes";
import { checksumOf, sumBytes } from "./wire/checksum";
import { ETH_DST, ETH_SRC, ETH_TYPE } from "./wire/ethernet";
import { innerKind, innerL3, innerL4, innerProtocol, L3_IPV4, L3_IPV6 } from "./wire/inner";
import {
  IPV4_CHECKSUM,
  IPV4_DF,
  IPV4_DST,
  IPV4_FRAGMENT,
  IPV4_LEN,
  IPV4_MF,
  IPV4_PROTOCOL,
  IPV4_SRC,
  IPV4_TOS,
  IPV4_TOTAL_LEN,
  IPV4_TTL,
} from "./wire/ipv4";
import { IPV6_DST, IPV6_HOP_LIMIT, IPV6_LEN, IPV6_NEXT_HEADER, IPV6_PAYLOAD_LEN, IPV6_SRC } from "./wire/ipv6";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "./wire/transport";

/* From the RFCs. */
const ICMP_LEN: u32 = 8;
const ICMP_CHECKSUM: usize = 2;
const ICMP_MTU: usize = 6;
const ICMPV6_MTU: usize = 4;
const ICMP_ECHO_REPLY: u32 = 0;
const ICMP_UNREACHABLE: u8 = 3;
const ICMP_FRAGMENTATION_NEEDED: u8 = 4;
const ICMP_ECHO: u32 = 8;
const ICMPV6_TOO_BIG: u8 = 2;
const ICMPV6_INFORMATIONAL: u32 = 128;
const IPV4_QUOTE_MAX: u32 = 548; // RFC 1812 section 4.3.2.3: 576 in all
const IPV6_QUOTE_MAX: u32 = 1232; // RFC 4443 section 2.4: 1280 in all
const TOS_INTERNETWORK_CONTROL: u8 = 0xc0; // RFC 1812 section 4.3.2.5
const MAC_LEN: u32 = 6;

/* Our choices. */
const ANSWERS_PER_SECOND: u32 = 100;
const TTL: u8 = 64;

/**
 * Answers input `index`, which is dropped. Returns 1 if output `at` is made, else 0. The input's payload is spent.
 * @param mtu bytes of the largest packet that would have passed
 */
export function answerTooBig(worker: u32, index: u32, input: Descriptor, at: u32, mtu: u32): u32 {
  const kind = innerKind(input.inner);
  const frame: usize = input.payloadPtr;
  const ip = frame + innerL3(input.inner);
  if (kind === L3_IPV4 ? !mayAnswerIpv4(ip, input) : kind !== L3_IPV6 || !mayAnswerIpv6(ip, input)) return 0;
  if (!takeToken(worker)) return 0;
  const present = input.payloadLen - innerL3(input.inner);
  const headers = (kind === L3_IPV4 ? IPV4_LEN : IPV6_LEN) + ICMP_LEN;
  const quoted = min<u32>(present, kind === L3_IPV4 ? IPV4_QUOTE_MAX : IPV6_QUOTE_MAX);
  const answer = frame - headers;
  // Before the new headers, which lie over the old Ethernet header.
  memory.copy(answer + ETH_DST, frame + ETH_SRC, MAC_LEN);
  memory.copy(answer + ETH_SRC, frame + ETH_DST, MAC_LEN);
  memory.copy(answer + ETH_TYPE, frame + ETH_TYPE, innerL3(input.inner) - <u32>ETH_TYPE);
  if (kind === L3_IPV4) writeIpv4(ip, quoted, mtu);
  else writeIpv6(ip, quoted, mtu);
  emitAnswer(worker, at, index, <u32>answer, innerL3(input.inner) + headers + quoted);
  addCounter(networkRow(worker, input.network) + COUNTER_ICMP, 1);
  return 1;
}

function takeToken(worker: u32): bool {
  const context = workerContext(worker);
  if (load<u32>(context, CONTEXT_FLAGS) & CONTEXT_FLAG_DRY_RUN) return false;
  const now = load<u32>(SYSTEM_CLOCK);
  if (load<u32>(context, CONTEXT_ICMP_CLOCK) !== now) {
    store<u32>(context, now, CONTEXT_ICMP_CLOCK);
    store<u32>(context, 0, CONTEXT_ICMP_SENT);
  }
  const sent = load<u32>(context, CONTEXT_ICMP_SENT);
  store<u32>(context, sent + 1, CONTEXT_ICMP_SENT);
  return sent < ANSWERS_PER_SECOND;
}

/** A unicast packet with DF, from one host, that is no ICMP error and no fragment but the first. */
function mayAnswerIpv4(ip: usize, input: Descriptor): bool {
  const fragment = <u32>load<u16>(ip, IPV4_FRAGMENT) & ~asWire16(IPV4_MF);
  if (fragment !== asWire16(IPV4_DF)) return false;
  if (!isHostIpv4(load<u8>(ip, IPV4_SRC)) || !isHostIpv4(load<u8>(ip, IPV4_DST))) return false;
  if (innerProtocol(input.inner) !== PROTOCOL_ICMP) return true;
  if (innerL4(input.inner) === 0) return false;
  const type = <u32>load<u8>(<usize>input.payloadPtr + innerL4(input.inner));
  return type === ICMP_ECHO || type === ICMP_ECHO_REPLY;
}

/** By its first octet: not 0/8, not loopback, not multicast, reserved or broadcast. */
function isHostIpv4(first: u32): bool {
  return first !== 0 && first !== 127 && first < 224;
}

function mayAnswerIpv6(ip: usize, input: Descriptor): bool {
  const multicast: u8 = 0xff;
  if (load<u8>(ip, IPV6_SRC) === multicast || load<u8>(ip, IPV6_DST) === multicast) return false;
  if ((load<u64>(ip, IPV6_SRC) | load<u64>(ip, IPV6_SRC + 8)) === 0) return false;
  if (innerProtocol(input.inner) !== PROTOCOL_ICMPV6) return true;
  if (innerL4(input.inner) === 0) return false;
  return <u32>load<u8>(<usize>input.payloadPtr + innerL4(input.inner)) >= ICMPV6_INFORMATIONAL;
}

/** Writes IPv4 and ICMP headers in front of the packet at `ip`. */
function writeIpv4(ip: usize, quoted: u32, mtu: u32): void {
  const icmp = ip - ICMP_LEN;
  const header = icmp - IPV4_LEN;
  memory.fill(header, 0, IPV4_LEN + ICMP_LEN);
  store<u8>(header, 0x45);
  store<u8>(header, TOS_INTERNETWORK_CONTROL, IPV4_TOS);
  storeBe16(header + IPV4_TOTAL_LEN, IPV4_LEN + ICMP_LEN + quoted);
  storeBe16(header + IPV4_FRAGMENT, IPV4_DF);
  store<u8>(header, TTL, IPV4_TTL);
  store<u8>(header, <u8>PROTOCOL_ICMP, IPV4_PROTOCOL);
  store<u32>(header, load<u32>(ip, IPV4_DST), IPV4_SRC);
  store<u32>(header, load<u32>(ip, IPV4_SRC), IPV4_DST);
  store<u16>(header, <u16>checksumOf(sumBytes(header, IPV4_LEN, 0)), IPV4_CHECKSUM);
  store<u8>(icmp, ICMP_UNREACHABLE);
  store<u8>(icmp, ICMP_FRAGMENTATION_NEEDED, 1);
  storeBe16(icmp + ICMP_MTU, mtu);
  store<u16>(icmp, <u16>checksumOf(sumBytes(icmp, ICMP_LEN + quoted, 0)), ICMP_CHECKSUM);
}

function writeIpv6(ip: usize, quoted: u32, mtu: u32): void {
  const length = ICMP_LEN + quoted;
  const icmp = ip - ICMP_LEN;
  const header = icmp - IPV6_LEN;
  memory.fill(header, 0, IPV6_LEN + ICMP_LEN);
  store<u8>(header, 0x60);
  storeBe16(header + IPV6_PAYLOAD_LEN, length);
  store<u8>(header, <u8>PROTOCOL_ICMPV6, IPV6_NEXT_HEADER);
  store<u8>(header, TTL, IPV6_HOP_LIMIT);
  memory.copy(header + IPV6_SRC, ip + IPV6_DST, 16);
  memory.copy(header + IPV6_DST, ip + IPV6_SRC, 16);
  store<u8>(icmp, ICMPV6_TOO_BIG);
  storeBe16(icmp + ICMPV6_MTU + 2, mtu);
  const pseudo = sumBytes(header + IPV6_SRC, 32, <u64>asWire16(PROTOCOL_ICMPV6) + <u64>asWire16(length));
  store<u16>(icmp, <u16>checksumOf(sumBytes(icmp, length, pseudo)), ICMP_CHECKSUM);
}

// Which frame may follow which in a super-frame. Whoever cuts it again must get back what was put in, so everything
// that all segments share has to be equal, and everything that counts up has to count up.
//
//   both   as long as the head's data, or shorter (then it is the last); checksums hold
//   IPv4   TOS, TTL, DF equal; id one more each time, or with DF always the same (RFC 6864 section 4.1; inet_gro_flush in
//          Linux's include/net/gro.h)
//   IPv6   traffic class, flow label, hop limit equal (ipv6_gro_receive)
//   TCP    sequence in order; acknowledgement, window, header length, options equal, so timestamps too; flags but FIN and PSH
//          equal (tcp_gro_receive in net/ipv4/tcp_offload.c)
//   UDP    at most 64 of them (UDP_GRO_CNT_MAX in net/ipv4/udp_offload.c)
//
// Checksums are verified here because the super-frame's are made anew, the IPv4 header's by us and the transport's by the host: a
// segment that was damaged on its way would otherwise become a good one.

import { pseudoSum } from "../checksums";
import { Descriptor, inputAt, outputAt } from "../descriptor";
import { DESC_FLAG_UNFINISHED } from "../layout/descriptor";
import { CHAIN_CHECKED, CHAIN_COUNT, CHAIN_HEAD, CHAIN_LEN, CHAIN_SEGMENT, CHAIN_SEQ } from "../layout/worker";
import { asWire16, loadBe16, loadBe32 } from "../wire/bytes";
import { fold, halves, sumBytes } from "../wire/checksum";
import { innerKind, innerL3, innerL4, innerL4Len, innerProtocol, L3_IPV4 } from "../wire/inner";
import { IPV4_DF, IPV4_DST, IPV4_FRAGMENT, IPV4_ID, IPV4_TOS, IPV4_TTL } from "../wire/ipv4";
import { IPV6_HOP_LIMIT } from "../wire/ipv6";
import {
  PROTOCOL_TCP,
  TCP_ACK,
  TCP_DATA_OFFSET,
  TCP_FLAG_FIN,
  TCP_FLAG_PSH,
  TCP_LEN,
  TCP_SEQ,
  TCP_URGENT,
  tcpHeaderLen,
} from "../wire/transport";

const IP_LEN_MAX: u32 = 65535;
const UDP_SEGMENTS_MAX: u32 = 64;
/** FIN and PSH in the word of data offset, flags and window, as loaded little-endian. */
const MAY_DIFFER: u32 = (TCP_FLAG_FIN | TCP_FLAG_PSH) << 8;

/** True if the frame of `input`, of the chain's flow and with `dataLen` bytes of data, goes on where the chain ends. */
export function mayFollow(worker: u32, chain: usize, input: Descriptor, dataLen: u32): bool {
  if (dataLen > load<u32>(chain, CHAIN_SEGMENT)) return false; // also when it is closed
  const head = inputAt(worker, outputAt(worker, load<u32>(chain, CHAIN_HEAD)).origin);
  const inner = input.inner;
  const l3 = innerL3(inner);
  const ip = <usize>input.payloadPtr + l3;
  const headIp = <usize>head.payloadPtr + l3;
  const count = load<u32>(chain, CHAIN_COUNT);
  if (innerKind(inner) === L3_IPV4) {
    if (!ipv4Follows(headIp, ip, count)) return false;
  } else if (load<u32>(ip) !== load<u32>(headIp) || load<u8>(ip, IPV6_HOP_LIMIT) !== load<u8>(headIp, IPV6_HOP_LIMIT)) {
    return false;
  }
  if (load<u32>(chain, CHAIN_LEN) + dataLen > IP_LEN_MAX) return false;
  const l4 = innerL4(inner) - l3;
  if (innerProtocol(inner) === PROTOCOL_TCP) {
    if (!tcpFollows(headIp + l4, ip + l4, load<u32>(chain, CHAIN_SEQ))) return false;
  } else if (count >= UDP_SEGMENTS_MAX) {
    return false;
  }
  if (!checksumsHold(input)) return false;
  if (load<u32>(chain, CHAIN_CHECKED) !== 0) return true;
  if (!checksumsHold(head)) return false;
  store<u32>(chain, 1, CHAIN_CHECKED);
  return true;
}

function ipv4Follows(head: usize, ip: usize, count: u32): bool {
  const fragment = load<u16>(ip, IPV4_FRAGMENT);
  if (
    load<u8>(ip, IPV4_TOS) !== load<u8>(head, IPV4_TOS) ||
    load<u8>(ip, IPV4_TTL) !== load<u8>(head, IPV4_TTL) ||
    fragment !== load<u16>(head, IPV4_FRAGMENT)
  ) {
    return false;
  }
  const id = loadBe16(ip + IPV4_ID);
  const headId = loadBe16(head + IPV4_ID);
  if (((headId + count) & 0xffff) === id) return true;
  return id === headId && <u32>fragment === asWire16(IPV4_DF);
}

function tcpFollows(head: usize, tcp: usize, seq: u32): bool {
  if (loadBe32(tcp + TCP_SEQ) !== seq || load<u32>(tcp, TCP_ACK) !== load<u32>(head, TCP_ACK)) return false;
  if ((load<u32>(tcp, TCP_DATA_OFFSET) ^ load<u32>(head, TCP_DATA_OFFSET)) & ~MAY_DIFFER) return false;
  if (load<u16>(tcp, TCP_URGENT) !== load<u16>(head, TCP_URGENT)) return false;
  const len = tcpHeaderLen(tcp);
  // A timestamp alone, as most segments have it; the loop would cost as much as all of the above.
  if (len === TCP_LEN + 12) {
    return (
      load<u64>(tcp, TCP_LEN) === load<u64>(head, TCP_LEN) &&
      load<u32>(tcp, TCP_LEN + 8) === load<u32>(head, TCP_LEN + 8)
    );
  }
  for (let at = TCP_LEN; at < len; at += 4) if (load<u32>(tcp + at) !== load<u32>(head + at)) return false;
  return true;
}

function checksumsHold(input: Descriptor): bool {
  const inner = input.inner;
  const frame: usize = input.payloadPtr;
  if (innerKind(inner) === L3_IPV4) {
    const ip = frame + innerL3(inner); // 20 bytes: `dataLenOf` has said so
    const sum = halves(load<u64>(ip)) + halves(load<u64>(ip, 8)) + <u64>load<u32>(ip, IPV4_DST);
    if (fold(sum) !== 0xffff) return false;
  }
  if (input.flags & DESC_FLAG_UNFINISHED) return true;
  return fold(sumBytes(frame + innerL4(inner), innerL4Len(inner), pseudoSum(frame, inner))) === 0xffff;
}

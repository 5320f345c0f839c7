// Cutting: the frames that a super-frame stands for, made as the sender's own network stack or NIC would have made them
// (TSO and USO). Each has the headers again with its own lengths, and finished checksums; data is copied once and summed on
// the way. The rules are Linux's:
//
//   IPv4   total length, id + n, header checksum            inet_gso_segment, net/ipv4/af_inet.c
//   IPv6   payload length                                   ipv6_gso_segment, net/ipv6/ip6_offload.c
//   TCP    sequence number + n * size; FIN and PSH with the last only, CWR with the first only (RFC 3168 section 6.1.2)
//                                                           tcp_gso_segment, net/ipv4/tcp_offload.c
//   UDP    length; a checksum of 0 is written as 0xffff (RFC 768; over IPv6 zero would be an error, RFC 8200 section 8.1)
//                                                           __udp_gso_segment, net/ipv4/udp_offload.c
//
// Everything else, DF and the ECN field and TCP's options among it, is the same in all of them.
//
// Nothing that the sender claims is relied on but the size of a segment: where the headers are is what `parseInner` read, and
// `noteSegments` has checked that the frame holds what they announce. The super-frame itself stays as it came, for a port gets it
// whole, and a batch may pause and cut again.

import { pseudoSum } from "./checksums";
import { Descriptor } from "./descriptor";
import { DESC_FLAG_SUPER } from "./layout/descriptor";
import { superSize } from "./segments";
import { asWire16, loadBe16 } from "./wire/bytes";
import { checksumOf, fold, sumBytes } from "./wire/checksum";
import { copyHeaders, copySum } from "./wire/copy";
import { innerKind, innerL3, innerL4, innerL4Len, innerProtocol, L3_IPV4 } from "./wire/inner";
import { IPV4_CHECKSUM, IPV4_ID, IPV4_TOTAL_LEN } from "./wire/ipv4";
import { IPV6_LEN, IPV6_PAYLOAD_LEN } from "./wire/ipv6";
import {
  PROTOCOL_TCP,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FLAG_CWR,
  TCP_FLAG_FIN,
  TCP_FLAG_PSH,
  TCP_SEQ,
  UDP_CHECKSUM,
  UDP_LENGTH,
} from "./wire/transport";
import { VXLAN_LEN } from "./wire/vxlan";

/** Of the word that data offset and flags share, as loaded little-endian. */
const FLAGS_SHIFT: u32 = 8;
const NOT_LAST: u32 = ~((TCP_FLAG_FIN | TCP_FLAG_PSH) << FLAGS_SHIFT);
const NOT_FIRST: u32 = ~(TCP_FLAG_CWR << FLAGS_SHIFT);
const ALL_ONES: u64 = 0xffff;

/** Bytes of the largest frame that an input becomes on the wire. */
export function wireLen(input: Descriptor): u32 {
  return input.flags & DESC_FLAG_SUPER ? segmentLen(input) : input.payloadLen;
}

/** Bytes of every segment but the last, from the Ethernet header on. */
export function segmentLen(input: Descriptor): u32 {
  return <u32>input.segmentHeaders + superSize(input);
}

/** Bytes of segment `n`. */
export function segmentLenOf(input: Descriptor, n: u32): u32 {
  const last = <u32>input.segments - 1;
  return n < last ? segmentLen(input) : input.payloadLen - last * superSize(input);
}

/**
 * Writes segments `first` to `first + count - 1`, each with the tunnel header in front; up to SEGMENTS_SLACK bytes behind the
 * last, too.
 * @param to where the first one's Ethernet header goes
 * @param stride from one to the next
 */
export function cutSegments(
  input: Descriptor,
  first: u32,
  count: u32,
  to: usize,
  stride: u32,
  tunnelHeader: u64,
): void {
  const inner = input.inner;
  const frame: usize = input.payloadPtr;
  const headers = <u32>input.segmentHeaders;
  const size = superSize(input);
  const last = <u32>input.segments - 1;
  const l3 = innerL3(inner);
  const l4 = innerL4(inner);
  const isIpv4 = innerKind(inner) === L3_IPV4;
  const isTcp = innerProtocol(inner) === PROTOCOL_TCP;

  // What all segments share of the two checksums: everything but the words that are written below.
  const ip = frame + l3;
  const transport = frame + l4;
  const ipSum = isIpv4
    ? sumBytes(ip, l4 - l3, 0) - words(ip, IPV4_TOTAL_LEN, IPV4_ID) - <u64>load<u16>(ip, IPV4_CHECKSUM)
    : 0;
  const tcpFlags = <u32>load<u16>(transport, TCP_DATA_OFFSET);
  let l4Sum = pseudoSum(frame, inner) - <u64>asWire16(innerL4Len(inner)) + sumBytes(transport, headers - l4, 0);
  if (isTcp) l4Sum -= words(transport, TCP_SEQ, TCP_SEQ + 2) + words(transport, TCP_DATA_OFFSET, TCP_CHECKSUM);
  else l4Sum -= words(transport, UDP_LENGTH, UDP_CHECKSUM);

  const end = first + count;
  // Counted on from segment to segment: the compiler takes out of a loop only what every turn of it comes to, and that not past
  // a test at its head. So the inner one tests at its foot, and what some packets alone have is not worked out inside.
  let id = loadBe16(ip + IPV4_ID) + first;
  let seq = bswap<u32>(load<u32>(transport, TCP_SEQ)) + first * size;
  let source = frame + headers + first * size;
  let at = to;
  for (let n = first; n < end; ) {
    // Runs of equal ones: the first, those between, the last.
    const isLast = n === last;
    const runEnd = isLast ? end : n === 0 ? 1 : min<u32>(end, last);
    const dataLen = isLast ? input.payloadLen - headers - n * size : size;
    const l4Len = headers - l4 + dataLen;
    const l4LenWire = asWire16(l4Len);
    const l3LenWire = asWire16(isIpv4 ? l4 - l3 + l4Len : l4 - l3 - IPV6_LEN + l4Len);
    let flags = tcpFlags;
    if (!isLast) flags &= NOT_LAST;
    if (n !== 0) flags &= NOT_FIRST;
    const runSum = l4Sum + <u64>(l4LenWire + (isTcp ? flags : l4LenWire));
    const runIpSum = ipSum + <u64>l3LenWire;
    do {
      const target = at + headers;
      store<u64>(at - VXLAN_LEN, tunnelHeader);
      inline.always(copyHeaders(at, frame, headers)); // before the data, for it writes beyond the headers
      const sum = inline.always(copySum(target, source, dataLen, runSum));
      const ipAt = at + l3;
      if (isIpv4) {
        const idWire = asWire16(id & 0xffff);
        store<u16>(ipAt, <u16>l3LenWire, IPV4_TOTAL_LEN);
        store<u16>(ipAt, <u16>idWire, IPV4_ID);
        store<u16>(ipAt, <u16>checksumOf(runIpSum + <u64>idWire), IPV4_CHECKSUM);
      } else {
        store<u16>(ipAt, <u16>l3LenWire, IPV6_PAYLOAD_LEN);
      }
      const l4At = at + l4;
      if (isTcp) {
        const seqWire = bswap<u32>(seq);
        store<u32>(l4At, seqWire, TCP_SEQ);
        store<u16>(l4At, <u16>flags, TCP_DATA_OFFSET);
        store<u16>(l4At, <u16>checksumOf(sum + <u64>seqWire), TCP_CHECKSUM);
      } else {
        const checksum = checksumOf(sum);
        store<u16>(l4At, <u16>l4LenWire, UDP_LENGTH);
        store<u16>(l4At, <u16>(checksum !== 0 ? checksum : 0xffff), UDP_CHECKSUM);
      }
      id++;
      seq += size;
      source += size;
      at += stride;
    } while (++n < runEnd);
  }
}

/**
 * Checksum sum of a whole segment of `len` bytes, without reading its data: a finished checksum brings what it covers to the
 * complement of its pseudo-header, and an IPv4 header to zero (Linux calls it local checksum offload). So it is the same for all
 * segments of one length.
 */
export function segmentSum(input: Descriptor, len: u32): u64 {
  const inner = input.inner;
  const frame: usize = input.payloadPtr;
  const l3 = innerL3(inner);
  const l4 = innerL4(inner);
  const pseudo = pseudoSum(frame, inner) - <u64>asWire16(innerL4Len(inner)) + <u64>asWire16(len - l4);
  const covered = ALL_ONES - <u64>fold(pseudo);
  if (innerKind(inner) === L3_IPV4) return sumBytes(frame, l3, covered);
  const announced = <u64>load<u16>(frame + l3, IPV6_PAYLOAD_LEN);
  return sumBytes(frame, l4, covered) - announced + <u64>asWire16(len - l3 - IPV6_LEN);
}

/** The two 16-bit words at these offsets, added. */
function words(p: usize, a: usize, b: usize): u64 {
  return <u64>(<u32>load<u16>(p + a) + <u32>load<u16>(p + b));
}

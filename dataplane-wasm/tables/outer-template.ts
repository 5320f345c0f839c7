// The outer header of a VTEP, written once when its record is made: Ethernet, IPv4 or IPv6, UDP. What differs from
// frame to frame (lengths, ECN, source port, checksums) is left for `writeOuter` to patch.
//
// The IPv4 checksum field of a template holds the plain sum of the other fields, not its complement: encap adds the
// total length and the TOS, then complements. VTEP_PSEUDO_SUM is the same for the UDP checksum: addresses, protocol
// and destination port.

import { SYSTEM_MAC } from "../layout/system";
import { VTEP_ADDRESS, VTEP_NEXT_HOP, VTEP_OUTER, VTEP_OUTER_SIZE, VTEP_PSEUDO_SUM } from "../layout/vteps";
import { asWire16, storeBe16 } from "../wire/bytes";
import { fold, sumBytes } from "../wire/checksum";
import { ETH_DST, ETH_LEN, ETH_SRC, ETH_TYPE, ETH_TYPE_IPV4_WIRE, ETH_TYPE_IPV6_WIRE } from "../wire/ethernet";
import {
  IPV4_CHECKSUM,
  IPV4_DF,
  IPV4_DST,
  IPV4_FRAGMENT,
  IPV4_LEN,
  IPV4_PROTOCOL,
  IPV4_SRC,
  IPV4_TTL,
  IPV4_VERSION_IHL,
} from "../wire/ipv4";
import { IPV6_DST, IPV6_HOP_LIMIT, IPV6_LEN, IPV6_NEXT_HEADER, IPV6_SRC } from "../wire/ipv6";
import { PROTOCOL_UDP, UDP_DST_PORT, UDP_LEN } from "../wire/transport";

const IPV4_VERSION_AND_LEN: u8 = 0x45;
const IPV6_VERSION: u8 = 0x60;
/** Offset of an IPv4 address in its IPv4-mapped form. */
const MAPPED_IPV4: usize = 12;
const MAC_LEN: u32 = 6;

/**
 * Fills VTEP_OUTER and VTEP_PSEUDO_SUM of a record whose address and next hop are set.
 * @param local 16-byte source address, IPv4 mapped
 * @param port UDP destination port, host order
 * @returns length of the outer header in bytes, from Ethernet to UDP
 */
export function writeOuterTemplate(record: usize, local: usize, port: u32, ipv6: bool, ttl: u32): u32 {
  const end = record + VTEP_OUTER + VTEP_OUTER_SIZE;
  const remote = record + VTEP_ADDRESS;
  memory.fill(record + VTEP_OUTER, 0, VTEP_OUTER_SIZE);
  const udp = end - UDP_LEN;
  storeBe16(udp + UDP_DST_PORT, port);

  let sum = <u64>asWire16(PROTOCOL_UDP) + <u64>asWire16(port);
  const ipLen = ipv6 ? IPV6_LEN : IPV4_LEN;
  const ip = udp - ipLen;
  if (ipv6) {
    store<u8>(ip, IPV6_VERSION);
    store<u8>(ip, <u8>PROTOCOL_UDP, IPV6_NEXT_HEADER);
    store<u8>(ip, <u8>ttl, IPV6_HOP_LIMIT);
    memory.copy(ip + IPV6_SRC, local, 16);
    memory.copy(ip + IPV6_DST, remote, 16);
    sum = sumBytes(ip + IPV6_SRC, 32, sum);
  } else {
    store<u8>(ip, IPV4_VERSION_AND_LEN, IPV4_VERSION_IHL);
    storeBe16(ip + IPV4_FRAGMENT, IPV4_DF);
    store<u8>(ip, <u8>ttl, IPV4_TTL);
    store<u8>(ip, <u8>PROTOCOL_UDP, IPV4_PROTOCOL);
    memory.copy(ip + IPV4_SRC, local + MAPPED_IPV4, 4);
    memory.copy(ip + IPV4_DST, remote + MAPPED_IPV4, 4);
    store<u16>(ip, <u16>fold(sumBytes(ip, IPV4_LEN, 0)), IPV4_CHECKSUM);
    sum = sumBytes(ip + IPV4_SRC, 8, sum);
  }
  store<u32>(record, fold(sum), VTEP_PSEUDO_SUM);

  store<u16>(ip - ETH_LEN, <u16>(ipv6 ? ETH_TYPE_IPV6_WIRE : ETH_TYPE_IPV4_WIRE), ETH_TYPE);
  const outerLen = ETH_LEN + ipLen + UDP_LEN;
  writeOuterMacs(record, outerLen);
  return outerLen;
}

/** The MACs of the outer Ethernet header: the next hop, and the underlay's interface. Zero where unknown: such a frame needs a raw socket. */
export function writeOuterMacs(record: usize, outerLen: u32): void {
  const ethernet = record + VTEP_OUTER + VTEP_OUTER_SIZE - outerLen;
  memory.copy(ethernet + ETH_DST, record + VTEP_NEXT_HOP, MAC_LEN);
  memory.copy(ethernet + ETH_SRC, SYSTEM_MAC, MAC_LEN);
}

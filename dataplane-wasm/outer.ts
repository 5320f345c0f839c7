// Puts the outer headers in front of an inner frame: the VTEP's template, the network's tunnel header, and the few
// fields that differ from frame to frame. RFC 7348 section 5; RFC 6040 section 4.1 (normal mode) for ECN.

import { SYSTEM_OUTER_CHECKSUM } from "./layout/system";
import {
  VTEP_FLAG_IPV6,
  VTEP_FLAGS,
  VTEP_OUTER,
  VTEP_OUTER_LEN,
  VTEP_OUTER_SIZE,
  VTEP_PSEUDO_SUM,
} from "./layout/vteps";
import { asWire16 } from "./wire/bytes";
import { checksumOf, fold32 } from "./wire/checksum";
import { IPV4_CHECKSUM, IPV4_LEN, IPV4_TOS, IPV4_TOTAL_LEN } from "./wire/ipv4";
import { IPV6_LEN, IPV6_PAYLOAD_LEN, storeIpv6Ecn } from "./wire/ipv6";
import { UDP_CHECKSUM, UDP_LEN, UDP_LENGTH, UDP_SRC_PORT } from "./wire/transport";
import { VXLAN_LEN } from "./wire/vxlan";

/** Where the template has the IPv4 checksum. */
const TEMPLATE_IPV4_CHECKSUM: usize = VTEP_OUTER_SIZE - UDP_LEN - IPV4_LEN + IPV4_CHECKSUM;

/** True if frames to this VTEP carry an outer UDP checksum: always over IPv6, else as configured. */
export function wantsChecksum(record: usize): bool {
  return ((load<u32>(record, VTEP_FLAGS) & VTEP_FLAG_IPV6) | load<u32>(SYSTEM_OUTER_CHECKSUM)) !== 0;
}

/**
 * Writes the headers so that they end at `end`, and up to 72 bytes before it.
 * @param tunnelHeader the VXLAN header in wire order
 * @param innerLen bytes of the inner frame
 * @param innerSum its checksum sum, not folded; used only if `wantsChecksum`
 * @param ecn ECN field of the inner packet
 * @param srcPort outer source port, host order
 * @returns length of the headers, from the outer Ethernet header to `end`
 */
export function writeOuter(
  end: usize,
  record: usize,
  tunnelHeader: u64,
  innerLen: u32,
  innerSum: u64,
  ecn: u32,
  srcPort: u32,
): u32 {
  const tunnel = end - VXLAN_LEN;
  const from = record + VTEP_OUTER;
  const to = tunnel - <u32>VTEP_OUTER_SIZE;
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
  v128.store(to, v128.load(from, 32), 32);
  v128.store(to, v128.load(from, 48), 48);
  store<u64>(tunnel, tunnelHeader);

  const udp = tunnel - UDP_LEN;
  const udpLen = UDP_LEN + VXLAN_LEN + innerLen;
  const udpLenWire = asWire16(udpLen);
  const srcPortWire = asWire16(srcPort);
  store<u16>(udp, <u16>srcPortWire, UDP_SRC_PORT);
  store<u16>(udp, <u16>udpLenWire, UDP_LENGTH);
  if (load<u32>(record, VTEP_FLAGS) & VTEP_FLAG_IPV6) {
    const ip = udp - IPV6_LEN;
    storeIpv6Ecn(ip, ecn);
    store<u16>(ip, <u16>udpLenWire, IPV6_PAYLOAD_LEN);
  } else {
    const ip = udp - IPV4_LEN;
    const totalLenWire = asWire16(IPV4_LEN + udpLen);
    // The TOS is the second octet of its word, the high one as loaded.
    const sum = <u32>load<u16>(from, TEMPLATE_IPV4_CHECKSUM) + (ecn << 8) + totalLenWire;
    store<u8>(ip, <u8>ecn, IPV4_TOS);
    store<u16>(ip, <u16>totalLenWire, IPV4_TOTAL_LEN);
    store<u16>(ip, <u16>(fold32(sum) ^ 0xffff), IPV4_CHECKSUM);
  }
  if (wantsChecksum(record)) {
    // The length counts twice: in the pseudo-header and in the UDP header. RFC 768, RFC 8200 section 8.1.
    const sum =
      <u64>load<u32>(record, VTEP_PSEUDO_SUM) +
      <u64>(udpLenWire * 2 + srcPortWire) +
      (tunnelHeader & 0xffffffff) +
      (tunnelHeader >> 32) +
      innerSum;
    const checksum = checksumOf(sum);
    store<u16>(udp, <u16>(checksum !== 0 ? checksum : 0xffff), UDP_CHECKSUM);
  }
  return load<u32>(record, VTEP_OUTER_LEN) + VXLAN_LEN;
}

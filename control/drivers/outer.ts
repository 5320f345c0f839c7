// Where the fields of an outer header lie that the socket drivers read or write: the kernel wants some of them beside the
// packet. The header is the one that the batch functions made: Ethernet, IPv4 or IPv6 without options, UDP.

/* From IEEE 802.3, RFC 791, RFC 8200 and RFC 768 */

export const ETHERNET_LEN = 14;

export const IPV4_TOS = 1;
export const IPV4_TOTAL_LEN = 2;
export const IPV4_TTL = 8;
export const IPV4_SRC = 12;
export const IPV4_DST = 16;
export const IPV4_LEN = 20;

export const IPV6_PAYLOAD_LEN = 4;
export const IPV6_HOP_LIMIT = 7;
export const IPV6_SRC = 8;
export const IPV6_DST = 24;
export const IPV6_LEN = 40;

export const UDP_DST = 2;
export const UDP_LENGTH = 4;
export const UDP_CHECKSUM = 6;
export const UDP_LEN = 8;

/** Whether the destination of an outer packet is a multicast group. @param packetPtr of its IP header */
export function isMulticast(u8: Uint8Array, packetPtr: number, isIpv6: boolean): boolean {
  return isIpv6 ? u8[packetPtr + IPV6_DST] === 0xff : u8[packetPtr + IPV4_DST] >>> 4 === 0xe;
}

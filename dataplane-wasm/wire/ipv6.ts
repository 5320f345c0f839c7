// IPv6, RFC 8200, with the extension headers that stand between it and the transport header.
//
//   0 version, traffic class, flow label (4) | 4 payload length (2) | 6 next header | 7 hop limit | 8 source (16) | 24 destination (16)

/* From RFC 8200 and the IANA protocol numbers. */
export const IPV6_PAYLOAD_LEN: usize = 4;
export const IPV6_NEXT_HEADER: usize = IPV6_PAYLOAD_LEN + 2;
export const IPV6_HOP_LIMIT: usize = IPV6_NEXT_HEADER + 1;
export const IPV6_SRC: usize = IPV6_HOP_LIMIT + 1;
export const IPV6_DST: usize = IPV6_SRC + 16;
export const IPV6_LEN: u32 = 40;
export const EXTENSION_MIN_LEN: u32 = 8;

export const PROTOCOL_HOP_BY_HOP: u32 = 0;
export const PROTOCOL_ROUTING: u32 = 43;
export const PROTOCOL_FRAGMENT: u32 = 44;
export const PROTOCOL_AH: u32 = 51;
export const PROTOCOL_DESTINATION: u32 = 60;
export const PROTOCOL_MOBILITY: u32 = 135;
export const PROTOCOL_HIP: u32 = 139;
export const PROTOCOL_SHIM6: u32 = 140;

/* Our choice: a chain longer than this is hashed by its addresses alone. */
export const EXTENSIONS_MAX: u32 = 8;

/** The ECN field of the traffic class: bits 4 and 5 of the second octet. */
export function ipv6Ecn(p: usize): u32 {
  return (<u32>load<u8>(p, 1) >> 4) & 3;
}

export function storeIpv6Ecn(p: usize, ecn: u32): void {
  store<u8>(p, <u8>((<u32>load<u8>(p, 1) & 0xcf) | (ecn << 4)), 1);
}

/** True for an extension header that a flow hash looks behind. */
export function isExtension(protocol: u32): bool {
  return (
    protocol === PROTOCOL_HOP_BY_HOP ||
    protocol === PROTOCOL_DESTINATION ||
    protocol === PROTOCOL_ROUTING ||
    protocol === PROTOCOL_FRAGMENT ||
    protocol === PROTOCOL_AH ||
    protocol === PROTOCOL_MOBILITY ||
    protocol === PROTOCOL_HIP ||
    protocol === PROTOCOL_SHIM6
  );
}

/** Length in bytes of the extension header at `p`; AH counts in words of four (RFC 4302 section 2.2). */
export function extensionLen(protocol: u32, p: usize): u32 {
  if (protocol === PROTOCOL_FRAGMENT) return 8;
  const units = <u32>load<u8>(p, 1);
  return protocol === PROTOCOL_AH ? (units + 2) << 2 : (units + 1) << 3;
}

/** The traffic class: low half of the first octet, high half of the second. */
export function ipv6TrafficClass(p: usize): u32 {
  return ((<u32>load<u8>(p) & 15) << 4) | (<u32>load<u8>(p, 1) >> 4);
}

// IPv4, RFC 791.
//
//   0 version, IHL | 1 TOS | 2 total length (2) | 4 id (2) | 6 flags, fragment offset (2) | 8 TTL | 9 protocol |
//   10 checksum (2) | 12 source (4) | 16 destination (4) | 20 options

/* From RFC 791. */
export const IPV4_VERSION_IHL: usize = 0;
export const IPV4_TOS: usize = IPV4_VERSION_IHL + 1;
export const IPV4_TOTAL_LEN: usize = IPV4_TOS + 1;
export const IPV4_ID: usize = IPV4_TOTAL_LEN + 2;
export const IPV4_FRAGMENT: usize = IPV4_ID + 2;
export const IPV4_TTL: usize = IPV4_FRAGMENT + 2;
export const IPV4_PROTOCOL: usize = IPV4_TTL + 1;
export const IPV4_CHECKSUM: usize = IPV4_PROTOCOL + 1;
export const IPV4_SRC: usize = IPV4_CHECKSUM + 2;
export const IPV4_DST: usize = IPV4_SRC + 4;
export const IPV4_LEN: u32 = 20;
export const IPV4_DF: u32 = 0x4000;
export const IPV4_MF: u32 = 0x2000;
/** More-fragments and offset, in wire order as loaded little-endian. */
export const IPV4_FRAGMENT_MASK_WIRE: u32 = 0xff3f;

/** Header length in bytes, 0 if this is no IPv4 header. `p` must have 20 readable bytes. */
export function ipv4HeaderLen(p: usize): u32 {
  const versionIhl = <u32>load<u8>(p);
  const len = (versionIhl & 15) << 2;
  return versionIhl >> 4 === 4 && len >= IPV4_LEN ? len : 0;
}

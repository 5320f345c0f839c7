// VXLAN, RFC 7348 section 5.
//
//   0 flags, R R R R I R R R | 1 reserved (3) | 4 VNI (3) | 7 reserved

/* From RFC 7348. */
export const VXLAN_FLAGS: usize = 0;
export const VXLAN_VNI: usize = 4;
export const VXLAN_LEN: u32 = 8;
export const VXLAN_FLAG_I: u32 = 0x08;

/** The VNI, 24 bits. */
export function vxlanVni(p: usize): u32 {
  return bswap<u32>(load<u32>(p, VXLAN_VNI)) >> 8;
}

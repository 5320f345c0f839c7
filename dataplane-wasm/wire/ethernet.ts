// Ethernet II, IEEE 802.3 clause 3.2, with 802.1Q and 802.1ad tags.
//
//   0 destination (6) | 6 source (6) | 12 type (2)      a tag: 12 TPID (2) | 14 TCI (2) | 16 type (2)

/* From IEEE 802.3 and 802.1Q; types are as loaded little-endian from the wire, so that no swap is needed. */
export const ETH_DST: usize = 0;
export const ETH_SRC: usize = ETH_DST + 6;
export const ETH_TYPE: usize = ETH_SRC + 6;
export const ETH_LEN: u32 = 14;
export const VLAN_TAG_LEN: u32 = 4;
export const ETH_TYPE_IPV4_WIRE: u32 = 0x0008;
export const ETH_TYPE_IPV6_WIRE: u32 = 0xdd86;
export const ETH_TYPE_VLAN_WIRE: u32 = 0x0081; // 0x8100
export const ETH_TYPE_QINQ_WIRE: u32 = 0xa888; // 0x88a8

const MAC_MASK: u64 = 0x0000ffffffffffff;
const MAC_MULTICAST: u64 = 1; // the group bit is the lowest of the first octet

/** The six octets at `p` in memory order. Reads eight. */
export function loadMac(p: usize): u64 {
  return load<u64>(p) & MAC_MASK;
}

/** The source address of a frame. Reads the type, too: eight octets from the sixth. */
export function sourceMac(frame: usize): u64 {
  return load<u64>(frame, ETH_SRC) & MAC_MASK;
}

/** All zeroes, or a group address. */
export function macIsNoSource(mac: u64): bool {
  return <bool>(<u32>(mac === 0) | (<u32>mac & 1));
}

export function macIsMulticast(mac: u64): bool {
  return (mac & MAC_MULTICAST) !== 0;
}

export function isVlanType(typeWire: u32): bool {
  return typeWire === ETH_TYPE_VLAN_WIRE || typeWire === ETH_TYPE_QINQ_WIRE;
}

// Which frames of the UMEM an MTU wants.

import { XSK_KERNEL_HEADROOM } from "../dataplane-wasm/layout.js";

/* From IEEE 802.3 and 802.1Q. */
export const ETHERNET_LEN = 14;
/** With a VLAN tag. */
export const TAGGED_LEN = ETHERNET_LEN + 4;

/** Largest MTU for frames of 1 << shift bytes: the kernel keeps its headroom, and a frame may have a VLAN tag. */
export function xdpMtuMax(shift: number): number {
  return 2 ** shift - XSK_KERNEL_HEADROOM - TAGGED_LEN;
}

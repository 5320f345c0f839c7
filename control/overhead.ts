// What encapsulation adds to a packet, RFC 7348 section 5.

import { ETHERNET_LEN } from "./xdp-frames.js";

/** Outer IP (RFC 791, RFC 8200), UDP and VXLAN headers and the inner Ethernet header, bytes: what a network's MTU is less than the underlay's. */
export const OVERHEAD_IPV4 = 20 + 8 + 8 + ETHERNET_LEN;
export const OVERHEAD_IPV6 = 40 + 8 + 8 + ETHERNET_LEN;

export function overheadOf(isIpv6: boolean): number {
  return isIpv6 ? OVERHEAD_IPV6 : OVERHEAD_IPV4;
}

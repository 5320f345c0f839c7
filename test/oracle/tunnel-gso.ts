// What the kernel makes of a packet that a TAP with tunnel GSO is given: it checks the virtio-net header as
// virtio_net_hdr_tnl_to_skb does (linux/virtio_net.h), cuts the inner super-frame, and gives each segment its own copy of the
// outer headers (net/ipv4/udp_offload.c, __skb_udp_tunnel_segment). Written from those sources, one step at a time.

import { be16, concat, readBe16 } from "../support/bytes.js";
import { checksum, sum16 } from "./checksum.js";
import { cut, superOf } from "./cut.js";
import { finish, type Virtio } from "./virtio.js";

const NEEDS_CSUM = 1;
const UDP_TUNNEL_CSUM = 8;
const TUNNEL_IPV4 = 0x20;
const TUNNEL_IPV6 = 0x40;
const ECN = 0x80;
const TYPES = [1, 4, 5]; // TCPV4, TCPV6, UDP_L4

const ETHERNET_LEN = 14;
const UDP_LEN = 8;
const VXLAN_LEN = 8;

/** True if that virtio-net header, 24 B, speaks of a tunnel. */
export function isTunnel(header: Uint8Array): boolean {
  return (header[1] & (TUNNEL_IPV4 | TUNNEL_IPV6)) !== 0;
}

/** The datagrams, from the outer Ethernet header on, all checksums finished. @throws where the kernel says EINVAL */
export function cutTunnel(packet: Uint8Array, header: Uint8Array): Uint8Array[] {
  const word = (at: number) => header[at] | (header[at + 1] << 8);
  const [flags, gsoType, hdrLen, gsoSize, csumStart, csumOffset] = [
    header[0],
    header[1],
    word(2),
    word(4),
    word(6),
    word(8),
  ];
  const [outerTransport, innerNetwork] = [word(20), word(22)];
  const isIpv6 = (gsoType & TUNNEL_IPV6) !== 0;
  const type = gsoType & ~(TUNNEL_IPV4 | TUNNEL_IPV6 | ECN);
  refuseIf(isIpv6 && (gsoType & TUNNEL_IPV4) !== 0, "both families");
  refuseIf(!TYPES.includes(type), `type ${type}`);
  refuseIf((flags & NEEDS_CSUM) === 0, "no checksum to finish");
  refuseIf(outerTransport < ETHERNET_LEN + (isIpv6 ? 40 : 20), "outer transport header");
  refuseIf(innerNetwork < outerTransport + UDP_LEN, "inner network header");
  refuseIf(csumStart < innerNetwork + (packet[innerNetwork] >>> 4 === 6 ? 40 : 20), "inner transport header");
  refuseIf(csumStart + csumOffset + 2 > packet.length || hdrLen > packet.length, "lengths");

  const shift = outerTransport + UDP_LEN + VXLAN_LEN;
  const outer = packet.subarray(0, shift);
  const frame = packet.subarray(shift);
  const virtio: Virtio = {
    needsCsum: true,
    gsoType: type | (gsoType & ECN),
    hdrLen: hdrLen - shift,
    gsoSize,
    csumStart: csumStart - shift,
    csumOffset,
  };
  const parts = superOf(frame, virtio);
  const segments = parts === undefined ? [finish(frame, virtio)] : cut(frame, parts);
  const isChecked = (flags & UDP_TUNNEL_CSUM) !== 0;
  return segments.map((segment) => outerFor(outer, outerTransport, isIpv6, isChecked, frame.length, segment));
}

function refuseIf(isWrong: boolean, what: string): void {
  if (isWrong) throw new Error(`EINVAL: ${what}`);
}

function outerFor(
  outer: Uint8Array,
  udp: number,
  isIpv6: boolean,
  isChecked: boolean,
  wholeLen: number,
  segment: Uint8Array,
): Uint8Array {
  const headers = outer.slice();
  const length = UDP_LEN + VXLAN_LEN + segment.length;
  headers.set(be16(length), udp + 4);
  if (isIpv6) {
    headers.set(be16(length), ETHERNET_LEN + 4);
  } else {
    headers.set(be16(udp - ETHERNET_LEN + length), ETHERNET_LEN + 2);
    headers.set([0, 0], ETHERNET_LEN + 10);
    headers.set(be16(checksum(headers.subarray(ETHERNET_LEN, udp))), ETHERNET_LEN + 10);
  }
  if (isChecked) {
    // The field held the pseudo-header's sum with the whole length; now with this datagram's.
    const bytes16 = (value: number) => Uint8Array.from(be16(value));
    const whole = UDP_LEN + VXLAN_LEN + wholeLen;
    const pseudo = sum16(bytes16(readBe16(outer, udp + 6)), bytes16(0xffff - whole), bytes16(length));
    headers.set(be16(pseudo), udp + 6);
    headers.set(be16(checksum(concat(headers.subarray(udp), segment)) || 0xffff), udp + 6);
  } else if (isIpv6 || readBe16(outer, udp + 6) !== 0) {
    throw new Error("an outer checksum that nobody finishes");
  }
  return concat(headers, segment);
}

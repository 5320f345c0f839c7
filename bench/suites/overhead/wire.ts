// What VXLAN costs in bytes, from the sizes of its headers: on the wire, of the line, of the MTU.
//
//   no tunnel    preamble 8 | Ethernet 14, IP packet | FCS 4 | gap 12
//   VXLAN        preamble 8 | Ethernet 14, IPv4 20 or IPv6 40, UDP 8, VXLAN 8 | Ethernet 14, IP packet | FCS 4 | gap 12
//
// A frame has the length that RFC 2544 gives it, Ethernet header to FCS. Inside a tunnel it travels without its FCS.

/* From IEEE 802.3: preamble and start delimiter, header, FCS, gap, and the shortest frame (FCS included). */
const PREAMBLE = 8;
export const ETHERNET = 14;
export const FCS = 4;
export const GAP = 12;
export const FRAME_MIN = 64;
/* From RFC 791, RFC 8200, RFC 768 and RFC 7348. */
export const IPV4 = 20;
export const IPV6 = 40;
export const UDP = 8;
export const VXLAN = 8;

export const WAYS = ["no tunnel", "VXLAN over IPv4", "VXLAN over IPv6"] as const;
export type Way = (typeof WAYS)[number];

/** Bytes in front of the inner frame, outer Ethernet header not included: what the MTU loses but for the inner header. */
function tunnelHeaders(way: Way): number {
  if (way === "no tunnel") return 0;
  return (way === "VXLAN over IPv4" ? IPV4 : IPV6) + UDP + VXLAN;
}

/** Bytes of the line that a frame of `frameLen` bytes (FCS included) takes, preamble and gap included. */
export function wireBytes(frameLen: number, way: Way): number {
  const outer = way === "no tunnel" ? 0 : ETHERNET + tunnelHeaders(way);
  return PREAMBLE + Math.max(FRAME_MIN, outer + frameLen) + GAP;
}

/** Bytes of the IP packet in a frame, padding of the shortest ones included. */
function packetBytes(frameLen: number): number {
  return frameLen - ETHERNET - FCS;
}

/** Share of the line that carries inner IP packets. */
export function lineShare(frameLen: number, way: Way): number {
  return packetBytes(frameLen) / wireBytes(frameLen, way);
}

/** Million frames a second that fit on a line. */
export function millionFrames(frameLen: number, way: Way, lineGigabits: number): number {
  return (lineGigabits * 1000) / (wireBytes(frameLen, way) * 8);
}

/** Gbit/s of inner IP packets that fit on a line. */
export function gigabits(frameLen: number, way: Way, lineGigabits: number): number {
  return lineGigabits * lineShare(frameLen, way);
}

/** The MTU that the underlay has to have for inner IP packets of `innerMtu` bytes. @param tags of 802.1Q, inside */
export function underlayMtu(innerMtu: number, way: Way, tags = 0): number {
  return way === "no tunnel" ? innerMtu : innerMtu + tags * 4 + ETHERNET + tunnelHeaders(way);
}

/** The MTU that an underlay leaves for inner IP packets. */
export function innerMtu(mtu: number, way: Way): number {
  return mtu - underlayMtu(0, way);
}

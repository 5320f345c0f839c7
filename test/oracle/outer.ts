// Outer headers of an encapsulated frame, from the outer Ethernet header to the VXLAN header: RFC 7348 section 5 over
// RFC 791 or RFC 8200, ECN by RFC 6040, UDP by RFC 768.

import { be16, be32, concat, ip, mac } from "../support/bytes.js";
import { checksum, pseudoHeader } from "./checksum.js";
import type { World, WorldVtep } from "./world.js";

const UDP = 17;

export interface OuterFields {
  readonly world: World;
  readonly vtep: WorldVtep;
  readonly vni: number;
  readonly srcPort: number;
  /** Two bits. */
  readonly ecn: number;
  readonly inner: Uint8Array;
}

export function outerHeader({ world, vtep, vni, srcPort, ecn, inner }: OuterFields): Uint8Array {
  const src = ip(world.local);
  const dst = ip(vtep.address);
  const vxlan = concat([0x08, 0, 0, 0], be32(vni * 256));
  const udpLen = 8 + vxlan.length + inner.length;
  const udp = concat(be16(srcPort), be16(world.udpPort), be16(udpLen), [0, 0]);
  if (world.outerChecksum || dst.length === 16) {
    const sum = checksum(pseudoHeader(src, dst, UDP, udpLen), udp, vxlan, inner);
    udp.set(be16(sum === 0 ? 0xffff : sum), 6);
  }
  const l3 = dst.length === 16 ? header6(src, dst, vtep.ttl, ecn, udpLen) : header4(src, dst, vtep.ttl, ecn, udpLen);
  const macs = concat(mac(vtep.nextHop?.dst ?? "0:0:0:0:0:0"), mac(vtep.nextHop?.src ?? "0:0:0:0:0:0"));
  return concat(macs, be16(dst.length === 16 ? 0x86dd : 0x0800), l3, udp, vxlan);
}

function header4(src: Uint8Array, dst: Uint8Array, ttl: number, ecn: number, udpLen: number): Uint8Array {
  const dontFragment = 0x4000;
  const header = concat([0x45, ecn], be16(20 + udpLen), be16(0), be16(dontFragment), [ttl, UDP, 0, 0], src, dst);
  header.set(be16(checksum(header)), 10);
  return header;
}

function header6(src: Uint8Array, dst: Uint8Array, hopLimit: number, ecn: number, udpLen: number): Uint8Array {
  return concat(be32(0x60000000 + ecn * 0x100000), be16(udpLen), [UDP, hopLimit], src, dst);
}

// What the kernel makes of a train of datagrams (UDP_SEGMENT): each gets the outer headers of the first one, with its own
// lengths and checksums.

import { checksum, pseudoHeader } from "../oracle/checksum.js";
import { be16, concat, hex, readBe16 } from "./bytes.js";
import { expectBytes } from "./decode.js";
import { PROTOCOL } from "./frames.js";

const ETHERNET = 14;
const UDP = 8;
const VXLAN = 8;

export interface Datagram {
  /** Outer Ethernet header to VXLAN header. */
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** @param header Ethernet, IP and UDP headers of the first datagram; they have to be right, to the byte */
export function cutTrain(header: Uint8Array, payload: Uint8Array, size: number): Datagram[] {
  if (payload.length <= size || payload.length > 65000 || payload.length > 64 * size) {
    throw new Error(`a train of ${payload.length} bytes, ${size} each`);
  }
  const made: Datagram[] = [];
  for (let at = 0; at < payload.length; at += size) made.push(datagram(header, payload.subarray(at, at + size)));
  expectBytes(made[0].header.subarray(0, header.length), header, (bytes) => ({ bytes: hex(bytes) }));
  return made;
}

function datagram(template: Uint8Array, payload: Uint8Array): Datagram {
  const header = template.slice();
  const isIpv4 = header[ETHERNET] >>> 4 === 4;
  const ipLen = isIpv4 ? 20 : 40;
  const udpAt = ETHERNET + ipLen;
  const udpLen = UDP + payload.length;
  const ip = header.subarray(ETHERNET, udpAt);
  const udp = header.subarray(udpAt);
  if (isIpv4) {
    ip.set(be16(ipLen + udpLen), 2);
    ip.set([0, 0], 10);
    ip.set(be16(checksum(ip)), 10);
  } else {
    ip.set(be16(udpLen), 4);
  }
  udp.set(be16(udpLen), 4);
  const [src, dst] = isIpv4 ? [ip.subarray(12, 16), ip.subarray(16, 20)] : [ip.subarray(8, 24), ip.subarray(24, 40)];
  if (readBe16(udp, 6) === 0) throw new Error("a train without outer checksums");
  udp.set([0, 0], 6);
  udp.set(be16(checksum(pseudoHeader(src, dst, PROTOCOL.udp, udpLen), udp, payload) || 0xffff), 6);
  return { header: concat(header, payload.subarray(0, VXLAN)), payload: payload.slice(VXLAN) };
}

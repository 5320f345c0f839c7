// Super-frames as a host hands them over: unfinished checksums, and a virtio-net header that says how to cut them.

import fc from "fast-check";
import type { Virtio } from "../oracle/virtio.js";
import { filler } from "./bytes.js";
import { address4, address6, tags } from "./flows.js";
import { ethernet, ipv4, ipv6, options6, type Packet, type Segment, type Tag, tcp, udp } from "./frames.js";

/* linux/virtio_net.h */
export const TCPV4 = 1;
export const TCPV6 = 4;
export const UDP_L4 = 5;
export const ECN = 0x80;

export interface SuperFrame {
  readonly frame: Uint8Array;
  readonly virtio: Virtio;
}

export interface SuperFields {
  readonly dst: string;
  readonly src: string;
  readonly tags?: readonly Tag[];
  readonly packet: Packet;
  readonly isTcp: boolean;
  readonly isIpv4: boolean;
  /** Bytes behind the network header. */
  readonly l4Len: number;
  readonly dataLen: number;
  readonly size: number;
}

export function superFrame(fields: SuperFields): SuperFrame {
  const { packet, isTcp, isIpv4, size } = fields;
  const frame = ethernet(fields, packet);
  const csumStart = frame.length - fields.l4Len;
  const virtio = {
    needsCsum: true,
    gsoType: isTcp ? (isIpv4 ? TCPV4 : TCPV6) : UDP_L4,
    hdrLen: frame.length - fields.dataLen,
    gsoSize: size,
    csumStart,
    csumOffset: isTcp ? 16 : 6,
  };
  return { frame, virtio };
}

/** A TCP super-frame over IPv4 with `dataLen` bytes of data. */
export function plainSuper(dst: string, src: string, dataLen: number, size: number, srcPort = 1000): SuperFrame {
  const segment = tcp({ srcPort, dstPort: 80, flags: 0x18 }, filler(dataLen, srcPort));
  const packet = ipv4({ src: "10.0.0.1", dst: "10.0.0.2", checksum: "unfinished" }, segment);
  return superFrame({ dst, src, packet, isTcp: true, isIpv4: true, l4Len: segment.bytes.length, dataLen, size });
}

const options = fc.uint8Array({ maxLength: 40 });
const word = fc.integer({ min: 0, max: 0xffffffff });
const port = fc.integer({ min: 0, max: 65535 });

/** Data that fits 64 KiB behind any of the headers. */
const DATA_MAX = 65_000;

/** Random ones. @param sizes of a segment's data, smallest and largest; `most` bytes of data in all */
export function anySuper(
  dst: fc.Arbitrary<string>,
  src: fc.Arbitrary<string>,
  sizes: readonly [number, number],
  most = DATA_MAX,
): fc.Arbitrary<SuperFrame> {
  return fc
    .record({
      dst,
      src,
      tags,
      isTcp: fc.boolean(),
      isIpv4: fc.boolean(),
      size: fc.integer({ min: sizes[0], max: sizes[1] }),
      // Mostly so many segments and a rest; sometimes exactly so many.
      count: fc.integer({ min: 1, max: 70 }),
      rest: fc.oneof(fc.constant(0), fc.nat(DATA_MAX)),
      seed: fc.nat(),
      ports: fc.record({ srcPort: port, dstPort: port }),
      tcp: fc.record({ seq: word, ack: word, flags: fc.nat(255), options }),
      ip4: fc.record({ src: address4, dst: address4, tos: fc.nat(255), ttl: fc.nat(255), id: port, options }),
      ip6: fc.record({ src: address6, dst: address6, trafficClass: fc.nat(255), flowLabel: fc.nat(0xfffff) }),
      extensions: fc.array(fc.constantFrom(options6(0), options6(60, 2), options6(43)), { maxLength: 2 }),
    })
    .map((fields) => {
      const { isTcp, isIpv4, size } = fields;
      const room = Math.max(1, Math.floor(most / size));
      const dataLen = Math.max(1, Math.min(most, Math.min(fields.count, room) * size + (fields.rest % size)));
      const data = filler(dataLen, fields.seed);
      const segment: Segment = isTcp ? tcp({ ...fields.ports, ...fields.tcp }, data) : udp(fields.ports, data);
      const packet = isIpv4
        ? ipv4({ ...fields.ip4, checksum: "unfinished" }, segment)
        : ipv6({ ...fields.ip6, extensions: fields.extensions, checksum: "unfinished" }, segment);
      return superFrame({ ...fields, packet, l4Len: segment.bytes.length, dataLen });
    });
}

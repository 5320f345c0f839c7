// Random frames for fast-check: every header that the hot path reads, in the combinations that real hosts send, with
// right lengths. Frames of random bytes are another matter (`guards` tests).

import fc from "fast-check";
import { concat, filler, ipText, macText } from "./bytes.js";
import {
  anything,
  arp,
  auth6,
  ETHERTYPE,
  type Extension,
  ethernet,
  fragment6,
  icmp,
  icmpv6,
  igmp,
  ipv4,
  ipv6,
  options6,
  type Packet,
  PROTOCOL,
  type Segment,
  sctp,
  type Tag,
  tcp,
  transport,
  udp,
} from "./frames.js";

const port = fc.integer({ min: 0, max: 65535 });

export const address4: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 4, maxLength: 4 })
  .map((bytes) => ipText(bytes));
export const address6: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => ipText(bytes));
export const unicastMac: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 5, maxLength: 5 })
  .map((bytes) => macText(concat([2], bytes)));

/** None, one or two; the outer of two is 802.1ad or 802.1Q. */
export const tags: fc.Arbitrary<readonly Tag[]> = fc.oneof(
  fc.constant([]),
  fc.record({ vid: fc.integer({ min: 0, max: 4095 }), pcp: fc.integer({ min: 0, max: 7 }) }).map((tag) => [tag]),
  fc
    .record({ outer: fc.constantFrom(ETHERTYPE.qinq, ETHERTYPE.vlan), vid: fc.integer({ min: 0, max: 4095 }) })
    .map(({ outer, vid }) => [{ vid, tpid: outer }, { vid: vid ^ 1 }]),
);

const options = fc.uint8Array({ maxLength: 40 });

/** A transport segment with up to `max` bytes of payload. */
function segment(max: number, version: 4 | 6): fc.Arbitrary<Segment> {
  const payload = fc.record({ length: fc.nat(max), seed: fc.nat() }).map(({ length, seed }) => filler(length, seed));
  const ports = fc.record({ srcPort: port, dstPort: port });
  return fc.oneof(
    { weight: 4, arbitrary: fc.tuple(ports, options, payload).map(([p, o, data]) => tcp({ ...p, options: o }, data)) },
    { weight: 4, arbitrary: fc.tuple(ports, payload).map(([p, data]) => udp(p, data)) },
    { weight: 2, arbitrary: fc.tuple(ports, payload).map(([p, data]) => sctp(p, data)) },
    {
      weight: 1,
      arbitrary: payload.map((data) => {
        const echo = concat([0, 1, 0, 2]);
        return version === 4 ? icmp(8, 0, echo, data) : icmpv6(128, 0, echo, data);
      }),
    },
    { weight: 1, arbitrary: fc.constant(igmp("239.1.2.3")) },
    { weight: 1, arbitrary: payload.map((data) => transport(PROTOCOL.gre, data)) },
    { weight: 1, arbitrary: payload.map((data) => transport(PROTOCOL.esp, data)) },
  );
}

export function packet4(max: number): fc.Arbitrary<Packet> {
  return fc
    .record({
      src: address4,
      dst: address4,
      tos: fc.nat(255),
      ttl: fc.nat(255),
      id: port,
      df: fc.boolean(),
      options,
      checksum: fc.constantFrom("right", "unfinished", "zero", "wrong"),
      fragment: fc.option(fc.record({ mf: fc.boolean(), fragmentOffset: fc.nat(1000).map((n) => n * 8) })),
    })
    .chain(({ fragment, ...fields }) => {
      return segment(max, 4).map((inner) => ipv4({ ...fields, ...(fragment === null ? {} : fragment) }, inner));
    });
}

const extension: fc.Arbitrary<Extension> = fc.oneof(
  fc
    .constantFrom<0 | 43 | 60 | 135 | 139 | 140>(0, 43, 60, 135, 139, 140)
    .chain((type) => fc.integer({ min: 1, max: 3 }).map((n) => options6(type, n))),
  fc.integer({ min: 1, max: 5 }).map((words) => auth6(2 * words + 1)),
);

export function packet6(max: number): fc.Arbitrary<Packet> {
  return fc
    .record({
      src: address6,
      dst: address6,
      trafficClass: fc.nat(255),
      flowLabel: fc.nat(0xfffff),
      chain: fc.array(extension, { maxLength: 3 }),
      fragment: fc.option(fc.record({ more: fc.boolean(), offset: fc.nat(1000).map((n) => n * 8) })),
      checksum: fc.constantFrom("right", "unfinished", "zero", "wrong"),
    })
    .chain(({ chain, fragment, ...fields }) => {
      const extensions = fragment === null ? chain : [...chain, fragment6(fragment)];
      return segment(max, 6).map((inner) => ipv6({ ...fields, extensions }, inner));
    });
}

export function packet(max: number): fc.Arbitrary<Packet> {
  return fc.oneof(
    { weight: 5, arbitrary: packet4(max) },
    { weight: 5, arbitrary: packet6(max) },
    {
      weight: 1,
      arbitrary: fc
        .record({ senderMac: unicastMac, senderIp: address4, targetIp: address4 })
        .map((fields) => arp(fields)),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({ type: fc.integer({ min: 0x0900, max: 0x80ff }), length: fc.nat(max), seed: fc.nat() })
        .map(({ type, length, seed }) => anything(type, filler(length, seed))),
    },
  );
}

/** Frames between the given MACs. */
export function frame(
  max: number,
  dst: fc.Arbitrary<string> = unicastMac,
  src: fc.Arbitrary<string> = unicastMac,
): fc.Arbitrary<Uint8Array> {
  return fc
    .record({ dst, src, tags, packet: packet(max) })
    .map((fields) => ethernet({ dst: fields.dst, src: fields.src, tags: fields.tags }, fields.packet));
}

/** A frame of exactly `length` bytes, 14 or more; what it holds changes with the length. */
export function frameOfLength(length: number, dst: string, src: string): Uint8Array {
  const build = [
    (n: number) =>
      ipv4({ src: "10.1.0.1", dst: "10.1.0.2", tos: n & 3 }, udp({ srcPort: n, dstPort: 53 }, filler(n, n))),
    (n: number) =>
      ipv6({ src: "fd00::1", dst: "fd00::2", trafficClass: n & 3 }, tcp({ srcPort: n, dstPort: 80 }, filler(n, n))),
    (n: number) =>
      ipv4({ src: "10.1.0.1", dst: "10.1.0.3", tos: n & 3 }, tcp({ srcPort: n, dstPort: 80 }, filler(n, n))),
    (n: number) =>
      ipv6({ src: "fd00::1", dst: "fd00::3", trafficClass: n & 3 }, udp({ srcPort: n, dstPort: 53 }, filler(n, n))),
    (n: number) => anything(ETHERTYPE.local, filler(n, n)),
  ];
  for (let choice = length % 5; choice < 5; choice++) {
    const empty = ethernet({ dst, src }, build[choice](0)).length;
    if (empty > length) continue;
    return ethernet({ dst, src }, build[choice](length - empty));
  }
  throw new Error(`no frame has ${length} bytes`);
}

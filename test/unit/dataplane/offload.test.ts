// Checksums that a virtio or veth peer left unfinished, and super-frames: what the wire gets, and what the port is told.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checksum, pseudoHeader, sum16 } from "../../oracle/checksum.js";
import { vxlan } from "../../oracle/decap.js";
import { parse } from "../../oracle/parse.js";
import { finish, PLAIN, type Virtio } from "../../oracle/virtio.js";
import { be16, filler } from "../../support/bytes.js";
import * as flows from "../../support/flows.js";
import {
  type ChecksumMode,
  ethernet,
  fragment6,
  icmpv6,
  ipv4,
  ipv6,
  options6,
  type Packet,
  PROTOCOL,
  type Segment,
  type Tag,
  TCP_FLAG,
  tcp,
  udp,
} from "../../support/frames.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, macKey, pointToPoint } from "../../support/worlds.js";

const FROM = "10.99.0.2";
const PORTS = { srcPort: 1000, dstPort: 80 };
const UP = { dst: HOST_A, src: HOST_FAR };
const TAGS: readonly (readonly Tag[])[] = [[], [{ vid: 5 }], [{ vid: 5 }, { vid: 6 }]];

const v4 = (segment: Segment, mode: ChecksumMode = "right", extra = {}) =>
  ipv4({ src: "10.0.0.1", dst: "10.0.0.2", checksum: mode, ...extra }, segment);
const v6 = (segment: Segment, mode: ChecksumMode = "right", extra = {}) =>
  ipv6({ src: "fd00::1", dst: "fd00::2", checksum: mode, ...extra }, segment);

/** The checksum over pseudo-header and segment; 0 when it is right. */
function residue(frame: Uint8Array): number {
  const ip = parse(frame)?.ip;
  if (ip === undefined) throw new Error("no IP packet");
  return checksum(pseudoHeader(ip.src, ip.dst, ip.protocol, ip.end - ip.l4), frame.subarray(ip.l4, ip.end));
}

function needsCsum(frame: Uint8Array): Virtio {
  const ip = parse(frame)?.ip;
  if (ip === undefined) throw new Error("no IP packet");
  const csumOffset = ip.protocol === PROTOCOL.tcp ? 16 : ip.protocol === PROTOCOL.udp ? 6 : 2;
  return { ...PLAIN, needsCsum: true, csumStart: ip.l4, csumOffset };
}

const unfinishedPackets: [string, Packet][] = [
  ["TCP over IPv4", v4(tcp(PORTS, filler(101)), "unfinished")],
  ["UDP over IPv4", v4(udp(PORTS, filler(100)), "unfinished")],
  ["UDP over IPv4 with options", v4(udp(PORTS, filler(1)), "unfinished", { options: filler(20) })],
  ["TCP over IPv6", v6(tcp({ ...PORTS, options: filler(12) }, filler(333)), "unfinished")],
  ["UDP over IPv6", v6(udp(PORTS), "unfinished")],
  [
    "UDP behind extension headers",
    v6(udp(PORTS, filler(9)), "unfinished", { extensions: [options6(0), options6(60)] }),
  ],
];

describe("encap of an unfinished checksum", () => {
  it.each(unfinishedPackets)("finishes %s for a VTEP", async (_name, packet) => {
    for (const tags of TAGS) {
      const pair = await Pair.create(pointToPoint());
      const frame = ethernet({ dst: HOST_FAR, src: HOST_A, tags }, packet);
      const [output] = pair.encap([{ attachment: 1, frame, virtio: needsCsum(frame) }]);
      expect(residue(frame)).not.toBe(0);
      expect(residue(output.payload)).toBe(0);
      pair.settle();
    }
  });

  it("finishes ICMPv6 too, as the header says where", async () => {
    const pair = await Pair.create(pointToPoint());
    const frame = ethernet({ dst: HOST_FAR, src: HOST_A }, v6(icmpv6(128, 0, filler(4), filler(50)), "unfinished"));
    const [output] = pair.encap([{ attachment: 1, frame, virtio: needsCsum(frame) }]);
    expect(residue(output.payload)).toBe(0);
  });

  it("hands it on as it is to a port that is known", async () => {
    const pair = await Pair.create(pointToPoint());
    pair.encap([{ attachment: 2, frame: flows.frameOfLength(60, HOST_A, HOST_B) }]);
    const frame = ethernet({ dst: HOST_B, src: HOST_A }, v4(tcp(PORTS, filler(30)), "unfinished"));
    const virtio = needsCsum(frame);
    const [output] = pair.encap([{ attachment: 1, frame, virtio }]);
    expect(residue(finish(output.payload, output.virtio))).toBe(0);
  });

  it("is right at every copy of a flood", async () => {
    const pair = await Pair.create(pointToPoint());
    const frame = ethernet({ dst: BROADCAST, src: HOST_A }, v4(udp(PORTS, filler(30)), "unfinished"));
    const outputs = pair.encap([{ attachment: 1, frame, virtio: needsCsum(frame) }]);
    expect(outputs.map((output) => output.kind)).toEqual(["attachment", "vtep"]);
    for (const output of outputs) expect(residue(finish(output.payload, output.virtio))).toBe(0);
  });

  it("writes all ones where the sum is zero, which UDP takes for `none`", async () => {
    const pair = await Pair.create(pointToPoint());
    const base = ethernet({ dst: HOST_FAR, src: HOST_A }, v4(udp(PORTS, new Uint8Array(2)), "unfinished"));
    const rest = 0xffff - sum16(base.subarray(34));
    base.set(be16(rest), 42);
    const [output] = pair.encap([{ attachment: 1, frame: base, virtio: needsCsum(base) }]);
    expect([...output.payload.subarray(40, 42)]).toEqual([0xff, 0xff]);
    pair.settle();
  });

  it("stays inside the frame, whatever the header says", async () => {
    const pair = await Pair.create(pointToPoint());
    const start = fc.oneof(fc.nat(80), fc.nat(65535));
    fc.assert(
      fc.property(start, start, fc.boolean(), (csumStart, csumOffset, flood) => {
        const frame = flows.frameOfLength(70, flood ? BROADCAST : HOST_FAR, HOST_A);
        const virtio = { ...PLAIN, needsCsum: true, csumStart, csumOffset };
        const placed = { attachment: 1, bytes: frame, virtio };
        pair.engine.place(0, placed, 0);
        pair.engine.run("encap", 1);
        expect(pair.engine.brokenGuards(0, placed, 0, 72)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

describe("decap of an unfinished checksum", () => {
  it.each(unfinishedPackets)("says so to the port, %s", async (_name, packet) => {
    for (const tags of TAGS) {
      const pair = await Pair.create(pointToPoint());
      const frame = ethernet({ ...UP, tags }, packet);
      const outputs = pair.decap([{ datagram: vxlan(100, frame), from: FROM }]);
      expect(outputs).toHaveLength(2);
      for (const output of outputs) {
        expect(output.virtio).toEqual(needsCsum(frame));
        expect(residue(finish(output.payload, output.virtio))).toBe(0);
      }
      pair.settle();
    }
  });

  const finished: [string, Packet][] = [
    ["a right one", v4(tcp(PORTS, filler(50)))],
    ["a wrong one", v4(tcp(PORTS, filler(50)), "wrong")],
    ["no UDP checksum", v4(udp(PORTS, filler(50)), "zero")],
    ["a fragment", v4(udp(PORTS, filler(50)), "unfinished", { mf: true })],
    ["a later fragment", v4(udp(PORTS, filler(50)), "unfinished", { fragmentOffset: 80 })],
    ["an IPv6 fragment", v6(udp(PORTS, filler(50)), "unfinished", { extensions: [fragment6({ more: true })] })],
    ["ICMPv6", v6(icmpv6(128, 0, filler(4), filler(50)), "unfinished")],
  ];
  it.each(finished)("leaves alone %s", async (_name, packet) => {
    const pair = await Pair.create(pointToPoint());
    const [output] = pair.decap([{ datagram: vxlan(100, ethernet(UP, packet)), from: FROM }]);
    expect(output.virtio).toEqual(PLAIN);
  });

  it("believes no length that the packet does not have", async () => {
    // Right sums for the lengths that a careless subtraction would give.
    const tcpAt = (frame: Uint8Array, l3: number, at: number, length: number) => {
      const [from, size] = frame[l3] >>> 4 === 4 ? [l3 + 12, 4] : [l3 + 8, 16];
      const [src, dst] = [frame.subarray(from, from + size), frame.subarray(from + size, from + 2 * size)];
      frame.set(be16(sum16(pseudoHeader(src, dst, PROTOCOL.tcp, length))), at + 16);
      return frame;
    };
    const lying = (packet: Packet, at: number, announced: number, l4: number, length: number) => {
      const frame = ethernet(UP, packet);
      frame.set(be16(announced), at);
      return tcpAt(frame, 14, l4, length);
    };
    const plain4 = v4(tcp(PORTS, filler(50)));
    const chain6 = v6(tcp(PORTS, filler(50)), "right", { extensions: [options6(60)] });
    const frames = [
      lying(plain4, 16, 19, 34, 0xffff),
      lying(plain4, 16, 0, 34, 0xffec),
      lying(plain4, 16, 20 + 71, 34, 71),
      lying(chain6, 18, 0, 62, 0xfff8),
      lying(chain6, 18, 7, 62, 0xffff),
      lying(chain6, 18, 8 + 71, 62, 71),
      lying(plain4, 16, 20 + 19, 34, 19),
    ];
    const pair = await Pair.create(pointToPoint());
    const outputs = pair.decap(frames.map((frame) => ({ datagram: vxlan(100, frame), from: FROM })));
    expect(outputs.filter((output) => output.virtio.needsCsum)).toEqual([]);
  });

  it("survives the ECN rewrite of the IPv4 header", async () => {
    const pair = await Pair.create(pointToPoint());
    const frame = ethernet(UP, v4(tcp(PORTS, filler(50)), "unfinished", { tos: 2 }));
    const [output] = pair.decap([{ datagram: vxlan(100, frame), from: FROM, tos: 3 }]);
    expect(output.virtio.needsCsum).toBe(true);
    expect(checksum(output.payload.subarray(14, 34))).toBe(0);
  });
});

describe("decap of a super-frame", () => {
  const MTU = 1450;
  /** Of an inner packet: what one UDP datagram over IPv4 carries behind VXLAN and Ethernet. */
  const LARGEST = 65535 - 20 - 8 - 8 - 14;
  const world = pointToPoint(
    {
      attachments: [1, 2].map((id) => ({ id, network: 1, port: id, mtu: MTU })),
      statics: [{ network: 1, mac: macKey(HOST_A), target: "attachment", id: 1 }],
    },
    { mtu: MTU },
  );

  const tcpFrames: [string, Packet, number][] = [
    ["TCP over IPv4", v4(tcp(PORTS, filler(20000))), 1410],
    ["TCP over IPv4 with options", v4(tcp({ ...PORTS, options: filler(12) }, filler(20000))), 1398],
    ["TCP over IPv4 with IP options", v4(tcp(PORTS, filler(20000)), "right", { options: filler(8) }), 1402],
    ["unfinished TCP over IPv4", v4(tcp(PORTS, filler(60000)), "unfinished"), 1410],
    ["TCP over IPv6", v6(tcp(PORTS, filler(20000))), 1390],
    ["unfinished TCP over IPv6", v6(tcp({ ...PORTS, options: filler(12) }, filler(65000)), "unfinished"), 1378],
    ["TCP behind extension headers", v6(tcp(PORTS, filler(9000)), "right", { extensions: [options6(60, 2)] }), 1374],
    ["one byte too many", v4(tcp(PORTS, filler(MTU - 39))), 1410],
  ];

  it.each(tcpFrames)("gives the port its GSO fields: %s", async (_name, packet, gsoSize) => {
    for (const tags of TAGS) {
      for (const dst of [HOST_A, BROADCAST]) {
        const pair = await Pair.create(world);
        const frame = ethernet({ ...UP, dst, tags }, packet);
        const [output] = pair.decap([{ datagram: vxlan(100, frame), from: FROM }]);
        const ip = parse(frame)?.ip;
        expect(output.virtio).toMatchObject({ needsCsum: true, gsoSize, csumStart: ip?.l4, csumOffset: 16 });
        expect(output.virtio.gsoType).toBe(ip?.version === 4 ? 1 : 4);
        expect(output.virtio.hdrLen + gsoSize).toBe(MTU + (parse(frame)?.l3 ?? 0));
        expect(residue(finish(output.payload, output.virtio))).toBe(0);
        pair.settle();
      }
    }
  });

  it("marks the CWR flag, which only one segment may carry", async () => {
    const pair = await Pair.create(world);
    const packet = v4(tcp({ ...PORTS, flags: TCP_FLAG.ack | TCP_FLAG.cwr }, filler(5000)));
    const [output] = pair.decap([{ datagram: vxlan(100, ethernet(UP, packet)), from: FROM }]);
    expect(output.virtio.gsoType).toBe(0x81);
  });

  const tooBig: [string, Packet, number][] = [
    ["UDP", v4(udp(PORTS, filler(5000))), 1],
    ["unfinished UDP", v4(udp(PORTS, filler(5000)), "unfinished"), 1],
    ["a TCP fragment", v4(tcp(PORTS, filler(5000)), "right", { mf: true }), 1],
    ["TCP with a wrong checksum, which cutting would hide", v4(tcp(PORTS, filler(5000)), "wrong"), 4],
    ["ESP", v4({ protocol: PROTOCOL.esp, bytes: filler(5000) }), 1],
  ];
  it.each(tooBig)("drops %s", async (_name, packet, frames) => {
    for (const dst of [HOST_A, BROADCAST]) {
      const pair = await Pair.create(world);
      expect(pair.decap([{ datagram: vxlan(100, ethernet({ ...UP, dst }, packet)), from: FROM }])).toEqual([]);
      pair.settle();
      expect(readCounters(pair.engine)["network 1 drop DecapTooBig"]).toBe(frames);
    }
  });

  it("drops what has headers as long as the MTU, and cuts into single octets below that", async () => {
    const options = { options: filler(40) }; // IPv4 60 + TCP 60
    for (const [mtu, gsoSize] of [
      [119, 0],
      [120, 0],
      [121, 1],
    ]) {
      const attachments = world.attachments.map((attachment) => ({ ...attachment, mtu }));
      const networks = world.networks.map((each) => ({ ...each, mtu }));
      const pair = await Pair.create({ ...world, attachments, networks });
      const frame = ethernet(UP, v4(tcp({ ...PORTS, ...options }, filler(300)), "right", options));
      const outputs = pair.decap([{ datagram: vxlan(100, frame), from: FROM }]);
      expect(outputs.map((output) => output.virtio.gsoSize)).toEqual(gsoSize === 0 ? [] : [gsoSize]);
      pair.settle();
    }
  });

  it("passes what fits exactly as it is", async () => {
    const pair = await Pair.create(world);
    const [output] = pair.decap([{ datagram: vxlan(100, ethernet(UP, v4(tcp(PORTS, filler(MTU - 40))))), from: FROM }]);
    expect(output.virtio).toEqual(PLAIN);
  });

  it("is the oracle's for every length around the MTU and the largest", async () => {
    const pair = await Pair.create(world);
    const lengths = [
      ...Array.from({ length: 60 }, (_, i) => MTU - 70 + i),
      LARGEST - 40,
      LARGEST - 41,
      32768,
      2 * 1410,
    ];
    pair.decap(
      lengths.map((length) => ({ datagram: vxlan(100, ethernet(UP, v4(tcp(PORTS, filler(length))))), from: FROM })),
    );
    pair.settle();
  });
});

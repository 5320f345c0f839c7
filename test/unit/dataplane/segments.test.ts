// A super-frame counts as the segments that it stands for, in every counter, with the headers that each of them has.
// The figures are worked out by hand here; the random runs compare the rest with the oracle.

import { describe, expect, it } from "vitest";
import { SEND_ERROR, SEND_OK } from "../../../dataplane-wasm/layout.js";
import { vxlan } from "../../oracle/decap.js";
import { PLAIN, type Virtio } from "../../oracle/virtio.js";
import { filler } from "../../support/bytes.js";
import { ethernet, ipv4, ipv6, type Packet, type Segment, tcp, udp } from "../../support/frames.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, macKey, pointToPoint } from "../../support/worlds.js";

const MTU = 1450;
const FROM = "10.99.0.2";
const PORTS = { srcPort: 1000, dstPort: 80 };
const UP = { dst: HOST_A, src: HOST_FAR };
const DOWN = { dst: HOST_FAR, src: HOST_A };
/* linux/virtio_net.h */
const [TCPV4, TCPV6, UDP_L4] = [1, 4, 5];

const v4 = (segment: Segment) => ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, segment);
const v6 = (segment: Segment) => ipv6({ src: "fd00::1", dst: "fd00::2" }, segment);
const gso = (gsoType: number, gsoSize: number): Virtio => ({ ...PLAIN, needsCsum: true, gsoType, gsoSize });

/** Frames fit whatever their length in a network with this MTU; HOST_A and HOST_B are behind ports 1 and 2. */
const world = (mtu: number) =>
  pointToPoint(
    {
      attachments: [1, 2].map((id) => ({ id, network: 1, port: id, mtu: MTU })),
      statics: [
        { network: 1, mac: macKey(HOST_A), target: "attachment", id: 1 },
        { network: 1, mac: macKey(HOST_B), target: "attachment", id: 2 },
        { network: 1, mac: macKey(HOST_FAR), target: "vtep", id: 1 },
      ],
    },
    { mtu },
  );

describe("a super-frame from a VTEP", () => {
  // 14 + 20 + 20 bytes of headers leave 1410 of 1450 for data.
  const HEADERS = 54;
  it.each([
    [1410, 1],
    [1411, 2],
    [2820, 2],
    [2821, 3],
    [60_000, 43],
  ])("of %i bytes of data counts as %i frames", async (data, frames) => {
    const pair = await Pair.create(world(MTU));
    pair.decap([{ datagram: vxlan(100, ethernet(UP, v4(tcp(PORTS, filler(data))))), from: FROM }]);
    pair.settle();
    const bytes = data + frames * HEADERS;
    expect(readCounters(pair.engine)).toMatchObject({
      "network 1 receivedDecap": frames,
      "network 1 framesDecap": frames,
      "network 1 bytesDecap": bytes,
      "vtep 1 framesDecap": frames,
      "vtep 1 bytesDecap": bytes,
    });
  });

  it("that is flooded counts once, not once a port", async () => {
    const pair = await Pair.create(world(MTU));
    const frame = ethernet({ ...UP, dst: BROADCAST }, v6(tcp({ ...PORTS, options: filler(12) }, filler(13_780))));
    expect(pair.decap([{ datagram: vxlan(100, frame), from: FROM }])).toHaveLength(2);
    pair.settle();
    expect(readCounters(pair.engine)).toMatchObject({
      "network 1 receivedDecap": 10,
      "network 1 framesDecap": 10,
      "network 1 floodedDecap": 10,
      "network 1 bytesDecap": 13_780 + 10 * (14 + 40 + 32),
    });
  });

  it("that is dropped counts as many drops, wherever it happens", async () => {
    const pair = await Pair.create(world(MTU));
    const data = tcp(PORTS, filler(5 * 1410));
    const own = ethernet({ dst: HOST_A, src: "01:00:00:00:00:01" }, v4(data));
    const horizon = ethernet({ dst: HOST_FAR, src: "02:00:00:00:0b:02" }, v4(data));
    const good = ethernet(UP, v4(data));
    pair.decap(
      [own, horizon, good].map((frame) => ({ datagram: vxlan(100, frame), from: FROM })),
      () => SEND_ERROR,
    );
    pair.settle();
    expect(readCounters(pair.engine)).toMatchObject({
      "network 1 receivedDecap": 15,
      "network 1 drop DecapSourceMacInvalid": 5,
      "network 1 drop DecapSplitHorizon": 5,
      "network 1 drop DecapSendError": 5,
      "vtep 1 dropsDecap": 15,
    });
  });

  it("counts as one where nobody is believed what it holds", async () => {
    const pair = await Pair.create(world(MTU));
    const frame = ethernet(UP, v4(tcp(PORTS, filler(9000))));
    pair.decap([
      { datagram: vxlan(100, frame), from: "10.99.0.77" },
      { datagram: vxlan(101, frame), from: FROM },
      { datagram: vxlan(100, ethernet(UP, v4(udp(PORTS, filler(9000))))), from: FROM },
    ]);
    pair.settle();
    expect(readCounters(pair.engine)).toMatchObject({
      "network 0 drop DecapVtepNotAllowed": 1,
      "network 0 drop DecapUnknownVni": 1,
      "network 1 drop DecapTooBig": 1,
    });
  });
});

describe("a super-frame from a port", () => {
  const cases: [string, Packet, Virtio, number, number][] = [
    ["TCP over IPv4", v4(tcp(PORTS, filler(4001))), gso(TCPV4, 1000), 5, 54],
    ["TCP over IPv6", v6(tcp({ ...PORTS, options: filler(4) }, filler(4000))), gso(TCPV6, 1000), 4, 78],
    ["TCP with CWR", v4(tcp(PORTS, filler(4001))), gso(TCPV4 | 0x80, 1000), 5, 54],
    ["UDP", v4(udp(PORTS, filler(999))), gso(UDP_L4, 100), 10, 42],
  ];
  it.each(cases)("counts as its segments, to a VTEP: %s", async (_name, packet, virtio, frames, headers) => {
    const pair = await Pair.create(world(9000));
    const frame = ethernet(DOWN, packet);
    pair.encap([{ attachment: 1, frame, virtio }]);
    pair.settle();
    const bytes = frame.length + (frames - 1) * headers;
    expect(readCounters(pair.engine)).toMatchObject({
      "network 1 receivedEncap": frames,
      "network 1 framesEncap": frames,
      "network 1 bytesEncap": bytes,
      "vtep 1 framesEncap": frames,
      "vtep 1 bytesEncap": bytes,
    });
  });

  it("counts as its segments from port to port, and where it is dropped", async () => {
    const pair = await Pair.create(world(MTU));
    const packet = v4(tcp(PORTS, filler(4000)));
    const virtio = gso(TCPV4, 1000);
    pair.clock = 1;
    pair.encap([
      { attachment: 1, frame: ethernet({ dst: HOST_B, src: HOST_A }, packet), virtio },
      { attachment: 1, frame: ethernet({ dst: HOST_A, src: HOST_A }, packet), virtio },
    ]);
    pair.settle();
    expect(readCounters(pair.engine)).toMatchObject({
      "network 1 receivedEncap": 8,
      "network 1 local": 4,
      "network 1 drop EncapSamePort": 4,
    });
  });

  it("counts as one where its virtio-net header makes no sense", async () => {
    const pair = await Pair.create(world(9000));
    const frame = ethernet(DOWN, v4(tcp(PORTS, filler(4000))));
    const headers = [gso(TCPV4, 0), gso(UDP_L4, 1000), gso(77, 1000)];
    pair.encap(
      headers.map((virtio) => ({ attachment: 1, frame, virtio })),
      () => SEND_OK,
    );
    pair.settle();
    expect(readCounters(pair.engine)["network 1 receivedEncap"]).toBe(3);
  });
});

// Cutting super-frames beside the naive oracle: every segment size, both layouts (trains and datagrams that leave alone),
// unicast and flooded, paused wherever a batch can pause, and sends that fail in part.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import type { Output } from "../../oracle/encap.js";
import type { Virtio } from "../../oracle/virtio.js";
import { network, type World } from "../../oracle/world.js";
import { be16, filler, readBe16 } from "../../support/bytes.js";
import { frameOfLength } from "../../support/flows.js";
import { ethernet, ipv4, ipv6, TCP_FLAG, tcp, udp } from "../../support/frames.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { anySuper, plainSuper, type SuperFrame, superFrame, UDP_L4 } from "../../support/super.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, macKey, pointToPoint, UNDERLAYS } from "../../support/worlds.js";

const MTU = 9000;

/** HOST_A and HOST_B are behind ports, HOST_FAR behind VTEP 1; floods go to all of two ports and `vteps` VTEPs. */
function settings(vteps: number, fields: Partial<World> = {}, mtu = MTU): World {
  const ids = Array.from({ length: vteps }, (_, i) => i + 1);
  const address = (id: number) =>
    fields.local?.includes(":") ? `fd99::${(id + 1).toString(16)}` : `10.99.${id >> 8}.${(id + 1) & 255}`;
  return pointToPoint({
    networks: [network({ id: 1, vni: 100, mtu, flood: { attachments: [1, 2], vteps: ids }, sources: [1] })],
    vteps: ids.map((id) => ({ id, address: address(id), ttl: 64 })),
    statics: [
      { network: 1, mac: macKey(HOST_FAR), target: "vtep", id: 1 },
      { network: 1, mac: macKey(HOST_B), target: "attachment", id: 2 },
    ],
    ...fields,
  });
}

const input = ({ frame, virtio }: SuperFrame) => ({ attachment: 1, frame, virtio });
const source = fc.constant(HOST_A);
const anywhere = fc.constantFrom(HOST_FAR, HOST_FAR, HOST_B, BROADCAST, "02:00:00:00:0f:0f");

const LAYOUTS = UNDERLAYS.flatMap(([name, fields]) => [
  [`alone, over ${name}`, { ...fields, trains: false }] as const,
  [`trains, over ${name}`, { ...fields, trains: true }] as const,
]);

describe.each(LAYOUTS)("segments of a super-frame, %s", (_name, fields) => {
  it("are what the oracle cuts, for random super-frames to anywhere", async () => {
    const pair = await Pair.create(settings(3, fields));
    const plain = fc
      .tuple(fc.integer({ min: 60, max: 1500 }), anywhere)
      .map(([length, dst]) => ({ attachment: 1, frame: frameOfLength(length, dst, HOST_A) }));
    const large = anySuper(anywhere, source, [64, 8900]).map(input);
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 3, arbitrary: large }, plain), { minLength: 1, maxLength: 4 }),
        (inputs) => {
          pair.encap(inputs);
        },
      ),
      { numRuns: 60 },
    );
    pair.settle();
  });

  it("balance when sends fail in part, and pauses fall anywhere", async () => {
    const pair = await Pair.create(settings(5, fields));
    const results = [L.SEND_OK, L.SEND_FULL, L.SEND_OK, L.SEND_TOO_BIG, L.SEND_ERROR, L.SEND_DOWN];
    const inputs = fc.array(anySuper(anywhere, source, [64, 700]).map(input), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(inputs, fc.nat(1000), (batch, seed) => {
        const send = ({ origin, target, train }: Output) =>
          results[(origin * 3 + target * 7 + (train ?? 0) * 5 + (seed >> ((train ?? 0) % 8))) % results.length];
        pair.encap(batch, send);
      }),
      { numRuns: 15 },
    );
    pair.settle();
  });
});

describe("every segment size from 64 to 8900", () => {
  // Half of them in either layout.
  it.each([
    [false, 64],
    [true, 65],
  ])("trains: %s", async (trains, first) => {
    const pair = await Pair.create(settings(1, { trains }));
    for (let from = first; from <= 8900; from += 128) {
      const sizes = Array.from({ length: 64 }, (_, n) => from + 2 * n).filter((size) => size <= 8900);
      const batch = sizes.map((size, n) => plainSuper(HOST_FAR, HOST_A, 2 * size + [0, 1, size - 1][n % 3], size));
      pair.encap(batch.map(input));
    }
    pair.settle();
  });
});

describe("a batch that does not fit", () => {
  it.each([
    ["segments that leave alone, more than outputs", false, 64, 40_000],
    ["more trains than room", true, 1400, 60_000],
    ["many of the smallest segments", true, 1, 1900],
  ])("%s", async (_name, trains, size, dataLen) => {
    const pair = await Pair.create(settings(3, { trains }));
    const dsts = [HOST_FAR, BROADCAST, HOST_FAR, HOST_B, BROADCAST, HOST_FAR];
    const batch = [...dsts, ...dsts].map((dst, i) => plainSuper(dst, HOST_A, dataLen + i, size, 1000 + i));
    const outputs = pair.encap(batch.map(input));
    expect(outputs.length).toBeGreaterThan(500);
    pair.settle();
  });

  it("pauses at every copy of a flood to many VTEPs", async () => {
    for (const trains of [false, true]) {
      const pair = await Pair.create(settings(300, { trains }));
      const batch = [1, 2, 3].map((n) => plainSuper(BROADCAST, HOST_A, 3000 * n, 1000, n));
      expect(pair.encap(batch.map(input))).toHaveLength(3 + 300 * (3 + 6 + 9));
      pair.settle();
    }
  });
});

describe("what segments carry", () => {
  it("CWR with the first, FIN and PSH with the last, ids and sequence numbers going up over their ends", async () => {
    const pair = await Pair.create(settings(1));
    const { fin, psh, ack, cwr, ece } = TCP_FLAG;
    const flags = fin | psh | ack | cwr | ece;
    const segment = tcp({ srcPort: 1, dstPort: 2, seq: 0xfffffff0, flags }, filler(250));
    const packet = ipv4({ src: "10.0.0.1", dst: "10.0.0.2", id: 0xffff, checksum: "unfinished" }, segment);
    const made = superFrame({
      dst: HOST_FAR,
      src: HOST_A,
      packet,
      isTcp: true,
      isIpv4: true,
      l4Len: segment.bytes.length,
      dataLen: 250,
      size: 100,
    });
    const seen = pair.encap([input(made)]).map(({ payload }) => {
      const view = new DataView(payload.buffer, payload.byteOffset);
      return [view.getUint16(16), view.getUint16(18), view.getUint32(38), payload[47]];
    });
    expect(seen).toEqual([
      [140, 0xffff, 0xfffffff0, ack | cwr | ece],
      [140, 0, 0x54, ack | ece],
      [90, 1, 0xb8, fin | psh | ack | ece],
    ]);
  });

  it.each([true, false])(
    "0xffff where a UDP checksum comes out as zero, which says that there is none; IPv4: %s",
    async (isIpv4) => {
      const data = filler(250);
      const cutOf = async () => {
        const segment = udp({ srcPort: 1, dstPort: 2 }, data);
        const packet = isIpv4
          ? ipv4({ src: "10.0.0.1", dst: "10.0.0.2", checksum: "unfinished" }, segment)
          : ipv6({ src: "fd00::1", dst: "fd00::2", checksum: "unfinished" }, segment);
        const l4Len = segment.bytes.length;
        const made = superFrame({
          dst: HOST_FAR,
          src: HOST_A,
          packet,
          isTcp: false,
          isIpv4,
          l4Len,
          dataLen: 250,
          size: 100,
        });
        const pair = await Pair.create(settings(1));
        const checksumAt = 14 + (isIpv4 ? 20 : 40) + 6;
        return pair.encap([input(made)]).map(({ payload }) => readBe16(payload, checksumAt));
      };
      for (const at of [50, 150, 248]) data.fill(0, at, at + 2);
      const before = await cutOf();
      // A checksum is the complement of the sum: added to it, the sum is 0xffff, and its complement zero.
      for (const [n, at] of [50, 150, 248].entries()) data.set(be16(before[n]), at);
      expect(await cutOf()).toEqual([0xffff, 0xffff, 0xffff]);
    },
  );

  it("frames, bytes and drops of a unicast that left in part, to the byte", async () => {
    const pair = await Pair.create(settings(1, { trains: true }));
    // 150 segments of 100 bytes and one of 30: trains of 64, 64 and 23.
    const send = ({ train }: Output) => [L.SEND_OK, L.SEND_FULL, L.SEND_OK][train ?? 0];
    pair.encap([input(plainSuper(HOST_FAR, HOST_A, 15_030, 100))], send);
    pair.settle();
    expect(readCounters(pair.engine)).toEqual({
      "network 1 receivedEncap": 151,
      "network 1 framesEncap": 87,
      "network 1 bytesEncap": 87 * 154 - 70,
      "network 1 drop EncapUnderlayFull": 64,
      "network 1 learned": 1,
      "vtep 1 framesEncap": 87,
      "vtep 1 bytesEncap": 87 * 154 - 70,
      "vtep 1 dropsEncap": 64,
    });
  });
});

describe("the size of a segment, not of the whole, decides what is too big", () => {
  it.each([
    [1410, true],
    [1411, false],
  ])("%i bytes of data behind 40 of headers in an MTU of 1450: fits %s", async (size, fits) => {
    const pair = await Pair.create(settings(1, {}, 1450));
    const outputs = pair.encap([HOST_FAR, BROADCAST].map((dst) => input(plainSuper(dst, HOST_A, 10_000, size))));
    expect(outputs.filter(({ kind }) => kind === "vtep")).toHaveLength(fits ? 16 : 0);
    pair.settle();
  });
});

describe("a virtio-net header that lies", () => {
  const good = plainSuper(HOST_FAR, HOST_A, 5000, 1000);
  const lies: [string, Partial<Virtio>][] = [
    ["no size", { gsoSize: 0 }],
    ["a type for IPv6", { gsoType: 4 }],
    ["a type for UDP", { gsoType: UDP_L4 }],
    ["an unknown type", { gsoType: 77 }],
    ["a type that nobody asked for", { gsoType: 3 }],
    ["a finished checksum", { needsCsum: false }],
    ["a size that nobody has", { gsoSize: 2 }],
  ];
  it.each(lies)("%s: the frame is what it is, too big or not", async (_name, lie) => {
    for (const mtu of [1450, 9000]) {
      const pair = await Pair.create(settings(2, { trains: true }, mtu));
      pair.encap(
        [HOST_FAR, BROADCAST].map((dst) => {
          const { frame, virtio } = plainSuper(dst, HOST_A, 5000, 1000);
          return { attachment: 1, frame, virtio: { ...virtio, ...lie } };
        }),
      );
      pair.settle();
      const counters = readCounters(pair.engine);
      expect(counters["network 1 receivedEncap"]).toBe(2);
      expect(counters["network 1 drop EncapTooBig"]).toBe(mtu === 1450 ? 1 : undefined);
    }
  });

  it("about the lengths of headers changes nothing, for the packet has its own", async () => {
    const outputs: Uint8Array[][] = [];
    for (const lie of [{}, { hdrLen: 65535 }, { hdrLen: 0, csumStart: 65535, csumOffset: 65535 }]) {
      const pair = await Pair.create(settings(1));
      const made = pair.encap([{ ...input(good), virtio: { ...good.virtio, ...lie } }]);
      outputs.push(made.map(({ payload }) => payload));
    }
    expect(outputs[0]).toHaveLength(5);
    expect(outputs[1]).toEqual(outputs[0]);
    expect(outputs[2]).toEqual(outputs[0]);
  });

  it("about a packet that ends before its frame: it is not cut", async () => {
    const pair = await Pair.create(settings(1, {}, 1450));
    const packet = ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, udp({ srcPort: 1, dstPort: 2 }, filler(3000)));
    const frame = new Uint8Array([...ethernet({ dst: HOST_FAR, src: HOST_A }, packet), 0, 0]);
    pair.encap([{ attachment: 1, frame, virtio: { ...good.virtio, gsoType: UDP_L4, csumOffset: 6 } }]);
    pair.settle();
    expect(readCounters(pair.engine)["network 1 drop EncapTooBig"]).toBe(1);
  });
});

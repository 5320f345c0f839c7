// Every way a datagram from the underlay can end, each with a test that gives just that label, and the order of the
// checks. Each case starts from a datagram that would be delivered, and breaks one thing, or two.

import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { type DecapInput, stripOuter, vxlan } from "../../oracle/decap.js";
import type { Send } from "../../oracle/model.js";
import { outerHeader } from "../../oracle/outer.js";
import { network } from "../../oracle/world.js";
import { be16, concat, filler, readBe16 } from "../../support/bytes.js";
import { ethernet, ipv4, type Tag, tcp, udp } from "../../support/frames.js";
import { compare, Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, HOST_OWN, macKey, pointToPoint } from "../../support/worlds.js";

const FAR_2 = "02:00:00:00:0b:02";
const FILTERED = "02:00:00:00:0d:01";
const FROM = "10.99.0.2";
const STRICT = 0xf7ffffff000000ffn;

const WORLD = pointToPoint({
  vteps: [
    { id: 1, address: FROM, ttl: 64 },
    { id: 2, address: "10.99.0.3", ttl: 64 },
    { id: 3, address: "10.99.0.4", ttl: 64 },
  ],
  networks: [
    network({ id: 1, vni: 100, mtu: 1000, flood: { attachments: [1, 2], vteps: [1] }, sources: [1] }),
    network({ id: 2, vni: 200, flood: { attachments: [], vteps: [2] }, sources: [1, 2] }),
    network({ id: 3, vni: 300, dropVlan: true, flood: { attachments: [3], vteps: [] }, sources: [1] }),
  ],
  attachments: [
    { id: 1, network: 1, port: 1, mtu: 1000 },
    { id: 2, network: 1, port: 2, mtu: 1000 },
    { id: 3, network: 3, port: 3, mtu: 1450 },
  ],
  statics: [
    { network: 1, mac: macKey(HOST_B), target: "attachment", id: 2 },
    { network: 1, mac: macKey(HOST_OWN), target: "attachment", id: 1, own: true },
    { network: 1, mac: macKey(FAR_2), target: "vtep", id: 1 },
    { network: 1, mac: macKey(FILTERED), target: "drop", id: 0 },
    { network: 3, mac: macKey(FILTERED), target: "drop", id: 0 },
  ],
});

interface Fields {
  dst?: string;
  src?: string;
  tags?: readonly Tag[];
  ecn?: number;
  vni?: number;
  flags?: number;
  length?: number;
  from?: string;
  tos?: number;
  fragment?: boolean;
}

/** A datagram to HOST_B behind port 2, unless a field says otherwise. */
function datagram(fields: Fields = {}): DecapInput {
  const packet = ipv4(
    { src: "10.0.0.1", dst: "10.0.0.2", tos: fields.ecn ?? 0 },
    udp({ srcPort: 1, dstPort: 2 }, filler((fields.length ?? 60) - 28)),
  );
  const frame = ethernet({ dst: fields.dst ?? HOST_B, src: fields.src ?? HOST_FAR, tags: fields.tags }, packet);
  return {
    datagram: vxlan(fields.vni ?? 100, frame, fields.flags ?? 8),
    from: fields.from ?? FROM,
    tos: fields.tos,
    fragment: fields.fragment,
  };
}

/** `network label` of everything that was counted as dropped. */
async function labels(input: DecapInput, reservedMask = 0n, send?: Send): Promise<string[]> {
  const pair = await Pair.create({ ...WORLD, reservedMask });
  pair.decap([input], send);
  pair.settle();
  return Object.keys(readCounters(pair.engine))
    .filter((name) => name.includes(" drop "))
    .map((name) => name.replace("network ", "").replace("drop Decap", ""));
}

const short = (length: number): DecapInput => ({ ...datagram(), datagram: datagram().datagram.subarray(0, length) });

describe("decap drops", () => {
  it("nothing of what the others are made from", async () => {
    expect(await labels(datagram(), STRICT)).toEqual([]);
    expect(await labels(datagram({ dst: BROADCAST }))).toEqual([]);
  });

  const cases: [string, DecapInput, bigint?][] = [
    ["0 Fragment", datagram({ fragment: true })],
    ["0 Truncated", short(0)],
    ["0 Truncated", short(7)],
    ["0 VtepNotAllowed", datagram({ from: "10.99.0.9" })],
    ["0 VtepNotAllowed", datagram({ from: "10.99.0.4" })],
    ["0 VtepNotAllowed", datagram({ from: "fd99::2" })],
    ["0 FlagIClear", datagram({ flags: 0 })],
    ["0 FlagIClear", datagram({ flags: 0xf7 })],
    ["0 ReservedBits", datagram({ flags: 0x88 }), STRICT],
    ["0 UnknownVni", datagram({ vni: 101 })],
    ["0 UnknownVni", datagram({ vni: 0xffffff })],
    ["1 VtepNotInNetwork", datagram({ from: "10.99.0.3" })],
    ["1 InnerShort", short(8)],
    ["1 InnerShort", short(8 + 13)],
    ["1 SourceMacInvalid", datagram({ src: "00:00:00:00:00:00" })],
    ["1 SourceMacInvalid", datagram({ src: "01:00:5e:00:00:01" })],
    ["1 SourceMacOwn", datagram({ src: HOST_OWN })],
    ["1 StaticConflict", datagram({ src: HOST_B, dst: HOST_A })],
    ["1 Ecn", datagram({ ecn: 0, tos: 3 })],
    ["3 InnerVlan", datagram({ vni: 300, tags: [{ vid: 1 }] })],
    ["1 Filtered", datagram({ dst: FILTERED })],
    ["1 SplitHorizon", datagram({ dst: FAR_2 })],
    ["2 NoDestination", datagram({ vni: 200 })],
    ["2 NoDestination", datagram({ vni: 200, dst: BROADCAST })],
    ["1 TooBig", datagram({ length: 1001 })],
    ["1 TooBig", datagram({ length: 1001, dst: BROADCAST })],
  ];

  it.each(cases)("%s, case %#", async (label, input, mask) => {
    expect(await labels(input, mask)).toEqual([label]);
  });

  it("ignores reserved bits by default, every one of them", async () => {
    const pair = await Pair.create(WORLD);
    const inputs = Array.from({ length: 64 }, (_, bit) => {
      const input = datagram();
      input.datagram[bit >>> 3] |= 0x80 >>> (bit & 7);
      return input;
    }).filter((_, bit) => bit < 32 || bit >= 56);
    expect(pair.decap(inputs).length).toBe(inputs.length);
    pair.settle();
  });

  it("refuses reserved bits in strict mode, every one of them", async () => {
    const pair = await Pair.create({ ...WORLD, reservedMask: STRICT });
    const bits = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => bit !== 4 && (bit < 32 || bit >= 56));
    const inputs = bits.map((bit) => {
      const input = datagram();
      input.datagram[bit >>> 3] |= 0x80 >>> (bit & 7);
      return input;
    });
    expect(pair.decap(inputs)).toEqual([]);
    expect(readCounters(pair.engine)["network 0 drop DecapReservedBits"]).toBe(inputs.length);
  });

  it.each([
    ["1 PortFull", L.SEND_FULL],
    ["1 PortDown", L.SEND_DOWN],
    ["1 SendError", L.SEND_ERROR],
    ["1 TooBig", L.SEND_TOO_BIG],
  ])("%s: the port's send says %i", async (label, result) => {
    expect(await labels(datagram(), 0n, () => result)).toEqual([label]);
  });

  it("not TooBig: exactly the MTU, behind two tags too", async () => {
    expect(await labels(datagram({ length: 1000 }))).toEqual([]);
    expect(await labels(datagram({ length: 1000, tags: [{ vid: 1 }, { vid: 2 }] }))).toEqual([]);
    expect(await labels(datagram({ length: 1001, tags: [{ vid: 1 }, { vid: 2 }] }))).toEqual(["1 TooBig"]);
  });
});

describe("a datagram with two faults counts the earlier", () => {
  // Each fault, in the order of the checks; every pair of faults that can be in one datagram is tried.
  const chain: [string, Partial<Fields> | "short"][] = [
    ["0 Fragment", { fragment: true }],
    ["0 VtepNotAllowed", { from: "10.99.0.9" }],
    ["0 FlagIClear", { flags: 0x80 }],
    ["0 ReservedBits", { flags: 0x88 }],
    ["0 UnknownVni", { vni: 999 }],
    ["1 VtepNotInNetwork", { from: "10.99.0.3" }],
    ["1 InnerShort", "short"],
    ["1 SourceMacInvalid", { src: BROADCAST }],
    ["1 SourceMacOwn", { src: HOST_OWN }],
    ["1 StaticConflict", { src: HOST_B }],
    ["1 Ecn", { tos: 3 }],
    ["1 Filtered", { dst: FILTERED }],
    ["1 SplitHorizon", { dst: FAR_2 }],
    ["1 TooBig", { length: 1200 }],
  ];
  const pairs = chain.flatMap(([label, first], i) => {
    return chain.slice(i + 1).flatMap(([later, second]): [string, string, DecapInput][] => {
      const [a, b] = [first === "short" ? {} : first, second === "short" ? {} : second];
      if (Object.keys(a).some((key) => key in b)) return [];
      const whole = datagram({ ...a, ...b });
      const cut = first === "short" || second === "short";
      return [[label, later, cut ? { ...whole, datagram: whole.datagram.subarray(0, 20) } : whole]];
    });
  });

  it.each(pairs)("%s before %s", async (label, _later, input) => {
    expect(await labels(input, STRICT)).toEqual([label]);
  });

  it("Truncated before VtepNotAllowed", async () => {
    expect(await labels({ ...short(7), from: "10.99.0.9" })).toEqual(["0 Truncated"]);
  });

  it("Ecn before InnerVlan before Filtered", async () => {
    const fields = { vni: 300, tags: [{ vid: 1 }], dst: FILTERED };
    expect(await labels(datagram({ ...fields, tos: 3 }))).toEqual(["3 Ecn"]);
    expect(await labels(datagram(fields))).toEqual(["3 InnerVlan"]);
  });

  it("learns before the ECN check, and not before the one of the source", async () => {
    const pair = await Pair.create(WORLD);
    pair.decap([datagram({ tos: 3 }), datagram({ src: BROADCAST }), { ...datagram(), fragment: true }]);
    expect([...pair.model.fdb.entries.keys()]).toContain(`1 ${macKey(HOST_FAR)}`);
    pair.settle();
  });
});

describe.each(["10.99.0.1", "fd99::1"])("whole outer frames, to %s", (local) => {
  const remote = local.includes(":") ? "fd99::2" : FROM;
  // `outerHeader` sends from `local`; seen from the other end, that is where the datagram comes from.
  const far = { ...WORLD, local: remote };
  const world = { ...WORLD, local, vteps: [{ id: 1, address: remote, ttl: 64 }] };
  const here = { ...world, networks: [{ ...WORLD.networks[0] }], attachments: WORLD.attachments.slice(0, 2) };

  function outerFrame(tos = 0): Uint8Array {
    const inner = datagram().datagram.subarray(8);
    const vtep = { id: 1, address: local, ttl: 64 };
    return concat(outerHeader({ world: far, vtep, vni: 100, srcPort: 50000, ecn: tos, inner }), inner);
  }

  async function labelsOf(frame: Uint8Array): Promise<string[]> {
    const pair = await Pair.create({ ...here, statics: WORLD.statics.filter((entry) => entry.network === 1) });
    const { engine, model } = pair;
    engine.place(0, { bytes: frame, flags: L.DESC_FLAG_OUTER }, frame.length - datagram().datagram.length + 8);
    const outputs = engine.run("decap", 1);
    const stripped = stripOuter(frame);
    if (stripped.drop === undefined) compare(outputs, model.decap([stripped]));
    const dropped = Object.keys(readCounters(engine)).filter((name) => name.includes(" drop "));
    const names = dropped.map((name) => name.replace("network 0 drop Decap", ""));
    expect(names).toEqual(stripped.drop === undefined ? [] : [stripped.drop]);
    return names;
  }

  const ipAt = 14;
  const udpAt = local.includes(":") ? 54 : 34;

  it("are delivered", async () => {
    expect(await labelsOf(outerFrame())).toEqual([]);
    expect(await labelsOf(concat(outerFrame(), new Uint8Array(6)))).toEqual([]); // padded
  });

  it("are BadChecksum when any byte of the datagram is wrong", async () => {
    const frame = outerFrame();
    for (let at = udpAt; at < frame.length; at += 7) {
      if (at === udpAt + 4 || at === udpAt + 5) continue;
      const broken = frame.slice();
      broken[at] ^= 0x10;
      expect(await labelsOf(broken)).toEqual(["BadChecksum"]);
    }
  });

  it("are accepted without a checksum", async () => {
    const frame = outerFrame();
    frame.set([0, 0], udpAt + 6);
    expect(await labelsOf(frame)).toEqual([]);
  });

  it("are Truncated when a length does not fit", async () => {
    const frame = outerFrame();
    for (const length of [0, 13, 14, 33, 41, 49, frame.length - 1]) {
      expect(await labelsOf(frame.subarray(0, length))).toEqual(["Truncated"]);
    }
    const udpLen = readBe16(frame, udpAt + 4);
    for (const length of [0, 7, 15, udpLen + 1, 0xffff]) {
      const broken = frame.slice();
      broken.set(be16(length), udpAt + 4);
      expect(await labelsOf(broken)).toEqual(["Truncated"]);
    }
  });

  it("are Fragment when they are one", async () => {
    if (local.includes(":")) {
      const frame = outerFrame();
      const split = concat(frame.subarray(0, 54), [17, 0, 0, 1, 0, 0, 0, 7], frame.subarray(54));
      split[ipAt + 6] = 44;
      split.set(be16(frame.length - 54 + 8), ipAt + 4);
      expect(await labelsOf(split)).toEqual(["Fragment"]);
      return;
    }
    for (const word of [0x2000, 0x0001, 0x2001]) {
      const frame = outerFrame();
      frame.set(be16(word), ipAt + 6);
      expect(await labelsOf(frame)).toEqual(["Fragment"]);
    }
  });
});

it("a TCP segment above the MTU is a super-frame, and no drop", async () => {
  const packet = ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, tcp({ srcPort: 1, dstPort: 2 }, filler(5000)));
  const inner = ethernet({ dst: HOST_B, src: HOST_FAR }, packet);
  expect(await labels({ datagram: vxlan(100, inner), from: FROM })).toEqual([]);
});

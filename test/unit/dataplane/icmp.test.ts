// The answer to a frame that fits no tunnel: to whom, with which bytes, and to whom not.

import { describe, expect, it } from "vitest";
import { SEND_FULL } from "../../../dataplane-wasm/layout.js";
import { ANSWERS_PER_SECOND } from "../../oracle/icmp.js";
import { parse } from "../../oracle/parse.js";
import { network, type WorldNetwork } from "../../oracle/world.js";
import { filler, ipText, macText, readBe16 } from "../../support/bytes.js";
import { decode } from "../../support/decode.js";
import {
  anything,
  ETHERTYPE,
  ethernet,
  fragment6,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  options6,
  type Packet,
  type Tag,
  tcp,
  udp,
} from "../../support/frames.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { plainSuper } from "../../support/super.js";
import { BROADCAST, HOST_A, HOST_FAR, pointToPoint } from "../../support/worlds.js";

const MTU = 1400;
const V4 = { src: "10.0.0.1", dst: "10.0.0.2" };
const V6 = { src: "fd00::1", dst: "fd00::2" };
const PORTS = { srcPort: 1000, dstPort: 53 };

const pairOf = (net: Partial<WorldNetwork> = {}) => Pair.create(pointToPoint({}, { mtu: MTU, ...net }));

/** What comes back to the port for one frame; the oracle has compared it by then. */
async function answersTo(packet: Packet, dst = HOST_FAR, tags: readonly Tag[] = [], net = {}) {
  const pair = await pairOf(net);
  const outputs = pair.encap([{ attachment: 1, frame: ethernet({ dst, src: HOST_A, tags }, packet) }]);
  pair.settle();
  const counters = readCounters(pair.engine);
  expect(counters["network 1 icmp"] ?? 0).toBe(outputs.length);
  expect(counters["network 1 drop EncapTooBig"]).toBe(1);
  return outputs;
}

describe("a frame above the MTU is answered", () => {
  it.each([[[]], [[{ vid: 7 }]], [[{ vid: 7 }, { vid: 9 }]]])("over IPv4, tags %j", async (tags) => {
    const [answer] = await answersTo(ipv4(V4, udp(PORTS, filler(MTU - 27))), HOST_FAR, tags);
    expect(answer).toMatchObject({ kind: "attachment", target: 1 });
    const parsed = parse(answer.payload);
    expect(parsed?.tags).toBe(tags.length);
    expect(macText(answer.payload.subarray(0, 6))).toBe(HOST_A);
    expect(macText(answer.payload.subarray(6, 12))).toBe(HOST_FAR);
    expect(parsed?.ip && [ipText(parsed.ip.src), ipText(parsed.ip.dst)]).toEqual([V4.dst, V4.src]);
    expect(decode(answer.payload).icmp).toMatchObject({ type: 3, code: 4, rest: MTU });
    const l4 = parsed?.ip?.l4 ?? 0;
    expect(answer.payload.length - l4 - 8).toBe(548);
  });

  it.each([[[]], [[{ vid: 7 }]]])("over IPv6, tags %j", async (tags) => {
    const [answer] = await answersTo(ipv6(V6, tcp(PORTS, filler(MTU))), HOST_FAR, tags);
    expect(decode(answer.payload).icmp).toMatchObject({ type: 2, code: 0, rest: MTU });
    const parsed = parse(answer.payload);
    expect((parsed?.ip?.end ?? 0) - (parsed?.l3 ?? 0)).toBe(1280);
  });

  it("whole, when it is shorter than what may be quoted", async () => {
    const [answer] = await answersTo(ipv4(V4, udp(PORTS, filler(180))), HOST_FAR, [], { mtu: 200 });
    expect(readBe16(answer.payload, 16)).toBe(20 + 8 + 208);
    const [answer6] = await answersTo(ipv6(V6, udp(PORTS, filler(161))), HOST_FAR, [], { mtu: 200 });
    expect(readBe16(answer6.payload, 18)).toBe(8 + 209);
  });

  const narrow = { vteps: [{ id: 1, address: "10.99.0.2", ttl: 64, frameMax: 1014 }] };
  it.each([[[]], [[{ vid: 7 }]], [[{ vid: 7 }, { vid: 9 }]]])("by the way to its VTEP, tags %j", async (tags) => {
    const most = 1000 - 4 * tags.length;
    for (const [ip, headers, type] of [
      [(length: number) => ipv4(V4, udp(PORTS, filler(length))), 28, 3],
      [(length: number) => ipv6(V6, udp(PORTS, filler(length))), 48, 2],
    ] as const) {
      const pair = await Pair.create(pointToPoint(narrow, { mtu: MTU }));
      const frames = [most, most + 1].map((length) =>
        ethernet({ dst: HOST_FAR, src: HOST_A, tags }, ip(length - headers)),
      );
      const [sent, answer] = pair.encap(frames.map((frame) => ({ attachment: 1, frame })));
      expect([sent.kind, answer.kind]).toEqual(["vtep", "attachment"]);
      expect(decode(answer.payload).icmp).toMatchObject({ type, rest: most });
      pair.settle();
      const counters = readCounters(pair.engine);
      expect([counters["network 1 drop EncapTooBig"], counters["network 1 icmp"]]).toEqual([1, 1]);
    }
  });

  it("by the network's MTU where the way takes more", async () => {
    const pair = await Pair.create(pointToPoint(narrow, { mtu: 900 }));
    const frame = ethernet({ dst: HOST_FAR, src: HOST_A }, ipv4(V4, udp(PORTS, filler(900))));
    const [answer] = pair.encap([{ attachment: 1, frame }]);
    expect(decode(answer.payload).icmp).toMatchObject({ type: 3, rest: 900 });
  });

  it("when it is a super-frame whose segments the way does not take", async () => {
    const pair = await Pair.create(pointToPoint(narrow, { mtu: MTU }));
    const segments = (size: number) => ({ attachment: 1, ...plainSuper(HOST_FAR, HOST_A, 5000, size) });
    const fits = pair.encap([segments(960)]);
    expect(fits.map(({ kind }) => kind)).toEqual(fits.map(() => "vtep"));
    const [answer, ...rest] = pair.encap([segments(961)]);
    expect([answer.kind, rest.length]).toEqual(["attachment", 0]);
    expect(decode(answer.payload).icmp).toMatchObject({ type: 3, rest: 1000 });
    pair.settle();
  });

  it("when its destination is unknown and no port takes it", async () => {
    const net = { flood: { attachments: [1], vteps: [1] } };
    const [answer] = await answersTo(ipv4(V4, udp(PORTS, filler(MTU))), "02:00:00:00:0e:01", [], net);
    expect(answer.target).toBe(1);
  });

  const more: [string, Packet][] = [
    ["a ping", ipv4(V4, icmp(8, 0, filler(4), filler(MTU)))],
    ["an answer to a ping", ipv4(V4, icmp(0, 0, filler(4), filler(MTU)))],
    ["an IPv6 ping", ipv6(V6, icmpv6(128, 0, filler(4), filler(MTU)))],
    ["the first fragment with DF", ipv4({ ...V4, mf: true }, udp(PORTS, filler(MTU)))],
    ["options", ipv4({ ...V4, options: filler(8) }, udp(PORTS, filler(MTU)))],
    ["extension headers", ipv6({ ...V6, extensions: [options6(60)] }, udp(PORTS, filler(MTU)))],
    ["an IPv6 fragment", ipv6({ ...V6, extensions: [fragment6({ offset: 8 })] }, udp(PORTS, filler(MTU)))],
  ];
  it.each(more)("%s", async (_name, packet) => {
    expect(await answersTo(packet)).toHaveLength(1);
  });
});

describe("a frame above the MTU is not answered", () => {
  const none: [string, Packet][] = [
    ["IPv4 without DF", ipv4({ ...V4, df: false }, udp(PORTS, filler(MTU)))],
    ["a later fragment", ipv4({ ...V4, fragmentOffset: 800 }, udp(PORTS, filler(MTU)))],
    ["an ICMP error", ipv4(V4, icmp(3, 4, filler(4), filler(MTU)))],
    ["an ICMP time exceeded", ipv4(V4, icmp(11, 0, filler(4), filler(MTU)))],
    ["an ICMPv6 error", ipv6(V6, icmpv6(2, 0, filler(4), filler(MTU)))],
    ["a fragment that may be an ICMP error", ipv4({ ...V4, mf: true }, icmp(3, 4, filler(4), filler(MTU)))],
    ["to a multicast group", ipv4({ ...V4, dst: "239.1.1.1" }, udp(PORTS, filler(MTU)))],
    ["to the limited broadcast", ipv4({ ...V4, dst: "255.255.255.255" }, udp(PORTS, filler(MTU)))],
    ["from nobody", ipv4({ ...V4, src: "0.0.0.0" }, udp(PORTS, filler(MTU)))],
    ["from a group", ipv4({ ...V4, src: "239.1.1.1" }, udp(PORTS, filler(MTU)))],
    ["from loopback", ipv4({ ...V4, src: "127.0.0.1" }, udp(PORTS, filler(MTU)))],
    ["to an IPv6 group", ipv6({ ...V6, dst: "ff02::1" }, udp(PORTS, filler(MTU)))],
    ["from no IPv6 address", ipv6({ ...V6, src: "::" }, udp(PORTS, filler(MTU)))],
    ["no IP", anything(ETHERTYPE.local, filler(MTU + 1))],
  ];
  it.each(none)("%s", async (_name, packet) => {
    expect(await answersTo(packet)).toEqual([]);
  });

  it("to a group of hosts", async () => {
    const net = { flood: { attachments: [1], vteps: [1] } };
    expect(await answersTo(ipv4(V4, udp(PORTS, filler(MTU))), BROADCAST, [], net)).toEqual([]);
  });
});

describe("the rate of answers", () => {
  it("is limited by worker and second, and counted", async () => {
    const pair = await pairOf();
    const frame = ethernet({ dst: HOST_FAR, src: HOST_A }, ipv4(V4, udp(PORTS, filler(MTU))));
    const burst = Array.from({ length: 150 }, () => ({ attachment: 1, frame }));
    pair.clock = 1000;
    expect(pair.encap(burst)).toHaveLength(ANSWERS_PER_SECOND);
    expect(pair.encap(burst)).toHaveLength(0);
    pair.clock = 1001;
    expect(pair.encap(burst.slice(0, 10))).toHaveLength(10);
    pair.settle();
    expect(readCounters(pair.engine)["network 1 icmp"]).toBe(ANSWERS_PER_SECOND + 10);
  });

  it("does not hang on an answer that the port does not take, and the frame stays too big", async () => {
    const pair = await pairOf();
    const frame = ethernet({ dst: HOST_FAR, src: HOST_A }, ipv4(V4, udp(PORTS, filler(MTU))));
    pair.encap([{ attachment: 1, frame }], () => SEND_FULL);
    pair.settle();
    expect(readCounters(pair.engine)["network 1 drop EncapTooBig"]).toBe(1);
  });

  it("leaves the frames behind an answered one alone", async () => {
    const nets = [network({ id: 1, vni: 100, mtu: MTU, flood: { attachments: [1], vteps: [] }, sources: [1] })];
    const pair = await Pair.create(pointToPoint({ networks: nets }));
    const big = ethernet({ dst: HOST_FAR, src: HOST_A }, ipv4(V4, udp(PORTS, filler(MTU))));
    const small = ethernet({ dst: HOST_FAR, src: HOST_A }, ipv4(V4, udp(PORTS, filler(40))));
    const inputs = [small, big, small, big, big, small].map((frame) => ({ attachment: 1, frame }));
    const outputs = pair.encap(inputs);
    expect(outputs.map((output) => output.kind)).toEqual([
      "vtep",
      "attachment",
      "vtep",
      "attachment",
      "attachment",
      "vtep",
    ]);
    pair.settle();
  });
});

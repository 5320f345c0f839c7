// Inner headers behind the addresses: IPv6 extension headers, TCP, UDP, SCTP, ICMP. The same grammar as `headers`.

import { beforeAll, describe, expect, it } from "vitest";
import { flowHash } from "../../oracle/flow.js";
import { filler } from "../../support/bytes.js";
import {
  auth6,
  ethernet,
  fragment6,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  options6,
  sctp,
  tcp,
  udp,
} from "../../support/frames.js";
import { HashProbe, range } from "../../support/probe.js";
import { expectRoundTrip } from "../../support/tunnel.js";
import { HOST_A, HOST_FAR } from "../../support/worlds.js";

const MACS = { dst: HOST_FAR, src: HOST_A };
const PORTS = { srcPort: 0x1234, dstPort: 0x5678 };
const V4 = { src: "10.1.2.3", dst: "10.4.5.6" };
const V6 = { src: "fd00::1:2:3", dst: "fd00::4:5:6" };

let probe: HashProbe;

beforeAll(async () => {
  probe = await HashProbe.create();
});

describe.each([
  ["hop-by-hop options", [options6(0)]],
  ["routing", [options6(43, 3)]],
  ["destination options", [options6(60, 2)]],
  ["authentication", [auth6(3)]],
  ["a chain of four", [options6(0), options6(60), options6(43), auth6(5)]],
  ["a chain of eight", Array.from({ length: 8 }, () => options6(60))],
])("IPv6 extension header: %s", (_name, extensions) => {
  const plain = ethernet(MACS, ipv6(V6, udp(PORTS, filler(20))));
  const frame = ethernet(MACS, ipv6({ ...V6, extensions }, udp(PORTS, filler(20))));

  it("reads the ports behind it", () => {
    expect(probe.of(frame)).toBe(probe.of(plain));
  });

  it("round-trips", async () => {
    await expectRoundTrip(ipv6({ ...V6, extensions }, udp(PORTS, filler(20))));
  });

  it("rejects short", () => {
    probe.expectRejectsShort(frame, 14 + 40);
  });
});

describe("IPv6 extension header: fragment", () => {
  const packet = ipv6({ ...V6, extensions: [fragment6({ more: true })] }, udp(PORTS, filler(20)));

  it("reads its next header and nothing behind", () => {
    const frame = ethernet(MACS, packet);
    expect(probe.readOctets(frame, 14 + 40, frame.length)).toEqual([0]);
  });

  it("round-trips", async () => {
    await expectRoundTrip(packet);
  });

  it("rejects short", () => {
    probe.expectRejectsShort(ethernet(MACS, packet), 14 + 40);
  });
});

it("a chain of more than eight extension headers ends the reading, and does not hang", () => {
  const frame = ethernet(MACS, ipv6({ ...V6, extensions: Array.from({ length: 40 }, () => options6(60)) }, udp(PORTS)));
  expect(probe.of(frame)).toBe(flowHash(frame));
});

describe.each([
  ["TCP", tcp(PORTS, filler(20))],
  ["UDP", udp(PORTS, filler(20))],
  ["SCTP", sctp(PORTS, filler(20))],
])("%s", (_name, segment) => {
  it("reads its ports", () => {
    expect(probe.readOctets(ethernet(MACS, ipv4(V4, segment)), 34, 34 + segment.bytes.length)).toEqual(range(0, 4));
    expect(probe.readOctets(ethernet(MACS, ipv6(V6, segment)), 54, 54 + segment.bytes.length)).toEqual(range(0, 4));
  });

  it("round-trips", async () => {
    await expectRoundTrip(ipv4(V4, segment), ipv6(V6, segment));
  });

  it("rejects short", () => {
    probe.expectRejectsShort(ethernet(MACS, ipv4(V4, segment)), 34);
    probe.expectRejectsShort(ethernet(MACS, ipv6(V6, segment)), 54);
  });
});

describe("ICMP", () => {
  it("reads nothing of it", () => {
    expect(probe.readOctets(ethernet(MACS, ipv4(V4, icmp(8, 0, filler(4), filler(20)))), 34, 62)).toEqual([]);
    expect(probe.readOctets(ethernet(MACS, ipv6(V6, icmpv6(128, 0, filler(4), filler(20)))), 54, 82)).toEqual([]);
  });

  it("round-trips", async () => {
    await expectRoundTrip(ipv4(V4, icmp(8, 0, filler(4), filler(20))), ipv6(V6, icmpv6(128, 0, filler(4))));
  });
});

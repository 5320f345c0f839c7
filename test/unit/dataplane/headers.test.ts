// Header by header, with the same four names for each: reads, writes, round-trips, rejects short. Only what the module's
// exports show can be tested: what the flow hash reads, what encap writes, what decap takes off again. This file has
// layers 2 and 3; `headers-inner` what is behind them, `headers-outer` the tunnel's own.

import { beforeAll, describe, expect, it } from "vitest";
import { flowHash } from "../../oracle/flow.js";
import { be16, filler, hex } from "../../support/bytes.js";
import { decode, expectBytes } from "../../support/decode.js";
import { Engine } from "../../support/engine.js";
import { anything, arp, ETHERTYPE, ethernet, ipv4, ipv6, type Tag, tcp, udp } from "../../support/frames.js";
import { HashProbe, range } from "../../support/probe.js";
import { encapsulated, expectRoundTrip, side, through } from "../../support/tunnel.js";
import { HOST_A, HOST_FAR } from "../../support/worlds.js";

const MACS = { dst: HOST_FAR, src: HOST_A };
const PORTS = { srcPort: 0x1234, dstPort: 0x5678 };
const V4 = { src: "10.1.2.3", dst: "10.4.5.6" };
const V6 = { src: "fd00::1:2:3", dst: "fd00::4:5:6" };

let probe: HashProbe;

beforeAll(async () => {
  probe = await HashProbe.create();
});

describe("Ethernet", () => {
  const frame = ethernet(MACS, anything(ETHERTYPE.local, filler(46)));

  it("reads both addresses and the type", () => {
    expect(probe.readOctets(frame, 0, frame.length)).toEqual(range(0, 14));
  });

  it("writes zero addresses, which a driver or the kernel fills, and the type", async () => {
    const header = (ipv6: boolean) => Engine.create(side(true, ipv6)).then((near) => encapsulated(near, frame));
    expect(hex((await header(false)).subarray(0, 14))).toBe(`${"00".repeat(12)}0800`);
    expect(hex((await header(true)).subarray(0, 14))).toBe(`${"00".repeat(12)}86dd`);
  });

  it("round-trips", async () => {
    await expectRoundTrip(anything(ETHERTYPE.local, filler(46)), anything(0x9999, new Uint8Array(0)));
  });

  it("rejects short", () => {
    for (let length = 0; length < 14; length++) expect(probe.of(frame.subarray(0, length))).toBe(0);
    expect(probe.of(frame.subarray(0, 14))).not.toBe(0);
  });
});

describe.each<[string, readonly Tag[]]>([
  ["one VLAN tag", [{ vid: 5 }]],
  ["one 802.1ad tag", [{ vid: 5, tpid: ETHERTYPE.qinq }]],
  ["802.1ad and 802.1Q", [{ vid: 5 }, { vid: 6, pcp: 3 }]],
  ["802.1Q twice", [{ vid: 5, tpid: ETHERTYPE.vlan }, { vid: 6 }]],
])("%s", (_name, tags) => {
  const packet = ipv4(V4, udp(PORTS, filler(20)));
  const frame = ethernet({ ...MACS, tags }, packet);

  it("reads the packet behind it, and not the tag", () => {
    expect(probe.of(frame)).toBe(probe.of(ethernet(MACS, packet)));
    const tagBytes = range(0, 4 * tags.length).filter((at) => at % 4 >= 2);
    for (const at of tagBytes) {
      const changed = frame.slice();
      changed[12 + at] ^= 1;
      expect(probe.of(changed)).toBe(probe.of(frame));
    }
  });

  it("round-trips", async () => {
    for (const ipv6 of [false, true]) expectBytes((await through([frame], ipv6))[0], frame, decode);
  });

  it("rejects short", () => {
    probe.expectRejectsShort(frame, 14);
  });
});

describe("a third VLAN tag", () => {
  it("ends the reading: such frames hash by MACs and type", () => {
    const tags = [{ vid: 1 }, { vid: 2, tpid: ETHERTYPE.vlan }, { vid: 3 }];
    const one = ethernet({ ...MACS, tags }, ipv4(V4, udp(PORTS)));
    const other = ethernet({ ...MACS, tags }, ipv4(V4, udp({ ...PORTS, srcPort: 9 })));
    expect(probe.of(one)).toBe(probe.of(other));
    expect(probe.of(one)).toBe(flowHash(one));
  });
});

describe("ARP", () => {
  const packet = arp({ senderMac: HOST_A, senderIp: "10.0.0.1", targetIp: "10.0.0.2" });

  it("reads nothing of it", () => {
    expect(probe.readOctets(ethernet(MACS, packet), 14, 14 + 28)).toEqual([]);
  });

  it("round-trips", async () => {
    await expectRoundTrip(packet);
  });
});

describe("IPv4", () => {
  const frame = ethernet(MACS, ipv4({ ...V4, options: filler(12) }, udp(PORTS, filler(20))));

  it("reads version, header length, fragment field, protocol, addresses and ports behind options", () => {
    const read = probe.readOctets(frame, 14, 14 + 32 + 8);
    // Of the version octet every bit counts; of the fragment field all but DF and the reserved bit (0x40 is DF).
    expect(read).toEqual([0, 7, 9, ...range(12, 20), ...range(32, 36)]);
    const fragment = frame.slice();
    fragment[20] ^= 0x20;
    expect(probe.of(fragment)).not.toBe(probe.of(frame));
  });

  it("writes every field", async () => {
    const outer = encapsulated(await Engine.create(side(true)), frame);
    const header = outer.subarray(14, 34);
    expect(hex(header.subarray(0, 10))).toBe(`4500${hex(Uint8Array.from(be16(outer.length - 14)))}000040002111`);
    expect(hex(header.subarray(12))).toBe("0a6300010a630002");
  });

  it("round-trips", async () => {
    await expectRoundTrip(ipv4(V4, udp(PORTS)), ipv4({ ...V4, options: filler(40) }, tcp(PORTS, filler(99))));
  });

  it("rejects short", () => {
    probe.expectRejectsShort(frame, 14);
    for (const version of [0x05, 0x55, 0x65, 0x44, 0x40]) {
      const wrong = frame.slice();
      wrong[14] = version;
      expect(probe.of(wrong)).toBe(flowHash(wrong));
      expect(probe.readOctets(wrong, 14 + 12, 14 + 20)).toEqual([]);
    }
  });
});

describe("IPv6", () => {
  const frame = ethernet(MACS, ipv6({ ...V6, flowLabel: 7, trafficClass: 0x10 }, udp(PORTS, filler(20))));

  it("reads version, next header, addresses and ports", () => {
    expect(probe.readOctets(frame, 14, 14 + 48)).toEqual([0, 6, ...range(8, 40), ...range(40, 44)]);
  });

  it("writes every field", async () => {
    const outer = encapsulated(await Engine.create(side(true, true)), frame);
    const header = outer.subarray(14, 54);
    expect(hex(header.subarray(0, 8))).toBe(`60000000${hex(Uint8Array.from(be16(outer.length - 54)))}1121`);
    expect(hex(header.subarray(8))).toBe(`fd99${"00".repeat(13)}01fd99${"00".repeat(13)}02`);
  });

  it("round-trips", async () => {
    await expectRoundTrip(ipv6(V6, udp(PORTS)), ipv6({ ...V6, trafficClass: 0xff, flowLabel: 0xfffff }, tcp(PORTS)));
  });

  it("rejects short", () => {
    probe.expectRejectsShort(frame, 14);
  });
});

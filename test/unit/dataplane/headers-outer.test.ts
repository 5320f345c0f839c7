// The tunnel's own headers behind the outer addresses: UDP and VXLAN, and whole frames there and back.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { be16, filler, readBe16, readBe32 } from "../../support/bytes.js";
import { decode, expectBytes } from "../../support/decode.js";
import { Engine } from "../../support/engine.js";
import * as flows from "../../support/flows.js";
import { anything, ETHERTYPE, ethernet, ipv4, udp } from "../../support/frames.js";
import { HashProbe, range } from "../../support/probe.js";
import { readCounters } from "../../support/readings.js";
import { encapsulated, side, through } from "../../support/tunnel.js";
import { HOST_A, HOST_FAR } from "../../support/worlds.js";

const MACS = { dst: HOST_FAR, src: HOST_A };
const PORTS = { srcPort: 0x1234, dstPort: 0x5678 };
const V4 = { src: "10.1.2.3", dst: "10.4.5.6" };

let probe: HashProbe;

beforeAll(async () => {
  probe = await HashProbe.create();
});

describe("outer UDP", () => {
  const frame = ethernet(MACS, ipv4(V4, udp(PORTS, filler(33))));

  it("writes ports, length and checksum", async () => {
    const near = await Engine.create({ ...side(true), udpPort: 8472 });
    const datagram = encapsulated(near, frame).subarray(34);
    expect(readBe16(datagram, 0)).toBe(near.dataplane.outerSourcePort(probe.of(frame)));
    expect(readBe16(datagram, 2)).toBe(8472);
    expect(readBe16(datagram, 4)).toBe(datagram.length);
    expect(readBe16(datagram, 6)).not.toBe(0);
  });

  it("writes all ones for a checksum that comes out as zero", async () => {
    // The last two octets of the payload are not covered by the inner checksum here, so they may be anything.
    for (const ipv6 of [false, true]) {
      const near = await Engine.create(side(true, ipv6));
      const at = ipv6 ? 60 : 40;
      const base = ethernet(MACS, anything(ETHERTYPE.local, filler(50)));
      base.set([0, 0], 62);
      const sum = readBe16(encapsulated(near, base), at);
      base.set(be16(sum), 62);
      expect(readBe16(encapsulated(near, base), at)).toBe(0xffff);
    }
  });
});

describe("VXLAN", () => {
  const frame = ethernet(MACS, anything(ETHERTYPE.local, filler(46)));
  const vnis = [0, 1, 0xffffff, ...range(0, 24).map((bit) => 1 << bit)];

  it("writes flags, VNI and zeros", async () => {
    for (const vni of vnis) {
      const outer = encapsulated(await Engine.create(side(true, false, vni)), frame);
      expect(readBe32(outer, 42)).toBe(0x08000000);
      expect(readBe32(outer, 46)).toBe(vni * 256);
    }
  });

  it("round-trips", async () => {
    for (const vni of vnis) expectBytes((await through([frame], vni % 2 === 0, vni))[0], frame, decode);
  });

  it("rejects short", async () => {
    const far = await Engine.create(side(false));
    for (let length = 0; length < 8; length++) {
      far.place(0, { bytes: filler(length), from: "10.99.0.1" }, 8);
      expect(far.run("decap", 1)).toEqual([]);
    }
    expect(readCounters(far)["network 0 drop DecapTruncated"]).toBe(8);
  });
});

it.each([false, true])("random frames round-trip, IPv6 %s", async (ipv6) => {
  const [near, far] = [await Engine.create(side(true, ipv6)), await Engine.create(side(false, ipv6))];
  const frames = flows.frame(1200, fc.constant(HOST_FAR), fc.constant(HOST_A));
  fc.assert(
    fc.property(frames, (frame) => {
      const outer = encapsulated(near, frame);
      far.place(0, { bytes: outer, flags: L.DESC_FLAG_OUTER }, outer.length - frame.length);
      expectBytes(far.run("decap", 1)[0].payload, frame, decode);
    }),
    { numRuns: 500 },
  );
});

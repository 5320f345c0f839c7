// The outer source port: what it depends on, what it does not, and how well it spreads realistic flows.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { flowHash, flowKey, outerSourcePort } from "../../oracle/flow.js";
import { world } from "../../oracle/world.js";
import { filler } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import * as flows from "../../support/flows.js";
import {
  anything,
  ETHERTYPE,
  ethernet,
  fragment6,
  ipv4,
  ipv6,
  options6,
  type Packet,
  sctp,
  tcp,
  udp,
} from "../../support/frames.js";
import { HashProbe } from "../../support/probe.js";

const MACS = { dst: "02:00:00:00:00:02", src: "02:00:00:00:00:01" };
let probe: HashProbe;

beforeAll(async () => {
  probe = await HashProbe.create();
});

describe("the flow hash", () => {
  it("is the documented one for random flows", () => {
    fc.assert(
      fc.property(flows.frame(200), (frame) => {
        expect(probe.of(frame)).toBe(flowHash(frame));
        expect(probe.port(frame)).toBe(outerSourcePort(world({}), frame));
      }),
      { numRuns: 3000 },
    );
  });

  it("is the same for the same flow, whatever else the frame holds", () => {
    const ports = fc.record({ srcPort: fc.nat(65535), dstPort: fc.nat(65535) });
    const build = fc.constantFrom(tcp, udp, sctp);
    const other = fc.record({
      tags: flows.tags,
      macs: fc.tuple(flows.unicastMac, flows.unicastMac),
      seed: fc.nat(500),
    });
    fc.assert(
      fc.property(flows.address4, flows.address4, build, ports, other, other, (src, dst, segment, p, one, two) => {
        const [a, b] = [one, two].map(({ tags, macs, seed }) => {
          const options = new Uint8Array(seed % 41);
          const packet = ipv4({ src, dst, tos: seed & 0xff, id: seed, options }, segment(p, filler(seed)));
          return ethernet({ dst: macs[0], src: macs[1], tags }, packet);
        });
        expect(flowKey(a)).toBe(flowKey(b));
        expect(probe.of(a)).toBe(probe.of(b));
      }),
      { numRuns: 500 },
    );
  });

  it("looks behind IPv6 extension headers", () => {
    const frame = (types: readonly (0 | 43 | 60 | 135 | 139 | 140)[], srcPort: number) => {
      const extensions = types.map((type, i) => options6(type, i + 1));
      return ethernet(MACS, ipv6({ src: "fd00::1", dst: "fd00::2", extensions }, udp({ srcPort, dstPort: 53 })));
    };
    for (const types of [[0], [60], [43], [0, 60, 43, 60], [135], [139], [140]] as const) {
      expect(probe.of(frame(types, 1000))).toBe(probe.of(frame([], 1000)));
      expect(probe.of(frame(types, 1001))).not.toBe(probe.of(frame(types, 1000)));
    }
  });

  it("gives all fragments of a packet one port", () => {
    const fields = { src: "10.0.0.1", dst: "10.0.0.2", df: false };
    const first4 = ethernet(MACS, ipv4({ ...fields, mf: true }, udp({ srcPort: 1000, dstPort: 53 }, filler(64))));
    const later4 = ethernet(MACS, ipv4({ ...fields, fragmentOffset: 72 }, { protocol: 17, bytes: filler(64, 9) }));
    expect(probe.of(later4)).toBe(probe.of(first4));
    const chain = [options6(60)];
    const first6 = ipv6(
      { src: "fd00::1", dst: "fd00::2", extensions: [fragment6({ more: true }), ...chain] },
      tcp({ srcPort: 1000, dstPort: 80 }, filler(64)),
    );
    // The next header of every fragment is that of the fragmentable part's first header. RFC 8200 section 4.5.
    const later6 = ipv6(
      { src: "fd00::1", dst: "fd00::2", extensions: [fragment6({ offset: 72 })] },
      { protocol: 60, bytes: filler(64, 9) },
    );
    expect(probe.of(ethernet(MACS, later6))).toBe(probe.of(ethernet(MACS, first6)));
  });

  it("does not read ports where there are none", () => {
    const gre = (payload: Uint8Array) => ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, { protocol: 47, bytes: payload });
    expect(probe.of(ethernet(MACS, gre(filler(20, 1))))).toBe(probe.of(ethernet(MACS, gre(filler(20, 2)))));
    const short = (bytes: Uint8Array) => ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, { protocol: 17, bytes });
    expect(probe.of(ethernet(MACS, short(filler(3, 1))))).toBe(probe.of(ethernet(MACS, short(filler(3, 2)))));
  });

  it("takes MACs and ethertype of everything else", () => {
    const other = (type: number, payload: Uint8Array, macs = MACS) => probe.of(ethernet(macs, anything(type, payload)));
    const base = other(ETHERTYPE.local, filler(40, 1));
    expect(other(ETHERTYPE.local, filler(46, 2))).toBe(base);
    expect(other(ETHERTYPE.local + 1, filler(40, 1))).not.toBe(base);
    expect(other(ETHERTYPE.local, filler(40, 1), { ...MACS, src: "02:00:00:00:00:03" })).not.toBe(base);
    expect(other(ETHERTYPE.local, filler(40, 1), { ...MACS, dst: "02:00:00:00:00:03" })).not.toBe(base);
  });

  it("differs between the directions of a flow", () => {
    const there = ethernet(MACS, ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, tcp({ srcPort: 1000, dstPort: 80 })));
    const back = ethernet(MACS, ipv4({ src: "10.0.0.2", dst: "10.0.0.1" }, tcp({ srcPort: 80, dstPort: 1000 })));
    expect(probe.of(there)).not.toBe(probe.of(back));
  });

  it("rejects short frames with 0", () => {
    expect(probe.of(filler(13))).toBe(0);
  });
});

describe("the range of source ports", () => {
  it.each([
    [49152, 65535],
    [1000, 1002],
    [4789, 4789],
    [1, 65535],
  ])("is %i to %i, both reached", async (min, max) => {
    const small = await Engine.create(world({ sourcePorts: { min, max } }));
    expect(small.dataplane.outerSourcePort(0)).toBe(min);
    expect(small.dataplane.outerSourcePort(0xffffffff)).toBe(max);
    fc.assert(
      fc.property(fc.nat(0xffffffff), (hash) => {
        const port = small.dataplane.outerSourcePort(hash);
        expect(port >= min && port <= max).toBe(true);
      }),
    );
  });
});

/** Upper 99.99 % quantile of chi-square, Wilson and Hilferty's approximation. */
function chiSquareLimit(freedom: number): number {
  const z = 3.719;
  return freedom * (1 - 2 / (9 * freedom) + z * Math.sqrt(2 / (9 * freedom))) ** 3;
}

function chiSquare(ports: readonly number[], min: number, max: number, bins: number): number {
  const counts = new Array<number>(bins).fill(0);
  for (const port of ports) counts[Math.floor(((port - min) * bins) / (max - min + 1))]++;
  const expected = ports.length / bins;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** What multipath routers do with a port: its lowest bits count as much as its highest. */
function chiSquareLow(ports: readonly number[], ways: number): number {
  const counts = new Array<number>(ways).fill(0);
  for (const port of ports) counts[port % ways]++;
  const expected = ports.length / ways;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe("the spread of source ports", () => {
  const FLOWS = 16384;
  const each = (build: (i: number) => Packet) => (i: number) => ethernet(MACS, build(i));
  const realistic: [string, (i: number) => Uint8Array][] = [
    [
      "one client's sequential ports to one server, IPv4",
      each((i) => ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, tcp({ srcPort: 32768 + i, dstPort: 443 }))),
    ],
    [
      "one client's even ports, as Linux picks them, IPv6",
      each((i) => ipv6({ src: "fd00::1", dst: "fd00::2" }, tcp({ srcPort: 32768 + 2 * i, dstPort: 443 }))),
    ],
    [
      "sequential client addresses to one server, IPv4",
      each((i) => ipv4({ src: `10.0.${i >>> 8}.${i & 255}`, dst: "10.9.0.2" }, udp({ srcPort: 53, dstPort: 53 }))),
    ],
    [
      "sequential client addresses to one server, IPv6",
      each((i) => ipv6({ src: `fd00::${i.toString(16)}`, dst: "fd00:9::2" }, udp({ srcPort: 53, dstPort: 53 }))),
    ],
    [
      "16 hosts, each with each, 64 ports",
      each((i) => {
        const src = `192.168.1.${(i >>> 10) + 1}`;
        return ipv4(
          { src, dst: `192.168.1.${((i >>> 6) & 15) + 17}` },
          tcp({ srcPort: 40000 + (i & 63), dstPort: 80 }),
        );
      }),
    ],
    [
      "pairs of hosts without ports",
      each((i) => ipv4({ src: `10.0.0.${i & 127}`, dst: `10.0.1.${i >>> 7}` }, { protocol: 47, bytes: filler(8) })),
    ],
    [
      "sequential MACs",
      (i) => {
        const src = `02:00:00:00:${(i >>> 8).toString(16)}:${(i & 255).toString(16)}`;
        return ethernet({ dst: "02:00:00:00:ff:ff", src }, anything(ETHERTYPE.local, filler(46)));
      },
    ],
  ];

  it.each(realistic)("passes chi-square for %s", (_name, frame) => {
    const ports = Array.from({ length: FLOWS }, (_, i) => probe.port(frame(i)));
    expect(chiSquare(ports, 49152, 65535, 256)).toBeLessThan(chiSquareLimit(255));
    for (const ways of [2, 3, 8, 64]) expect(chiSquareLow(ports, ways)).toBeLessThan(chiSquareLimit(ways - 1));
  });

  it("would fail chi-square for a hash that only adds the ports", () => {
    const ports = Array.from({ length: FLOWS }, (_, i) => 49152 + ((i * 2) % 8192));
    expect(chiSquare(ports, 49152, 65535, 256)).toBeGreaterThan(chiSquareLimit(255));
  });
});

// ECN both ways: RFC 6040's table cell by cell over IPv4 and IPv6, tagged and not, and the copy outwards.

import { describe, expect, it } from "vitest";
import { checksum } from "../../oracle/checksum.js";
import { vxlan } from "../../oracle/decap.js";
import { CE, ECN_TABLE } from "../../oracle/ecn.js";
import { filler } from "../../support/bytes.js";
import { anything, arp, ETHERTYPE, ethernet, ipv4, ipv6, type Tag, tcp, udp } from "../../support/frames.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { HOST_A, HOST_FAR, pointToPoint, UNDERLAYS } from "../../support/worlds.js";

const TAGS: readonly (readonly Tag[])[] = [[], [{ vid: 5 }], [{ vid: 5 }, { vid: 6 }]];
const UP = { dst: HOST_A, src: HOST_FAR };
const DOWN = { dst: HOST_FAR, src: HOST_A };
const FROM = "10.99.0.2";

function packets(tos: number) {
  const segment = udp({ srcPort: 1, dstPort: 2 }, filler(30));
  return [
    ipv4({ src: "10.0.0.1", dst: "10.0.0.2", tos }, segment),
    ipv4({ src: "10.0.0.1", dst: "10.0.0.2", tos, options: filler(12) }, segment),
    ipv6({ src: "fd00::1", dst: "fd00::2", trafficClass: tos, flowLabel: 0xabcde }, segment),
  ];
}

describe("decap, inner and outer field", () => {
  it.each(ECN_TABLE)("$inner under $outer gives $result, alarm $alarm", async ({ inner, outer, result, alarm }) => {
    const pair = await Pair.create(pointToPoint());
    // DSCP bits of both headers must not matter, and those of the inner one must stay.
    const inputs = TAGS.flatMap((tags) => {
      return packets(0xb8 | inner).map((packet) => ({
        datagram: vxlan(100, ethernet({ ...UP, tags }, packet)),
        from: FROM,
        tos: 0x28 | outer,
      }));
    });
    const outputs = pair.decap(inputs);
    pair.settle();
    const counters = readCounters(pair.engine);
    expect(counters["network 1 ecnAlarm"] ?? 0).toBe(alarm ? inputs.length : 0);
    expect(counters["network 1 drop DecapEcn"] ?? 0).toBe(result === "drop" ? inputs.length : 0);
    if (result === "drop") return;
    expect(outputs.length).toBe(inputs.length * 2); // HOST_A is unknown: to both ports
    for (const { payload } of outputs) {
      const l3 = [14, 18, 22].find((at) => payload[at] >>> 4 === 4 || payload[at] >>> 4 === 6) ?? 0;
      if (payload[l3] >>> 4 === 4) {
        expect(payload[l3 + 1]).toBe(0xb8 | result);
        expect(checksum(payload.subarray(l3, l3 + (payload[l3] & 15) * 4))).toBe(0);
      } else {
        expect(payload[l3 + 1] >>> 4).toBe(0x8 | result);
      }
    }
  });

  it("updates a wrong IPv4 header checksum by the difference, so that it stays wrong", async () => {
    const pair = await Pair.create(pointToPoint());
    const frame = ethernet(UP, packets(2)[0]);
    frame[24] ^= 0xff;
    const [output] = pair.decap([{ datagram: vxlan(100, frame), from: FROM, tos: CE }]);
    expect(checksum(output.payload.subarray(14, 34))).not.toBe(0);
    pair.settle();
  });

  it("gets every IPv4 header checksum right", async () => {
    const pair = await Pair.create(pointToPoint());
    for (let from = 0; from < 65536; from += 256 * 17) {
      const inputs = Array.from({ length: 256 }, (_, i) => {
        const packet = ipv4(
          { src: "10.0.0.1", dst: "10.0.0.2", tos: 2, id: from + i * 17 },
          tcp({ srcPort: 1, dstPort: 2 }),
        );
        return { datagram: vxlan(100, ethernet(UP, packet)), from: FROM, tos: i % 2 ? CE : 1 };
      });
      const wrong = pair.decap(inputs).filter((output) => checksum(output.payload.subarray(14, 34)) !== 0);
      expect(wrong).toEqual([]);
    }
  });

  it("lets pass what has no such field", async () => {
    const pair = await Pair.create(pointToPoint());
    const frames = [
      ethernet(UP, arp({ senderMac: HOST_FAR, senderIp: "10.0.0.1", targetIp: "10.0.0.2" })),
      ethernet(UP, anything(ETHERTYPE.local, filler(40))),
      ethernet(UP, anything(ETHERTYPE.ipv4, filler(19))),
      ethernet(UP, anything(ETHERTYPE.ipv6, filler(39))),
    ];
    const outputs = pair.decap(frames.map((frame) => ({ datagram: vxlan(100, frame), from: FROM, tos: CE })));
    expect(outputs.length).toBe(2 * frames.length);
    pair.settle();
  });
});

describe.each(UNDERLAYS)("encap over %s", (_name, underlay) => {
  it("copies the inner field, and not the DSCP", async () => {
    const pair = await Pair.create(pointToPoint(underlay));
    const frames = TAGS.flatMap((tags) => {
      return [0, 1, 2, 3].flatMap((ecn) => packets(0xb8 | ecn).map((packet) => ethernet({ ...DOWN, tags }, packet)));
    });
    const outputs = pair.encap(frames.map((frame) => ({ attachment: 1, frame })));
    const fields = outputs.map(({ header }) => {
      return header.length === 50 ? header[15] : ((header[14] & 15) << 4) | (header[15] >>> 4);
    });
    expect(fields).toEqual(TAGS.flatMap(() => [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]));
    pair.settle();
  });
});

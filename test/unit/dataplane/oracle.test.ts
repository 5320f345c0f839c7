// The oracle and the frame builders against figures that others published, so that they can be wrong too.

import { describe, expect, it } from "vitest";
import { checksum, checksumAfter, crc32c, pseudoHeader, sum16 } from "../../oracle/checksum.js";
import { inPrefix, stripOuter, vxlan } from "../../oracle/decap.js";
import { outerHeader } from "../../oracle/outer.js";
import { parse } from "../../oracle/parse.js";
import { world } from "../../oracle/world.js";
import { concat, hex, ip, ipText } from "../../support/bytes.js";
import {
  anything,
  auth6,
  ETHERTYPE,
  ethernet,
  fragment6,
  ipv4,
  ipv6,
  options6,
  PROTOCOL,
  tcp,
  udp,
} from "../../support/frames.js";

const from = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const MACS = { dst: "02:00:00:00:00:02", src: "02:00:00:00:00:01" };

describe("checksums of the oracle", () => {
  it("sums the example of RFC 1071 section 3", () => {
    expect(sum16(from("0001 f203 f4f5 f6f7")).toString(16)).toBe("ddf2");
    expect(checksum(from("0001 f203 f4f5 f6f7")).toString(16)).toBe("220d");
  });

  it("pads an odd byte on the right", () => {
    expect(sum16(from("0001 f2"))).toBe(0xf201);
  });

  it("updates as the example of RFC 1624 section 4", () => {
    expect(checksumAfter(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it("has the check value of CRC32c", () => {
    expect(crc32c(Buffer.from("123456789")).toString(16)).toBe("e3069283");
  });

  it("verifies what it made", () => {
    const packet = ipv6({ src: "fd00::1", dst: "fd00::2" }, udp({ srcPort: 1, dstPort: 2 }, from("010203")));
    const bytes = packet.bytes.subarray(40);
    expect(checksum(pseudoHeader(ip("fd00::1"), ip("fd00::2"), 17, bytes.length), bytes)).toBe(0);
  });
});

describe("the builders", () => {
  it("write the IPv4 header that is known from textbooks", () => {
    const packet = ipv4(
      { src: "192.168.0.1", dst: "192.168.0.199", id: 0, ttl: 64, tos: 0 },
      udp({ srcPort: 1, dstPort: 2 }, new Uint8Array(95 - 8)),
    );
    // Wikipedia, `Internet checksum`: 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7.
    expect(hex(packet.bytes.subarray(0, 20))).toBe("4500007300004000 4011b861c0a80001c0a800c7".replace(" ", ""));
  });

  it("chain IPv6 extension headers", () => {
    const extensions = [options6(0), options6(43, 2), auth6(), options6(60)];
    const frame = ethernet(MACS, ipv6({ src: "fd00::1", dst: "fd00::2", extensions }, tcp({ srcPort: 1, dstPort: 2 })));
    const parsed = parse(frame);
    expect(parsed?.ip).toMatchObject({ protocol: PROTOCOL.tcp, fragment: false, l4: 14 + 40 + 8 + 16 + 24 + 8 });
    expect(parsed?.ip?.end).toBe(frame.length);
  });

  it("stop at an IPv6 fragment header", () => {
    const extensions = [options6(0), fragment6({ more: true }), options6(60)];
    const frame = ethernet(MACS, ipv6({ src: "fd00::1", dst: "fd00::2", extensions }, tcp({ srcPort: 1, dstPort: 2 })));
    expect(parse(frame)?.ip).toMatchObject({ protocol: 60, fragment: true, laterFragment: false, l4: 14 + 40 + 8 + 8 });
  });

  it("stack VLAN tags", () => {
    const frame = ethernet({ ...MACS, tags: [{ vid: 7 }, { vid: 9, pcp: 1 }] }, anything(ETHERTYPE.local, from("01")));
    expect(hex(frame.subarray(12))).toBe("88a8000781002009" + "88b5" + "01");
    expect(parse(frame)).toMatchObject({ tags: 2, l3: 22, ethertype: ETHERTYPE.local });
  });

  it("read and write addresses", () => {
    for (const text of ["fd00:0:0:0:0:0:0:1", "2001:db8:1:2:3:4:5:6"]) expect(ipText(ip(text))).toBe(text);
    expect(hex(ip("fe80::1:2"))).toBe("fe800000000000000000000000010002");
    expect(hex(ip("::"))).toBe("00".repeat(16));
    expect(inPrefix("10.99.0.77", "10.99.0.0/24")).toBe(true);
    expect(inPrefix("10.99.1.77", "10.99.0.0/24")).toBe(false);
    expect(inPrefix("10.99.1.77", "0.0.0.0/0")).toBe(true);
    expect(inPrefix("fd99::2", "0.0.0.0/0")).toBe(false);
  });
});

describe("the outer headers of the oracle", () => {
  const inner = ethernet(MACS, anything(ETHERTYPE.local, from("0102")));

  it("are these bytes over IPv4 without a checksum", () => {
    const header = outerHeader({
      world: world({ outerChecksum: false }),
      vtep: { id: 1, address: "10.99.0.2", ttl: 64 },
      vni: 0x123456,
      srcPort: 0xc001,
      ecn: 2,
      inner,
    });
    expect(hex(header)).toBe(
      [
        "000000000000" + "000000000000" + "0800",
        "4502" + "0034" + "0000" + "4000" + "4011" + "25ef" + "0a630001" + "0a630002",
        "c001" + "12b5" + "0020" + "0000",
        "0800000012345600",
      ].join(""),
    );
  });

  it.each(["10.99.0.2", "fd99::2"])("are taken off again, to %s", (address) => {
    const settings = world({ local: address.includes(":") ? "fd99::1" : "10.99.0.1" });
    const vtep = { id: 1, address, ttl: 64, nextHop: { dst: "02:00:00:00:00:aa", src: "02:00:00:00:00:bb" } };
    const header = outerHeader({ world: settings, vtep, vni: 100, srcPort: 50000, ecn: 1, inner });
    const frame = concat(header, inner);
    const stripped = stripOuter(frame);
    expect(stripped).toMatchObject({ from: ipText(ip(settings.local)), tos: 1 });
    expect(stripped.drop).toBeUndefined();
    expect(hex(stripped.datagram)).toBe(hex(vxlan(100, inner)));
    for (let at = 14; at < frame.length; at++) {
      const broken = frame.slice();
      broken[at] ^= 0x40;
      // The destination's VTEP, TTL and labels of IPv6 have no checksum; everything else shows.
      if (stripOuter(broken).drop === undefined) expect(unprotected(at, address)).toBe(true);
    }
  });
});

/** Bytes of the outer headers that no checksum covers: IPv6's class, label and hop limit. */
function unprotected(at: number, address: string): boolean {
  return address.includes(":") && (at === 14 || at === 15 || at === 16 || at === 17 || at === 21);
}

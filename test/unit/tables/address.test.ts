import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatAddress,
  formatMac,
  formatPrefix,
  isMulticastAddress,
  isStationMac,
  packFdbKey,
  packFdbValue,
  parseAddress,
  parseMac,
  parsePrefix,
  prefixContains,
  unpackFdbKey,
  unpackFdbValue,
} from "../../../control/address.js";

const bytes = (text: string) => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} did not parse`);
  return address;
};
const prefix = (text: string) => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} did not parse`);
  return parsed;
};

describe("addresses", () => {
  it("reads IPv4 as mapped bytes", () => {
    expect([...bytes("10.99.0.1")]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 99, 0, 1]);
    expect(bytes("::ffff:10.99.0.1")).toEqual(bytes("10.99.0.1"));
  });

  it("reads IPv6", () => {
    expect([...bytes("fd00::1:2")]).toEqual([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
    expect([...bytes("::")]).toEqual(new Array(16).fill(0));
  });

  it("rejects what is no address", () => {
    for (const text of ["", "10.0.0", "10.0.0.256", "10.0.0.1/24", "fe80::1%eth0", "::1::", "x", " 10.0.0.1"]) {
      expect(parseAddress(text), text).toBeUndefined();
    }
  });

  it("writes IPv6 as RFC 5952 wants it", () => {
    for (const text of ["::", "::1", "fd00::", "fd00::1:0:0:1", "1:0:2:3:4:5:6:7", "2001:db8::1:0:0:1", "10.0.0.1"]) {
      expect(formatAddress(bytes(text))).toBe(text);
    }
    expect(formatAddress(bytes("2001:DB8:0:0:1:0:0:1"))).toBe("2001:db8::1:0:0:1");
  });

  it("round-trips", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6().filter(isIPv6)), (text) => {
        expect(bytes(formatAddress(bytes(text)))).toEqual(bytes(text));
      }),
    );
  });

  it("tells multicast", () => {
    expect(["224.0.0.1", "239.255.255.255", "ff02::1"].map((text) => isMulticastAddress(bytes(text)))).not.toContain(
      false,
    );
    expect(["223.0.0.1", "240.0.0.1", "fe80::1"].map((text) => isMulticastAddress(bytes(text)))).not.toContain(true);
  });
});

describe("prefixes", () => {
  it("masks and compares", () => {
    const net = prefix("10.99.0.77/24");
    expect(formatPrefix(net)).toBe("10.99.0.0/24");
    expect(prefixContains(net, bytes("10.99.0.255"))).toBe(true);
    expect(prefixContains(net, bytes("10.99.1.0"))).toBe(false);
    expect(prefixContains(net, bytes("::a63:1"))).toBe(false);
  });

  it("takes a bare address as a host", () => {
    expect(formatPrefix(prefix("fd00::1"))).toBe("fd00::1");
    expect(prefix("10.0.0.1").mask.every((byte) => byte === 0xff)).toBe(true);
  });

  it("writes a mapped prefix in its own family", () => {
    expect(formatPrefix(prefix("::ffff:10.0.0.0/104"))).toBe("10.0.0.0/8");
  });

  it("rejects lengths out of range", () => {
    for (const text of ["10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "/8"]) {
      expect(parsePrefix(text), text).toBeUndefined();
    }
  });
});

describe("MACs and FDB words", () => {
  it("reads and writes MACs", () => {
    const mac = parseMac("02:00:00:00:0A:ff");
    expect(mac && formatMac(mac)).toBe("02:00:00:00:0a:ff");
    for (const text of ["02:00:00:00:00", "02:00:00:00:00:0", "02-00-00-00-00-01", "02:00:00:00:00:01:02"]) {
      expect(parseMac(text), text).toBeUndefined();
    }
  });

  it("tells a station from a group", () => {
    expect(isStationMac(Uint8Array.of(2, 0, 0, 0, 0, 1))).toBe(true);
    expect(isStationMac(Uint8Array.of(1, 0, 0x5e, 0, 0, 1))).toBe(false);
    expect(isStationMac(new Uint8Array(6))).toBe(false);
  });

  it("puts the MAC's first byte lowest in the key", () => {
    expect(packFdbKey(Uint8Array.of(0x02, 0x11, 0x22, 0x33, 0x44, 0x55), 0xabcd)).toBe(0xabcd554433221102n);
  });

  it("has every bit of MAC and network in the key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), fc.nat(0xffff), (mac, network) => {
        const low = mac.reduceRight((key, byte) => (key << 8n) | BigInt(byte), 0n);
        const key = (BigInt(network) << 48n) | low;
        expect(packFdbKey(mac, network)).toBe(key);
        expect(unpackFdbKey(key)).toEqual({ mac, network });
      }),
    );
  });

  it("round-trips values", () => {
    fc.assert(
      fc.property(
        fc.record({
          kind: fc.nat(15),
          id: fc.nat(0xfffff),
          generation: fc.nat(255),
          flags: fc.nat(255),
          stamp: fc.nat(0xffff),
        }),
        (value) => {
          expect(unpackFdbValue(packFdbValue(value))).toEqual(value);
        },
      ),
    );
  });
});

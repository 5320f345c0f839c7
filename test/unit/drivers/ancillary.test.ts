// The control messages beside a datagram: the driver's reader against a naive one, and fixed examples.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAncillary } from "../../../control/drivers/ancillary.js";

interface Message {
  readonly type: number;
  /** Bytes of data. */
  readonly data: readonly number[];
}

const V4 = { tos: 1, ttl: 2, fragment: 25 };
const V6 = { tos: 67, ttl: 52, fragment: 77 };
const FRAGMENT = 0xffff0000;

const int = (value: number) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];

/** struct cmsghdr: u64 length, int level, int type, data, padded to 8; what nobody wrote is 0xa5. */
function encode(messages: readonly Message[], isIpv6: boolean): Buffer {
  return Buffer.concat(
    messages.map(({ type, data }) => {
      const bytes = Buffer.alloc(16 + Math.ceil(data.length / 8) * 8, 0xa5);
      bytes.writeBigUInt64LE(BigInt(16 + data.length), 0);
      bytes.writeInt32LE(isIpv6 ? 41 : 0, 8);
      bytes.writeInt32LE(type, 12);
      bytes.set(data, 16);
      return bytes;
    }),
  );
}

function parse(messages: readonly Message[], isIpv6: boolean): number {
  const bytes = encode(messages, isIpv6);
  const u32 = new Uint32Array(64).fill(0xa5a5a5a5);
  new Uint8Array(u32.buffer).set(bytes, 8); // not at the start, and with rubbish behind
  return parseAncillary(u32, 2, bytes.length, isIpv6);
}

function oracle(messages: readonly Message[], isIpv6: boolean): number {
  const types = isIpv6 ? V6 : V4;
  const find = (type: number) => messages.find((message) => message.type === type)?.data;
  const isFragment = (find(types.fragment) ?? []).some((byte) => byte !== 0);
  return ((find(types.tos)?.[0] ?? 0) | ((find(types.ttl)?.[0] ?? 0) << 8) | (isFragment ? FRAGMENT : 0)) >>> 0;
}

describe("control messages of IPv4", () => {
  test("TTL and TOS, as the kernel sends them", () => {
    const messages = [
      { type: V4.ttl, data: int(64) },
      { type: V4.tos, data: [0xb9] },
    ];
    expect(parse(messages, false)).toBe(0xb9 | (64 << 8));
  });

  test("a fragment size means that it came in fragments; zero means that it did not", () => {
    expect(parse([{ type: V4.fragment, data: int(1480) }], false)).toBe(FRAGMENT);
    expect(parse([{ type: V4.fragment, data: int(65536) }], false)).toBe(FRAGMENT);
    expect(parse([{ type: V4.fragment, data: int(0) }], false)).toBe(0);
  });

  test("nothing there, or a length that would never end", () => {
    expect(parse([], false)).toBe(0);
    const u32 = new Uint32Array(16);
    expect(parseAncillary(u32, 0, 64, false)).toBe(0);
  });
});

test("control messages of IPv6", () => {
  const messages = [
    { type: V6.ttl, data: int(255) },
    { type: V6.tos, data: int(0x2e) },
    { type: V6.fragment, data: int(1280) },
  ];
  expect(parse(messages, true)).toBe((0x2e | (255 << 8) | FRAGMENT) >>> 0);
  expect(parse(messages, false)).toBe(0); // the types are the family's own
});

test("any order, any company: as the naive reader", () => {
  const byte = fc.nat(255);
  const known = (types: typeof V4, isIpv6: boolean) =>
    fc.tuple(
      fc.option(fc.record({ type: fc.constant(types.ttl), data: byte.map(int) })),
      fc.option(fc.record({ type: fc.constant(types.tos), data: isIpv6 ? byte.map(int) : byte.map((tos) => [tos]) })),
      fc.option(fc.record({ type: fc.constant(types.fragment), data: fc.nat(70000).map(int) })),
      fc.option(fc.record({ type: fc.constant(8), data: fc.array(byte, { minLength: 12, maxLength: 20 }) })),
    );
  fc.assert(
    fc.property(fc.boolean(), fc.gen(), (isIpv6, gen) => {
      const present = gen(() => known(isIpv6 ? V6 : V4, isIpv6)).filter((message) => message !== null);
      const messages = gen(() => fc.shuffledSubarray(present, { minLength: present.length }));
      expect(parse(messages, isIpv6)).toBe(oracle(messages, isIpv6));
    }),
  );
});

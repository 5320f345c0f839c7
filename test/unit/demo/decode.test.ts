// The demo's explanation of a packet has to say so when something in it is wrong. The packet is one that passed a veth
// pair between vxlane and the kernel.

import { expect, test } from "vitest";
import { decodeOuter, describeEcho, isEcho, isVxlan, OUTER_LEN } from "../../../control/demo/decode.js";

const PACKET = Buffer.from(
  "c23eaea0880a16eb1fb1734b080045000086000040004011259f0a6300010a630002f68312b5007269050800000000006400" +
    "020000000002020000000001080045000054e79140004001d1c3c0a80001c0a80002080098de239a000193198a42e9e71e56" +
    "a1f6e82e92bed4effd14d4555a950e746bfbcda258d56e40868eba33b52e42c742624aff695b1a2f36bfc6c09de603e5",
  "hex",
);

function note(packet: Buffer, header: string, field: string): string {
  const { headers } = decodeOuter(packet, false);
  return headers.find(({ name }) => name === header)?.fields.find(({ name }) => name === field)?.note ?? "";
}

function changed(at: number): Buffer {
  const copy = Buffer.from(PACKET);
  copy[at] = (copy[at] ?? 0) ^ 0x01;
  return copy;
}

test("reads", () => {
  expect(isVxlan(PACKET, 4789)).toBe(true);
  const outer = decodeOuter(PACKET, false);
  expect(outer).toMatchObject({ vni: 100, outerSrcPort: 63107, right: true });
  expect(outer.headers.map(({ length }) => length).reduce((sum, length) => sum + length)).toBe(OUTER_LEN);
  expect(isEcho(outer.inner, true)).toBe(true);
  expect(describeEcho(outer.inner)[1]).toEqual(["IPv4", "192.168.0.1 to 192.168.0.2, TTL 64, 84 bytes"]);
});

test("says what is wrong", () => {
  expect(note(changed(22), "Outer IPv4", "header checksum")).toBe("WRONG"); // TTL
  expect(note(changed(60), "Outer UDP", "checksum")).toBe("WRONG"); // inner frame
  expect(note(changed(17), "Outer IPv4", "total length")).toBe("WRONG");
  expect(note(changed(39), "Outer UDP", "length")).toBe("WRONG");
  const withoutFlag = Buffer.from(PACKET);
  withoutFlag[42] = 0;
  expect(note(withoutFlag, "VXLAN", "flags")).toContain("WRONG");
  for (const packet of [changed(22), changed(60), changed(17), changed(39), withoutFlag]) {
    expect(decodeOuter(packet, false).right).toBe(false);
  }
});

test("a checksum of zero, or one left to the hardware, is no fault", () => {
  const without = Buffer.from(PACKET);
  without.writeUInt16BE(0, 40);
  expect(note(without, "Outer UDP", "checksum")).toBe("none");
  expect(decodeOuter(without, false).right).toBe(true);
  expect(decodeOuter(changed(41), true).right).toBe(true);
});

test("rejects short", () => {
  expect(isVxlan(PACKET.subarray(0, OUTER_LEN - 1), 4789)).toBe(false);
  expect(isEcho(PACKET.subarray(0, 20), true)).toBe(false);
});

// What the generators of the path suite send, read back by the decoder of the tests.

import { expect, test } from "vitest";
import { trafgenConfig, udpFrame, vxlanFrame } from "../../../bench/suites/path/frames.js";

const ADDRESSES = {
  srcMac: "02:00:00:00:00:01",
  dstMac: "02:00:00:00:00:02",
  src: "10.60.0.1",
  dst: "10.60.0.99",
};

/** RFC 1071: a header with its checksum in place sums up to all ones. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

test.each([64, 512, 1400])("a UDP frame of %i bytes", (frameLen) => {
  const frame = udpFrame(ADDRESSES, frameLen);
  const view = new DataView(frame.buffer);
  expect(frame.length).toBe(frameLen);
  expect([...frame.subarray(0, 14)]).toEqual([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
  expect(view.getUint16(16)).toBe(frameLen - 14);
  expect(sumOf(frame.subarray(14, 34))).toBe(0xffff);
  expect([...frame.subarray(26, 34)]).toEqual([10, 60, 0, 1, 10, 60, 0, 99]);
  expect(view.getUint16(38)).toBe(frameLen - 34);
  expect(view.getUint16(20)).toBe(0x4000);
  const pseudoHeader = Uint8Array.of(...frame.subarray(26, 34), 0, 17, ...frame.subarray(38, 40));
  expect(sumOf(Uint8Array.of(...pseudoHeader, ...frame.subarray(34)))).toBe(0xffff);
});

test("a frame without room for its headers is refused", () => {
  expect(() => udpFrame(ADDRESSES, 41)).toThrow("no room in 41 bytes");
});

test("VXLAN goes around a frame: port, flag I, VNI, and the frame as it was", () => {
  const inner = udpFrame(ADDRESSES, 64);
  const outer = vxlanFrame({ ...ADDRESSES, dst: "10.99.0.2" }, { port: 4789, vni: 0x123456 }, inner);
  const view = new DataView(outer.buffer);
  expect(outer.length).toBe(64 + 50);
  expect(view.getUint16(36)).toBe(4789);
  expect(view.getUint16(40)).toBe(0);
  expect([...outer.subarray(42, 50)]).toEqual([8, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
  expect(outer.subarray(50)).toEqual(inner);
});

test("trafgen gets the bytes", () => {
  expect(trafgenConfig(Uint8Array.of(2, 0, 255))).toBe("{ 2, 0, 255 }\n");
});

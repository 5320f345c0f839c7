// A socket is in its program's map from when its worker has filled its fill ring, and not before.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { XdpAdmission } from "../../../control/daemon/xdp-admission.js";
import { XskSlots } from "../../../control/daemon/xdp-slots.js";
import { createMemory } from "../../../control/memory.js";
import * as L from "../../../dataplane-wasm/layout.js";

const [UNDERLAY, PORT, MAP, OTHER_MAP] = [0, 7, 50, 60];
const filled = new Set<number>();
const mapped: string[] = [];
const socket = (fd: number) => ({ worker: 0, slot: fd, fd, isZeroCopy: false });
const admission = () =>
  new XdpAdmission({ isFilled: ({ slot }) => filled.has(slot) }, (map, key, value) => {
    const number = (bytes: Uint8Array) => Buffer.from(bytes).readInt32LE();
    mapped.push(`map ${map} queue ${number(key)} socket ${number(value)}`);
  });

beforeEach(() => {
  filled.clear();
  mapped.splice(0);
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it("puts each queue's socket into the map when its ring is filled, once", async () => {
  admission().admit(MAP, [socket(10), socket(11)], UNDERLAY);
  await vi.advanceTimersByTimeAsync(5000);
  expect(mapped).toEqual([]);
  filled.add(11);
  await vi.advanceTimersByTimeAsync(100);
  expect(mapped).toEqual(["map 50 queue 1 socket 11"]);
  filled.add(10);
  await vi.advanceTimersByTimeAsync(100);
  expect(mapped).toEqual(["map 50 queue 1 socket 11", "map 50 queue 0 socket 10"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("looks at one that comes later as soon as at the first", async () => {
  const both = admission();
  both.admit(MAP, [socket(10)], UNDERLAY);
  await vi.advanceTimersByTimeAsync(1000);
  filled.add(20);
  both.admit(OTHER_MAP, [socket(20)], UNDERLAY);
  await vi.advanceTimersByTimeAsync(1);
  expect(mapped).toEqual(["map 60 queue 0 socket 20"]);
});

it("leaves a map alone that is closed", async () => {
  const both = admission();
  both.admit(MAP, [socket(10)], UNDERLAY);
  both.admit(OTHER_MAP, [socket(20)], UNDERLAY);
  both.forget(MAP);
  filled.add(10).add(20);
  await vi.advanceTimersByTimeAsync(100);
  expect(mapped).toEqual(["map 60 queue 0 socket 20"]);
});

it("has a port's socket count what is lost when its ring is not filled for long", async () => {
  admission().admit(MAP, [socket(10)], PORT);
  await vi.advanceTimersByTimeAsync(900);
  expect(mapped).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(mapped).toEqual(["map 50 queue 0 socket 10"]);
});

it("takes a ring as filled when its worker has produced into it", () => {
  const memory = createMemory();
  const slots = new XskSlots(memory, { xskInitialise: () => {} }, 1);
  const slot = { worker: 0, slot: 2 };
  const { ringsPtr } = slots.rings(slot);
  const rings = new Uint32Array(16).map((_, word) => ringsPtr + 4 * word);
  slots.open(slot, { fd: 3, rings, isZeroCopy: false }, 1, UNDERLAY);
  expect(slots.isFilled(slot)).toBe(false);
  memory.u32[rings[(L.XSK_FILL - L.XSK_RX + L.XSK_RING_PRODUCER) / 4] / 4] = 1024;
  expect(slots.isFilled(slot)).toBe(true);
});

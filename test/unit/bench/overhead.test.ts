// The arithmetic of the overhead benchmark, against figures that every network engineer knows by heart.

import { describe, expect, test } from "vitest";
import { Run, type Settings } from "../../../bench/suite.js";
import { compute, rows } from "../../../bench/suites/overhead/computed.js";
import { goodputIds } from "../../../bench/suites/overhead/goodput.js";
import { overhead } from "../../../bench/suites/overhead/suite.js";
import {
  gigabits,
  innerMtu,
  lineShare,
  millionFrames,
  underlayMtu,
  WAYS,
  wireBytes,
} from "../../../bench/suites/overhead/wire.js";
import { OVERHEAD_IPV4, OVERHEAD_IPV6 } from "../../../control/overhead.js";

const SETTINGS: Settings = { rounds: 1, seconds: 1, quick: false, peers: undefined, only: () => true };

function newRun(settings: Settings): Run {
  return new Run({ settings, signal: new AbortController().signal, progress: () => undefined });
}

describe("on the wire", () => {
  test("without a tunnel: 84 bytes for the shortest frame, 1538 for the longest", () => {
    expect(wireBytes(64, "no tunnel")).toBe(84);
    expect(wireBytes(1518, "no tunnel")).toBe(1538);
  });

  test("a frame that is too short is filled up", () => {
    expect(wireBytes(40, "no tunnel")).toBe(84);
    expect(wireBytes(64, "VXLAN over IPv4") - wireBytes(40, "VXLAN over IPv4")).toBe(24);
  });

  test("a tunnel costs 50 bytes over IPv4 and 70 over IPv6, whatever the frame", () => {
    for (const frame of [64, 512, 1518, 9018]) {
      expect(wireBytes(frame, "VXLAN over IPv4") - wireBytes(frame, "no tunnel")).toBe(50);
      expect(wireBytes(frame, "VXLAN over IPv6") - wireBytes(frame, "no tunnel")).toBe(70);
    }
  });
});

describe("a line", () => {
  test("14.88 million frames a second at 10 Gbit/s, 148.8 at 100", () => {
    expect(millionFrames(64, "no tunnel", 10)).toBeCloseTo(14.88, 2);
    expect(millionFrames(64, "no tunnel", 100)).toBeCloseTo(148.81, 2);
    expect(millionFrames(1518, "no tunnel", 10)).toBeCloseTo(0.8127, 4);
  });

  test("9.33 million of them in VXLAN over IPv4", () => {
    expect(millionFrames(64, "VXLAN over IPv4", 10)).toBeCloseTo(10_000 / (134 * 8), 6);
  });

  test("what carries packets is what the frames carry", () => {
    for (const way of WAYS) {
      expect(lineShare(1518, way)).toBeCloseTo(1500 / wireBytes(1518, way), 10);
      expect(gigabits(1518, way, 25)).toBeCloseTo((millionFrames(1518, way, 25) * 1500 * 8) / 1000, 10);
    }
    expect(lineShare(1518, "no tunnel")).toBeCloseTo(0.9753, 4);
  });
});

describe("MTU", () => {
  test("1550 and 1570 for 1500, four more with a tag", () => {
    expect(WAYS.map((way) => underlayMtu(1500, way))).toEqual([1500, 1550, 1570]);
    expect(WAYS.map((way) => underlayMtu(1500, way, 1))).toEqual([1500, 1554, 1574]);
  });

  test("1450 and 1430 of 1500, as the daemon has it", () => {
    expect(WAYS.map((way) => innerMtu(1500, way))).toEqual([1500, 1500 - OVERHEAD_IPV4, 1500 - OVERHEAD_IPV6]);
    for (const way of WAYS) expect(innerMtu(underlayMtu(9000, way), way)).toBe(9000);
  });
});

describe("rows", () => {
  test("the plan names what is computed and what is measured", async () => {
    const { ids = [] } = await overhead.plan(SETTINGS);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual([...rows(SETTINGS).map(({ options }) => options.id), ...goodputIds(false)].sort());
  });

  test("every computed row has a figure for each way, and the shorter run has some of them", () => {
    const run = newRun(SETTINGS);
    compute(run);
    for (const measure of run.measures) expect(measure.contenders()).toEqual([...WAYS]);
    const ids = new Set(run.measures.map(({ options }) => options.id));
    expect(rows({ quick: true }).every(({ options }) => ids.has(options.id))).toBe(true);
    expect(run.headlines.join()).toMatch(/1550 over IPv4, 1570 over IPv6/);
  });
});

// What the ecmp benchmark computes with: the hashes against published vectors, the formulas against their ranges and each
// other, the statistics against cases that one can count.

import { beforeAll, describe, expect, test } from "vitest";
import { Run } from "../../../bench/suite.js";
import { chiSquare, chiSquareBand, expectedIn, fullest, sliceOf } from "../../../bench/suites/ecmp/evenness.js";
import { POPULATIONS, type PopulationName, trialRandom } from "../../../bench/suites/ecmp/flows.js";
import { meanLoads } from "../../../bench/suites/ecmp/fullest-path.js";
import { crc32, murmurAdd, murmurFinish, SipHash } from "../../../bench/suites/ecmp/hashes.js";
import { Random } from "../../../bench/suites/ecmp/random.js";
import { meanChiSquares, SLICES } from "../../../bench/suites/ecmp/source-port-spread.js";
import { type Chooser, linux, ovs, perfect, VXLANE, vxlane } from "../../../bench/suites/ecmp/source-ports.js";
import { ecmp } from "../../../bench/suites/ecmp/suite.js";
import { Switch } from "../../../bench/suites/ecmp/switch.js";
import { compileDataplane } from "../../../control/dataplane.js";

const NAMES = Object.keys(POPULATIONS) as PopulationName[];
let choosers: Chooser[];

beforeAll(async () => {
  choosers = [perfect, await vxlane(await compileDataplane()), linux, ovs];
});

describe("hashes", () => {
  test("SipHash-2-4 as in its authors' vectors", () => {
    // Key 00 01 … 0f, messages of 0, 8 and 16 bytes 00 01 02 …
    const sip = new SipHash([0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c]);
    const words = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c];
    expect(sip.hash([])).toEqual({ low: 0xdd0e0e31, high: 0x726fdb47 });
    expect(sip.hash(words.slice(0, 2))).toEqual({ low: 0x9a932462, high: 0x93f5f579 });
    expect(sip.hash(words)).toEqual({ low: 0x57c29bdb, high: 0x3f2acc7f });
  });

  test("MurmurHash3 of `test` and of nothing", () => {
    expect(murmurFinish(murmurAdd(0, 0x74736574), 4)).toBe(0xba6bd213);
    expect(murmurFinish(0, 0)).toBe(0);
  });

  test("CRC-32 of `123456789`", () => {
    expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
    expect(crc32(Buffer.from("123456789"), 1)).not.toBe(0xcbf43926);
  });
});

describe("formulas", () => {
  test("stay in their ranges, and reach both ends", () => {
    for (const { range, choose } of choosers) {
      const ports = POPULATIONS.random(new Random(1), 100_000).map(choose(new Random(2)));
      expect(Math.min(...ports.slice(0, 50_000), ...ports.slice(50_000))).toBeGreaterThanOrEqual(range.min);
      expect(ports.every((port) => port < range.end)).toBe(true);
      expect(ports.some((port) => port < range.min + 10)).toBe(true);
      expect(ports.some((port) => port >= range.end - 10)).toBe(true);
    }
  });

  test("give a flow one port; Linux gives it to both directions, vxlane and OVS do not", () => {
    for (const { name, choose } of choosers.slice(1)) {
      const port = choose(new Random(3));
      const flows = POPULATIONS.service(new Random(4), 100);
      const back = flows.map((flow) => ({
        ...flow,
        src: flow.dst,
        dst: flow.src,
        srcPort: flow.dstPort,
        dstPort: flow.srcPort,
      }));
      expect(flows.map(port)).toEqual(flows.map(port));
      const same = flows.filter((flow, n) => port(flow) === port(back[n] ?? flow)).length;
      expect(same === 100).toBe(name === linux.name);
    }
  });

  test("every population has as many different flows as asked for", () => {
    for (const name of NAMES) {
      const flows = POPULATIONS[name](new Random(5), 100_000);
      expect(new Set(flows.map((flow) => JSON.stringify(flow))).size).toBe(100_000);
    }
  });

  test("the same trial has the same flows", () => {
    for (const name of NAMES) {
      const [one, other] = [0, 0].map(() => POPULATIONS[name](trialRandom(1, 2), 50));
      expect(one).toEqual(other);
      expect(one).not.toEqual(POPULATIONS[name](trialRandom(1, 3), 50));
    }
  });
});

describe("evenness", () => {
  test("the fullest bin against the mean", () => {
    expect(fullest([5, 5, 5, 5])).toBe(1);
    expect(fullest([0, 0, 20, 0])).toBe(4);
    expect(fullest([6, 2])).toBe(1.5);
  });

  test("chi-square of what was expected, and of all in one", () => {
    expect(chiSquare([10, 10, 10], [10, 10, 10])).toBe(0);
    expect(chiSquare([30, 0, 0], [10, 10, 10])).toBe((40 + 10 + 10) / 2);
  });

  test("slices cover a range, and expect what their ports are due", () => {
    const range = { min: 100, end: 110 };
    expect([100, 103, 104, 106, 107, 109].map((port) => sliceOf(port, range, 3))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(expectedIn(range, 3, 100)).toEqual([40, 30, 30]);
  });

  test("the band of 95 %, as tables have it", () => {
    // Chi-square of 255 degrees of freedom: 2.5 % below 212.7, 2.5 % above 301.1.
    const { low, high } = chiSquareBand(255);
    expect(low * 255).toBeCloseTo(212.7, 0);
    expect(high * 255).toBeCloseTo(301.1, 0);
  });
});

describe("what comes out", () => {
  test("a switch takes one path for one port, and all paths for all ports", () => {
    const router = new Switch(new Random(6));
    const paths = Array.from({ length: 65536 }, (_, port) => router.path(port, 64));
    expect(new Set(paths).size).toBe(64);
    expect(router.path(50_000, 64)).toBe(paths[50_000]);
  });

  test("a formula that gives every flow one port fills one path", () => {
    const stuck: Chooser = { name: "stuck", range: { min: 1, end: 2 }, choose: () => () => 1 };
    expect(meanLoads([stuck], [2, 16], 16384, { round: 0, flows: 16384 }).get("stuck")).toEqual([2, 16]);
  });

  test.each(NAMES)("chi-square of %s: vxlane is as random as dice", (name) => {
    const own = choosers.find((chooser) => chooser.name === VXLANE);
    if (own === undefined) throw new Error("vxlane is missing");
    const { low, high } = chiSquareBand(SLICES - 1);
    const [value] = meanChiSquares([own], name, 0, 8);
    expect(value).toBeGreaterThan(low);
    expect(value).toBeLessThan(high);
  });

  test("the suite announces its measures and fills them, all contenders near the perfect hash", async () => {
    const settings = { ...ecmp.quick, rounds: 1, quick: true, peers: undefined, only: () => true };
    const run = new Run({ settings, signal: new AbortController().signal, progress: () => undefined });
    const { ids = [] } = await ecmp.plan(settings);
    await ecmp.run(run);
    expect(run.measures.map(({ options }) => options.id).sort()).toEqual([...ids].sort());
    for (const measure of run.measures.filter(({ options }) => options.id.startsWith("fullest"))) {
      for (const { name } of choosers) expect(measure.ratio(name)?.median ?? 1).toBeLessThan(1.15);
    }
    expect(run.headlines).toHaveLength(2);
  });
});

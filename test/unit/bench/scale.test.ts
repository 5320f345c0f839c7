// What the scale benchmark computes, and the datagrams that it sends.

import { describe, expect, test } from "vitest";
import { Run, type Settings } from "../../../bench/suite.js";
import { AXES } from "../../../bench/suites/scale/axes.js";
import { SCENARIOS } from "../../../bench/suites/scale/growing.js";
import { describeGrowth, fitGrowth } from "../../../bench/suites/scale/growth.js";
import { B, configOf, learnedOf, type Size, vtepAddress } from "../../../bench/suites/scale/lab.js";
import { datagrams, writeMac } from "../../../bench/suites/scale/sender.js";
import { threadSeconds } from "../../../bench/suites/scale/start.js";
import { scale } from "../../../bench/suites/scale/suite.js";
import { parseConfig } from "../../../control/config/config.js";

const SETTINGS: Settings = { rounds: 1, seconds: 1, quick: true, peers: undefined, only: () => true };

function curve(xs: readonly number[], y: (x: number) => number): { x: number; y: number }[] {
  return xs.map((x) => ({ x, y: y(x) }));
}

describe("growth", () => {
  test("finds the exponent behind a large base", () => {
    for (const exponent of [0.5, 1, 2]) {
      const growth = fitGrowth(curve([1, 10, 100, 1000], (x) => 100 + 7 * (x - 1) ** exponent));
      expect(growth?.base).toBe(100);
      expect(growth?.exponent).toBeCloseTo(exponent, 6);
    }
  });

  test("what one more costs, and how often the first fits into the last", () => {
    const growth = fitGrowth(curve([1, 11, 101], (x) => 50 + 2 * (x - 1)));
    expect(growth?.each).toBeCloseTo(2, 10);
    expect(growth?.times).toBeCloseTo(5, 10);
  });

  test("noise is no growth", () => {
    const growth = fitGrowth(curve([1, 10, 100, 1000], (x) => 100 + Math.log10(x)));
    expect(growth?.exponent).toBeUndefined();
    expect(growth === undefined ? "" : describeGrowth(growth, "MAC", (y) => `${y.toFixed(0)} MiB`)).toBe(
      "100 MiB, the same at all sizes",
    );
  });

  test("the order of the points does not matter, and one point is no curve", () => {
    const points = curve([1, 10, 100], (x) => 10 * x);
    expect(fitGrowth([...points].reverse())).toEqual(fitGrowth(points));
    expect(fitGrowth(points.slice(0, 1))).toBeUndefined();
    expect(fitGrowth([])).toBeUndefined();
  });

  test("says it in words", () => {
    const growth = fitGrowth(curve([1, 11, 101], (x) => 50 + 2 * (x - 1)));
    const words = growth === undefined ? "" : describeGrowth(growth, "network", (y) => `${y} MiB`);
    expect(words).toBe("50 MiB, and 2 MiB more for each network (exponent 1.00)");
    const last = fitGrowth(curve([1, 10, 100], (x) => (x === 100 ? 200 : 100)));
    expect(last === undefined ? "" : describeGrowth(last, "VTEP", (y) => y.toFixed(0))).toMatch(/only the largest/);
  });
});

describe("configurations", () => {
  test("of every size are ones that the daemon takes", () => {
    const sizes: Size[] = [{}, { networks: 300 }, { vteps: 1000 }, { macs: 1_048_576 }];
    for (const size of sizes) {
      const { networks, fdb } = parseConfig(configOf(size));
      expect(networks).toHaveLength(size.networks ?? 1);
      expect(networks[0]?.flood).toMatchObject({ vteps: expect.any(Array) });
      expect(fdb.capacity).toBeGreaterThan(size.macs ?? 0);
    }
  });

  test("a thousand VTEPs have a thousand addresses, the first is the peer's own", () => {
    const addresses = Array.from({ length: 1000 }, (_, n) => vtepAddress(n));
    expect(new Set(addresses).size).toBe(1000);
    expect(addresses[0]).toBe(B);
    expect(addresses[999]).toBe("10.98.3.231");
  });
});

describe("the sender", () => {
  test("writes VXLAN datagrams of 64-byte frames", () => {
    const bytes = datagrams({ address: "10.99.0.1", port: 4789, vni: 0x010203, mac: "02:11:22:33:44:55", macs: 1 });
    expect(bytes).toHaveLength(64 * 72);
    for (const at of [0, 63 * 72]) {
      expect(bytes.subarray(at, at + 8).toString("hex")).toBe("0800000001020300");
      expect(bytes.subarray(at + 8, at + 14).toString("hex")).toBe("021122334455");
      expect(bytes.readUInt16BE(at + 20)).toBe(0x0800);
      expect(bytes.readUInt16BE(at + 24)).toBe(50);
      expect(bytes[at + 31]).toBe(17);
      expect(bytes.readUInt16BE(at + 46)).toBe(30);
    }
  });

  test("numbers MACs, all different and none for a group", () => {
    const bytes = Buffer.alloc(6);
    const macs = [0, 1, 255, 256, 65536, 1048575].map((n) => {
      writeMac(bytes, 0, n);
      expect((bytes[0] ?? 1) & 1).toBe(0);
      return bytes.toString("hex");
    });
    expect(new Set(macs).size).toBe(macs.length);
    expect(macs[1]).toBe("025600000001");
  });
});

describe("readings", () => {
  test("learned MACs of all networks, static ones left out", () => {
    const rows = [
      'vxlane_fdb_entries{vni="1",kind="learned"} 5',
      'vxlane_fdb_entries{vni="1",kind="static"} 9',
      'vxlane_fdb_entries{vni="2",kind="learned"} 7',
    ];
    expect(learnedOf(rows.join("\n"))).toBe(12);
    expect(learnedOf("")).toBe(0);
  });

  test("CPU of this process grows", () => {
    const before = threadSeconds(process.pid);
    Buffer.alloc(1 << 26)
      .fill(1)
      .toString("latin1");
    expect(threadSeconds(process.pid)).toBeGreaterThan(before);
  });
});

describe("the suite", () => {
  test("announces every measure once", async () => {
    for (const quick of [true, false]) {
      const { ids = [] } = await scale.plan({ ...SETTINGS, quick });
      expect(new Set(ids).size).toBe(ids.length);
      for (const { id } of AXES) expect(ids.some((name) => name.startsWith(`${id}-rate-`))).toBe(true);
      expect(ids).toContain("ready");
    }
  });

  test("gives the reason in every row where nothing can be measured", async () => {
    for (const scenario of SCENARIOS) {
      const run = new Run({ settings: SETTINGS, signal: new AbortController().signal, progress: () => undefined });
      await scenario.run(run, "no root");
      expect(run.measures.map(({ options }) => options.id)).toEqual(scenario.plan(SETTINGS).ids);
      for (const measure of run.measures) expect(measure.reason("vxlane")).toBe("no root");
    }
  });
});

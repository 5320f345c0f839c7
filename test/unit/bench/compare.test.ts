// What `vxlane bench compare` makes of pairs of reports.

import { describe, expect, test } from "vitest";
import { compareReports, percent, type Verdict } from "../../../bench/report/compare.js";
import { comparisonText, readTolerance } from "../../../bench/report/compare-files.js";
import type { Environment, Report } from "../../../bench/report/schema.js";
import { addAll, newRun, reportOf } from "./made.js";

const SETTINGS = { tolerance: 0.05, ratios: false };

interface Figures {
  readonly vxlane?: readonly number[];
  readonly kernel?: readonly number[];
  readonly better?: "lower" | "higher" | "neither";
  readonly absent?: string;
}

function made({ vxlane, kernel, better = "higher", absent }: Figures, changes: Partial<Environment> = {}): Report {
  const run = newRun();
  const measure = run.measure({ id: "tcp-1-out", title: "TCP", unit: "Gbit/s", better, baseline: "kernel" });
  if (kernel !== undefined) addAll(measure, "kernel", kernel);
  if (vxlane !== undefined) addAll(measure, "vxlane", vxlane);
  if (absent !== undefined) measure.absent("vxlane", absent);
  return reportOf(run, changes);
}

function verdictOf(before: Figures, after: Figures): { verdict: Verdict | undefined; losses: number } {
  const { changes, losses } = compareReports(made(before), made(after), SETTINGS);
  return { verdict: changes.find(({ contender }) => contender === "vxlane")?.verdict, losses };
}

describe("a pair of figures", () => {
  test.each<[string, Figures, Figures, Verdict, number]>([
    ["equal", { vxlane: [10, 10.1, 9.9] }, { vxlane: [10, 10.1, 9.9] }, "equal", 0],
    ["faster", { vxlane: [10, 10.1, 9.9] }, { vxlane: [12, 12.1, 11.9] }, "gain", 0],
    ["slower", { vxlane: [10, 10.1, 9.9] }, { vxlane: [8, 8.1, 7.9] }, "loss", 1],
    ["slower, within the tolerance", { vxlane: [10, 10.1, 9.9] }, { vxlane: [9.7, 9.75, 9.8] }, "small loss", 0],
    ["slower, within the noise", { vxlane: [10, 14, 9] }, { vxlane: [8, 9.5, 7] }, "equal", 0],
    ["slower, the noise on the other side", { vxlane: [10, 10, 10] }, { vxlane: [5, 11, 6] }, "equal", 0],
    ["gone", { vxlane: [10] }, { kernel: [1], absent: "it crashed" }, "gone", 1],
    ["new", { kernel: [1], absent: "not built" }, { vxlane: [10] }, "new", 0],
    ["less, and less is better", { vxlane: [10], better: "lower" }, { vxlane: [5], better: "lower" }, "gain", 0],
    ["more, and less is better", { vxlane: [10], better: "lower" }, { vxlane: [11], better: "lower" }, "loss", 1],
    ["a part of a whole", { vxlane: [10], better: "neither" }, { vxlane: [40], better: "neither" }, "moved", 0],
    ["from 0", { vxlane: [0], better: "lower" }, { vxlane: [3], better: "lower" }, "loss", 1],
  ])("%s", (_, before, after, verdict, losses) => {
    expect(verdictOf(before, after)).toEqual({ verdict, losses });
  });

  test("what ran in one of the two only is not compared", () => {
    const { changes } = compareReports(made({ kernel: [1], vxlane: [1] }), made({ kernel: [1] }), SETTINGS);
    expect(changes.map(({ contender }) => contender)).toEqual(["kernel"]);
  });

  test("a change says how its baseline moved", () => {
    const before = made({ kernel: [10, 10, 10], vxlane: [10, 10, 10] });
    const after = made({ kernel: [8, 8, 8], vxlane: [8, 8, 8] });
    const change = compareReports(before, after, SETTINGS).changes.find(({ contender }) => contender === "vxlane");
    expect(change).toMatchObject({ verdict: "loss", remark: "its baseline kernel: -20.0 %" });
    expect(change?.change).toBeCloseTo(-0.2);
  });

  test("a ratio did not change where both moved", () => {
    const before = made({ kernel: [10, 10, 10], vxlane: [10, 10, 10] });
    const after = made({ kernel: [8, 8, 8], vxlane: [8, 8, 8] });
    const { changes, losses } = compareReports(before, after, { ...SETTINGS, ratios: true });
    expect(changes).toMatchObject([{ contender: "vxlane", verdict: "equal", unit: "x kernel" }]);
    expect(losses).toBe(0);
  });
});

describe("a pair of reports", () => {
  const figures = { kernel: [10, 10, 10], vxlane: [8, 8, 8] };

  test.each<Partial<Environment>>([{ cpu: "another CPU" }, { cores: 64 }, { arch: "arm64" }, { memoryGiB: 4 }])(
    "different machines are refused: %j",
    (other) => {
      const [key = "", value] = Object.entries(other)[0] ?? [];
      const compare = () => compareReports(made(figures), made(figures, other), SETTINGS);
      expect(compare).toThrow(new RegExp(`different machines \\(${key} .* before, ${value} after\\).*--ratios`));
    },
  );

  test("their ratios are compared, with a warning", () => {
    const after = made(figures, { cpu: "another CPU" });
    const { warnings, losses } = compareReports(made(figures), after, { ...SETTINGS, ratios: true });
    expect(warnings).toEqual(["the machines differ: cpu a CPU before, another CPU after"]);
    expect(losses).toBe(0);
  });

  test("another kernel or Node.js is a warning", () => {
    const { warnings } = compareReports(made(figures), made(figures, { kernel: "6.1.0", node: "v26.0.0" }), SETTINGS);
    expect(warnings).toEqual([
      "the machines differ: kernel 6.18.0 before, 6.1.0 after",
      "the machines differ: node v20.20.2 before, v26.0.0 after",
    ]);
  });

  test("another unit is not compared, and nothing in common is refused", () => {
    const run = newRun();
    addAll(run.measure({ id: "tcp-1-out", title: "TCP", unit: "Mbit/s", better: "higher" }), "vxlane", [1]);
    expect(() => compareReports(made(figures), reportOf(run), SETTINGS)).toThrow("no figure in common");
    addAll(run.measure({ id: "other", title: "other", unit: "ms", better: "lower" }), "vxlane", [1]);
    const before = newRun();
    addAll(before.measure({ id: "tcp-1-out", title: "TCP", unit: "Gbit/s", better: "higher" }), "vxlane", [1]);
    addAll(before.measure({ id: "other", title: "other", unit: "ms", better: "lower" }), "vxlane", [1]);
    const { changes, warnings } = compareReports(reportOf(before), reportOf(run), SETTINGS);
    expect(changes.map(({ id }) => id)).toEqual(["other"]);
    expect(warnings).toEqual(["made/tcp-1-out is not compared: Gbit/s before, Mbit/s after"]);
  });

  test("few rounds, a quick run, other lengths and a failed suite are warnings", () => {
    const run = newRun({ quick: true, rounds: 2, seconds: 0.5 });
    addAll(run.measure({ id: "tcp-1-out", title: "TCP", unit: "Gbit/s", better: "higher" }), "vxlane", [8, 8]);
    const quick = reportOf(run);
    const after = { ...quick, suites: quick.suites.map((suite) => ({ ...suite, failed: "no more memory" })) };
    expect(compareReports(made(figures), after, SETTINGS).warnings).toEqual([
      "one of the two is a --quick run",
      "made: rounds of 1 s before, of 0.5 s after",
      "made: 2 rounds tell nothing of the noise; take at least --rounds 3",
      "made failed in the report after: no more memory",
    ]);
  });
});

describe("for people", () => {
  test("the worst comes first, what did not change is counted", () => {
    const [before, after] = [newRun(), newRun()];
    for (const [id, old, young] of [
      ["same", 10, 10],
      ["better", 10, 20],
      ["worse", 10, 9],
      ["worst", 10, 2],
    ] as const) {
      const options = { id, title: id, unit: "Gbit/s", better: "higher" } as const;
      addAll(before.measure(options), "vxlane", [old]);
      addAll(after.measure(options), "vxlane", [young]);
    }
    const text = comparisonText(compareReports(reportOf(before), reportOf(after), SETTINGS), 0.05);
    expect(text.match(/made\/\w+/g)).toEqual(["made/worst", "made/worse", "made/better"]);
    expect(text).toMatch(/^loss +made\/worst +vxlane +10\.0 +\(10\.0 to 10\.0\) +2\.00 .* Gbit\/s +-80\.0 %$/m);
    expect(text).toContain("1 of 4 figures did not change beyond the noise of their rounds");
    expect(text).toMatch(/\n2 losses\n$/);
  });

  test.each([
    ["5%", 0.05],
    ["5", 0.05],
    ["0", 0],
    ["2.5 %", 0.025],
  ])("tolerance %s", (text, share) => {
    expect(readTolerance(text)).toBeCloseTo(share);
  });

  test.each(["", "-5%", "5%%", "five"])("tolerance %j is none", (text) => {
    expect(() => readTolerance(text)).toThrow("is not a percentage");
  });

  test("percent", () => {
    expect([0.1234, -0.05, 0, Number.POSITIVE_INFINITY].map(percent)).toEqual([
      "+12.3 %",
      "-5.0 %",
      "+0.0 %",
      "from 0",
    ]);
  });
});

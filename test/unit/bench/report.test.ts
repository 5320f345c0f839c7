// The report in its forms: one document, by its schema; what is absent or wrong is said in each.

import { describe, expect, test } from "vitest";
import { environment } from "../../../bench/environment.js";
import { logTicks } from "../../../bench/report/chart.js";
import { chartsOf } from "../../../bench/report/figure-data.js";
import { compact, figure } from "../../../bench/report/figures.js";
import { toHtml } from "../../../bench/report/html.js";
import { checkReport } from "../../../bench/report/read.js";
import type { Report } from "../../../bench/report/schema.js";
import { toText } from "../../../bench/report/text.js";
import { addAll, everything, NO_OVS, newRun, reportOf } from "./made.js";

describe("document", () => {
  const report = reportOf(everything());

  test("is what its schema says, also after JSON", () => {
    expect(checkReport(JSON.parse(JSON.stringify(report)), "it")).toEqual(report);
  });

  test("this machine's environment fits, too", () => {
    const about = environment("vxlane bench --quick");
    expect(checkReport({ ...report, environment: about }, "it").environment).toEqual(about);
    expect(about).toMatchObject({ command: "vxlane bench --quick", node: process.version });
    expect(about.cores).toBeGreaterThan(0);
  });

  test("rows with figures, ratios, cores and counts", () => {
    const [tcp] = report.suites[0]?.measures ?? [];
    expect(tcp?.command).toBe("vxlane bench made --only tcp-out");
    expect(tcp?.ceiling?.value).toEqual({ median: 17.5, min: 17.5, max: 17.5 });
    expect(tcp?.rows.find(({ contender }) => contender === "vxlane udp")).toMatchObject({
      value: { median: 9, min: 8, max: 12 },
      ratio: { median: 0.5, min: 0.5 },
      cpu: { median: 1.8 },
      counts: { rounds: 3, sent: 300, received: 294, lost: 6 },
      samples: [
        { round: 0, value: 8, cpu: 1.8 },
        { round: 1, value: 12, cpu: 1.8 },
        { round: 2, value: 9, cpu: 1.8 },
      ],
    });
  });

  test("what is absent has its reason and no figure", () => {
    const ovs = report.suites[0]?.measures[0]?.rows.find(({ contender }) => contender === "ovs");
    expect(ovs).toEqual({ contender: "ovs", absent: NO_OVS, samples: [], warnings: [] });
    const alone = report.suites[0]?.measures.at(-1)?.rows[0];
    expect(alone).toMatchObject({ value: { median: 1 }, incomplete: "it died in round 2" });
  });

  test("warns of noise and of the generator's ceiling", () => {
    const rows = report.suites[0]?.measures[0]?.rows ?? [];
    expect(Object.fromEntries(rows.map(({ contender, warnings }) => [contender, warnings]))).toEqual({
      kernel: ["at the generator's own ceiling: the tunnel may be able to do more"],
      "vxlane udp": ["noisy: the rounds spread over 44 % of the median"],
      ovs: [],
    });
  });

  test("frames that do not add up are a warning of their row", () => {
    const run = newRun();
    const measure = run.measure({ id: "frames", title: "frames", unit: "M/s", better: "higher" });
    addAll(measure, "vxlane udp", [1, 1]);
    measure.count("vxlane udp", { sent: 10, received: 9, lost: 1 });
    measure.count("vxlane udp", { sent: 10, received: 9, lost: 0 });
    expect(reportOf(run).suites[0]?.measures[0]?.rows[0]?.warnings).toEqual([
      "frames of round 2 do not add up: 10 sent, 9 received, 0 lost",
    ]);
  });

  test("a floor of what --only left out is left out", () => {
    const run = newRun({ only: () => false });
    const measure = run.measure({ id: "m", title: "m", unit: "ms", better: "lower" });
    run.floor({ measure, contender: "vxlane", of: "value", relation: "at most", limit: 1 });
    expect(reportOf(run).suites[0]).toMatchObject({ measures: [], floors: [] });
  });
});

describe("a file that is no report", () => {
  const report = reportOf(everything());
  test.each<[string, unknown, string]>([
    ["nothing", null, "f is no report of vxlane bench"],
    ["something else", { kind: "a cake" }, "f is no report of vxlane bench"],
    ["the first version", { schema: 1, scenarios: [] }, "f: version: 1 is not 4"],
    ["the second version", { ...report, version: 2 }, "f: version: 2 is not 4"],
    ["a version to come", { ...report, version: 5 }, "f: version: 5 is not 4"],
    ["without suites", { ...report, suites: undefined }, "f: suites"],
    ["with a key too many", { ...report, colour: "red" }, "f: the document"],
  ])("%s", (_, document, message) => {
    expect(() => checkReport(document, "f")).toThrow(message);
  });

  test("the version before is read as this one, which says no less", () => {
    expect(checkReport({ ...report, version: 3 }, "f")).toEqual(report);
  });

  test("the place of the mistake is named", () => {
    const broken = JSON.parse(JSON.stringify(report)) as { suites: { measures: { unit: unknown }[] }[] };
    const measure = broken.suites[0]?.measures[1];
    if (measure !== undefined) measure.unit = 7;
    expect(() => checkReport(broken, "f")).toThrow(/^f: suites\[0\]\.measures\[1\]\.unit: .*string/);
  });
});

describe("charts", () => {
  const charts = chartsOf(reportOf(everything()).suites[0] as Report["suites"][number]);

  test("measures of one chart, contenders as series, what is absent beside", () => {
    expect(charts.map(({ title, categories, xScale }) => ({ title, categories, xScale }))).toEqual([
      { title: "TCP", categories: ["out", "in"], xScale: "linear" },
      { title: "encap", categories: undefined, xScale: "log" },
    ]);
    expect(charts[0]?.series.map(({ name, points }) => [name, points.map(({ median }) => median)])).toEqual([
      ["kernel", [17, 17]],
      ["vxlane udp", [9, 9]],
    ]);
    expect(charts[0]?.absent).toEqual([`ovs (out, in): ${NO_OVS}`]);
    expect(charts[1]?.series[0]?.points.map(({ x }) => x)).toEqual([1024, 65536, 4194304]);
  });

  test("a single number is drawn as a name", () => {
    const run = newRun();
    const plot = { chart: "c", x: 65536, xLabel: "entries", scale: "log" } as const;
    addAll(run.measure({ id: "m", title: "m", unit: "ms", better: "lower", plot }), "vxlane", [1]);
    expect(chartsOf(reportOf(run).suites[0] as Report["suites"][number])).toMatchObject([{ categories: ["64k"] }]);
  });

  test("0 has no logarithm, nothing has no chart", () => {
    const run = newRun();
    const plot = { chart: "c", xLabel: "x", scale: "log", yScale: "log" } as const;
    const [measure, other] = [0, 1].map((x) =>
      run.measure({ id: `m${x}`, title: "m", unit: "ms", better: "lower", plot: { ...plot, x } }),
    );
    measure?.absent("vxlane", "broken");
    const suite = (): Report["suites"][number] => reportOf(run).suites[0] as Report["suites"][number];
    expect(chartsOf(suite())).toEqual([]);
    measure?.add("vxlane", 0, 0);
    other?.add("vxlane", 0, 1);
    expect(chartsOf(suite())).toMatchObject([{ xScale: "linear", yScale: "linear" }]);
  });
});

describe("forms", () => {
  test("text", () => {
    const text = toText(reportOf(everything()));
    expect(text).toContain("* one TCP flow out: 9 Gbit/s, 0.53 of the kernel's");
    expect(text).toMatch(/^TCP out +kernel +17\.0 +16\.0 +18\.0 +Gbit\/s +baseline +1\.90 /m);
    expect(text).toMatch(new RegExp(`^ +ovs +absent: ${NO_OVS}$`, "m"));
    expect(text).toMatch(/vxlane udp .*300 frames sent = 294 received \+ 6 lost; noisy/);
    expect(text).toMatch(/\(generator's ceiling\) +17\.5/);
    expect(text).toMatch(/\(generator's ceiling\) +absent: nothing generates here/);
    expect(text).toContain("MISSED      without a plot: vxlane udp at most 0.5 ms: is 1.00");
  });

  test("HTML: sentences, a drawing for each chart, every row, nothing from elsewhere", async () => {
    const page = await toHtml(reportOf(everything()));
    expect(page).toContain("<li>one TCP flow out: 9 Gbit/s, 0.53 of the kernel&#39;s</li>");
    expect(page.match(/<svg class="drawing" role="img"/g)).toHaveLength(2);
    expect(page).toContain('<title id="made-chart-1-title">TCP</title>');
    expect(page).toContain(`absent: ${NO_OVS}`);
    expect(page).toContain("a &lt;b&gt;note&lt;/b&gt; &amp; more");
    expect(page).toContain("vxlane bench made --only encap-65536");
    expect(page).toContain("Exponent of the growth (0 is constant, 1 linear): WebAssembly 0.00.");
    expect(page).toContain("0 of 1 floors that the project states hold; these do not:");
    expect(page).toContain("<li>without a plot: vxlane udp at most 0.5 ms: is 1.00</li>");
    expect(page).not.toMatch(/<script|<link|src=|href="(?!#)|url\((?!#)|@import|NaN|undefined|#fe01/);
  });

  test("HTML of a run without any figure", async () => {
    const run = newRun();
    const plot = { chart: "TCP", x: "out", xLabel: "direction" };
    run.measure({ id: "m", title: "m", unit: "ms", better: "lower", plot }).absent("vxlane", "needs root");
    const page = await toHtml(reportOf(run));
    expect(page).not.toContain("<svg");
    expect(page).toContain("absent: needs root");
  });
});

test.each([
  [1.5, 8, [1, 2, 5, 10]],
  [1000, 1000, [1000, 2000]],
  [0.03, 0.047, [0.02, 0.05]],
  [1, 5, [1, 2, 5]],
  [0.5, 2_000_000, [0.1, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000]],
])("a logarithmic axis from %d to %d", (least, greatest, ticks) => {
  expect(logTicks(least, greatest)).toEqual(ticks);
});

test.each([
  [64, "64"],
  [1500, "1500"],
  [65536, "64k"],
  [100_000, "100k"],
  [1_048_576, "1M"],
  [2_500_000, "2.5M"],
  [0.30000000000000004, "0.3"],
])("%d on an axis is %s", (value, text) => {
  expect(compact(value)).toBe(text);
});

test.each([
  [0, "0"],
  [1234.5, "1235"],
  [12.345, "12.3"],
  [0.012345, "0.0123"],
  [-5, "-5.00"],
  [1e-9, "1.00e-9"],
  [undefined, ""],
])("%s is written as %j", (value, text) => {
  expect(figure(value)).toBe(text);
});

// Parts of a whole in every form of the report.

import { describe, expect, test } from "vitest";
import { chartsOf } from "../../../bench/report/figure-data.js";
import { toHtml } from "../../../bench/report/html.js";
import { toMarkdown } from "../../../bench/report/markdown.js";
import { checkReport } from "../../../bench/report/read.js";
import type { Report } from "../../../bench/report/schema.js";
import { barOf } from "../../../bench/report/stacks.js";
import { toText } from "../../../bench/report/text.js";
import { PARTS } from "../../../bench/suites/profile/parts.js";
import { newRun, reportOf } from "./made.js";

/** Two wholes, and one that could not be measured. */
function made(): Report {
  const run = newRun();
  const wholes = { udp: { copies: [40, 42, 44], loops: [60, 58, 56] }, tap: { copies: [25], loops: [75] }, xdp: {} };
  for (const [x, parts] of Object.entries(wholes)) {
    const plot = { chart: "time", x, xLabel: "driver", stacked: true };
    const measure = run.measure({ id: `${x}-out`, title: `${x} out`, unit: "%", better: "neither", plot });
    for (const [part, values] of Object.entries(parts)) {
      for (const [round, value] of values.entries()) measure.add(part, round, value, 0.5);
    }
    if (x === "xdp") measure.absent("all of it", "no perf (apt-get install linux-perf)");
  }
  return reportOf(run);
}

describe("a stack", () => {
  const report = made();

  test("is what the schema says", () => {
    expect(checkReport(JSON.parse(JSON.stringify(report)), "it")).toEqual(report);
  });

  test("is one chart: parts as series, wholes as categories", () => {
    expect(report.suites.flatMap(chartsOf)).toMatchObject([
      {
        stacked: true,
        categories: ["udp", "tap", "xdp"],
        series: [{ name: "copies" }, { name: "loops" }],
        absent: ["all of it (xdp): no perf (apt-get install linux-perf)"],
      },
    ]);
  });

  test("is a line of a table and a bar of letters in Markdown; what is absent says why", () => {
    const lines = toMarkdown(report).split("\n");
    expect(lines).toContain("### time, %");
    expect(lines).toContain("| driver | copies | loops | cores busy | measure |");
    expect(lines).toContain("| udp | 42.0 | 58.0 | 0.500 | udp-out |");
    expect(lines).toContain(`udp  ${"C".repeat(21)}${"L".repeat(29)}`);
    expect(lines).toContain("C copies, L loops");
    expect(lines.filter((line) => line.includes("`udp-out`"))).toEqual([]);
    expect(lines.filter((line) => line.includes("`xdp-out`")).join()).toContain("absent: no perf");
  });

  test("and so it is in a terminal", () => {
    const text = toText(report);
    expect(text).toMatch(/^driver +copies +loops +cores busy +measure$/m);
    expect(text).toMatch(/^tap +25\.0 +75\.0 +0\.500 +tap-out$/m);
    expect(text).toMatch(/^xdp out +all of it +absent: no perf/m);
  });

  test("is a drawing without whiskers in HTML, whose parts are neither better nor worse, nor noisy", async () => {
    const page = await toHtml(report);
    expect(page).toContain("<figcaption>%; bars are medians. Absent: all of it (xdp)");
    expect(page).toContain("<caption>udp out: % <code>");
    expect(page).not.toMatch(/is better|whiskers|noisy|NaN|undefined|#fe01/);
    expect(page.match(/<svg class="drawing"/g)).toHaveLength(1);
  });
});

test("letters add up to the whole, however small the parts are", () => {
  const bar = barOf(["A", "B", "C"].map((letter) => ({ letter, value: 1 })));
  expect(bar).toBe(`${"A".repeat(17)}${"B".repeat(16)}${"C".repeat(17)}`);
  expect(barOf([...Array(100)].map(() => ({ letter: "x", value: 0.7 })))).toHaveLength(50);
  expect(barOf([{ letter: "A", value: 0 }])).toBe("");
});

test("the parts of a profile have letters of their own", () => {
  expect(new Set(PARTS.map((part) => part.charAt(0).toUpperCase())).size).toBe(PARTS.length);
});

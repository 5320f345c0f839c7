// The report as a page for a repository; bench/RESULTS.md is one.

import { count } from "../../control/cli/table.js";
import { environmentRows, figure, floorText, ratioText, remarks } from "./figures.js";
import type { MeasureReport, Report, SuiteReport } from "./schema.js";

const HEAD = ["", "contender", "median", "min", "max", "unit", "ratio (min to max)", "cores busy", "remarks"];

export function toMarkdown(report: Report): string {
  const headlines = report.suites.flatMap((suite) => suite.headlines);
  return [
    "# Results",
    "Medians over the rounds, with the least and the greatest; a ratio is taken within a round.",
    ...list(headlines),
    table([["", ""], ...environmentRows(report)]),
    ...report.suites.flatMap(section),
    "",
  ].join("\n\n");
}

function section(suite: SuiteReport): string[] {
  return [
    `## ${suite.name}: ${suite.summary}`,
    `\`${suite.command}\`, ${count(suite.rounds, "round")} of ${suite.roundSeconds} s, ${suite.seconds} s in all`,
    ...(suite.failed === undefined ? [] : [`**Failed:** ${suite.failed}`]),
    table([HEAD, ...suite.measures.flatMap(rows)]),
    ...list(suite.floors.map(floorText)),
    ...list([
      ...suite.facts.map(({ name, value }) => `${name}: ${value}`),
      ...suite.missing.map((line) => `missing: ${line}`),
      ...suite.notes,
    ]),
  ];
}

function rows({ title, unit, baseline, ceiling, rows: all }: MeasureReport): string[][] {
  const lines = all.map((row, index) => {
    const { contender, value, absent, ratio, cpu } = row;
    const first = index === 0 ? title : "";
    if (value === undefined) return [first, contender, "", "", "", "", "", "", `absent: ${absent ?? "not measured"}`];
    return [
      ...[first, contender, figure(value.median), figure(value.min), figure(value.max), unit],
      contender === baseline && all.length > 1 ? "baseline" : ratioText(ratio),
      figure(cpu?.median),
      remarks(row).join("; "),
    ];
  });
  if (ceiling === undefined) return lines;
  const { value, absent } = ceiling;
  const [median, min, max] = [value?.median, value?.min, value?.max].map(figure);
  const remark = value === undefined ? `absent: ${absent ?? "not measured"}` : "";
  return [...lines, ["", "generator's ceiling", median ?? "", min ?? "", max ?? "", unit, "", "", remark]];
}

function list(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [lines.map((line) => `- ${line}`).join("\n")];
}

/** The first row is the head. */
function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

// The report for a terminal: sentences first, then every row of every measure.

import { count } from "../../control/cli/table.js";
import { environmentRows, figure, floorText, ratioText, remarks } from "./figures.js";
import type { MeasureReport, Report, SuiteReport } from "./schema.js";
import { stacksOf, withoutStacks } from "./stacks.js";

const HEAD = ["", "contender", "median", "min", "max", "unit", "ratio (min to max)", "cores busy"];
const NUMERIC = new Set([2, 3, 4]);

export function toText(report: Report): string {
  const lines = environmentRows(report).map(([name, value]) => `${`${name}:`.padEnd(28)}${value}`);
  for (const suite of report.suites) lines.push("", ...suiteLines(suite));
  return `${lines.join("\n").trimEnd()}\n`;
}

function suiteLines(suite: SuiteReport): string[] {
  const lines = withoutStacks(suite).flatMap(rows);
  return [
    `${suite.name}: ${suite.summary}`,
    `${count(suite.rounds, "round")} of ${suite.roundSeconds} s, ${suite.seconds} s in all: ${suite.command}`,
    ...(suite.failed === undefined ? [] : [`FAILED: ${suite.failed}`]),
    ...block(suite.headlines.map((sentence) => `* ${sentence}`)),
    ...stacksOf(suite).flatMap(({ title, table, figures, picture }) =>
      [[title], columns(table, figures), picture].flatMap(block),
    ),
    ...block(lines.length === 0 ? [] : columns([HEAD, ...lines], NUMERIC)),
    ...block(suite.floors.map(floorText)),
    ...block([
      ...suite.facts.map(({ name, value }) => `- ${name}: ${value}`),
      ...suite.missing.map((line) => `- missing: ${line}`),
      ...suite.notes.map((note) => `- ${note}`),
    ]),
  ];
}

function block(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", ...lines];
}

function rows(measure: MeasureReport): string[][] {
  const { title, unit, baseline, ceiling } = measure;
  const lines = measure.rows.map((row, index) => {
    const { contender, value, absent, ratio, cpu } = row;
    const first = index === 0 ? title : "";
    if (value === undefined) return [first, contender, `absent: ${absent ?? "not measured"}`];
    const isBaseline = contender === baseline && measure.rows.length > 1;
    return [
      first,
      contender,
      figure(value.median),
      figure(value.min),
      figure(value.max),
      unit,
      isBaseline ? "baseline" : ratioText(ratio),
      figure(cpu?.median),
      remarks(row).join("; "),
    ];
  });
  if (ceiling === undefined) return lines;
  const { value, absent } = ceiling;
  const top =
    value === undefined ? [`absent: ${absent ?? "not measured"}`] : [value.median, value.min, value.max].map(figure);
  return [...lines, ["", "(generator's ceiling)", ...top, ...(value === undefined ? [] : [unit])]];
}

/** Columns as wide as their widest cell; the last cell of a row may be as long as it likes. */
export function columns(cells: readonly (readonly string[])[], numeric: ReadonlySet<number>): string[] {
  const widths: number[] = [];
  for (const row of cells) {
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return cells.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return numeric.has(column) && row.length > 3 ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

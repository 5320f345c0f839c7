// The report as a page for a repository; bench/RESULTS.md is one. First the few figures that everybody asks for and the
// floors, reached or not, then the sentences, then each suite's table.

import { count } from "../../control/cli/table.js";
import { environmentRows, figure, floorCells, ratioText, remarks, summaryOrder, verdictOf } from "./figures.js";
import { list, table } from "./markdown-blocks.js";
import type { MeasureReport, Report, SuiteReport } from "./schema.js";
import { short } from "./short.js";
import { type Stack, stacksOf, withoutStacks } from "./stacks.js";

const HEAD = ["", "contender", "median", "min", "max", "unit", "ratio (min to max)", "cores busy", "remarks"];
const FIGURES = new Set(["median", "min", "max"].map((name) => HEAD.indexOf(name)));
/** Around what the README quotes. */
export const SHORT_BEGIN = "<!-- in short -->";
export const SHORT_END = "<!-- /in short -->";

export function toMarkdown(report: Report): string {
  return [
    "# Results",
    `Medians over the rounds, with the least and the greatest; a ratio is taken within a round. ${report.quick ? "A quick run: a first look. " : ""}Made by \`${report.environment.command}\`, which overwrites this page.`,
    ...[SHORT_BEGIN, ...short(report), SHORT_END],
    ...floors(report),
    "## Summary",
    ...summaryOrder(report.suites).flatMap(sentences),
    ...report.suites.flatMap(section),
    "## Environment",
    table([["", ""], ...environmentRows(report)]),
    "",
  ].join("\n\n");
}

function floors({ suites }: Report): string[] {
  const rows = summaryOrder(suites).flatMap(({ name, floors }) =>
    floors.map((floor) => {
      const verdict = verdictOf(floor);
      return [verdict === "missed" ? "**missed**" : verdict, name, floor.statement, ...floorCells(floor)];
    }),
  );
  const head = ["", "suite", "floor", "is", "in C", ""];
  return rows.length === 0
    ? []
    : ["## Floors", "What the project states of itself.", table([head, ...rows], new Set([3, 4]))];
}

function sentences({ name, headlines, failed }: SuiteReport): string[] {
  const all = [...headlines, ...(failed === undefined ? [] : [`it ended early: ${failed}`])];
  return all.length === 0 ? [] : [`**${name}**`, ...list(all)];
}

function section(suite: SuiteReport): string[] {
  const lines = withoutStacks(suite).flatMap(rows);
  return [
    `## ${suite.name}: ${suite.summary}`,
    `\`${suite.command}\`, ${count(suite.rounds, "round")} of ${suite.roundSeconds} s, ${suite.seconds} s in all; \`--only ID\` repeats one figure`,
    ...(suite.failed === undefined ? [] : [`**Failed:** ${suite.failed}`]),
    ...stacksOf(suite).flatMap(stack),
    ...(lines.length === 0 ? [] : [table([HEAD, ...lines], FIGURES)]),
    ...list([
      ...suite.facts.map(({ name, value }) => `${name}: ${value}`),
      ...suite.missing.map((line) => `missing: ${line}`),
      ...suite.notes,
    ]),
  ];
}

function stack({ title, table: cells, figures, picture }: Stack): string[] {
  return [`### ${title}`, table(cells, figures), ["```", ...picture, "```"].join("\n")];
}

function rows({ id, title, unit, baseline, ceiling, rows: all }: MeasureReport): string[][] {
  const lines = all.map((row, index) => {
    const { contender, value, absent, ratio, cpu } = row;
    const first = index === 0 ? `${title} \`${id}\`` : "";
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

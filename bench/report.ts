// The report of a run: a table for people, a document for programs. Both hold the same: every row with its median,
// least and greatest, its ratio to the baseline taken within a round, the cores that were busy meanwhile, and the
// machine that it was measured on.

import type { Environment } from "./environment.js";
import { type Judgement, judge, type Measure } from "./measure.js";
import type { Spread } from "./statistics.js";
import type { Run, Suite } from "./suite.js";

export interface Finished {
  readonly suite: Suite;
  readonly run: Run;
  readonly seconds: number;
}

/** Version of the JSON document. */
const SCHEMA = 1;

export function toText(environment: Environment, finished: readonly Finished[]): string {
  const lines = Object.entries(environment).map(([key, value]) => `${`${key}:`.padEnd(12)}${value}`);
  for (const { suite, run, seconds } of finished) {
    lines.push("", `${suite.name}: ${suite.summary}`);
    lines.push(`${run.settings.rounds} rounds of ${run.settings.seconds} s, ${seconds.toFixed(0)} s in all`, "");
    lines.push(...table([HEAD, ...run.measures.flatMap(rows)]));
    if (run.floors.length > 0) lines.push("", ...run.floors.map((floor) => statement(judge(floor))));
    lines.push("", ...run.notes.map((note) => `- ${note}`));
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

/** The report as a page for the repository. */
export function toMarkdown(environment: Environment, finished: readonly Finished[]): string {
  const lines = [
    "# Results",
    "",
    "Medians over the rounds, with the least and the greatest; a ratio is taken within a round.",
  ];
  lines.push("", "| | |", "|---|---|", ...Object.entries(environment).map(([key, value]) => `| ${key} | ${value} |`));
  for (const { suite, run } of finished) {
    lines.push("", `## ${suite.name}: ${suite.summary}`, "");
    lines.push(`\`npm run bench -- ${suite.name}\`, ${run.settings.rounds} rounds of ${run.settings.seconds} s`, "");
    lines.push(markdownRow(HEAD), `|${"---|".repeat(HEAD.length)}`, ...run.measures.flatMap(rows).map(markdownRow));
    lines.push("", ...run.floors.map((floor) => `- ${statement(judge(floor))}`));
    lines.push("", ...run.notes.map((note) => `- ${note}`));
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function markdownRow(cells: readonly string[]): string {
  return `| ${HEAD.map((_, column) => (cells[column] ?? "").replaceAll("|", "\\|")).join(" | ")} |`;
}

export function toJson(environment: Environment, finished: readonly Finished[]): string {
  const scenarios = finished.map(({ suite, run, seconds }) => ({
    name: suite.name,
    summary: suite.summary,
    settings: run.settings,
    seconds,
    measures: run.measures.map((measure) => ({
      ...measure.options,
      contenders: measure.contenders().map((contender) => jsonRow(measure, contender)),
    })),
    floors: run.floors.map((floor) => judge(floor)),
    notes: run.notes,
  }));
  return `${JSON.stringify({ schema: SCHEMA, environment, scenarios }, undefined, 2)}\n`;
}

/** Whether every floor of every run holds. */
export function allHold(finished: readonly Finished[]): boolean {
  return finished.every(({ run }) => run.floors.every((floor) => judge(floor).holds));
}

function jsonRow(measure: Measure, contender: string): object {
  const value = measure.value(contender);
  if (value === undefined) return { contender, absent: measure.reason(contender) ?? "not measured" };
  return {
    contender,
    ...value,
    samples: measure.samples(contender).map((sample) => sample.value),
    ratio: measure.ratio(contender),
    coresBusy: measure.cpu(contender),
    incomplete: measure.reason(contender),
  };
}

const HEAD = ["", "contender", "median", "min", "max", "unit", "ratio (min to max)", "cores busy"];

function rows(measure: Measure): string[][] {
  return measure.contenders().map((contender, index) => {
    const title = index === 0 ? measure.options.title : "";
    const value = measure.value(contender);
    const reason = measure.reason(contender);
    if (value === undefined) return [title, contender, `absent: ${reason ?? "not measured"}`];
    const ratio = measure.ratio(contender);
    const baseline = contender === measure.options.baseline && measure.contenders().length > 1 ? "baseline" : "";
    return [
      title,
      contender,
      figure(value.median),
      figure(value.min),
      figure(value.max),
      measure.options.unit,
      ratio === undefined ? baseline : ratioText(ratio),
      figure(measure.cpu(contender)?.median),
      ...(reason === undefined ? [] : [`incomplete: ${reason}`]),
    ];
  });
}

function statement({ statement, actual, holds }: Judgement): string {
  const found = actual === undefined ? "could not be measured" : `is ${figure(actual)}`;
  return `${holds ? "holds " : "MISSED"}  ${statement}: ${found}`;
}

function ratioText({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
}

/** Three significant digits or the whole number, whichever says more. */
function figure(value: number | undefined): string {
  if (value === undefined) return "";
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
}

/** Columns as wide as their widest cell; the last cell of a row may be as long as it likes. */
function table(cells: readonly string[][]): string[] {
  const widths: number[] = [];
  for (const row of cells) {
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return cells.map((row) =>
    row
      .map((cell, column) =>
        NUMERIC.has(column) && row.length > 3 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

const NUMERIC = new Set([2, 3, 4]);

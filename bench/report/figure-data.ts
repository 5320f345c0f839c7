// What a chart shows, before anything is drawn: measures of one chart, sorted along x, contenders as series.

import type { Spread } from "../statistics.js";
import { compact } from "./figures.js";
import type { MeasureReport, SuiteReport } from "./schema.js";

export interface Point extends Spread {
  /** Index of the category, or the number. */
  readonly x: number;
}

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly better: MeasureReport["better"];
  readonly xLabel: string;
  /** Names of the categories; undefined where x is a number. */
  readonly categories: readonly string[] | undefined;
  readonly xScale: "linear" | "log";
  readonly yScale: "linear" | "log";
  /** The series are parts of a whole. */
  readonly stacked: boolean;
  readonly series: readonly Series[];
  readonly ceiling: readonly Point[];
  readonly measures: readonly MeasureReport[];
  /** `ovs (64, 512): no ovs-vsctl` */
  readonly absent: readonly string[];
}

/** The charts of a suite in the order of their first measures, those with nothing to draw left out. */
export function chartsOf(suite: SuiteReport): Chart[] {
  const groups = new Map<string, MeasureReport[]>();
  for (const measure of suite.measures) {
    if (measure.plot === undefined) continue;
    const key = `${measure.plot.chart}\n${measure.unit}`;
    groups.set(key, [...(groups.get(key) ?? []), measure]);
  }
  return [...groups.values()].map(chartOf).filter(({ series }) => series.length > 0);
}

function chartOf(measures: readonly MeasureReport[]): Chart {
  const plots = measures.flatMap(({ plot }) => plot ?? []);
  const first = plots[0];
  if (first === undefined) throw new Error("a chart without measures");
  // Figures at one number only have no axis of numbers: the numbers are drawn as names.
  const measured = measures.filter(({ rows }) => rows.some(({ value }) => value !== undefined));
  const isNumeric =
    plots.every(({ x }) => typeof x === "number") && new Set(measured.map(({ plot }) => plot?.x)).size > 1;
  const nameOf = (x: string | number): string => (typeof x === "number" ? compact(x) : x);
  const categories = isNumeric ? undefined : [...new Set(plots.map(({ x }) => nameOf(x)))];
  const place = (measure: MeasureReport): number => {
    const x = measure.plot?.x ?? 0;
    return categories === undefined ? Number(x) : categories.indexOf(nameOf(x));
  };
  const along = (points: readonly Point[]): Point[] => [...points].sort((a, b) => a.x - b.x);
  const contenders = [...new Set(measures.flatMap(({ rows }) => rows.map(({ contender }) => contender)))];
  const series = contenders.map((name) => ({
    name,
    points: along(
      measures.flatMap((measure) => {
        const value = measure.rows.find(({ contender }) => contender === name)?.value;
        return value === undefined ? [] : [{ x: place(measure), ...value }];
      }),
    ),
  }));
  const drawn = series.filter(({ points }) => points.length > 0);
  const xs = drawn.flatMap(({ points }) => points.map(({ x }) => x));
  const least = Math.min(...drawn.flatMap(({ points }) => points.map(({ min }) => min)));
  return {
    title: first.chart,
    unit: measures[0]?.unit ?? "",
    better: measures[0]?.better ?? "lower",
    xLabel: first.xLabel,
    categories,
    // A logarithm of 0 cannot be drawn.
    xScale: plots.some(({ scale }) => scale === "log") && xs.every((x) => x > 0) ? "log" : "linear",
    yScale: plots.some(({ yScale }) => yScale === "log") && least > 0 ? "log" : "linear",
    stacked: first.stacked ?? false,
    series: drawn,
    ceiling: along(
      measures.flatMap((measure) => {
        const top = measure.ceiling?.value;
        return top === undefined ? [] : [{ x: place(measure), ...top }];
      }),
    ),
    measures,
    absent: absentOf(measures),
  };
}

/** What is absent, and why: one line for each contender and reason. */
function absentOf(measures: readonly MeasureReport[]): string[] {
  const places = new Map<string, { contender: string; reason: string; xs: string[] }>();
  for (const { plot, rows } of measures) {
    for (const { contender, absent: reason } of rows) {
      if (reason === undefined) continue;
      const key = `${contender}\n${reason}`;
      const place = places.get(key) ?? { contender, reason, xs: [] };
      place.xs.push(String(plot?.x ?? ""));
      places.set(key, place);
    }
  }
  return [...places.values()].map(({ contender, reason, xs }) => `${contender} (${xs.join(", ")}): ${reason}`);
}

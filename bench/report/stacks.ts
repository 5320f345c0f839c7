// Parts of a whole as a table and as a picture of letters, for the forms of the report that have no drawings: a line for each whole,
// a column or a letter for each part. The other tables leave these figures out.

import { type Chart, chartsOf } from "./figure-data.js";
import { figure } from "./figures.js";
import type { MeasureReport, SuiteReport } from "./schema.js";

/** Letters of a bar: one is 2 %. */
const BAR_LEN = 50;

export interface Stack {
  readonly title: string;
  /** The first row is the head. */
  readonly table: readonly (readonly string[])[];
  /** Columns with figures. */
  readonly figures: ReadonlySet<number>;
  /** Bars, a line each, and what their letters mean. */
  readonly picture: readonly string[];
}

function isStacked({ plot }: MeasureReport): boolean {
  return plot?.stacked ?? false;
}

/** Wholes of which something was measured; `withoutStacks` says what there is of the others. */
export function stacksOf(suite: SuiteReport): Stack[] {
  return chartsOf(suite)
    .filter(({ stacked }) => stacked)
    .map(stackOf);
}

/** Measures for a table of rows: those of no stack, and those of which only the reason is known why there is no figure. */
export function withoutStacks({ measures }: SuiteReport): MeasureReport[] {
  return measures.filter((measure) => !isStacked(measure) || measure.rows.every(({ value }) => value === undefined));
}

function stackOf({ title, unit, xLabel, measures, series }: Chart): Stack {
  const parts = series.map(({ name }) => name);
  const measured = measures.filter(({ rows }) => rows.some(({ value }) => value !== undefined));
  const head = [xLabel, ...parts, "cores busy", "measure"];
  const table = measured.map((measure) => [
    String(measure.plot?.x ?? ""),
    ...parts.map((part) => figure(share(measure, part))),
    figure(measure.rows.find(({ cpu }) => cpu !== undefined)?.cpu?.median),
    measure.id,
  ]);
  const width = Math.max(0, ...table.map(([x = ""]) => x.length));
  const bars = measured.map((measure, index) => {
    const bar = barOf(parts.map((part) => ({ letter: letterOf(part), value: share(measure, part) ?? 0 })));
    return `${(table[index]?.[0] ?? "").padEnd(width)}  ${bar}`;
  });
  return {
    title: `${title}, ${unit}`,
    table: [head, ...table],
    figures: new Set(head.flatMap((_, column) => (column > 0 && column < head.length - 1 ? [column] : []))),
    picture: [...bars, "", parts.map((part) => `${letterOf(part)} ${part}`).join(", ")],
  };
}

function share({ rows }: MeasureReport, part: string): number | undefined {
  return rows.find(({ contender }) => contender === part)?.value?.median;
}

/** The first one: parts are named so that these differ. */
function letterOf(part: string): string {
  return part.charAt(0).toUpperCase();
}

/** Each part ends where the sum up to it does, so that rounding does not change the length of the whole. */
export function barOf(parts: readonly { readonly letter: string; readonly value: number }[]): string {
  const whole = parts.reduce((sum, { value }) => sum + value, 0);
  let sum = 0;
  let bar = "";
  for (const { letter, value } of whole > 0 ? parts : []) {
    sum += value;
    bar = bar.padEnd(Math.round((sum / whole) * BAR_LEN), letter);
  }
  return bar;
}

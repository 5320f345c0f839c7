// What changed between two reports. A figure changed if the rounds of the one lie wholly outside the rounds of the
// other; that is a loss if the median is worse by more than the tolerance. A figure that was measured and now is absent
// is a loss too: what broke is not better than what became slow. What was not run is not compared.
//
// Figures of different machines say nothing about the code, so they are refused; ratios to the baseline, which ran beside
// in the same rounds, may be compared.

import { count } from "../../control/cli/table.js";
import { VxlaneError } from "../../control/errors.js";
import { type Spread, spread } from "../statistics.js";
import type { MeasureReport, Report, Row } from "./schema.js";

/** Moved: neither better nor worse, as parts of a whole. */
export type Verdict = "equal" | "gain" | "small loss" | "loss" | "gone" | "new" | "moved";

export interface Change {
  readonly suite: string;
  readonly id: string;
  readonly title: string;
  readonly contender: string;
  readonly unit: string;
  readonly verdict: Verdict;
  readonly before?: Spread;
  readonly after?: Spread;
  /** after / before - 1, of the medians. */
  readonly change?: number;
  /** Why it is gone, or how its baseline moved meanwhile. */
  readonly remark?: string;
}

export interface Comparison {
  /** Every figure that is in both, and those that came or went. */
  readonly changes: readonly Change[];
  /** What makes the two harder to compare. */
  readonly warnings: readonly string[];
  readonly losses: number;
}

export interface CompareSettings {
  /** A share: 0.05. */
  readonly tolerance: number;
  readonly ratios: boolean;
}

/** Fewer rounds than this hardly know their own noise. */
const ROUNDS_MIN = 3;

/** @throws VxlaneError if the two cannot be compared */
export function compareReports(before: Report, after: Report, settings: CompareSettings): Comparison {
  const warnings = [...machineWarnings(before, after, settings.ratios), ...settingWarnings(before, after)];
  const changes: Change[] = [];
  for (const suite of after.suites) {
    const old = before.suites.find(({ name }) => name === suite.name);
    if (old === undefined) continue;
    if (suite.failed !== undefined) warnings.push(`${suite.name} failed in the report after: ${suite.failed}`);
    for (const measure of suite.measures) {
      const oldMeasure = old.measures.find(({ id }) => id === measure.id);
      if (oldMeasure === undefined) continue;
      if (oldMeasure.unit !== measure.unit || oldMeasure.better !== measure.better) {
        warnings.push(`${suite.name}/${measure.id} is not compared: ${oldMeasure.unit} before, ${measure.unit} after`);
      } else changes.push(...compareMeasures(suite.name, oldMeasure, measure, settings));
    }
  }
  if (changes.length === 0) {
    const what = settings.ratios ? "ratio" : "figure";
    throw new VxlaneError("ERR_USAGE", `the two reports have no ${what} in common; compare runs of the same suites`);
  }
  const losses = changes.filter(({ verdict }) => verdict === "loss" || verdict === "gone").length;
  return { changes, warnings, losses };
}

function machineWarnings(before: Report, after: Report, ratios: boolean): string[] {
  const [a, b] = [before.environment, after.environment];
  const differ = (keys: readonly (keyof typeof a)[]): string[] =>
    keys.filter((key) => a[key] !== b[key]).map((key) => `${key} ${String(a[key])} before, ${String(b[key])} after`);
  const machine = differ(["cpu", "cores", "arch", "memoryGiB"]);
  if (machine.length > 0 && !ratios) {
    throw new VxlaneError(
      "ERR_USAGE",
      `the two reports are of different machines (${machine.join("; ")}), their figures say nothing of each other; compare their ratios to the baseline with --ratios`,
    );
  }
  return [...machine, ...differ(["kernel", "node"])].map((line) => `the machines differ: ${line}`);
}

function settingWarnings(before: Report, after: Report): string[] {
  const warnings: string[] = [];
  if (before.quick !== after.quick) warnings.push("one of the two is a --quick run");
  for (const suite of after.suites) {
    const old = before.suites.find(({ name }) => name === suite.name);
    if (old === undefined) continue;
    if (old.roundSeconds !== suite.roundSeconds) {
      warnings.push(`${suite.name}: rounds of ${old.roundSeconds} s before, of ${suite.roundSeconds} s after`);
    }
    const rounds = Math.min(old.rounds, suite.rounds);
    if (rounds < ROUNDS_MIN) {
      warnings.push(
        `${suite.name}: ${count(rounds, "round")} tell nothing of the noise; take at least --rounds ${ROUNDS_MIN}`,
      );
    }
  }
  return warnings;
}

function compareMeasures(
  suite: string,
  before: MeasureReport,
  after: MeasureReport,
  { tolerance, ratios }: CompareSettings,
): Change[] {
  return after.rows.flatMap((row): Change[] => {
    const old = before.rows.find(({ contender }) => contender === row.contender);
    const [a, b] = [old, row].map((each) => (ratios ? each?.ratio : each?.value));
    const about = {
      ...{ suite, id: after.id, title: after.title, contender: row.contender },
      unit: ratios ? `x ${after.baseline ?? ""}` : after.unit,
    };
    if (a === undefined && b === undefined) return [];
    if (a === undefined) return old === undefined ? [] : [{ ...about, verdict: "new", after: b }];
    if (b === undefined) return [{ ...about, verdict: "gone", before: a, remark: row.absent ?? "no ratio any more" }];
    const change = a.median === b.median ? 0 : b.median / a.median - 1;
    const isBeyondNoise = b.min > a.max || b.max < a.min;
    const verdict = isBeyondNoise
      ? verdictOf(after.better, b.median - a.median, Math.abs(change) > tolerance)
      : "equal";
    const remark = verdict === "equal" || ratios ? undefined : baselineRemark(before, after, row);
    return [{ ...about, verdict, before: a, after: b, change, ...(remark === undefined ? {} : { remark }) }];
  });
}

function verdictOf(better: MeasureReport["better"], difference: number, isBeyondTolerance: boolean): Verdict {
  if (better === "neither") return "moved";
  const isWorse = better === "lower" ? difference > 0 : difference < 0;
  return !isWorse ? "gain" : isBeyondTolerance ? "loss" : "small loss";
}

/** How the baseline moved: what it did, the machine did. */
function baselineRemark(before: MeasureReport, after: MeasureReport, row: Row): string | undefined {
  const { baseline } = after;
  if (baseline === undefined || baseline === row.contender) return undefined;
  const [a, b] = [before, after].map(({ rows }) => rows.find(({ contender }) => contender === baseline)?.value?.median);
  return a === undefined || b === undefined ? undefined : `its baseline ${baseline}: ${percent(b / a - 1)}`;
}

/** The spread of all changes of figures that both have. */
export function overall({ changes }: Comparison): Spread | undefined {
  return spread(changes.flatMap(({ change }) => (change === undefined || !Number.isFinite(change) ? [] : [change])));
}

export function percent(share: number): string {
  if (!Number.isFinite(share)) return "from 0";
  return `${share < 0 ? "-" : "+"}${Math.abs(share * 100).toFixed(1)} %`;
}

// `vxlane bench compare`: reads two reports and prints what changed between them.

import { EXIT_FAILURE, EXIT_OK, VxlaneError } from "../../control/errors.js";
import { type Change, type Comparison, compareReports, overall, percent } from "./compare.js";
import { figure } from "./figures.js";
import { readReport } from "./read.js";
import { columns } from "./text.js";

export interface CompareFilesOptions {
  readonly tolerance: string;
  readonly ratios?: boolean;
  readonly json?: boolean;
}

/** @returns the exit code: 1 where something was lost. @throws VxlaneError if the two cannot be compared */
export function compareFiles(before: string, after: string, options: CompareFilesOptions): number {
  const settings = { tolerance: readTolerance(options.tolerance), ratios: options.ratios ?? false };
  const comparison = compareReports(readReport(before), readReport(after), settings);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ before, after, ...settings, ...comparison }, undefined, 2)}\n`
      : comparisonText(comparison, settings.tolerance),
  );
  return comparison.losses > 0 ? EXIT_FAILURE : EXIT_OK;
}

/** `5%` or `5`: percent. @returns a share */
export function readTolerance(text: string): number {
  const digits = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim())?.[1];
  if (digits === undefined) {
    throw new VxlaneError("ERR_USAGE", `--tolerance: ${text} is not a percentage; allowed: 0 or more, as in 5%`);
  }
  return Number(digits) / 100;
}

export function comparisonText(comparison: Comparison, tolerance: number): string {
  const { changes, warnings, losses } = comparison;
  const told = changes.filter(({ verdict }) => verdict !== "equal");
  const equal = changes.length - told.length;
  const lines = warnings.map((line) => `warning: ${line}`);
  if (told.length > 0) {
    const head = ["", "figure", "contender", "before", "(min to max)", "after", "(min to max)", "unit", "change", ""];
    lines.push(...columns([head, ...[...told].sort(worstFirst).map(cells)], NUMERIC));
  }
  const all = overall(comparison);
  lines.push(
    `${equal} of ${changes.length} figures did not change beyond the noise of their rounds${all === undefined ? "" : `; median of all changes ${percent(all.median)}`}`,
    losses === 0 ? `no loss beyond ${tolerance * 100} %` : `${losses} ${losses === 1 ? "loss" : "losses"}`,
  );
  return `${lines.join("\n")}\n`;
}

const NUMERIC = new Set([3, 5, 8]);
const ORDER = ["gone", "loss", "small loss", "gain", "moved", "new", "equal"] as const;

function worstFirst(a: Change, b: Change): number {
  return ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict) || Math.abs(b.change ?? 0) - Math.abs(a.change ?? 0);
}

function cells({ verdict, suite, id, contender, before, after, unit, change, remark }: Change): string[] {
  const range = (of: Change["before"]): string => (of === undefined ? "" : `(${figure(of.min)} to ${figure(of.max)})`);
  return [
    verdict,
    `${suite}/${id}`,
    contender,
    before === undefined ? "absent" : figure(before.median),
    range(before),
    after === undefined ? "absent" : figure(after.median),
    range(after),
    unit,
    change === undefined ? "" : percent(change),
    remark ?? "",
  ];
}

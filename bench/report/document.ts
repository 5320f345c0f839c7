// From runs to the report's document: the statistics of every row, what speaks against it, and the command that
// repeats it.

import { type Counts, judge, type Measure, type Sample } from "../measure.js";
import { NOISE_MAX, noise, spread } from "../statistics.js";
import type { Plan, Run, Suite } from "../suite.js";
import {
  type Environment,
  type MeasureReport,
  REPORT_KIND,
  REPORT_VERSION,
  type Report,
  type Row,
  type SuiteReport,
} from "./schema.js";

export interface Finished {
  readonly suite: Suite;
  readonly plan: Plan;
  readonly run: Run;
  readonly seconds: number;
  /** Why it ended early. */
  readonly failed?: string;
  /** Options that a command needs to do the same again: `--quick --rounds 5`. */
  readonly options: readonly string[];
}

export function toReport(
  environment: Environment,
  finished: readonly Finished[],
  { quick, seconds }: { quick: boolean; seconds: number },
): Report {
  return {
    kind: REPORT_KIND,
    version: REPORT_VERSION,
    environment,
    quick,
    seconds: rounded(seconds),
    suites: finished.map(toSuite),
  };
}

function toSuite({ suite, plan, run, seconds, failed, options }: Finished): SuiteReport {
  const { rounds, seconds: roundSeconds } = run.settings;
  const command = ["vxlane bench", suite.name, ...options].join(" ");
  const floors = run.floors.filter(({ measure }) => run.measures.includes(measure)).map(judge);
  return {
    name: suite.name,
    summary: suite.summary,
    command,
    rounds,
    roundSeconds,
    seconds: rounded(seconds),
    ...(failed === undefined ? {} : { failed }),
    headlines: [...run.headlines],
    facts: [...run.facts].map(([name, value]) => ({ name, value })),
    missing: [...plan.missing],
    notes: [...run.notes],
    measures: run.measures.map((measure) => toMeasure(measure, command)),
    floors: floors.map(({ statement, actual, inC, holds, unjudged }) => ({
      statement,
      ...(actual === undefined ? {} : { actual }),
      ...(inC === undefined ? {} : { inC }),
      ...(holds === undefined ? {} : { holds }),
      ...(unjudged === undefined ? {} : { unjudged }),
    })),
  };
}

function toMeasure(measure: Measure, command: string): MeasureReport {
  const { id, title, unit, better, baseline, plot } = measure.options;
  const ceilings = measure.ceilings();
  const absent = measure.ceilingReason();
  const ceiling = spread(ceilings.map(({ value }) => value));
  return {
    id,
    title,
    unit,
    better,
    ...(baseline === undefined ? {} : { baseline }),
    command: `${command} --only ${id}`,
    ...(plot === undefined ? {} : { plot: { ...plot } }),
    ...(ceiling === undefined && absent === undefined
      ? {}
      : {
          ceiling: {
            ...(ceiling === undefined ? {} : { value: ceiling }),
            samples: ceilings.map(toSample),
            ...(absent === undefined ? {} : { absent }),
          },
        }),
    rows: measure.contenders().map((contender) => toRow(measure, contender)),
  };
}

function toRow(measure: Measure, contender: string): Row {
  const value = measure.value(contender);
  const samples = measure.samples(contender);
  const ratio = measure.ratio(contender);
  const cpu = measure.cpu(contender);
  const reason = measure.reason(contender);
  const counted = measure.counts(contender);
  return {
    contender,
    ...(value === undefined ? { absent: reason ?? "not measured" } : { value }),
    samples: samples.map(toSample),
    ...(ratio === undefined ? {} : { ratio }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(counted.length === 0 ? {} : { counts: { rounds: counted.length, ...sum(counted) } }),
    ...(value === undefined || reason === undefined ? {} : { incomplete: reason }),
    warnings: warningsOf(measure, contender),
  };
}

function warningsOf(measure: Measure, contender: string): string[] {
  const warnings: string[] = [];
  const value = measure.value(contender);
  // A small part of a whole may be twice as large without saying anything.
  if (measure.options.better !== "neither" && value !== undefined && noise(value) > NOISE_MAX) {
    const width = noise(value);
    const size = Number.isFinite(width) ? `${Math.round(width * 100)} % of the median` : "around a median of 0";
    warnings.push(`noisy: the rounds spread over ${size}`);
  }
  const tops = measure.ceilings().map(({ value }) => value);
  const top = spread(tops);
  const isRate = measure.options.better === "higher";
  const isCeiling = measure.samples(contender).every(({ value }) => tops.includes(value));
  if (isRate && !isCeiling && value !== undefined && top !== undefined && value.median > 0.9 * top.median) {
    warnings.push("at the generator's own ceiling: the tunnel may be able to do more");
  }
  return [...warnings, ...miscounts(measure, contender)];
}

/** Rounds whose frames do not add up: the figure, or the counting, is wrong. */
export function miscounts(measure: Measure, contender: string): string[] {
  return measure.counts(contender).flatMap(({ sent, received, lost }, round) => {
    if (sent === received + lost) return [];
    return [`frames of round ${round + 1} do not add up: ${sent} sent, ${received} received, ${lost} lost`];
  });
}

function sum(counts: readonly Counts[]): Counts {
  const total = { sent: 0, received: 0, lost: 0 };
  for (const { sent, received, lost } of counts) {
    total.sent += sent;
    total.received += received;
    total.lost += lost;
  }
  return total;
}

function toSample({ round, value, cpu }: Sample): Row["samples"][number] {
  return { round, value, ...(Number.isNaN(cpu) ? {} : { cpu }) };
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

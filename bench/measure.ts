// What a suite measures: a table of samples, one for each contender and round, and the statistics that the report
// prints of it. A ratio is taken within a round, between contenders that ran next to each other, and only then is the
// median formed; so a machine that slows down for a while does not favour whoever ran before.
//
// A figure that could not be measured is absent and carries its reason. It is never zero.

import { type Spread, spread } from "./statistics.js";

export interface Sample {
  readonly round: number;
  readonly value: number;
  /** CPU seconds spent for each second of wall time while this was measured; NaN when nobody looked. */
  readonly cpu: number;
}

/** Frames of one round. Received is counted at the receiver, sent where frames enter, lost where they are dropped. */
export interface Counts {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

/** Measures of one chart are drawn together: a point of its x axis each, contenders as series. */
export interface Plot {
  /** Title of the chart, unique within the suite. All its measures have one unit. */
  readonly chart: string;
  /** All numbers, for lines; or all names, for bars. */
  readonly x: number | string;
  readonly xLabel: string;
  /** Of the x axis; linear unless said. */
  readonly scale?: "linear" | "log";
  /** Of the y axis; linear unless said. */
  readonly yScale?: "linear" | "log";
  /** The contenders are parts of a whole: their bars stand on one another. */
  readonly stacked?: boolean;
}

export interface MeasureOptions {
  /** Stable, and unique in the suite: `tcp-1-out`. Lower case, digits, `-` and `.`; it stands in commands and file names. */
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** Neither: a part of a whole, where less of one is more of another. */
  readonly better: "lower" | "higher" | "neither";
  /** The contender that the others are divided by. */
  readonly baseline?: string;
  readonly plot?: Plot;
}

const ID = /^[a-z0-9][a-z0-9.-]*$/;

export class Measure {
  readonly #samples = new Map<string, Sample[]>();
  readonly #absent = new Map<string, string>();
  readonly #contenders = new Set<string>();
  readonly #ceiling: Sample[] = [];
  readonly #counts = new Map<string, Counts[]>();
  #noCeiling: string | undefined;

  constructor(readonly options: MeasureOptions) {
    if (!ID.test(options.id)) throw new Error(`${options.id} is no id of a measure: lower case, digits, - and . only`);
  }

  /** @param cpu cores that were busy meanwhile */
  add(contender: string, round: number, value: number, cpu: number = Number.NaN): void {
    if (!Number.isFinite(value)) {
      this.absent(contender, `round ${round + 1} gave no number`);
      return;
    }
    this.#contenders.add(contender);
    const samples = this.#samples.get(contender) ?? [];
    samples.push({ round, value, cpu });
    this.#samples.set(contender, samples);
  }

  /** Says why there is no figure, or why there are too few. The first reason stays. */
  absent(contender: string, reason: string): void {
    this.#contenders.add(contender);
    if (!this.#absent.has(contender)) this.#absent.set(contender, reason);
  }

  /** What the generator itself can do, with nothing in its way: no figure of a contender can be above it. */
  ceiling(round: number, value: number): void {
    if (Number.isFinite(value)) this.#ceiling.push({ round, value, cpu: Number.NaN });
    else this.noCeiling(`round ${round + 1} gave no number`);
  }

  noCeiling(reason: string): void {
    this.#noCeiling ??= reason;
  }

  /** Frames of one round. The runner checks that they add up, and fails where they do not. */
  count(contender: string, { sent, received, lost }: Counts): void {
    this.#contenders.add(contender);
    const rounds = this.#counts.get(contender) ?? [];
    rounds.push({ sent, received, lost });
    this.#counts.set(contender, rounds);
  }

  /** In the order in which they were first seen. */
  contenders(): string[] {
    return [...this.#contenders];
  }

  samples(contender: string): readonly Sample[] {
    return this.#samples.get(contender) ?? [];
  }

  reason(contender: string): string | undefined {
    return this.#absent.get(contender);
  }

  value(contender: string): Spread | undefined {
    return spread(this.samples(contender).map((sample) => sample.value));
  }

  /** Cores in use while it was measured. */
  cpu(contender: string): Spread | undefined {
    return spread(
      this.samples(contender)
        .map((sample) => sample.cpu)
        .filter((cpu) => !Number.isNaN(cpu)),
    );
  }

  /** Value of `contender` over that of `other`, round by round. */
  ratio(contender: string, other: string | undefined = this.options.baseline): Spread | undefined {
    return other === contender ? undefined : this.#over(this.samples(contender), other);
  }

  /** The generator's ceiling over the value of `other`, round by round: what no contender's ratio can be above. */
  ceilingRatio(other: string | undefined = this.options.baseline): Spread | undefined {
    return this.#over(this.#ceiling, other);
  }

  #over(dividends: readonly Sample[], other: string | undefined): Spread | undefined {
    if (other === undefined) return undefined;
    const divisors = new Map(this.samples(other).map((sample) => [sample.round, sample.value]));
    const ratios = dividends.map((sample) => sample.value / (divisors.get(sample.round) ?? Number.NaN));
    return spread(ratios.filter((ratio) => Number.isFinite(ratio)));
  }

  ceilings(): readonly Sample[] {
    return this.#ceiling;
  }

  ceilingReason(): string | undefined {
    return this.#noCeiling;
  }

  /** One for each round that was counted. */
  counts(contender: string): readonly Counts[] {
    return this.#counts.get(contender) ?? [];
  }
}

/** A statement that the project makes about a figure. `--check` fails when one does not hold. */
export interface Floor {
  readonly measure: Measure;
  readonly contender: string;
  /** Judge the median of the value, or of the ratio to the baseline (or to `to`). */
  readonly of: "value" | "ratio";
  readonly to?: string;
  readonly relation: "at most" | "at least";
  readonly limit: number;
  /** The contender that is the same in C: what a missed floor is to be read beside. */
  readonly inC?: string;
  /** The generator's ceiling is one for everybody: a ratio that it does not allow is not asked for. */
  readonly isBelowCeiling?: boolean;
}

export interface Judgement {
  readonly statement: string;
  /** undefined: could not be measured. */
  readonly actual: number | undefined;
  /** What the same in C got in the same run. */
  readonly inC: number | undefined;
  /** undefined: it is not judged, and `unjudged` says why. */
  readonly holds: boolean | undefined;
  readonly unjudged: string | undefined;
}

export function judge(floor: Floor): Judgement {
  const { measure, contender, of, relation, limit } = floor;
  const figureOf = (name: string): number | undefined =>
    (of === "value" ? measure.value(name) : measure.ratio(name, floor.to))?.median;
  const actual = figureOf(contender);
  const unit = of === "value" ? ` ${measure.options.unit}` : ` x ${floor.to ?? measure.options.baseline}`;
  const unjudged = actual === undefined ? undefined : obstacle(floor);
  const holds = actual !== undefined && (relation === "at most" ? actual <= limit : actual >= limit);
  return {
    statement: `${measure.options.title}: ${contender} ${relation} ${Number(limit.toPrecision(3))}${unit}`,
    actual,
    inC: floor.inC === undefined ? undefined : figureOf(floor.inC),
    holds: unjudged === undefined ? holds : undefined,
    unjudged,
  };
}

/** Why nobody could reach it in this run: neither the generator alone gave as much, nor did anybody forward it. */
function obstacle({ measure, of, to, relation, limit, isBelowCeiling }: Floor): string | undefined {
  if (!isBelowCeiling || of !== "ratio" || relation !== "at least") return undefined;
  const ceiling = measure.ceilingRatio(to)?.median;
  if (ceiling === undefined) return undefined;
  const most = Math.max(ceiling, ...measure.contenders().map((name) => measure.ratio(name, to)?.median ?? 0));
  if (most >= limit) return undefined;
  return `the generator's ceiling allows ${Math.floor(most * 1000) / 1000}`;
}

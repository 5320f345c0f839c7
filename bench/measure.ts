// What a scenario measures: a table of samples, one for each contender and round, and the statistics that the report
// prints of it. A ratio is taken within a round, between contenders that ran next to each other, and only then is the
// median formed; so a machine that slows down for a while does not favour whoever ran before.
//
// A figure that could not be measured is absent and carries its reason. It is never zero.

export interface Sample {
  readonly round: number;
  readonly value: number;
  /** CPU seconds spent for each second of wall time while this was measured; NaN when nobody looked. */
  readonly cpu: number;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface MeasureOptions {
  /** Unique within the scenario, for JSON. */
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly better: "lower" | "higher";
  /** The contender that the others are divided by. */
  readonly baseline?: string;
}

export class Measure {
  readonly #samples = new Map<string, Sample[]>();
  readonly #absent = new Map<string, string>();
  readonly #contenders = new Set<string>();

  constructor(readonly options: MeasureOptions) {}

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

  /** Says why there is no figure. The first reason stays. */
  absent(contender: string, reason: string): void {
    this.#contenders.add(contender);
    if (!this.#absent.has(contender)) this.#absent.set(contender, reason);
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
    if (other === undefined || other === contender) return undefined;
    const divisors = new Map(this.samples(other).map((sample) => [sample.round, sample.value]));
    const ratios = this.samples(contender).map((sample) => sample.value / (divisors.get(sample.round) ?? Number.NaN));
    return spread(ratios.filter((ratio) => Number.isFinite(ratio)));
  }
}

/** Median, least and greatest; undefined of nothing. */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1];
  const high = sorted[sorted.length >> 1];
  const min = sorted[0];
  const max = sorted[sorted.length - 1];
  if (low === undefined || high === undefined || min === undefined || max === undefined) return undefined;
  return { median: (low + high) / 2, min, max };
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
}

export interface Judgement {
  readonly statement: string;
  /** undefined: could not be measured. */
  readonly actual: number | undefined;
  readonly holds: boolean;
}

export function judge(floor: Floor): Judgement {
  const { measure, contender, of, relation, limit } = floor;
  const actual = (of === "value" ? measure.value(contender) : measure.ratio(contender, floor.to))?.median;
  const unit = of === "value" ? ` ${measure.options.unit}` : ` x ${floor.to ?? measure.options.baseline}`;
  return {
    statement: `${measure.options.title}: ${contender} ${relation} ${Number(limit.toPrecision(3))}${unit}`,
    actual,
    holds: actual !== undefined && (relation === "at most" ? actual <= limit : actual >= limit),
  };
}

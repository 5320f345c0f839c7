// Measures cases: in every round all contenders do the same work in short turns, and what one nanosecond figure says goes
// into one measure or more.
//
// Where a case names a counter, the frames must have raised it by one each: a frame that was not learned, moved or
// flooded as it should have been makes the figure absent, not wrong.

import type { Measure, MeasureOptions, Plot } from "../../../measure.js";
import { inRound } from "../../../suite.js";
import type { Bench } from "../scenario.js";
import { type Contender, TWIN, type Work } from "./contender.js";
import type { Source } from "./frames.js";
import { breath, Meter, takeTurns } from "./timing.js";
import { counterOf, type World } from "./world.js";

export interface Figure {
  readonly options: MeasureOptions;
  /** What the measure shows of nanoseconds a frame. */
  readonly of: (ns: number) => number;
}

export interface Case {
  readonly figures: readonly Figure[];
  readonly work: (contender: Contender) => Work;
  readonly source: Source;
  /** COUNTER_*; what it must grow by, frame by frame. */
  readonly counter?: number;
}

/** Our choice: compilers are warm by then, and caches. */
const WARM_UP_SECONDS = 0.04;

/** What `timeCases` will take. */
export function casesSeconds(cases: number, { rounds, seconds }: { rounds: number; seconds: number }): number {
  return cases * 2 * (WARM_UP_SECONDS + rounds * (seconds + 0.005));
}

export function nanoseconds(id: string, title: string, plot?: Plot): Figure {
  const options: MeasureOptions = { id, title, unit: "ns/frame", better: "lower", baseline: TWIN };
  return { options: plot === undefined ? options : { ...options, plot }, of: (ns) => ns };
}

/** @param bytes a frame */
export function gigabytes(id: string, title: string, bytes: number, plot: Plot): Figure {
  return { options: { id, title, unit: "GB/s", better: "higher", baseline: TWIN, plot }, of: (ns) => bytes / ns };
}

export function millions(id: string, title: string, unit: string, plot?: Plot): Figure {
  const options: MeasureOptions = { id, title, unit, better: "higher", baseline: TWIN };
  return { options: plot === undefined ? options : { ...options, plot }, of: (ns) => 1000 / ns };
}

/** @returns the measures, in the order of the cases and their figures */
export async function timeCases(bench: Bench, world: World, cases: readonly Case[]): Promise<Measure[]> {
  const { run } = bench;
  const contenders = bench.contenders(world);
  const all: Measure[] = [];
  for (const one of cases) {
    const measures = one.figures.map(({ options }) => run.measure(options));
    all.push(...measures);
    if (bench.wantsAny(measures.map(({ options }) => options.id)))
      await timeCase(bench, world, contenders, one, measures);
  }
  return all;
}

async function timeCase(
  bench: Bench,
  world: World,
  contenders: readonly Contender[],
  { figures, work, source, counter }: Case,
  measures: readonly Measure[],
): Promise<void> {
  const { run, settings } = bench;
  const meters = (): Meter[] => contenders.map((contender) => new Meter(contender.name, work(contender), source));
  takeTurns(meters(), WARM_UP_SECONDS);
  for (let round = 0; round < settings.rounds; round++) {
    await breath();
    run.checkpoint();
    const together = meters();
    const before = counter === undefined ? 0 : counterOf(world.shared, source.worker, counter);
    takeTurns(inRound(together, round), settings.seconds);
    const frames = together.reduce((sum, meter) => sum + meter.frames(), 0);
    const counted = counter === undefined ? frames : counterOf(world.shared, source.worker, counter) - before;
    for (const meter of together) {
      for (const [index, measure] of measures.entries()) {
        if (counted === frames)
          measure.add(meter.name, round, figures[index]?.of(meter.ns()) ?? Number.NaN, meter.cores());
        else measure.absent(meter.name, `only ${counted} of ${frames} frames did what they were to do`);
      }
    }
  }
  bench.excuse(measures);
  for (const measure of measures.slice(0, 1)) run.progress(summary(measure));
}

export function summary(measure: Measure): string {
  const values = measure
    .contenders()
    .map((contender) => `${contender} ${measure.value(contender)?.median.toPrecision(3) ?? "absent"}`);
  return `${measure.options.title}: ${values.join(", ")} ${measure.options.unit}`;
}

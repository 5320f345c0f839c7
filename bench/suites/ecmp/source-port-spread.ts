// Pearson's chi-square of the source ports: whether a formula fills its range as evenly as dice do. Populations that are
// counted up show what random flows hide.

import type { Measure } from "../../measure.js";
import type { Run } from "../../suite.js";
import { chiSquare, expectedIn, sliceOf } from "./evenness.js";
import { POPULATIONS, type PopulationName, trialRandom } from "./flows.js";
import { type Chooser, PERFECT } from "./source-ports.js";

export const SLICES = 256;
const FLOWS = 16384;
const QUICK_TRIALS = 3;
const TRIALS = 16;

const NAMES = Object.keys(POPULATIONS) as PopulationName[];
const TITLES: Readonly<Record<PopulationName, string>> = {
  service: "clients of a service",
  ports: "ports counted up",
  hosts: "hosts counted up",
  random: "random flows",
};

export const CHI_IDS: readonly string[] = NAMES.map(idOf);

export function idOf(name: PopulationName): string {
  return `chi-square-${name}`;
}

export async function measureSpread(
  run: Run,
  choosers: readonly Chooser[],
  breath: () => Promise<void>,
): Promise<readonly Measure[]> {
  const trials = run.settings.quick ? QUICK_TRIALS : TRIALS;
  const measures: Measure[] = [];
  for (const name of NAMES) {
    const plot = { chart: "chi-square of source ports", x: TITLES[name], xLabel: "flows" };
    const measure = run.measure({
      id: idOf(name),
      title: `source ports of ${FLOWS} flows, ${TITLES[name]}`,
      unit: "chi-square/degree of freedom",
      better: "lower",
      baseline: PERFECT,
      plot,
    });
    measures.push(measure);
    if (!run.wants(idOf(name))) continue;
    for (let round = 0; round < run.settings.rounds; round++) {
      await breath();
      run.checkpoint();
      const values = meanChiSquares(choosers, name, round, trials);
      for (const [index, chooser] of choosers.entries()) measure.add(chooser.name, round, values[index] ?? Number.NaN);
    }
  }
  run.progress("chi-square done");
  return measures;
}

/** @returns for each chooser, the mean over trials */
export function meanChiSquares(
  choosers: readonly Chooser[],
  name: PopulationName,
  round: number,
  trials: number,
): number[] {
  const expected = choosers.map(({ range }) => expectedIn(range, SLICES, FLOWS));
  const sums = choosers.map(() => 0);
  for (let trial = 0; trial < trials; trial++) {
    const flows = POPULATIONS[name](trialRandom(round, trial), FLOWS);
    for (const [index, { range, choose }] of choosers.entries()) {
      const port = choose(trialRandom(round, -100 - trial));
      const counts = new Uint32Array(SLICES);
      for (const flow of flows) {
        const slice = sliceOf(port(flow), range, SLICES);
        counts[slice] = (counts[slice] ?? 0) + 1;
      }
      sums[index] = (sums[index] ?? 0) + chiSquare(counts, expected[index] ?? []) / trials;
    }
  }
  return sums;
}

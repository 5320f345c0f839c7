// The load of the fullest of equal-cost paths, against its fair share: how much sooner than the others one link fills up.
//
// A figure is the mean over many trials, each with flows, keys and a switch of its own, so that it says something of the
// formula and not of one draw. All contenders get the same flows and the same switches.

import type { Measure } from "../../measure.js";
import type { Run, Settings } from "../../suite.js";
import { fullest } from "./evenness.js";
import { POPULATIONS, trialRandom } from "./flows.js";
import { type Chooser, PERFECT } from "./source-ports.js";
import { Switch } from "./switch.js";

const FLOWS = [16, 64, 256, 1024, 4096, 16384, 100_000];
const QUICK_FLOWS = [16, 1024, 100_000];
const PATHS = [2, 4, 8, 16, 32, 64];
const QUICK_PATHS = [2, 16, 64];
/** Our choice: flows hashed for one figure of one round. */
const FLOWS_A_FIGURE = 50_000;
const QUICK_FLOWS_A_FIGURE = 20_000;

export function sizes({ quick }: Pick<Settings, "quick">): { flows: readonly number[]; paths: readonly number[] } {
  return quick ? { flows: QUICK_FLOWS, paths: QUICK_PATHS } : { flows: FLOWS, paths: PATHS };
}

export function idOf(paths: number, flows: number): string {
  return `fullest-of-${paths}-${flows}-flows`;
}

export async function measureFullest(
  run: Run,
  choosers: readonly Chooser[],
  breath: () => Promise<void>,
): Promise<ReadonlyMap<string, Measure>> {
  const { flows, paths } = sizes(run.settings);
  const measures = new Map(
    paths.flatMap((count) => flows.map((size) => [idOf(count, size), declare(run, count, size)])),
  );
  const hashed = run.settings.quick ? QUICK_FLOWS_A_FIGURE : FLOWS_A_FIGURE;
  for (let round = 0; round < run.settings.rounds; round++) {
    for (const size of flows) {
      if (!paths.some((count) => run.wants(idOf(count, size)))) continue;
      await breath();
      run.checkpoint();
      for (const [name, loads] of meanLoads(choosers, paths, size, { round, flows: hashed })) {
        paths.forEach((count, index) => {
          measures.get(idOf(count, size))?.add(name, round, loads[index] ?? Number.NaN);
        });
      }
    }
    run.progress(`fullest path: round ${round + 1} of ${run.settings.rounds}`);
  }
  return measures;
}

function declare(run: Run, paths: number, flows: number): Measure {
  const chart = `load of the fullest of ${paths} paths`;
  return run.measure({
    id: idOf(paths, flows),
    title: `fullest of ${paths} paths, ${flows} flows`,
    unit: "times its fair share",
    better: "lower",
    baseline: PERFECT,
    plot: { chart, x: flows, xLabel: "flows", scale: "log" },
  });
}

/**
 * @param effort flows to hash in all, in trials of `size` flows, one at the least
 * @returns by contender, for each number of paths, the mean over trials
 */
export function meanLoads(
  choosers: readonly Chooser[],
  paths: readonly number[],
  size: number,
  effort: { readonly round: number; readonly flows: number },
): Map<string, number[]> {
  const { round } = effort;
  const trials = Math.max(1, Math.round(effort.flows / size));
  const sums = new Map(choosers.map(({ name }) => [name, paths.map(() => 0)]));
  // A switch costs a table of all ports, so trials share some.
  const switches = Array.from({ length: Math.min(trials, 4) }, (_, n) => new Switch(trialRandom(round, -1 - n)));
  for (let trial = 0; trial < trials; trial++) {
    const flows = POPULATIONS.service(trialRandom(round, trial), size);
    const router = switches[trial % switches.length];
    for (const chooser of choosers) {
      const random = trialRandom(round, trial);
      const choose = chooser.choose(random);
      const ports = flows.map(choose);
      const sum = sums.get(chooser.name);
      paths.forEach((count, index) => {
        const loads = new Uint32Array(count);
        for (const port of ports) {
          // The perfect hash needs no switch: it throws for the path itself.
          const path = chooser.name === PERFECT ? random.below(count) : (router?.path(port, count) ?? 0);
          loads[path] = (loads[path] ?? 0) + 1;
        }
        if (sum !== undefined) sum[index] = (sum[index] ?? 0) + fullest(loads) / trials;
      });
    }
  }
  return sums;
}

// The packet work of one worker by the frames that it gets at once: what a call from JavaScript, settle and the counters cost
// a batch is shared by its frames, and in a large table a batch's cache misses run together.

import { type Case, casesSeconds, nanoseconds, timeCases } from "./rig/cases.js";
import { type Direction, FrameSource } from "./rig/frames.js";
import type { World } from "./rig/world.js";
import { DIRECTIONS, type Scenario } from "./scenario.js";

const COUNTS = [1, 4, 16, 64, 256];
const QUICK_COUNTS = [1, 16, 256];

export const batches: Scenario = {
  plan(settings) {
    const counts = settings.quick ? QUICK_COUNTS : COUNTS;
    return {
      line: `batches of ${counts.join(", ")} frames`,
      seconds: casesSeconds(counts.length * 2, settings),
      ids: DIRECTIONS.flatMap((direction) => counts.map((count) => idOf(direction, count))),
    };
  },
  async run(bench) {
    const counts = bench.settings.quick ? QUICK_COUNTS : COUNTS;
    if (!bench.wantsAny(DIRECTIONS.flatMap((direction) => counts.map((count) => idOf(direction, count))))) return;
    const world = await bench.world();
    for (const direction of DIRECTIONS) {
      await timeCases(
        bench,
        world,
        counts.map((count) => caseOf(world, direction, count)),
      );
    }
  },
};

function idOf(direction: Direction, count: number): string {
  return `${direction}-batch-${count}`;
}

function caseOf(world: World, direction: Direction, count: number): Case {
  const plot = { chart: `${direction} by batch`, x: count, xLabel: "frames a batch", scale: "log" } as const;
  const title = `${direction}, batch of ${count}`;
  return {
    figures: [nanoseconds(idOf(direction, count), title, plot)],
    work: ({ forward }) => forward[direction],
    source: new FrameSource(world, direction, { count }),
  };
}

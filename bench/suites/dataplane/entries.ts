// The packet work of one worker by the size of its table: encap and decap of 64-byte frames between MACs that are drawn
// evenly from all entries, so that a larger table means more cache misses.
//
// Before anything is timed, both contenders prove on worlds of their own that they do the same.

import { type Case, casesSeconds, nanoseconds, timeCases } from "./rig/cases.js";
import { twinContender, WASM, wasmContender } from "./rig/contender.js";
import { type Direction, FrameSource } from "./rig/frames.js";
import { assertIdentical } from "./rig/identical.js";
import { createWorld, type World } from "./rig/world.js";
import { type Bench, DIRECTIONS, type Scenario, shortCount } from "./scenario.js";

const SIZES = [1024, 8192, 65536, 1048576, 4194304];
const QUICK_SIZES = [1024, 65536];
/** A larger table does not make other code run. */
const COMPARED_MAX = 65536;
const RATIO_MAX = 1.2;
const HEADLINE_ENTRIES = 65536;

export const entries: Scenario = {
  plan(settings) {
    const sizes = settings.quick ? QUICK_SIZES : SIZES;
    return {
      line: `encap and decap of 64 B frames, ${sizes.map(shortCount).join(", ")} FDB entries; outputs of both contenders compared first`,
      seconds: casesSeconds(sizes.length * 2, settings) + sizes.length * 1.2 + Math.max(...sizes) / 1e6,
      ids: sizes.flatMap((size) => DIRECTIONS.map((direction) => idOf(direction, size))),
    };
  },
  async run(bench) {
    for (const size of bench.settings.quick ? QUICK_SIZES : SIZES) {
      if (!bench.wantsAny(DIRECTIONS.map((direction) => idOf(direction, size)))) continue;
      await compare(bench, size);
      await time(bench, size);
    }
  },
};

function idOf(direction: Direction, size: number): string {
  return `${direction}-${shortCount(size).toLowerCase()}`;
}

/** Each contender on a world of its own, since both have to start from the same state. */
async function compare(bench: Bench, size: number): Promise<void> {
  const { run, module, library } = bench;
  if (library === undefined || size > COMPARED_MAX) return;
  const [one, other] = await Promise.all([createWorld(module, size), createWorld(module, size)]);
  const frames = assertIdentical(
    { world: one, contender: wasmContender(one) },
    { world: other, contender: twinContender(library, other) },
  );
  run.progress(`${shortCount(size)} entries: ${frames} frames, outputs and counters identical`);
  run.note(
    `${shortCount(size)} entries: outputs, tables, counters and events of ${frames} frames were identical in both`,
  );
}

async function time(bench: Bench, size: number): Promise<void> {
  const world = await bench.world(size);
  const measures = await timeCases(
    bench,
    world,
    DIRECTIONS.map((direction) => caseOf(world, direction, size)),
  );
  for (const measure of measures) {
    bench.run.floor({ measure, contender: WASM, of: "ratio", relation: "at most", limit: RATIO_MAX });
    const value = measure.value(WASM);
    if (size !== HEADLINE_ENTRIES || value === undefined) continue;
    const ratio = measure.ratio(WASM);
    const versus = ratio === undefined ? "" : `, ${ratio.median.toFixed(2)} times the time of the same in C`;
    bench.run.headline(
      `${measure.options.title}, 64 B frames, one worker, no system call: ${value.median.toFixed(0)} ns a frame (${(1000 / value.median).toFixed(1)} M/s)${versus}`,
    );
  }
}

function caseOf(world: World, direction: Direction, size: number): Case {
  const plot = { chart: `${direction} by FDB entries`, x: size, xLabel: "FDB entries", scale: "log" } as const;
  return {
    figures: [nanoseconds(idOf(direction, size), `${direction}, ${shortCount(size)} entries`, plot)],
    work: ({ forward }) => forward[direction],
    source: new FrameSource(world, direction),
  };
}

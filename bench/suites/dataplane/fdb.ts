// What a frame costs by what it finds in the FDB: a hit, a miss (flooded to a list of one VTEP), a new source MAC that is
// inserted under its locks with its event, a known one that has moved to another VTEP.
//
// Each row is the whole work of a frame. Events are read as fast as they come, as control does it; when the table is full
// it is emptied. Neither is timed.

import {
  COUNTER_FLOODED_ENCAP,
  COUNTER_FRAMES_ENCAP,
  COUNTER_LEARNED,
  COUNTER_MOVED,
  WORKER_CONTROL,
} from "../../../dataplane-wasm/layout.js";
import type { Plot } from "../../measure.js";
import type { Settings } from "../../suite.js";
import { type Case, casesSeconds, type Figure, millions, nanoseconds, timeCases } from "./rig/cases.js";
import { WASM } from "./rig/contender.js";
import { type Direction, FrameSource, type Source } from "./rig/frames.js";
import {
  bucketsOf,
  createWorld,
  fillFdb,
  localEntries,
  readEvents,
  VTEP_COUNT,
  vtepOf,
  type World,
} from "./rig/world.js";
import { type Bench, DIRECTIONS, type Scenario, shortCount } from "./scenario.js";

const FINDS = ["hit", "miss", "move"] as const;
const SIZES = [1024, 65536, 1048576, 4194304];
const QUICK_SIZES = [65536];
const LEARN_IDS = ["learn-encap", "learn-decap"];
/** Where learning begins. */
const KNOWN = 1024;
const CAPACITY = 1048576;
const PER_SECOND_MIN = 1;
/** Entries from this number on are in no table: MACs are different up to 2^24. */
const UNKNOWN = 2 ** 23;

type Find = (typeof FINDS)[number];

export const fdb: Scenario = {
  plan(settings) {
    const sizes = sizesOf(settings);
    return {
      line: `what a frame finds in an FDB of ${sizes.map(shortCount).join(", ")}: hit, miss, move; new MACs learned until the table is full`,
      seconds: 2 + casesSeconds(sizes.length * FINDS.length + LEARN_IDS.length, settings) + Math.max(...sizes) / 1e6,
      ids: [...sizes.flatMap(idsOf), ...LEARN_IDS],
    };
  },
  async run(bench) {
    for (const size of sizesOf(bench.settings)) {
      if (bench.wantsAny(idsOf(size))) await measureFinding(bench, size);
    }
    if (bench.wantsAny(LEARN_IDS)) await measureLearning(bench);
    bench.run.note(
      "hit, miss, move, learn: the whole work of a frame; a miss is a copy to one VTEP; moves come from a random VTEP each, so they look up a sender a frame",
    );
  },
};

function sizesOf({ quick }: Pick<Settings, "quick">): readonly number[] {
  return quick ? QUICK_SIZES : SIZES;
}

function idsOf(size: number): string[] {
  return FINDS.map((find) => idOf(find, size));
}

function idOf(find: Find, size: number): string {
  return `${find}-${shortCount(size).toLowerCase()}`;
}

/** In a world of its own: moved entries are not where the others expect them. */
async function measureFinding(bench: Bench, size: number): Promise<void> {
  const world = await createWorld(bench.module, size);
  // One size is three bars, several are three curves.
  const plot = (find: Find): Plot =>
    bench.settings.quick
      ? { chart: "a frame by what it finds in the FDB", x: find, xLabel: "the FDB says" }
      : { chart: `${find}, by FDB entries`, x: size, xLabel: "FDB entries", scale: "log" };
  const figure = (find: Find, words: string): Figure =>
    nanoseconds(idOf(find, size), `${words}, ${shortCount(size)} entries`, plot(find));
  let unknown = 0;
  const nextDestination = (): number => UNKNOWN + (unknown++ & 0xfffff);
  const finding: Case[] = [
    {
      figures: [figure("hit", "encap, destination known")],
      work: ({ forward }) => forward.encap,
      source: new FrameSource(world, "encap"),
      counter: COUNTER_FRAMES_ENCAP,
    },
    {
      figures: [figure("miss", "encap, destination unknown")],
      work: ({ forward }) => forward.encap,
      source: new FrameSource(world, "encap", { nextDestination }),
      counter: COUNTER_FLOODED_ENCAP,
    },
    {
      figures: [figure("move", "decap, source moved")],
      work: ({ forward }) => forward.decap,
      source: movingSource(world),
      counter: COUNTER_MOVED,
    },
  ];
  await timeCases(bench, world, finding);
}

/** Every remote entry in turn, each time from the VTEP after the one before. */
export function movingSource(world: World): Source {
  const first = localEntries(world.entries);
  let next = first;
  let lap = 1;
  const frames = new FrameSource(world, "decap", {
    nextSource: () => {
      if (next === world.entries) {
        next = first;
        lap++;
      }
      return next++;
    },
    senderOf: (entry) => 1 + ((vtepOf(entry) - 1 + lap) & (VTEP_COUNT - 1)),
  });
  return { ...from(frames), fill: () => fillWithEvents(world, frames) };
}

async function measureLearning(bench: Bench): Promise<void> {
  const world = await createWorld(bench.module, KNOWN, CAPACITY);
  for (const direction of DIRECTIONS) {
    const title = direction === "encap" ? "learned on ports (encap)" : "learned on tunnels (decap)";
    const [measure] = await timeCases(bench, world, [
      {
        figures: [millions(`learn-${direction}`, title, "M MACs/s")],
        work: ({ forward }) => forward[direction],
        source: freshSource(world, direction),
        counter: COUNTER_LEARNED,
      },
    ]);
    if (measure === undefined) continue;
    bench.run.floor({ measure, contender: WASM, of: "value", relation: "at least", limit: PER_SECOND_MIN });
    const rate = measure.value(WASM);
    if (rate !== undefined && direction === "decap") {
      bench.run.headline(`new MACs learned on tunnels: ${rate.median.toFixed(1)} million a second by one worker`);
    }
  }
}

/** Batches whose every frame comes from an entry that the FDB does not have. */
export function freshSource(world: World, direction: Direction): Source {
  const { dataplane, shared, entries } = world;
  let next = KNOWN;
  const empty = (): void => {
    dataplane.fdbFlush(WORKER_CONTROL, 0, bucketsOf(shared), 0, 0n, 0n);
    fillFdb(dataplane, entries);
    next = KNOWN;
  };
  const frames = new FrameSource(world, direction, { nextSource: () => next++ });
  empty();
  return {
    ...from(frames),
    fill: () => {
      if (next + frames.count > CAPACITY) empty();
      fillWithEvents(world, frames);
    },
  };
}

function from({ worker, direction, count }: Source): Omit<Source, "fill"> {
  return { worker, direction, count };
}

function fillWithEvents({ shared }: World, frames: FrameSource): void {
  readEvents(shared, frames.worker);
  frames.fill();
}

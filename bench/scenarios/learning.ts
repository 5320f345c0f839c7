// How many new MACs a second one worker can learn: every frame comes from an address never seen before, so every frame
// inserts an entry, under its locks, with its event. The frame itself is encapsulated or decapsulated as always.
//
// Events are read as fast as they come, as control does it. When the table is full it is emptied; neither is timed.

import { compileDataplane } from "../../control/dataplane.js";
import {
  COUNTER_LEARNED,
  EVENT_HEAD,
  EVENT_RING_SIZE,
  EVENT_TAIL,
  EVENTS,
  NETWORK_COUNTERS,
  NETWORK_COUNTERS_SIZE,
  NETWORK_COUNTERS_WORKER,
  SYSTEM_FDB_BUCKET_MASK,
  WORKER_CONTROL,
} from "../../dataplane-wasm/layout.js";
import { type Contender, TWIN, twinContender, WASM, wasmContender } from "../contender.js";
import { createWorld, fillFdb, NETWORK_COUNT, type World } from "../engine.js";
import { type Direction, FrameSource, type Source } from "../frames.js";
import type { Measure } from "../measure.js";
import { inRound, type Plan, type Run, type Settings, type Suite } from "../suite.js";
import { breath, Meter, takeTurns } from "../timing.js";
import { tryTwin, twinMissing } from "../twin.js";

const DIRECTIONS = ["encap", "decap"] as const;
const WORKER = 0;
const KNOWN = 1024;
const CAPACITY = 1048576;
const PER_SECOND_MIN = 1;
const WARM_UP_SECONDS = 0.2;

export const learning: Suite = {
  name: "learning",
  summary: "new MACs learned a second by one worker, on ports and on tunnels",
  defaults: { rounds: 5, seconds: 0.5 },
  quick: { rounds: 3, seconds: 0.2 },
  plan,
  run,
};

function plan({ rounds, seconds }: Settings): Plan {
  const missing = twinMissing();
  return {
    lines: [`every frame from a new MAC, an FDB for ${CAPACITY} entries, emptied when it is full`],
    seconds: 3 + rounds * DIRECTIONS.length * 2 * seconds,
    missing: missing === undefined ? [] : [missing],
  };
}

async function run(run: Run): Promise<void> {
  const world = await createWorld(await compileDataplane(), KNOWN, CAPACITY);
  const contenders: Contender[] = [wasmContender(world)];
  const { library, missing } = await tryTwin(run);
  if (library !== undefined) contenders.push(twinContender(library, world));
  for (const direction of DIRECTIONS) {
    const measure = run.measure({
      id: `learn-${direction}`,
      title: direction === "encap" ? "learned on ports (encap)" : "learned on tunnels (decap)",
      unit: "M MACs/s",
      better: "higher",
      baseline: TWIN,
    });
    run.floor({ measure, contender: WASM, of: "value", relation: "at least", limit: PER_SECOND_MIN });
    if (library === undefined) measure.absent(TWIN, missing);
    await time(run, world, contenders, direction, measure);
  }
  run.note("the whole work of a frame and its insertion; the table fills from empty to its capacity, then is emptied");
}

async function time(
  run: Run,
  world: World,
  contenders: readonly Contender[],
  direction: Direction,
  measure: Measure,
): Promise<void> {
  const source = new FreshSource(world, direction);
  const meters = (): Meter[] => contenders.map((contender) => new Meter(contender, source));
  takeTurns(meters(), WARM_UP_SECONDS);
  for (let round = 0; round < run.settings.rounds; round++) {
    await breath();
    run.checkpoint();
    const before = source.learned();
    const together = meters();
    takeTurns(inRound(together, round), run.settings.seconds);
    const frames = together.reduce((sum, meter) => sum + meter.frames(), 0);
    const learned = source.learned() - before;
    for (const meter of together) {
      const { name } = meter.contender;
      if (learned === frames) measure.add(name, round, 1000 / meter.ns(), meter.cores());
      else measure.absent(name, `only ${learned} of ${frames} new MACs were learned`);
    }
  }
  run.progress(`${measure.options.title}: ${measure.value(WASM)?.median.toFixed(2)} M a second`);
}

/** Batches whose every frame comes from an entry that the FDB does not have. */
class FreshSource implements Source {
  readonly worker = WORKER;
  readonly #frames: FrameSource;
  #next = KNOWN;

  constructor(
    readonly world: World,
    readonly direction: Direction,
  ) {
    this.#frames = new FrameSource(world, WORKER, direction, 1, () => this.#next++);
    this.#empty();
  }

  fill(count: number): void {
    const { u32 } = this.world.shared;
    const ring = EVENTS + WORKER * EVENT_RING_SIZE;
    u32[(ring + EVENT_TAIL) / 4] = u32[(ring + EVENT_HEAD) / 4] ?? 0;
    if (this.#next + count > CAPACITY) this.#empty();
    this.#frames.fill(count);
  }

  /** MACs learned by this worker since the world began. */
  learned(): number {
    const { u64 } = this.world.shared;
    let sum = 0n;
    for (let network = 1; network <= NETWORK_COUNT; network++) {
      const row = NETWORK_COUNTERS + WORKER * NETWORK_COUNTERS_WORKER + network * NETWORK_COUNTERS_SIZE;
      sum += u64[(row + COUNTER_LEARNED) / 8] ?? 0n;
    }
    return Number(sum);
  }

  #empty(): void {
    const { dataplane, shared, entries } = this.world;
    const buckets = (shared.u32[SYSTEM_FDB_BUCKET_MASK / 4] ?? 0) + 1;
    dataplane.fdbFlush(WORKER_CONTROL, 0, buckets, 0, 0n, 0n);
    fillFdb(dataplane, entries);
    this.#next = KNOWN;
  }
}

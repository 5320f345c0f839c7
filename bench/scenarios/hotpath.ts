// The packet work of one worker without any system call: encap and decap of 64-byte frames, beside the C twin of the same
// algorithm on the same memory. Batches of 64; batch function and settle are timed, filling the inputs is not.
//
// Then two workers at once, each a thread of its own with its own slot, against one.

import { compileDataplane } from "../../control/dataplane.js";
import { type Contender, TWIN, twinContender, WASM, wasmContender } from "../contender.js";
import { createWorld, type World } from "../engine.js";
import { type Direction, FrameSource, RUN } from "../frames.js";
import { assertIdentical } from "../identical.js";
import type { Measure } from "../measure.js";
import { inRound, type Plan, type Run, type Settings, type Suite } from "../suite.js";
import { oneAndTwo } from "../threads.js";
import { breath, Meter, takeTurns } from "../timing.js";
import { tryTwin, twinMissing } from "../twin.js";

const SIZES = [1024, 65536, 1048576] as const;
const DIRECTIONS = ["encap", "decap"] as const;
const RATIO_MAX = 1.25;
const TWO_WORKERS_MIN = 1.85;
/** Two workers on less than this are not two workers. */
const TWO_CORES_MIN = 1.9;
const TWO_WORKERS_ENTRIES = 65536;
const WORKER = 0;
const WARM_UP_SECONDS = 0.2;

export const hotpath: Suite = {
  name: "hotpath",
  summary: "encap and decap of 64 B frames, WebAssembly beside C, one worker and two",
  defaults: { rounds: 9, seconds: 0.5 },
  quick: { rounds: 3, seconds: 0.15 },
  plan,
  run,
};

function plan({ rounds, seconds }: Settings): Plan {
  const missing = twinMissing();
  return {
    lines: [
      "1k, 64k and 1M FDB entries; outputs and counters of both contenders compared first, then timed in turns",
      "two workers in threads of their own against one, 64k entries",
    ],
    seconds: 12 + rounds * DIRECTIONS.length * (SIZES.length * 2 * seconds + 2 * (2 * seconds + 0.4)),
    missing: missing === undefined ? [] : [missing],
  };
}

async function run(run: Run): Promise<void> {
  const module = await compileDataplane();
  const { library, missing } = await tryTwin(run);
  for (const entries of SIZES) await measureSize(run, module, entries, library, missing);
  await measureTwo(run, module, library, missing);
  run.note(
    "ns a frame: batches of 64, batch function and settle; filling the inputs, the clock and the call into C are taken off",
  );
  run.note("8 networks, 64 VTEPs, MACs drawn evenly from all entries; outer UDP checksum on; learning on, all known");
  run.note(`encap: a batch from one port to random VTEPs; decap: the sender changes every ${RUN} datagrams on average`);
}

function name(entries: number): string {
  return entries >= 1048576 ? `${entries / 1048576}M` : `${entries / 1024}k`;
}

async function measureSize(
  run: Run,
  module: WebAssembly.Module,
  entries: number,
  library: string | undefined,
  missing: string,
): Promise<void> {
  const measures = DIRECTIONS.map((direction) => {
    const measure = run.measure({
      id: `${direction}-${name(entries)}`,
      title: `${direction}, ${name(entries)} entries`,
      unit: "ns/frame",
      better: "lower",
      baseline: TWIN,
    });
    run.floor({ measure, contender: WASM, of: "ratio", relation: "at most", limit: RATIO_MAX });
    return { direction, measure };
  });
  if (library !== undefined) {
    const frames = await compare(module, entries, library);
    run.progress(`${name(entries)} entries: ${frames} frames, outputs and counters identical`);
    run.note(
      `${name(entries)} entries: outputs, tables, counters and events of ${frames} frames were identical in both`,
    );
  }
  const world = await createWorld(module, entries);
  const contenders: Contender[] = [wasmContender(world)];
  if (library !== undefined) contenders.push(twinContender(library, world));
  else for (const { measure } of measures) measure.absent(TWIN, missing);
  await time(run, world, contenders, measures);
}

/** Each contender on a world of its own, since both have to start from the same state. */
async function compare(module: WebAssembly.Module, entries: number, library: string): Promise<number> {
  const [one, other] = await Promise.all([createWorld(module, entries), createWorld(module, entries)]);
  return assertIdentical(
    { world: one, contender: wasmContender(one) },
    { world: other, contender: twinContender(library, other) },
  );
}

async function time(
  run: Run,
  world: World,
  contenders: readonly Contender[],
  measures: readonly { direction: Direction; measure: Measure }[],
): Promise<void> {
  const { rounds, seconds } = run.settings;
  const meters = (source: FrameSource): Meter[] => contenders.map((contender) => new Meter(contender, source));
  const sources = measures.map(({ direction }) => new FrameSource(world, WORKER, direction));
  for (const source of sources) takeTurns(meters(source), WARM_UP_SECONDS);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { measure }] of measures.entries()) {
      await breath();
      run.checkpoint();
      const source = sources[index];
      if (source === undefined) continue;
      const together = meters(source);
      takeTurns(inRound(together, round), seconds);
      for (const meter of together) measure.add(meter.contender.name, round, meter.ns(), meter.cores());
    }
  }
  for (const { measure } of measures) {
    const values = measure
      .contenders()
      .map((contender) => `${contender} ${measure.value(contender)?.median.toFixed(1)}`);
    run.progress(`${measure.options.title}: ${values.join(", ")} ns a frame`);
  }
}

async function measureTwo(
  run: Run,
  module: WebAssembly.Module,
  library: string | undefined,
  missing: string,
): Promise<void> {
  const world = await createWorld(module, TWO_WORKERS_ENTRIES);
  for (const direction of DIRECTIONS) {
    for (const contender of [WASM, TWIN]) {
      const one = `${contender}, one worker`;
      const two = `${contender}, two workers`;
      const measure = run.measure({
        id: `two-${direction}-${contender === WASM ? "wasm" : "c"}`,
        title: `${direction}, ${name(TWO_WORKERS_ENTRIES)} entries`,
        unit: "M frames/s",
        better: "higher",
        baseline: one,
      });
      if (contender === WASM) {
        run.floor({ measure, contender: two, of: "ratio", relation: "at least", limit: TWO_WORKERS_MIN });
      } else if (library === undefined) {
        measure.absent(two, missing);
        continue;
      }
      const job = { module, world, library: contender === TWIN ? library : undefined, direction };
      for (let round = 0; round < run.settings.rounds; round++) {
        const { solo, duo } = await oneAndTwo(run, job);
        measure.add(one, round, solo.millionFrames, solo.cores);
        if (duo.cores >= TWO_CORES_MIN) measure.add(two, round, duo.millionFrames, duo.cores);
        else
          measure.absent(
            two,
            `two workers got ${duo.cores.toFixed(2)} cores only, something else kept the machine busy`,
          );
      }
      run.progress(
        `${measure.options.title}, ${contender}: two workers ${measure.ratio(two)?.median.toFixed(2) ?? "not"} times one`,
      );
    }
  }
}

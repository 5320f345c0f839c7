// Memory, time to ready and forwarding rate by how much there is of one thing, each size with a daemon of its own.

import type { Daemon } from "../../daemon.js";
import { pause, residentBytes } from "../../host.js";
import type { Measure } from "../../measure.js";
import type { Run, Settings } from "../../suite.js";
import { AXES, type Axis, type Traffic } from "./axes.js";
import { describeGrowth, fitGrowth } from "./growth.js";
import { type Lab, makeLab, start } from "./lab.js";
import { type Scenario, VXLANE } from "./scenario.js";

const MIB = 2 ** 20;
const KIB = 2 ** 10;
const WHAT = ["ready", "memory", "rate"] as const;
type What = (typeof WHAT)[number];
/** Starting, settling, asking, stopping. */
const POINT_SECONDS = 1.6;
/** What a thousandth of a network, VTEP or MAC adds: from the largest sizes. */
const EACH_SECONDS = { networks: 4e-4, vteps: 2e-4, macs: 9e-6 } as const;

type Row = Readonly<Record<What, Measure>>;

export function growing(axis: Axis): Scenario {
  return {
    plan: (settings) => planOf(axis, settings),
    run: (run, obstacle) => measure(run, axis, obstacle),
  };
}

export const SCENARIOS: readonly Scenario[] = AXES.map(growing);

function sizesOf({ sizes, quickSizes }: Axis, { quick }: Settings): readonly number[] {
  return quick ? quickSizes : sizes;
}

function planOf(axis: Axis, settings: Settings): ReturnType<Scenario["plan"]> {
  const sizes = sizesOf(axis, settings);
  const each = EACH_SECONDS[axis.id];
  const round = sizes.reduce((sum, size) => sum + POINT_SECONDS + settings.seconds + size * each, 0);
  return {
    line: `${axis.many}: ${sizes.join(", ")}`,
    seconds: 0.5 + settings.rounds * (round + 0.4 + settings.seconds),
    ids: sizes.flatMap((size) => WHAT.map((what) => idOf(axis, what, size))),
  };
}

function idOf(axis: Axis, what: What, size: number): string {
  return `${axis.id}-${what}-${size}`;
}

async function measure(run: Run, axis: Axis, obstacle: string | undefined): Promise<void> {
  const wanted = sizesOf(axis, run.settings).filter(
    (size) => WHAT.filter((what) => run.wants(idOf(axis, what, size))).length > 0,
  );
  if (wanted.length === 0) return;
  const rows = new Map(wanted.map((size) => [size, declare(run, axis, size)]));
  if (obstacle !== undefined) {
    for (const row of rows.values()) for (const what of WHAT) row[what].absent(VXLANE, obstacle);
    return;
  }
  const lab = await makeLab(run, axis.id);
  for (let round = 0; round < run.settings.rounds; round++) {
    await measureCeiling(run, lab, axis, rows, round);
    for (const [size, row] of rows) await point(run, lab, axis, size, row, round);
    run.progress(`${axis.many}: round ${round + 1} of ${run.settings.rounds}`);
  }
  say(run, axis, rows);
}

function labelOf({ one, many }: Axis, size: number): string {
  return `${size} ${size === 1 ? one : many}`;
}

function declare(run: Run, axis: Axis, size: number): Row {
  const plot = (chart: string) => ({ chart, x: size, xLabel: axis.many, scale: "log", yScale: "log" }) as const;
  const title = labelOf(axis, size);
  const options = (what: What, unit: string, better: "lower" | "higher", words: string) => ({
    id: idOf(axis, what, size),
    title: `${title}: ${words}`,
    unit,
    better,
    plot: plot(`${words}, by ${axis.many}`),
  });
  return {
    ready: run.measure(options("ready", "ms", "lower", "time to ready")),
    memory: run.measure(options("memory", "MiB", "lower", "memory")),
    rate: run.measure(options("rate", axis.rateUnit, "higher", axis.rateTitle)),
  };
}

/** What the generator does by itself, with no daemon in its way. */
async function measureCeiling(
  run: Run,
  lab: Lab,
  axis: Axis,
  rows: ReadonlyMap<number, Row>,
  round: number,
): Promise<void> {
  const obstacle = axis.source.obstacle();
  try {
    if (obstacle !== undefined) throw new Error(obstacle);
    const rate = await rateOf(run, await axis.source.alone(run, lab));
    for (const [size, row] of rows) row.rate.ceiling(round, rate * axis.copies(size));
  } catch (error) {
    run.checkpoint();
    for (const row of rows.values()) row.rate.noCeiling(firstLine(error));
  }
}

/** Million frames a second that arrive; the traffic is stopped. */
async function rateOf(run: Run, traffic: Traffic, whenFlowing?: () => void): Promise<number> {
  try {
    whenFlowing?.();
    const before = traffic.frames();
    const startedAt = performance.now();
    await pause(run, run.settings.seconds);
    const frames = traffic.frames() - before;
    if (frames === 0) throw new Error("nothing arrived");
    return frames / (performance.now() - startedAt) / 1000;
  } finally {
    await traffic.stop();
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "unknown";
}

/** One size, once. What fails is absent, and the other sizes go on. */
async function point(run: Run, lab: Lab, axis: Axis, size: number, row: Row, round: number): Promise<void> {
  run.checkpoint();
  try {
    const daemon = await start(run, lab, axis.size(size));
    try {
      row.ready.add(VXLANE, round, daemon.readyMs);
      if (!axis.fillsByTraffic) row.memory.add(VXLANE, round, residentBytes(daemon.pid) / MIB);
      await forward(run, lab, axis, size, daemon, row, round);
    } finally {
      await daemon.stop();
    }
  } catch (error) {
    run.checkpoint();
    const reason = firstLine(error);
    for (const what of WHAT) {
      if (row[what].samples(VXLANE).length <= round) row[what].absent(VXLANE, reason);
    }
    run.progress(`${size} ${axis.many}: ${reason}`);
  }
}

async function forward(
  run: Run,
  lab: Lab,
  axis: Axis,
  size: number,
  daemon: Daemon,
  row: Row,
  round: number,
): Promise<void> {
  const obstacle = axis.source.obstacle();
  if (obstacle !== undefined) {
    row.rate.absent(VXLANE, obstacle);
    return;
  }
  const traffic = await axis.drive(run, lab, daemon, size);
  const noteMemory = (): void => row.memory.add(VXLANE, round, residentBytes(daemon.pid) / MIB);
  row.rate.add(VXLANE, round, await rateOf(run, traffic, axis.fillsByTraffic ? noteMemory : undefined));
}

function say(run: Run, axis: Axis, rows: ReadonlyMap<number, Row>): void {
  const points = (what: What, of: (value: number) => number): { x: number; y: number }[] =>
    [...rows].flatMap(([x, row]) => {
      const value = row[what].value(VXLANE);
      return value === undefined ? [] : [{ x, y: of(value.median) }];
    });
  const memory = fitGrowth(points("memory", (mib) => mib));
  if (memory !== undefined) {
    run.headline(`memory by ${axis.many}: ${describeGrowth(memory, axis.short, bytes)}`);
  }
  const ready = fitGrowth(points("ready", (ms) => ms));
  if (ready !== undefined && !axis.fillsByTraffic) {
    run.headline(`time to ready by ${axis.many}: ${describeGrowth(ready, axis.short, milliseconds)}`);
  }
  // Rates fall; what grows is the time of a frame.
  const times = points("rate", (rate) => 1000 / rate);
  const frame = fitGrowth(times);
  const [fewest, most] = [times[0], times.at(-1)].map((point) => labelOf(axis, point?.x ?? 0));
  if (frame !== undefined) {
    const rate = (ns: number): string => `${(1000 / ns).toPrecision(2)} ${axis.rateUnit}`;
    const last = rate(frame.base * frame.times);
    const curve = frame.exponent === undefined ? "" : `; time a frame grows with exponent ${frame.exponent.toFixed(2)}`;
    run.headline(`${axis.rateTitle}: ${rate(frame.base)} with ${fewest}, ${last} with ${most}${curve}`);
  }
}

/** @param mib as much of it as a network or all may take */
function bytes(mib: number): string {
  if (Math.abs(mib) >= 1) return `${mib.toFixed(0)} MiB`;
  const kib = (mib * MIB) / KIB;
  return Math.abs(kib) >= 1 ? `${kib.toFixed(1)} KiB` : `${(kib * KIB).toFixed(0)} B`;
}

function milliseconds(ms: number): string {
  return Math.abs(ms) >= 1 ? `${ms.toFixed(0)} ms` : `${(ms * 1000).toFixed(0)} us`;
}

// One worker against several: each a thread, as in the product, with its own slot of the one shared memory. Short phases in
// which one works and in which all work take turns, so that a machine that changes its pace changes it for both.

import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { spread } from "../../../statistics.js";
import type { Run } from "../../../suite.js";
import { pinWorker } from "./affinity.js";
import { twinContender, wasmContender } from "./contender.js";
import { type Direction, FrameSource } from "./frames.js";
import { Meter, SLICE_SECONDS } from "./timing.js";
import { joinWorld, type World } from "./world.js";

const WARM_UP_SECONDS = 0.1;
/** Nobody waits for ever for a main thread that is gone. */
const WAIT_MS = 1000;

/* Words of the shared control block. */
const PHASE = 0;
const READY = 1;

/* Phases. */
const PREPARING = 0;
const SOLO = 1; // worker 0 alone
const ALL = 2;
const STOP = 3;

export interface Job {
  readonly module: WebAssembly.Module;
  readonly world: World;
  /** The C twin instead of the module. */
  readonly library: string | undefined;
  readonly direction: Direction;
  readonly workers: number;
}

interface Order {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly entries: number;
  readonly library: string | undefined;
  readonly direction: Direction;
  readonly worker: number;
  readonly control: SharedArrayBuffer;
}

/** Medians, nanoseconds a frame. */
interface Found {
  readonly solo: number | undefined;
  readonly all: number | undefined;
}

export interface Rate {
  /** Of all that worked, a second of wall time but for what filling the inputs took. */
  readonly millionFrames: number;
  readonly cores: number;
}

/** One round: `seconds` of each, in turns. */
export async function oneAndAll(run: Run, job: Job): Promise<{ solo: Rate; all: Rate }> {
  run.checkpoint();
  const control = new Int32Array(new SharedArrayBuffer(8));
  const threads = Array.from({ length: job.workers }, (_, worker) => startThread(run, job, worker, control.buffer));
  const found = Promise.all(threads);
  // Whoever fails while the others are awaited below is heard in the end.
  found.catch(() => enter(control, STOP));
  while (Atomics.load(control, READY) < job.workers && Atomics.load(control, PHASE) === PREPARING) await sleep(5);

  const busy = { solo: 0, all: 0 };
  const turns = Math.max(1, Math.round(run.settings.seconds / SLICE_SECONDS));
  for (let turn = 0; turn < turns && Atomics.load(control, PHASE) !== STOP; turn++) {
    if (run.signal.aborted) break;
    busy.solo += await phase(control, SOLO);
    busy.all += await phase(control, ALL);
  }
  enter(control, STOP);
  const medians = await found;
  run.checkpoint();
  return {
    solo: together(
      medians.slice(0, 1).map(({ solo }) => solo),
      busy.solo / turns,
    ),
    all: together(
      medians.map(({ all }) => all),
      busy.all / turns,
    ),
  };
}

/** Medians leave out the time in which a worker was not running, so the share of the cores that they got comes in here. */
function together(medians: readonly (number | undefined)[], cores: number): Rate {
  const rate = medians.reduce<number>((sum, ns) => sum + 1000 / (ns ?? Number.NaN), 0);
  return { millionFrames: rate * Math.min(1, cores / medians.length), cores };
}

/** @returns cores that this process kept busy meanwhile */
async function phase(control: Int32Array, which: number): Promise<number> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  enter(control, which);
  await sleep(SLICE_SECONDS * 1000);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1000 / (performance.now() - startedAt);
}

function enter(control: Int32Array, which: number): void {
  if (Atomics.load(control, PHASE) === STOP) return;
  Atomics.store(control, PHASE, which);
  Atomics.notify(control, PHASE);
}

function startThread(run: Run, job: Job, worker: number, control: ArrayBufferLike): Promise<Found> {
  const { module, world, library, direction } = job;
  const { memory } = world.shared;
  const order = { module, memory, entries: world.entries, library, direction, worker, control };
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: order });
    run.defer(() => thread.terminate().then(() => undefined));
    thread.once("message", resolve);
    thread.once("error", reject);
    thread.once("exit", (code) => reject(new Error(`a benchmark thread ended with ${code}`)));
  });
}

async function work(order: Order): Promise<Found> {
  const { worker, direction, library } = order;
  pinWorker(worker);
  const world = await joinWorld(order.module, order.memory, order.entries);
  const contender = library === undefined ? wasmContender(world) : twinContender(library, world);
  const source = new FrameSource(world, direction, { worker, seed: worker + 1 });
  const meter = new Meter(contender.name, contender.forward[direction], source);
  meter.turn(WARM_UP_SECONDS);
  const control = new Int32Array(order.control);
  Atomics.add(control, READY, 1);
  const blocks: Record<number, number[]> = { [SOLO]: [], [ALL]: [] };
  for (let now = Atomics.load(control, PHASE); now !== STOP; now = Atomics.load(control, PHASE)) {
    if (now === ALL || (now === SOLO && worker === 0)) {
      const ns = meter.block();
      if (Atomics.load(control, PHASE) === now) blocks[now]?.push(ns);
    } else {
      Atomics.wait(control, PHASE, now, WAIT_MS);
    }
  }
  return { solo: spread(blocks[SOLO] ?? [])?.median, all: spread(blocks[ALL] ?? [])?.median };
}

if (!isMainThread) parentPort?.postMessage(await work(workerData as Order));

// Several workers at once: each a thread, as in the product, with its own slot of the one shared memory. All wait for each
// other before they start the clock, so that they really run together.

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Contender, twinContender, wasmContender } from "./contender.js";
import { joinWorld, type World } from "./engine.js";
import { type Direction, FrameSource } from "./frames.js";
import type { Run } from "./scenario.js";
import { type Timed, timeBatches } from "./timing.js";

const WARM_UP_SECONDS = 0.1;

export interface Job {
  readonly module: WebAssembly.Module;
  readonly world: World;
  /** The C twin instead of the module. */
  readonly library: string | undefined;
  readonly direction: Direction;
}

interface Order {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly entries: number;
  readonly library: string | undefined;
  readonly direction: Direction;
  readonly worker: number;
  readonly seconds: number;
  /** One i32: how many have yet to arrive. */
  readonly gate: SharedArrayBuffer;
}

export interface Together {
  /** Of all workers together, a second of batch time. */
  readonly millionFrames: number;
  readonly cores: number;
}

/** Runs `workers` threads at once and adds up what they did. */
export async function runThreads(run: Run, job: Job, workers: number): Promise<Together> {
  run.checkpoint();
  const gate = new SharedArrayBuffer(4);
  Atomics.store(new Int32Array(gate), 0, workers);
  const timed = await Promise.all(
    Array.from({ length: workers }, (_, worker) =>
      inThread(run, {
        module: job.module,
        memory: job.world.shared.memory,
        entries: job.world.entries,
        library: job.library,
        direction: job.direction,
        worker,
        seconds: run.settings.seconds,
        gate,
      }),
    ),
  );
  return {
    millionFrames: timed.reduce((sum, { ns }) => sum + 1000 / ns, 0),
    cores: Math.max(...timed.map(({ cores }) => cores)),
  };
}

function inThread(run: Run, order: Order): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: order });
    run.defer(() => thread.terminate().then(() => undefined));
    thread.once("message", resolve);
    thread.once("error", reject);
    thread.once("exit", (code) => reject(new Error(`a benchmark thread ended with ${code}`)));
  });
}

async function work(order: Order): Promise<Timed> {
  const world = await joinWorld(order.module, order.memory, order.entries);
  const contender: Contender = order.library === undefined ? wasmContender(world) : twinContender(order.library, world);
  const source = new FrameSource(world, order.worker, order.direction, order.worker + 1);
  timeBatches(contender, source, WARM_UP_SECONDS);
  const gate = new Int32Array(order.gate);
  if (Atomics.sub(gate, 0, 1) === 1) Atomics.notify(gate, 0);
  for (let left = Atomics.load(gate, 0); left > 0; left = Atomics.load(gate, 0)) Atomics.wait(gate, 0, left);
  return timeBatches(contender, source, order.seconds);
}

if (!isMainThread) parentPort?.postMessage(await work(workerData as Order));

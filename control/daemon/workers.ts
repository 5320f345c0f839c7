// The worker threads: one piscina task each, for the daemon's whole life. Control starts them, waits until they are in
// epoll, stops them through their context and their bell, and starts one again that has thrown, or hangs.
//
// A worker that threw, or was ended, may have left locks in the FDB, a batch half done and STATE running. All three are repaired
// before its slot is used again; the frames of that batch are lost, the other workers notice nothing. One
// that throws again and again is a fault that no restart mends: then the daemon fails.
//
// Frames come first. The kernel does a tunnel's work in soft interrupts, before any process; workers get a higher priority than
// programs, where we may give it. All other threads of this process get a lower one than theirs, so that neither the API nor a
// scrape nor a garbage collection takes a core from a worker that wants it.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import {
  CONTEXT_COMMAND,
  CONTEXT_EPOCH,
  CONTEXT_STATE,
  CONTEXT_THREAD,
  WORKER_COMMAND_RUN,
  WORKER_COMMAND_STOP,
  WORKER_STATE_ABSENT,
  WORKER_STATE_ASLEEP,
  WORKER_STATE_RUNNING,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import { messageOf, VxlaneError } from "../errors.js";
import {
  allowInterrupts,
  closeFd,
  createBell,
  createEpoll,
  EPOLL_WAKE,
  epollAdd,
  lowerPriority,
  niceOf,
  ownNice,
  raiseSession,
  ringBell,
  threadIds,
} from "../linux/index.js";
import type { Uring } from "../linux/io-uring.js";
import { openPacketSocket } from "../linux/packet.js";
import type { SharedMemory } from "../memory.js";
import { contextIndex } from "../tables/epochs.js";
import type { WorkerTask } from "../worker/main.js";
import type { UnderlayTask } from "../worker/underlay.js";
import { Busy } from "./busy.js";
import { Hangs } from "./hangs.js";
import { insistOnEnd } from "./thread-end.js";
import { openPool, type WorkerPool } from "./worker-pool.js";

/* Our choices. */
const POLL_MS = 2;
const START_MS = 10_000;
const STOP_MS = 1500;
/** Above the process's own, in steps of nice: they wake at once, and sleep when there is nothing to do. */
const WORKER_NICE = 10;
/** Below the workers': a tenth of a core stays when workers want them all. */
const CONTROL_NICE = 10;
const [HIGHEST_NICE, LOWEST_NICE] = [-20, 19]; // the kernel's
/** So many restarts of one worker within so many milliseconds are given up. */
const RESTARTS_MAX = 5;
const RESTARTS_WINDOW_MS = 10_000;

export type WorkerState = "absent" | "running" | "asleep" | "stopped";
const STATES: readonly WorkerState[] = ["absent", "running", "asleep", "stopped"];

interface Worker {
  readonly id: number;
  readonly epoll: number;
  readonly bell: number;
  readonly packetFd: number;
  readonly restartsMs: number[];
  restarts: number;
  /** Ends its thread. */
  abort: AbortController;
  /** When its last thread was gone. */
  gone: Promise<unknown>;
  done: Promise<void>;
}

export class Workers {
  /** Settles with the reason when a worker cannot be kept alive. */
  readonly failed: Promise<Error>;
  readonly #memory: SharedMemory;
  readonly #module: WebAssembly.Module;
  readonly #dataplane: Dataplane;
  readonly #log: Logger;
  readonly #workers: Worker[] = [];
  readonly #hangs: Hangs;
  readonly #busy: Busy;
  #pool: WorkerPool | undefined;
  #isStopping = false;
  #fail: (error: Error) => void = () => {};

  /** Makes the epoll sets and bells, so that descriptors can be added before the threads start. */
  constructor(memory: SharedMemory, module: WebAssembly.Module, dataplane: Dataplane, count: number, log: Logger) {
    this.#memory = memory;
    this.#module = module;
    this.#dataplane = dataplane;
    this.#log = log;
    this.#hangs = new Hangs(memory);
    this.#busy = new Busy(count, performance.now());
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    for (let id = 0; id < count; id++) {
      const [epoll, bell, packetFd] = [createEpoll(), createBell(), openPacketSocket()];
      epollAdd(epoll, bell, EPOLL_WAKE, 0);
      const thread = { abort: new AbortController(), gone: Promise.resolve(), done: Promise.resolve() };
      this.#workers.push({ id, epoll, bell, packetFd, restartsMs: [], restarts: 0, ...thread });
    }
  }

  get count(): number {
    return this.#workers.length;
  }

  /** A worker's epoll set; -1 once they have stopped, for whatever is closed after them. */
  epoll(worker: number): number {
    return this.#workers[worker]?.epoll ?? -1;
  }

  /** Has a worker go round once, even if nothing is ready. */
  wake(worker: number): void {
    const known = this.#workers[worker];
    if (known !== undefined) ringBell(known.bell); // none: they have stopped
  }

  /** Share of its time that a worker did not wait, over the last whole second or more. */
  busyRatio(worker: number): number {
    return this.#busy.ratio(worker);
  }

  /** To be called now and then, with the workers' busy time. */
  measureBusy(busyNs: (worker: number) => number): void {
    this.#busy.look(performance.now(), busyNs);
  }

  restarts(worker: number): number {
    return this.#workers[worker].restarts;
  }

  state(worker: number): WorkerState {
    return STATES[Atomics.load(this.#memory.u32, contextIndex(worker, CONTEXT_STATE))] ?? "absent";
  }

  /** Starts the threads, each with its underlay, and its ring if there are any. Resolves when all of them wait in epoll. */
  async start(underlays: readonly UnderlayTask[], busyPollUs: number, tapRings: readonly Uring[] = []): Promise<void> {
    const count = this.#workers.length;
    const [others, nice] = [threadIds(), Math.max(HIGHEST_NICE, ownNice() - WORKER_NICE)];
    allowInterrupts();
    this.#pool = openPool(count);
    for (const worker of this.#workers) {
      const { id: slot, epoll, bell, packetFd } = worker;
      const { memory } = this.#memory;
      const underlay = underlays[slot];
      const around = { memory, epoll, bell, packetFd, tapRing: tapRings[slot] as Uring | undefined };
      const task = { module: this.#module, worker: slot, busyPollUs, nice, underlay, ...around };
      worker.done = this.#keepAlive(this.#pool, worker, task);
    }
    await Promise.race([this.#allAwake(), this.failed.then((error) => Promise.reject(error))]);
    this.#rank(others);
  }

  /** Puts `others` behind the workers, and our session before others', by what the workers have got: they may have been refused more. */
  #rank(others: readonly number[]): void {
    const nice = niceOf(this.#memory.u32[contextIndex(0, CONTEXT_THREAD)]);
    lowerPriority(others, Math.min(LOWEST_NICE, nice + CONTROL_NICE));
    const isSessionRaised = nice < 0 && raiseSession(process.pid, nice);
    this.#log.debug({ nice, isSessionRaised }, "the workers' priority");
  }

  /** Ends the threads of workers that hang, so that they are started again. To be called a few times a second. */
  endHung(): void {
    for (const worker of this.#workers) {
      if (this.#isStopping || worker.abort.signal.aborted || !this.#hangs.look(worker.id, performance.now())) continue;
      this.#log.error({ worker: worker.id }, "worker hangs, ending its thread");
      this.#end(worker);
    }
  }

  /** Stops the threads and closes the epoll sets and bells; whatever is in the sets may be closed afterwards. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const { id, bell } of this.#workers) {
      Atomics.store(this.#memory.u32, contextIndex(id, CONTEXT_COMMAND), WORKER_COMMAND_STOP);
      ringBell(bell);
    }
    await Promise.race([
      Promise.all(this.#workers.map((worker) => worker.done)),
      sleep(STOP_MS, undefined, { ref: false }),
    ]);
    const ended = this.#pool?.destroy();
    const threads = this.#workers.map(({ id }) => this.#hangs.threadOf(id));
    await insistOnEnd(threads, Promise.resolve(ended), this.#log);
    for (const { id, epoll, bell, packetFd } of this.#workers.splice(0)) {
      Atomics.store(this.#memory.u32, contextIndex(id, CONTEXT_STATE), WORKER_STATE_ABSENT);
      closeFd(epoll);
      closeFd(bell);
      closeFd(packetFd);
    }
  }

  async #allAwake(): Promise<void> {
    const endMs = performance.now() + START_MS;
    while (this.#workers.some(({ id }) => !this.#isAwake(id))) {
      if (performance.now() > endMs) throw new VxlaneError("ERR_TIMEOUT", "a worker thread did not start");
      await sleep(POLL_MS);
    }
  }

  #isAwake(worker: number): boolean {
    const state = Atomics.load(this.#memory.u32, contextIndex(worker, CONTEXT_STATE));
    return state === WORKER_STATE_ASLEEP || state === WORKER_STATE_RUNNING;
  }

  async #keepAlive(pool: WorkerPool, worker: Worker, task: WorkerTask): Promise<void> {
    const { id } = worker;
    while (!this.#isStopping) {
      this.#repair(id);
      worker.abort = new AbortController();
      try {
        await pool.run(task, { signal: worker.abort.signal });
        if (this.#isStopping) return;
        throw new Error(`worker ${id} ended by itself`);
      } catch (error) {
        // Nothing may be repaired under a thread that may still run.
        await worker.gone;
        if (this.#isStopping) return;
        if (!this.#mayRestart(worker)) {
          this.#fail(
            new VxlaneError("ERR_FAILURE", `worker ${id} keeps failing: ${messageOf(error)}`, { cause: error }),
          );
          return;
        }
        worker.restarts++;
        this.#log.error({ err: error, worker: id, restarts: worker.restarts }, "worker failed, starting it again");
      }
    }
  }

  /** Has piscina end the thread of one worker; it names it only by taking it out of its list. */
  #end(worker: Worker): void {
    const before = this.#pool?.threads ?? [];
    const thread = this.#hangs.threadOf(worker.id);
    worker.abort.abort(new Error(`worker ${worker.id} hangs`));
    const exits = before.filter((each) => !this.#pool?.threads.includes(each)).map((each) => once(each, "exit"));
    worker.gone = insistOnEnd([thread], Promise.all(exits), this.#log);
  }

  /** Brings a slot that nobody runs back to where a worker may start. */
  #repair(worker: number): void {
    const { u32 } = this.#memory;
    const locks = this.#dataplane.releaseLocks(worker);
    if (locks > 0) this.#log.warn({ worker, locks }, "released the locks of a dead worker");
    u32.fill(0, contextIndex(worker, 0), contextIndex(worker, CONTEXT_EPOCH)); // cursors of a batch half done
    Atomics.store(u32, contextIndex(worker, CONTEXT_COMMAND), WORKER_COMMAND_RUN);
    Atomics.store(u32, contextIndex(worker, CONTEXT_STATE), WORKER_STATE_ABSENT);
  }

  #mayRestart({ restartsMs }: Worker): boolean {
    const nowMs = performance.now();
    restartsMs.push(nowMs);
    while (restartsMs[0] < nowMs - RESTARTS_WINDOW_MS) restartsMs.shift();
    return restartsMs.length <= RESTARTS_MAX;
  }
}

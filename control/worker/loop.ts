// A worker's life: wait until something is ready, serve it, wait again, until control says stop.
//
// What a worker tells control is in its context, in this order. Awake: STATE running, then EPOCH as it stands, and
// only then does it touch the tables. Asleep: all batches are finished, nothing of the tables is held, STATE asleep.
//
//   absent -> asleep <-> running -> stopped      control alone writes absent, before it starts a worker
//
// Waking up takes longer than a frame's way through the tunnel. Who wants that time back has a worker look on for a while after
// the last work (busyPoll). It stays in state running and passes epochs with every look; only work counts as busy.
//
// epoll is level-triggered, so what a source still holds after its turn is reported by the next wait at once.
//
// Rings (AF_XDP) can be looked at without a system call. While frames come one after the other, they are: the rings leave the epoll set, so
// that the sender's side, which does not look whether somebody sleeps, is spared a wakeup a frame, and every round looks at them. That
// goes on a moment longer than there is work, and then they are in the set again.
//
//   in the set  --a batch, and more was there after it-->  watched  --nothing for WATCH_US (busyPoll, if longer)-->  in the set

import { performance } from "node:perf_hooks"; // the global one costs a look-up by name at each use
import {
  CONTEXT_BUSY_NS,
  CONTEXT_COMMAND,
  CONTEXT_EPOCH,
  CONTEXT_HEARTBEAT,
  CONTEXT_STATE,
  SYSTEM_EPOCH,
  WORKER_COMMAND_STOP,
  WORKER_SIZE,
  WORKER_STATE_ASLEEP,
  WORKER_STATE_RUNNING,
  WORKER_STATE_STOPPED,
  WORKERS,
} from "../../dataplane-wasm/layout.js";
import { drainBell, EPOLL_PORT, EPOLL_UNDERLAY, EPOLL_WAKE } from "../linux/index.js";
import type { SharedMemory } from "../memory.js";
import { readU64, storeU64 } from "../u64.js";
import type { Engine } from "./engine.js";

/** Our choice: a wait ends this late even when nothing comes, so that the end of an idle thread shows within a second. */
const WAIT_MS = 500;

const RETRY_MS = 1;

/** Our choice: what falling asleep and being woken would cost, in the worker's time and the sender's. */
const WATCH_US = 20;
/** Our choice: rounds with frames in the rings until everything else is looked at, too. */
const RING_ROUNDS = 16;

const NS_PER_MS = 1e6;
const US_PER_MS = 1e3;

/** What the loop waits in; the epoll table of the Linux folder, or a double. */
export interface ReadyTable {
  /** How many entries are ready; waits up to `timeoutMs` for the first. */
  wait(epoll: number, timeoutMs: number): number;
  kind(index: number): number;
  id(index: number): number;
}

/** Whoever takes what is ready. */
export type Served = Pick<Engine, "servePort" | "serveUnderlay">;

/** Sources that a worker can look at by itself. */
export interface Watched {
  /** Serves what is there. Returns how many frames it took. */
  serve(): number;
  /** Has the epoll set report them no longer. */
  leaveEpoll(): void;
  /** Has it report them: what they hold now, too. */
  enterEpoll(): void;
}

export interface LoopOptions {
  readonly worker: number;
  readonly ready: ReadyTable;
  /** Descriptors of this worker's epoll set and of its bell. */
  readonly epoll: number;
  readonly bell: number;
  /** Microseconds that it looks for more before it sleeps. */
  readonly busyPollUs: number;
  readonly rings?: Watched;
  /** Called after a port or a source of the underlay was served and had nothing to give. */
  onEmpty(kind: number, id: number): void;
  /** Called at the end of each round, first at once. True: something waits for a full queue, so come back soon. */
  onRound?(): boolean;
}

/** Runs until control's command is stop. */
export function runLoop(memory: SharedMemory, engine: Served, options: LoopOptions): void {
  const { ready, epoll, bell, rings } = options;
  const { u32 } = memory;
  const context = WORKERS + options.worker * WORKER_SIZE;
  const commandIndex = (context + CONTEXT_COMMAND) / 4;
  const stateIndex = (context + CONTEXT_STATE) / 4;
  const epochIndex = (context + CONTEXT_EPOCH) / 4;
  const busyAddress = context + CONTEXT_BUSY_NS;
  const spinMs = options.busyPollUs / US_PER_MS;
  const watchMs = Math.max(WATCH_US / US_PER_MS, spinMs);
  let sleepAtMs = 0; // until then it looks again without sleeping
  let isWatching = false; // looks at the rings by itself, until watchUntilMs
  let watchUntilMs = 0;
  let ringRounds = 0; // since it looked at everything else
  let waitMs = options.onRound === undefined ? WAIT_MS : 0;
  rings?.enterEpoll(); // a worker that has died may have watched them
  while (Atomics.load(u32, commandIndex) !== WORKER_COMMAND_STOP) {
    let startMs = performance.now();
    if (isWatching && startMs >= watchUntilMs) {
      isWatching = false;
      rings?.enterEpoll();
    }
    const isSpinning = spinMs > 0 && startMs < sleepAtMs;
    const mayBlock = !isSpinning && !isWatching;
    let count = 0;
    if (ringRounds === 0) {
      if (mayBlock) Atomics.store(u32, stateIndex, WORKER_STATE_ASLEEP);
      count = ready.wait(epoll, mayBlock ? waitMs : 0);
      Atomics.store(u32, stateIndex, WORKER_STATE_RUNNING);
    }
    Atomics.store(u32, epochIndex, Atomics.load(u32, SYSTEM_EPOCH / 4));
    if (mayBlock) startMs = performance.now();
    for (let index = 0; index < count; index++) {
      const kind = ready.kind(index);
      const id = ready.id(index);
      if (kind === EPOLL_WAKE) drainBell(bell);
      else if (kind === EPOLL_PORT && engine.servePort(id) === 0) options.onEmpty(kind, id);
      else if (kind === EPOLL_UNDERLAY && engine.serveUnderlay(id) === 0) options.onEmpty(kind, id);
    }
    const isWorth = isWatching || count > 0;
    const served = isWorth && rings !== undefined ? rings.serve() : 0;
    ringRounds = isWatching && served > 0 ? (ringRounds + 1) % RING_ROUNDS : 0;
    if (count === 0 && served === 0 && !mayBlock) continue;
    Atomics.add(u32, (context + CONTEXT_HEARTBEAT) / 4, 1);
    waitMs = options.onRound?.() === true ? RETRY_MS : WAIT_MS;
    const endMs = performance.now();
    if (count > 0 || served > 0) sleepAtMs = endMs + spinMs;
    if (served > 0 || (spinMs > 0 && count > 0)) {
      watchUntilMs = endMs + (served > 0 ? watchMs : spinMs);
      if (!isWatching) rings?.leaveEpoll();
      isWatching = rings !== undefined;
    }
    const busyNs = Math.round((endMs - startMs) * NS_PER_MS);
    storeU64(memory, busyAddress, readU64(memory, busyAddress) + busyNs);
  }
  Atomics.store(u32, stateIndex, WORKER_STATE_STOPPED);
}

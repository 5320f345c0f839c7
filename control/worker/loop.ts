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

const NS_PER_MS = 1e6;
const US_PER_MS = 1e3;

/** What the loop waits in; the epoll table of the Linux folder, or a double. */
export interface ReadyTable {
  /** How many entries are ready; waits up to `timeoutMs` for the first. */
  wait(epoll: number, timeoutMs: number): number;
  kind(index: number): number;
  id(index: number): number;
}

export interface LoopOptions {
  readonly worker: number;
  readonly ready: ReadyTable;
  /** Descriptors of this worker's epoll set and of its bell. */
  readonly epoll: number;
  readonly bell: number;
  /** Microseconds that it looks for more before it sleeps. */
  readonly busyPollUs: number;
  /** Called after a port or a source of the underlay was served and had nothing to give. */
  onEmpty(kind: number, id: number): void;
  /** Called at the end of each round, first at once. True: something waits for a full queue, so come back soon. */
  onRound?(): boolean;
}

/** Runs until control's command is stop. */
export function runLoop(memory: SharedMemory, engine: Engine, options: LoopOptions): void {
  const { ready, epoll, bell } = options;
  const { u32 } = memory;
  const context = WORKERS + options.worker * WORKER_SIZE;
  const commandIndex = (context + CONTEXT_COMMAND) / 4;
  const stateIndex = (context + CONTEXT_STATE) / 4;
  const epochIndex = (context + CONTEXT_EPOCH) / 4;
  const busyAddress = context + CONTEXT_BUSY_NS;
  const spinMs = options.busyPollUs / US_PER_MS;
  let sleepAtMs = 0; // until then it looks again without sleeping
  let waitMs = options.onRound === undefined ? WAIT_MS : 0;
  while (Atomics.load(u32, commandIndex) !== WORKER_COMMAND_STOP) {
    const isSpinning = spinMs > 0 && performance.now() < sleepAtMs;
    if (!isSpinning) Atomics.store(u32, stateIndex, WORKER_STATE_ASLEEP);
    const count = ready.wait(epoll, isSpinning ? 0 : waitMs);
    Atomics.store(u32, stateIndex, WORKER_STATE_RUNNING);
    Atomics.store(u32, epochIndex, Atomics.load(u32, SYSTEM_EPOCH / 4));
    if (count === 0 && isSpinning) continue;
    const startMs = performance.now();
    Atomics.add(u32, (context + CONTEXT_HEARTBEAT) / 4, 1);
    for (let index = 0; index < count; index++) {
      const kind = ready.kind(index);
      const id = ready.id(index);
      if (kind === EPOLL_WAKE) drainBell(bell);
      else if (kind === EPOLL_PORT && engine.servePort(id) === 0) options.onEmpty(kind, id);
      else if (kind === EPOLL_UNDERLAY && engine.serveUnderlay(id) === 0) options.onEmpty(kind, id);
    }
    waitMs = options.onRound?.() === true ? RETRY_MS : WAIT_MS;
    const endMs = performance.now();
    if (count > 0) sleepAtMs = endMs + spinMs;
    const busyNs = Math.round((endMs - startMs) * NS_PER_MS);
    storeU64(memory, busyAddress, readU64(memory, busyAddress) + busyNs);
  }
  Atomics.store(u32, stateIndex, WORKER_STATE_STOPPED);
}

// When a worker counts as hanging, with a kernel made up.

import { beforeEach, expect, it } from "vitest";
import { Hangs } from "../../../control/daemon/hangs.js";
import { createMemory, type SharedMemory } from "../../../control/memory.js";
import { contextIndex } from "../../../control/tables/epochs.js";
import * as L from "../../../dataplane-wasm/layout.js";

const TICK_MS = 250;
const WORKER = 1;

let memory: SharedMemory;
let thread: { isRunnable: boolean; cpuMs: number } | undefined;
let hangs: Hangs;
let nowMs: number;
beforeEach(() => {
  memory = createMemory();
  memory.u32[contextIndex(WORKER, L.CONTEXT_STATE)] = L.WORKER_STATE_RUNNING;
  memory.u32[contextIndex(WORKER, L.CONTEXT_THREAD)] = 4711;
  thread = { isRunnable: true, cpuMs: 1000 };
  hangs = new Hangs(memory, (id) => (id === 4711 ? thread : undefined));
  nowMs = 0;
});

/** One look after the other, while `between` happens; what they said. */
function looks(count: number, between: () => void): boolean[] {
  return Array.from({ length: count }, () => {
    const hung = hangs.look(WORKER, nowMs);
    nowMs += TICK_MS;
    between();
    return hung;
  });
}

const spend = (ms: number) => () => {
  thread = { isRunnable: true, cpuMs: (thread?.cpuMs ?? 0) + ms };
};

it("hangs if it spends its time on nothing", () => {
  expect(looks(3, spend(TICK_MS))).toEqual([false, false, true]);
});

it("hangs if it always waits", () => {
  thread = { isRunnable: false, cpuMs: 1000 };
  expect(looks(3, () => {})).toEqual([false, false, true]);
});

it("does not hang if it gets no core", () => {
  expect(looks(20, spend(1))).toEqual(Array(20).fill(false));
});

it("hangs if others leave it some of its core", () => {
  expect(looks(6, spend(50))).toEqual([false, false, false, false, true, true]);
});

it.each([
  ["a round", contextIndex(WORKER, L.CONTEXT_HEARTBEAT)],
  ["a batch", (L.BATCHES + WORKER * L.BATCHES_SIZE) / 4 + 3],
  ["a frame of a batch", contextIndex(WORKER, L.CONTEXT_NEXT)],
  ["a copy of a frame", contextIndex(WORKER, L.CONTEXT_FLOOD)],
])("does not hang if it gets on by %s", (_, index) => {
  const work = () => {
    spend(TICK_MS)();
    memory.u32[index]++;
  };
  expect(looks(8, work)).toEqual(Array(8).fill(false));
  expect(looks(3, spend(TICK_MS))).toEqual([false, false, true]);
});

it("does not hang while it sleeps, or is gone", () => {
  looks(2, spend(TICK_MS));
  memory.u32[contextIndex(WORKER, L.CONTEXT_STATE)] = L.WORKER_STATE_ASLEEP;
  expect(looks(5, spend(TICK_MS))).toEqual(Array(5).fill(false));
  memory.u32[contextIndex(WORKER, L.CONTEXT_STATE)] = L.WORKER_STATE_RUNNING;
  thread = undefined;
  expect(looks(5, () => {})).toEqual(Array(5).fill(false));
});

it("is another's affair for each worker", () => {
  memory.u32[contextIndex(0, L.CONTEXT_STATE)] = L.WORKER_STATE_RUNNING;
  memory.u32[contextIndex(0, L.CONTEXT_THREAD)] = 4711;
  const work = () => {
    spend(TICK_MS)();
    memory.u32[contextIndex(0, L.CONTEXT_HEARTBEAT)]++;
    expect(hangs.look(0, nowMs)).toBe(false);
  };
  expect(looks(3, work)).toEqual([false, false, true]);
});

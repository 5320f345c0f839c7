// The loop with rings that it can look at by itself: when they are in the epoll set, and that nobody else waits for them.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createBell, EPOLL_PORT } from "../../../control/linux/index.js";
import { createMemory } from "../../../control/memory.js";
import { contextIndex } from "../../../control/tables/epochs.js";
import { runLoop } from "../../../control/worker/loop.js";
import * as L from "../../../dataplane-wasm/layout.js";

const WORKER = 0;
const RING = 7;

// Each look at the clock takes a microsecond, so that a slow machine sees the same rounds.
beforeEach(() => {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    nowMs += 0.001;
    return nowMs;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface Script {
  /** What the rings hold at each look; nothing when it is over. */
  readonly frames: readonly number[];
  /** Waits for something else until control says stop. */
  readonly waits: number;
  readonly busyPollUs?: number;
  /** Events of the first wait. */
  readonly ready?: number;
}

/** What happened: waits with the time that they may take, looks with frames, the rings' ways in and out. */
function run({ frames, waits, busyPollUs = 0, ready = 1 }: Script): string[] {
  const memory = createMemory();
  const log: string[] = [];
  let looks = 0;
  let waited = 0;
  runLoop(
    memory,
    { servePort: () => 1, serveUnderlay: () => 1 },
    {
      worker: WORKER,
      epoll: -1,
      bell: createBell(),
      busyPollUs,
      onEmpty: () => log.push("empty"),
      rings: {
        serve: () => {
          const served = frames[looks++] ?? 0;
          if (served > 0) log.push(`serve ${served}`);
          return served;
        },
        enterEpoll: () => log.push("enter"),
        leaveEpoll: () => log.push("leave"),
      },
      ready: {
        wait: (_epoll, timeoutMs) => {
          const state = memory.u32[contextIndex(WORKER, L.CONTEXT_STATE)];
          log.push(timeoutMs === 0 ? "look" : "sleep");
          if (timeoutMs > 0) expect(state).toBe(L.WORKER_STATE_ASLEEP);
          if (++waited >= waits && timeoutMs > 0) {
            memory.u32[contextIndex(WORKER, L.CONTEXT_COMMAND)] = L.WORKER_COMMAND_STOP;
          }
          return waited === 1 ? ready : 0;
        },
        kind: () => EPOLL_PORT,
        id: () => RING,
      },
    },
  );
  return log;
}

describe("rings that a worker looks at by itself", () => {
  it("leave the epoll set while frames come one after the other, and are in it when the worker sleeps", () => {
    const log = run({ frames: [3, 2, 2], waits: 2 });
    expect(log.slice(0, 6)).toEqual(["enter", "sleep", "serve 3", "leave", "look", "serve 2"]);
    expect(log.filter((what) => what !== "look").slice(4)).toEqual(["serve 2", "serve 2", "enter", "sleep"]);
  });

  it("stay in it when nothing comes after a batch", () => {
    expect(run({ frames: [], waits: 2 })).toEqual(["enter", "sleep", "sleep"]);
  });

  it("leave it after any work under busyPoll", () => {
    const log = run({ frames: [], waits: 2, busyPollUs: 50 });
    expect(log.filter((what) => what !== "look")).toEqual(["enter", "sleep", "leave", "enter", "sleep"]);
  });

  it("let everything else have its turn though they are never empty", () => {
    const log = run({ frames: Array(100).fill(1), waits: 2 });
    const runs = log.join(" ").match(/(serve 1 ?)+/g) ?? [];
    expect(runs.length).toBeGreaterThan(4);
    for (const run of runs) expect(run.match(/serve/g)?.length).toBeLessThanOrEqual(16);
    expect(log.filter((what) => what === "serve 1")).toHaveLength(100);
  });
});

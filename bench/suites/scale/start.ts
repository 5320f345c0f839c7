// How long vxlane takes to be ready, what memory it then holds, what it costs while nothing happens, and how long it
// takes to stop: one network with one TAP, everything else at its default.
//
// The time counts from the start of the process to the ready line on its stdout, the engine's own start included. The
// idle share is taken over the configured seconds, after a pause in which the start itself dies down.

import { readdirSync, readFileSync } from "node:fs";
import { startDaemon } from "../../daemon.js";
import { ip, makeNamespace, pause, residentBytes } from "../../host.js";
import type { Measure } from "../../measure.js";
import type { Run, Settings } from "../../suite.js";
import { type Scenario, VXLANE } from "./scenario.js";

const MIB = 2 ** 20;

const CONFIG = `
local: 10.99.0.1
networks:
  - vni: 100
    name: blue
    flood: { mode: headend, vteps: [10.99.0.2] }
    ports: [ { name: blue0, driver: tap } ]
`;

interface Figures {
  readonly ready: Measure;
  readonly memory: Measure;
  readonly later: Measure;
  readonly idle: Measure;
  readonly stop: Measure;
}

const IDS = ["ready", "memory-ready", "memory-idle", "idle", "stop"];

export const start: Scenario = {
  plan(settings) {
    const { settle, watch } = pauses(settings);
    return {
      line: `start, wait ${settle} s, watch for ${watch} s, stop: one network, one TAP, defaults`,
      seconds: settings.rounds * (settle + watch + 0.8),
      ids: IDS,
    };
  },
  async run(run, obstacle) {
    if (IDS.filter((id) => run.wants(id)).length === 0) return;
    const figures = declare(run);
    if (obstacle === undefined) await measure(run, figures);
    else for (const one of Object.values(figures)) one.absent(VXLANE, obstacle);
  },
};

/** Our choice: ticks of the daemon's timers want a second or more to be seen. */
function pauses({ quick }: Settings): { settle: number; watch: number } {
  return quick ? { settle: 0.5, watch: 1 } : { settle: 2, watch: 4 };
}

async function measure(run: Run, figures: Figures): Promise<void> {
  const namespace = await makeNamespace(run, "start");
  await ip("-n", namespace, "link", "add", "w1", "type", "veth", "peer", "name", "w2");
  await ip("-n", namespace, "addr", "add", "10.99.0.1/24", "dev", "w1");
  await ip("-n", namespace, "link", "set", "w1", "up");
  await ip("-n", namespace, "link", "set", "w2", "up");
  for (let round = 0; round < run.settings.rounds; round++) {
    run.checkpoint();
    await once(run, namespace, round, figures);
    run.progress(
      `start: round ${round + 1} of ${run.settings.rounds}: ready after ${figures.ready.value(VXLANE)?.median.toFixed(0)} ms`,
    );
  }
  headline(run, figures);
  run.note("memory is VmRSS of the whole process, all workers; idle CPU is of one core");
}

function headline(run: Run, { ready, memory, idle }: Figures): void {
  const [ms, mib, percent] = [ready, memory, idle].map((measure) => measure.value(VXLANE)?.median);
  if (ms === undefined || mib === undefined || percent === undefined) return;
  run.headline(
    `ready ${ms.toFixed(0)} ms after its start, with ${mib.toFixed(0)} MiB; idle it takes ${percent.toFixed(2)} % of a core`,
  );
}

function declare(run: Run): Figures {
  const measure = (id: string, title: string, unit: string): Measure =>
    run.measure({ id, title, unit, better: "lower" });
  const figures: Figures = {
    ready: measure("ready", "time to ready", "ms"),
    memory: measure("memory-ready", "memory at the ready line", "MiB"),
    later: measure("memory-idle", "memory after idling", "MiB"),
    idle: measure("idle", "CPU while idle", "% of a core"),
    stop: measure("stop", "time to stop after SIGTERM", "ms"),
  };
  const atMost = (measure: Measure, limit: number): void =>
    run.floor({ measure, contender: VXLANE, of: "value", relation: "at most", limit });
  atMost(figures.ready, 1000);
  atMost(figures.memory, 200e6 / MIB);
  atMost(figures.later, 200e6 / MIB);
  atMost(figures.idle, 1);
  atMost(figures.stop, 2000);
  return figures;
}

async function once(run: Run, namespace: string, round: number, figures: Figures): Promise<void> {
  const daemon = await startDaemon(run, namespace, CONFIG);
  figures.ready.add(VXLANE, round, daemon.readyMs);
  figures.memory.add(VXLANE, round, residentBytes(daemon.pid) / MIB);
  const { settle, watch } = pauses(run.settings);
  await pause(run, settle);
  const cpu = threadSeconds(daemon.pid);
  const startedAt = performance.now();
  await pause(run, watch);
  const seconds = (performance.now() - startedAt) / 1000;
  figures.idle.add(VXLANE, round, ((threadSeconds(daemon.pid) - cpu) / seconds) * 100);
  figures.later.add(VXLANE, round, residentBytes(daemon.pid) / MIB);
  const stopped = await daemon.stop();
  if (stopped.code !== 0) throw new Error(`vxlane run ended with ${stopped.code} after SIGTERM`);
  figures.stop.add(VXLANE, round, stopped.ms);
}

/** CPU seconds of all threads of a process, to the nanosecond: /proc/PID/stat counts hundredths of a second. */
export function threadSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanoseconds / 1e9;
}

// How long vxlane takes to be ready, what memory it then holds, what it costs while nothing happens, and how long it
// takes to stop: one network with one TAP, everything else at its default.
//
// The time counts from the start of the process to the ready line on its stdout, the engine's own start included. The
// idle share is taken over the configured seconds, after a pause in which the start itself dies down.

import { daemonMissing, startDaemon } from "../daemon.js";
import { ip, isRoot, makeNamespace, pause, processCpuSeconds, residentBytes } from "../host.js";
import type { Measure } from "../measure.js";
import type { Plan, Run, Settings, Suite } from "../suite.js";

const SETTLE_SECONDS = 2;
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

export const start: Suite = {
  name: "start",
  summary: "time to ready, memory, idle CPU and time to stop of vxlane at its defaults",
  defaults: { rounds: 5, seconds: 5 },
  quick: { rounds: 2, seconds: 1 },
  plan,
  run,
};

function obstacle(): string | undefined {
  return isRoot() ? daemonMissing() : "needs root, for network namespaces and a TAP";
}

function plan({ rounds, seconds }: Settings): Plan {
  const missing = obstacle();
  return {
    lines: [`start, wait ${SETTLE_SECONDS} s, watch for ${seconds} s, stop; in a network namespace of its own`],
    seconds: rounds * (seconds + SETTLE_SECONDS + 1),
    missing: missing === undefined ? [] : [missing],
  };
}

async function run(run: Run): Promise<void> {
  const figures = declare(run);
  const missing = obstacle();
  if (missing !== undefined) {
    for (const measure of Object.values(figures)) measure.absent("vxlane", missing);
    return;
  }
  const namespace = await makeNamespace(run, "start");
  await ip("-n", namespace, "link", "add", "w1", "type", "veth", "peer", "name", "w2");
  await ip("-n", namespace, "addr", "add", "10.99.0.1/24", "dev", "w1");
  await ip("-n", namespace, "link", "set", "w1", "up");
  await ip("-n", namespace, "link", "set", "w2", "up");
  for (let round = 0; round < run.settings.rounds; round++) {
    run.checkpoint();
    await once(run, namespace, round, figures);
    run.progress(
      `round ${round + 1} of ${run.settings.rounds}: ready after ${figures.ready.value("vxlane")?.median.toFixed(0)} ms`,
    );
  }
  run.note("memory is VmRSS of the whole process, all workers; idle CPU is of one core");
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
    run.floor({ measure, contender: "vxlane", of: "value", relation: "at most", limit });
  atMost(figures.ready, 1000);
  atMost(figures.memory, 200e6 / MIB);
  atMost(figures.later, 200e6 / MIB);
  atMost(figures.idle, 1);
  atMost(figures.stop, 2000);
  return figures;
}

async function once(run: Run, namespace: string, round: number, figures: Figures): Promise<void> {
  const daemon = await startDaemon(run, namespace, CONFIG);
  figures.ready.add("vxlane", round, daemon.readyMs);
  figures.memory.add("vxlane", round, residentBytes(daemon.pid) / MIB);
  await pause(run, SETTLE_SECONDS);
  const cpu = processCpuSeconds(daemon.pid);
  const startedAt = performance.now();
  await pause(run, run.settings.seconds);
  const seconds = (performance.now() - startedAt) / 1000;
  figures.idle.add("vxlane", round, ((processCpuSeconds(daemon.pid) - cpu) / seconds) * 100);
  figures.later.add("vxlane", round, residentBytes(daemon.pid) / MIB);
  const stopped = await daemon.stop();
  if (stopped.code !== 0) throw new Error(`vxlane run ended with ${stopped.code} after SIGTERM`);
  figures.stop.add("vxlane", round, stopped.ms);
}

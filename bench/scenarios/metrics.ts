// A scrape of /metrics with 1,000 networks and 1,000 VTEPs: how long Prometheus waits, and what CPU it costs the daemon.
//
// The client runs beside the daemon, in its namespace, one request after the other over one connection. The first
// requests are left out: labels are made and code is compiled then, once in a daemon's life.

import { daemonMissing, startDaemon } from "../daemon.js";
import { command, ip, isRoot, makeNamespace, processCpuSeconds } from "../host.js";
import type { Plan, Run, Settings, Suite } from "../suite.js";

const COUNT = 1000;
const WARM_UP = 30;
const SCRAPES = 50;
const LIMIT_MS = 20;

/** Prints the milliseconds of each request, and the length of an answer, as JSON. */
const CLIENT = `
const { get, Agent } = require("node:http");
const agent = new Agent({ keepAlive: true });
const once = () => new Promise((resolve, reject) => {
  const start = performance.now();
  get("http://127.0.0.1:9479/metrics", { agent }, (response) => {
    let length = 0;
    response.on("data", (chunk) => { length += chunk.length; });
    response.on("end", () => resolve({ ms: performance.now() - start, length }));
  }).on("error", reject);
});
(async () => {
  const all = [];
  for (let n = 0; n < Number(process.argv[1]); n++) all.push(await once());
  console.log(JSON.stringify({ ms: all.map(({ ms }) => ms), length: all.at(-1).length }));
  process.exit();
})();
`;

export const metrics: Suite = {
  name: "metrics",
  summary: `a scrape of /metrics with ${COUNT} networks and ${COUNT} VTEPs`,
  defaults: { rounds: 5, seconds: 1 },
  quick: { rounds: 2, seconds: 1 },
  plan,
  run,
};

function obstacle(): string | undefined {
  return isRoot() ? daemonMissing() : "needs root, for a network namespace";
}

function plan({ rounds }: Settings): Plan {
  const missing = obstacle();
  return {
    lines: [`${COUNT} networks, each with a VTEP of its own; ${SCRAPES} scrapes a round after ${WARM_UP} to warm up`],
    seconds: 5 + rounds * 3,
    missing: missing === undefined ? [] : [missing],
  };
}

async function run(run: Run): Promise<void> {
  const time = run.measure({ id: "scrape", title: "a scrape", unit: "ms", better: "lower" });
  const cpu = run.measure({ id: "scrape-cpu", title: "CPU of the daemon a scrape", unit: "ms", better: "lower" });
  const size = run.measure({ id: "scrape-size", title: "size of the answer", unit: "kB", better: "lower" });
  run.floor({ measure: time, contender: "vxlane", of: "value", relation: "at most", limit: LIMIT_MS });
  const missing = obstacle();
  if (missing !== undefined) {
    for (const measure of [time, cpu, size]) measure.absent("vxlane", missing);
    return;
  }
  const namespace = await makeNamespace(run, "metrics");
  await ip("-n", namespace, "addr", "add", "10.99.0.1/24", "dev", "lo");
  const daemon = await startDaemon(run, namespace, config());
  const scrape = async (count: number): Promise<{ ms: number[]; length: number }> => {
    const client = ["netns", "exec", namespace, process.execPath, "-e", CLIENT, "--", String(count)];
    return JSON.parse(await command("ip", client, 60_000, run.signal));
  };
  await scrape(WARM_UP);
  for (let round = 0; round < run.settings.rounds; round++) {
    run.checkpoint();
    const before = processCpuSeconds(daemon.pid);
    const { ms, length } = await scrape(SCRAPES);
    cpu.add("vxlane", round, ((processCpuSeconds(daemon.pid) - before) * 1000) / SCRAPES);
    time.add("vxlane", round, [...ms].sort((a, b) => a - b)[SCRAPES >>> 1] ?? Number.NaN);
    size.add("vxlane", round, length / 1000);
    run.progress(`round ${round + 1} of ${run.settings.rounds}: ${time.value("vxlane")?.median.toFixed(1)} ms`);
  }
  run.note("a scrape: the median of a round, as the client sees it");
}

function config(): string {
  const networks = Array.from({ length: COUNT }, (_, n) => {
    const vtep = `10.1.${n >>> 8}.${n & 255}`;
    return `  - { vni: ${n + 1}, name: net${n + 1}, flood: { mode: headend, vteps: [${vtep}] } }`;
  });
  return `local: 10.99.0.1\nnetworks:\n${networks.join("\n")}\n`;
}

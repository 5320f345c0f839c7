// A scrape of /metrics with 1,000 networks and 1,000 VTEPs: how long Prometheus waits, and what CPU it costs the daemon.
//
// The client runs beside the daemon, in its namespace, one request after the other over one connection. The first
// requests are left out: labels are made and code is compiled then, once in a daemon's life.

import { startDaemon } from "../../daemon.js";
import { command, ip, makeNamespace, processCpuSeconds } from "../../host.js";
import type { Run, Settings } from "../../suite.js";
import { METRICS_URL } from "./lab.js";
import { VXLANE } from "./requests.js";

/* From the issue of the interfaces. */
export const COUNT = 1000;
const LIMIT_MS = 20;

/* Our choices. */
const WARM_UP = 30;
const [SCRAPES, QUICK_SCRAPES] = [50, 20];

export const SCRAPE_IDS = ["scrape-of-1000", "scrape-of-1000-cpu", "scrape-of-1000-size"] as const;

/** Prints the milliseconds of each request, and the length of an answer, as JSON. */
const CLIENT = `
const { get, Agent } = require("node:http");
const agent = new Agent({ keepAlive: true });
const once = () => new Promise((resolve, reject) => {
  const start = performance.now();
  get("${METRICS_URL}", { agent }, (response) => {
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

export async function measureScrapes(run: Run): Promise<void> {
  const title = `a scrape of ${COUNT} networks and VTEPs`;
  const [timeId, cpuId, sizeId] = SCRAPE_IDS;
  const time = run.measure({ id: timeId, title, unit: "ms", better: "lower" });
  const cpu = run.measure({ id: cpuId, title: `${title}: the daemon's CPU`, unit: "ms", better: "lower" });
  const size = run.measure({ id: sizeId, title: `${title}: its size`, unit: "kB", better: "lower" });
  run.floor({ measure: time, contender: VXLANE, of: "value", relation: "at most", limit: LIMIT_MS });
  if (!SCRAPE_IDS.some((id) => run.wants(id))) return;
  const namespace = await makeNamespace(run, "metrics");
  await ip("-n", namespace, "addr", "add", "10.99.0.1/24", "dev", "lo");
  const daemon = await startDaemon(run, namespace, config());
  const count = scrapesOf(run.settings);
  const scrape = async (times: number): Promise<{ ms: number[]; length: number }> => {
    const client = ["netns", "exec", namespace, process.execPath, "-e", CLIENT, "--", String(times)];
    return JSON.parse(await command("ip", client, 60_000, run.signal));
  };
  await scrape(WARM_UP);
  for (let round = 0; round < run.settings.rounds; round++) {
    run.checkpoint();
    const before = processCpuSeconds(daemon.pid);
    const { ms, length } = await scrape(count);
    cpu.add(VXLANE, round, ((processCpuSeconds(daemon.pid) - before) * 1000) / count);
    time.add(VXLANE, round, [...ms].sort((a, b) => a - b)[count >>> 1] ?? Number.NaN);
    size.add(VXLANE, round, length / 1000);
    run.progress(`scrapes: round ${round + 1} of ${run.settings.rounds}`);
  }
  await daemon.stop();
}

function scrapesOf({ quick }: Settings): number {
  return quick ? QUICK_SCRAPES : SCRAPES;
}

function config(): string {
  const networks = Array.from({ length: COUNT }, (_, n) => {
    const vtep = `10.1.${n >>> 8}.${n & 255}`;
    return `  - { vni: ${n + 1}, name: net${n + 1}, flood: { mode: headend, vteps: [${vtep}] } }`;
  });
  return `local: 10.99.0.1\nnetworks:\n${networks.join("\n")}\n`;
}

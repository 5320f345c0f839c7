// The REST API and /metrics under load: how much they answer, what that does to forwarding at the same time, and the two
// large answers, a million FDB entries and the metrics of a thousand networks.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { daemonMissing } from "../../daemon.js";
import { hasProgram, isRoot, makeNamespace, pause, spawnIn } from "../../host.js";
import { folderPrefix } from "../../orphans.js";
import type { Plan, Run, Settings, Suite } from "../../suite.js";
import { pinning } from "../path/pinning.js";
import { BARE } from "./bare.js";
import { dumpIds, MILLION, measureDump } from "./dump.js";
import {
  BARE_GETS,
  declare,
  GETS,
  type Kind,
  loads,
  type Measures,
  measureForwarding,
  measuresOf,
  QUIET,
} from "./forwarding.js";
import { type Lab, makeLab } from "./lab.js";
import { CLIENT_NICE, GENERATOR_NICE } from "./priority.js";
import { ENTRY, measureRequests, requestCases, requestId, VXLANE } from "./requests.js";
import { COUNT, measureScrapes, SCRAPE_IDS } from "./scrapes.js";

/* From the issue of the interfaces. */
const FEWER_FRAMES = 0.98;
const REQUESTS_MIN = 10_000;

/* Parameters. */
const ENTRIES = [1000, MILLION];
const QUICK_ENTRIES = [1000];
const KINDS: readonly Kind[] = ["half", "flat-out"];

/* For the plan: seconds around each measurement, and of other things. */
const AROUND_REQUESTS = 1;
const AROUND_FORWARDING = 2;
const FILL_SECONDS = 40;

export const api: Suite = {
  name: "api",
  summary: "REST API and /metrics under load, and what that does to forwarding",
  defaults: { rounds: 3, seconds: 1 },
  quick: { rounds: 2, seconds: 0.5 },
  plan,
  run,
};

const entriesOf = ({ quick }: Settings) => (quick ? QUICK_ENTRIES : ENTRIES);
/** Flat out is asked of few entries only: a million change nothing about cores. */
const kindsOf = ({ quick }: Settings, entries: number) => (quick || entries === MILLION ? ["half" as const] : KINDS);

function obstacle(): string | undefined {
  if (!isRoot()) return "needs root, for network namespaces: run it with sudo";
  if (!hasProgram("trafgen")) return "trafgen is missing (apt-get install netsniff-ng)";
  if (!hasProgram("ping")) return "ping is missing (apt-get install iputils-ping)";
  return daemonMissing();
}

function plan(settings: Settings): Plan {
  const { rounds, seconds } = settings;
  const entries = entriesOf(settings);
  const cases = requestCases(settings);
  const missing = obstacle();
  const shots = cases.length + cases.filter(({ target }) => target === ENTRY).length;
  const forwarding = entries.flatMap((count) => kindsOf(settings, count)).length * (1 + loads(settings).length);
  const each = entries.length * shots * (seconds + AROUND_REQUESTS) + forwarding * (seconds + AROUND_FORWARDING);
  return {
    lines: [
      `${entries.join(" and ")} FDB entries; requests on ${[...new Set(cases.map(({ connections }) => connections))].join(", ")} connections`,
      `forwarding of 64 B frames meanwhile: ${[QUIET, ...loads(settings).map(({ name }) => name)].join("; ")}`,
      `a scrape of ${COUNT} networks and VTEPs${settings.quick ? "" : "; a dump of a million entries"}`,
    ],
    seconds: 6 + rounds * each + (settings.quick ? 0 : FILL_SECONDS),
    missing: missing === undefined ? [] : [missing],
    ids: [
      ...entries.flatMap((count) => cases.map(({ target, connections }) => requestId(target, connections, count))),
      ...entries.flatMap((count) => kindsOf(settings, count).flatMap((kind) => Object.values(measuresOf(count, kind)))),
      ...(settings.quick ? [] : entries.flatMap(dumpIds)),
      ...SCRAPE_IDS,
    ],
    peers: [VXLANE],
  };
}

async function run(run: Run): Promise<void> {
  const { settings } = run;
  const missing = obstacle();
  if (missing !== undefined) {
    run.note(`nothing could be measured: ${missing}`);
    for (const id of plan(settings).ids ?? []) {
      run.measure({ id, title: id, unit: "", better: "lower" }).absent(VXLANE, missing);
    }
    return;
  }
  const bareSocket = await startBare(run);
  const labs: Lab[] = [];
  for (const entries of entriesOf(settings)) labs.push(await makeLab(run, entries));
  run.fact("pinning", pinning().replace("receiver", "autocannon"));
  run.fact(
    "priorities",
    `a steady generator nice ${GENERATOR_NICE}, autocannon ${CLIENT_NICE}; vxlane's workers -10, all else 0`,
  );
  await measureRequests(run, labs, bareSocket);
  for (const lab of labs) {
    for (const kind of kindsOf(settings, lab.entries)) {
      const measures = declare(run, lab.entries, kind);
      if (kind === "half") promise(run, measures);
      await measureForwarding(run, lab, bareSocket, measures, kind);
      if (kind === "half") sayForwarding(run, measures);
    }
    if (!settings.quick) await measureDump(run, lab);
  }
  await measureScrapes(run);
  run.note(
    "requests: answers with status 200 a second; ceiling: a bare node:http server with an answer of that length",
  );
  run.note(
    "half of what it can: frames are offered steadily, at half the best rate of three that arrived flat out without requests, just before",
  );
  run.note(
    "frames are counted where the peer's tunnel device hands them to its host; round trips are pings, 200 a second from four processes (one that sends so many spins on a core)",
  );
}

function promise(run: Run, { forwarded, answered }: Measures): void {
  const contender = GETS.name;
  run.floor({ measure: forwarded, contender, of: "ratio", relation: "at least", limit: FEWER_FRAMES });
  run.floor({ measure: answered, contender, of: "value", relation: "at least", limit: REQUESTS_MIN });
}

function sayForwarding(run: Run, { entries, forwarded, answered, p99 }: Measures): void {
  const [share, rate, late] = [forwarded.ratio(GETS.name), answered.value(GETS.name), p99.ratio(GETS.name)];
  const bare = answered.value(BARE_GETS.name);
  if (share === undefined || rate === undefined || late === undefined || bare === undefined) return;
  run.headline(
    `${Math.round(rate.median)} GETs of an FDB entry a second (of ${entries}; a bare node:http server: ${Math.round(bare.median)}): ${(share.median * 100).toFixed(1)} % of the frames arrive still, p99 of round trips is ${late.median.toFixed(1)} times what it was`,
  );
}

/** The bare server, on its socket. */
async function startBare(run: Run): Promise<string> {
  const folder = mkdtempSync(folderPrefix());
  run.defer(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "bare.sock");
  const host = await makeNamespace(run, "bare");
  const child = spawnIn(run, host, process.execPath, [BARE, socket], ["ignore", "pipe", "ignore"]);
  for (let isReady = false; !isReady; ) {
    child.stdout?.once("data", () => {
      isReady = true;
    });
    if (child.exitCode !== null) throw new Error(`the bare server ended with ${child.exitCode}`);
    await pause(run, 0.02);
  }
  return socket;
}

// Requests a second: one FDB entry, a network, a page of the FDB, a scrape; on 1, 10 and 100 connections, with few entries
// and a million. Nothing is forwarded meanwhile.

import { watched } from "../../host.js";
import type { Measure } from "../../measure.js";
import { inRound, type Run, type Settings } from "../../suite.js";
import type { Shot } from "./cannon.js";
import { fire, message } from "./client.js";
import { ENTRY_PATH, FDB_PATH, type Lab, METRICS_URL, NETWORK_PATH } from "./lab.js";

export const VXLANE = "vxlane";

export interface Target {
  readonly id: string;
  readonly title: string;
  /** Of the API; undefined: the metrics. */
  readonly path: string | undefined;
}

export const ENTRY: Target = { id: "entry", title: "GET of one FDB entry", path: ENTRY_PATH };
export const NETWORK: Target = { id: "network", title: "GET of a network", path: NETWORK_PATH };
export const PAGE: Target = { id: "page", title: "a page of 100 FDB entries", path: `${FDB_PATH}?limit=100` };
export const LIST: Target = { id: "list", title: "the whole FDB", path: FDB_PATH };
export const SCRAPE: Target = { id: "scrape", title: "GET /metrics", path: undefined };
const TARGETS = [ENTRY, NETWORK, PAGE, SCRAPE];

/* Parameters. */
const CONNECTIONS = [1, 10, 100];
const QUICK_CONNECTIONS = [10];
const QUICK_TARGETS = [ENTRY];

export function shotAt({ daemon }: Pick<Lab, "daemon">, { path }: Target, connections: number): Shot {
  if (path === undefined) return { url: METRICS_URL, connections };
  return { url: `http://localhost${path}`, socketPath: daemon.socket, connections };
}

export function bareShot(socketPath: string, connections: number): Shot {
  return { url: "http://localhost/", socketPath, connections };
}

export function requestCases({ quick }: Settings): { target: Target; connections: number }[] {
  const [targets, counts] = quick ? [QUICK_TARGETS, QUICK_CONNECTIONS] : [TARGETS, CONNECTIONS];
  return targets.flatMap((target) => counts.map((connections) => ({ target, connections })));
}

export function requestId(target: Target, connections: number, entries: number): string {
  return `${target.id}-${connections}-${entries}`;
}

export async function measureRequests(run: Run, labs: readonly Lab[], bareSocket: string): Promise<void> {
  const { rounds, seconds } = run.settings;
  const cases = labs.flatMap((lab) =>
    requestCases(run.settings).flatMap(({ target, connections }) => {
      const measure = declare(run, target, connections, lab.entries);
      return run.wants(measure.options.id) ? [{ lab, target, connections, measure }] : [];
    }),
  );
  if (cases.length === 0) return;
  for (let round = 0; round < rounds; round++) {
    for (const { lab, target, connections, measure } of inRound(cases, round)) {
      run.checkpoint();
      try {
        const shot = shotAt(lab, target, connections);
        const { result, cores } = await watched(() => fire(run, lab.host, shot, seconds));
        measure.add(VXLANE, round, result.rate, cores);
        if (target !== ENTRY) continue;
        measure.ceiling(round, (await fire(run, lab.host, bareShot(bareSocket, connections), seconds)).rate);
      } catch (error) {
        run.checkpoint();
        measure.absent(VXLANE, message(error));
      }
    }
    run.progress(`requests: round ${round + 1} of ${rounds}`);
  }
}

function declare(run: Run, target: Target, connections: number, entries: number): Measure {
  const measure = run.measure({
    id: requestId(target, connections, entries),
    title: `${target.title}, ${connections} connection${connections === 1 ? "" : "s"}, ${entries} entries`,
    unit: "requests/s",
    better: "higher",
    plot: {
      chart: `${target.title}, ${entries} entries`,
      x: connections,
      xLabel: "connections",
      scale: "log",
    },
  });
  if (target !== ENTRY) measure.noCeiling("the bare server has no such answer");
  return measure;
}

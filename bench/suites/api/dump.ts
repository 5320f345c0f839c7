// The whole FDB in one answer: how long it takes, and how much memory it costs the daemon.

import { request } from "node:http";
import { residentBytes } from "../../host.js";
import type { Run } from "../../suite.js";
import { message } from "./client.js";
import { FDB_PATH, type Lab } from "./lab.js";
import { VXLANE } from "./requests.js";

/* From the issue of the interfaces, for a million entries. */
const SECONDS_MAX = 5;
const MEGABYTES_MAX = 50;
export const MILLION = 1_000_000;

/* Our choice. */
const LOOK_MS = 20;

export function dumpIds(entries: number): string[] {
  return [`dump-${entries}`, `dump-memory-${entries}`];
}

export async function measureDump(run: Run, { daemon, entries }: Lab): Promise<void> {
  const [timeId = "", memoryId = ""] = dumpIds(entries);
  const time = run.measure({ id: timeId, title: `dump of ${entries} entries`, unit: "s", better: "lower" });
  const title = `memory that a dump of ${entries} entries takes`;
  const memory = run.measure({ id: memoryId, title, unit: "MB", better: "lower" });
  if (entries >= MILLION) {
    run.floor({ measure: time, contender: VXLANE, of: "value", relation: "at most", limit: SECONDS_MAX });
    run.floor({ measure: memory, contender: VXLANE, of: "value", relation: "at most", limit: MEGABYTES_MAX });
  }
  if (!run.wants(timeId) && !run.wants(memoryId)) return;
  for (let round = 0; round < run.settings.rounds; round++) {
    run.checkpoint();
    try {
      const before = residentBytes(daemon.pid);
      let most = before;
      const timer = setInterval(() => {
        most = Math.max(most, residentBytes(daemon.pid));
      }, LOOK_MS);
      const startMs = performance.now();
      const lines = await dump(daemon.socket).finally(() => clearInterval(timer));
      if (lines !== entries) throw new Error(`${lines} entries came of ${entries}`);
      time.add(VXLANE, round, (performance.now() - startMs) / 1000);
      memory.add(VXLANE, round, (most - before) / 1e6);
    } catch (error) {
      run.checkpoint();
      for (const measure of [time, memory]) measure.absent(VXLANE, message(error));
    }
  }
  run.progress(`dumped ${entries} entries`);
}

/** Reads the FDB as NDJSON. @returns its lines */
function dump(socketPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { accept: "application/x-ndjson" };
    const call = request({ socketPath, path: FDB_PATH, headers }, (answer) => {
      let lines = 0;
      answer.on("data", (chunk: Buffer) => {
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      });
      answer.once("end", () => resolve(lines));
      answer.once("error", reject);
    });
    call.once("error", reject);
    call.end();
  });
}

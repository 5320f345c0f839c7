// Starts `vxlane run` as a user would, in a network namespace, and waits for its ready line.
//
// Its socket and its state live in a temporary folder, so that a benchmark never touches a vxlane that this host
// really runs; everything else keeps its default.

import { existsSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Stopped, spawnIn, stop } from "./host.js";
import { folderPrefix, notePerfMap, removeFolder } from "./orphans.js";
import type { Run } from "./suite.js";

const CLI = fileURLToPath(new URL("../control/cli/main.js", import.meta.url));
const READY_TIMEOUT_MS = 20_000;
/** With its names V8 opens a log too, in the working directory unless it is told to take a temporary file. */
const NAMED_CODE = ["--perf-basic-prof", "--no-logfile-per-isolate", "--logfile=+"];

export interface Daemon {
  readonly pid: number;
  /** Of its API. */
  readonly socket: string;
  /** From the start of the process to its ready line. */
  readonly readyMs: number;
  /** How it ended, if it has. */
  ended(): string | undefined;
  stop(): Promise<Stopped>;
}

/** Why no daemon can be started here, or undefined. */
export function daemonMissing(): string | undefined {
  return existsSync(CLI) ? undefined : "vxlane is not built (npm run build)";
}

/** Puts something before a command line, such as `taskset`. */
export type Wrap = (file: string, args: readonly string[]) => readonly string[];

/**
 * @param body the configuration but for `api` and `stateDir`, YAML
 * @param wrap must not stay around: the pid has to be that of vxlane
 * @param profiled V8 names its code, WebAssembly and JavaScript, in a file for perf, which goes with the run
 * @throws with the end of the daemon's log if it stops or stays silent
 */
export async function startDaemon(
  run: Run,
  namespace: string,
  body: string,
  wrap: Wrap = (file, args) => [file, ...args],
  profiled = false,
): Promise<Daemon> {
  const missing = daemonMissing();
  if (missing !== undefined) throw new Error(missing);
  const folder = await mkdtemp(folderPrefix());
  run.defer(() => removeFolder(folder));
  const [config, socket] = [join(folder, "vxlane.yaml"), join(folder, "api.sock")];
  await writeFile(config, `${body}\napi: { socket: ${socket} }\nstateDir: ${folder}/state\n`);

  const startedAt = performance.now();
  const flags = profiled ? NAMED_CODE : [];
  const [file = process.execPath, ...args] = wrap(process.execPath, [...flags, CLI, "run", "--config", config]);
  const child = spawnIn(run, namespace, file, args, ["ignore", "pipe", "pipe"]);
  if (profiled && child.pid !== undefined) notePerfMap(folder, child.pid);
  let log = "";
  child.stderr?.on("data", (text: Buffer) => {
    log = (log + text.toString()).slice(-2000);
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`vxlane run ${what}: ${log.trim()}`));
    const timer = setTimeout(() => fail(`was not ready after ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS);
    let line = "";
    child.stdout?.on("data", (text: Buffer) => {
      line += text.toString();
      if (!line.includes('"ready":true')) return;
      clearTimeout(timer);
      resolve();
    });
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${code ?? signal}`);
    });
  });
  if (child.pid === undefined) throw new Error("vxlane run has no pid");
  const ended = (): string | undefined => {
    const how = child.exitCode ?? child.signalCode;
    return how === null ? undefined : `vxlane run ended with ${how}`;
  };
  return { pid: child.pid, socket, readyMs: performance.now() - startedAt, ended, stop: () => stop(child) };
}

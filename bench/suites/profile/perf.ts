// Samples the threads of a process with Linux perf: a clock of its own, 1,999 times a second of CPU time, with call stacks.
//
// perf is started before the load and counts nothing until it is told to by its control pipe (Linux 5.9): its own start takes most of
// a second on a busy machine, and would be measured too.

import type { ChildProcess } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { command, hasProgram, spawnFor, stop } from "../../host.js";
import { folderPrefix } from "../../orphans.js";
import type { Run } from "../../suite.js";
import { howToInstall } from "../path/field.js";
import { type Sample, samplesIn } from "./script.js";

/** Not a divisor of the clocks that wake the machine itself: samples would come in step with them. */
export const SAMPLES_PER_SECOND = 1999;
const EVENT = "cpu-clock";
const ANSWER_MS = 15_000;
const SCRIPT_MS = 60_000;
const RIGHTS =
  "run it as root; in a container also with CAP_PERFMON and a seccomp profile that allows perf_event_open, or after sysctl -w kernel.perf_event_paranoid=-1";
const SYMBOLS = "/proc/kallsyms";

/** What is missing to sample anything, and how to get it. */
export function perfMissing(): string[] {
  return [
    ...(hasProgram("perf") ? [] : [howToInstall("perf")]),
    ...(hasKernelSymbols() ? [] : ["the names of the kernel's functions (sysctl -w kernel.kptr_restrict=1)"]),
  ];
}

/** Where they are hidden, all of them have the address 0. */
function hasKernelSymbols(): boolean {
  const first = Buffer.alloc(4096);
  const file = openSync(SYMBOLS, "r");
  const length = readSync(file, first);
  closeSync(file);
  return /^0*[1-9a-f][0-9a-f]* /m.test(first.toString("latin1", 0, length));
}

export async function perfVersion(): Promise<string> {
  return (await command("perf", ["--version"])).trim();
}

/** One recording of one process. */
export class Recording {
  readonly #run: Run;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #file: string;
  #complaint = "";
  #answers = "";

  /** @param pid of a process that is there */
  constructor(run: Run, pid: number) {
    this.#run = run;
    this.#folder = mkdtempSync(folderPrefix());
    run.defer(() => rmSync(this.#folder, { recursive: true, force: true }));
    this.#file = join(this.#folder, "perf.data");
    const what = ["--event", EVENT, "--freq", String(SAMPLES_PER_SECOND), "--call-graph", "fp", "--pid", String(pid)];
    const how = ["--delay=-1", "--control", "fd:3,4", "--no-buildid", "--no-buildid-cache", "--output", this.#file];
    const pipes = ["ignore", "ignore", "pipe", "pipe", "pipe"] as ("ignore" | "pipe")[];
    this.#child = spawnFor(run, "perf", ["record", "--quiet", ...what, ...how], pipes);
    this.#child.stderr?.on("data", (text: Buffer) => {
      this.#complaint = (this.#complaint + text.toString()).slice(0, 2000);
    });
    (this.#child.stdio[3] as Writable).on("error", () => undefined); // it has ended, which is said below
    (this.#child.stdio[4] as Readable).on("data", (text: Buffer) => {
      this.#answers += text.toString();
    });
  }

  /** Samples from here on. @throws with what perf has against it */
  begin(): Promise<void> {
    return this.#tell("enable");
  }

  end(): Promise<void> {
    return this.#tell("disable");
  }

  /** What was sampled; the recording is gone then. The process and its map have to be there still. */
  async samples(): Promise<Sample[]> {
    await stop(this.#child, "SIGINT");
    const fields = ["--fields", "pid,tid,ip,sym,dso", "--no-inline"];
    try {
      const script = await command("perf", ["script", "-i", this.#file, ...fields], SCRIPT_MS, this.#run.signal);
      return samplesIn(script);
    } finally {
      await this.discard();
    }
  }

  async discard(): Promise<void> {
    await stop(this.#child, "SIGINT");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #tell(word: "enable" | "disable"): Promise<void> {
    const child = this.#child;
    this.#answers = "";
    (child.stdio[3] as Writable).write(`${word}\n`);
    const until = performance.now() + ANSWER_MS;
    while (!this.#answers.includes("ack")) {
      this.#run.checkpoint();
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(refusal(this.#complaint));
      if (performance.now() > until) throw new Error(`perf record does not answer after ${ANSWER_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** perf's own words are a page long. */
export function refusal(complaint: string): string {
  const lines = complaint.split("\n").filter((line) => line.trim() !== "" && !/^Error:\s*$/.test(line));
  const isForbidden = /permi|paranoid|access to performance|privilege/i.test(complaint);
  const words = lines[0]?.trim() ?? "it ended";
  return isForbidden ? `perf may not sample here: ${RIGHTS}` : `perf record: ${words}`;
}

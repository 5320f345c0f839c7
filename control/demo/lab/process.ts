// Owns child processes: a command that is run to its end, and a long-running one that is watched and stopped.
//
// Nothing here waits for ever: a command has a time limit, and stopping escalates to SIGKILL. What a process
// printed is kept, because the last lines of stderr are the explanation that a failed test needs.

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

/* Our choices. */
const COMMAND_TIMEOUT_MS = 20_000;
const KEPT_CHARS = 65_536; // of each stream of a process

export interface RunOptions {
  timeoutMs?: number;
  /** Written to stdin. */
  input?: string;
}

export interface RunResult {
  /** Exit code, or -1 when a signal ended it. */
  code: number;
  stdout: string;
  stderr: string;
}

/** A command that did not exit with 0. `missing`: there is no such program. */
export class CommandError extends Error {
  constructor(
    readonly command: string,
    readonly result: RunResult,
    readonly missing = false,
  ) {
    super(`${command}: exit ${result.code}: ${(result.stderr || result.stdout).trim()}`);
    this.name = "CommandError";
  }
}

/** Runs a command to its end, whatever its exit code. @throws CommandError if there is no such program. */
export async function tryRun(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const watched = new Watched(command, args, {
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  const timeoutMs = options.timeoutMs ?? COMMAND_TIMEOUT_MS;
  const timer = setTimeout(() => watched.child.kill("SIGKILL"), timeoutMs);
  watched.child.stdin?.on("error", () => undefined); // it may exit without reading
  watched.child.stdin?.end(options.input);
  const { code, signal } = await watched.exited.finally(() => clearTimeout(timer));
  const note = signal === null ? "" : `\nended by ${signal} (time limit: ${timeoutMs} ms)`;
  return { code: code ?? -1, stdout: watched.stdout, stderr: watched.stderr + note };
}

/** Runs a command to its end and returns what it printed. @throws CommandError unless it exits with 0. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(command, args, options);
  if (result.code !== 0) throw new CommandError([command, ...args].join(" "), result);
  return result.stdout;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A child process, its output and its end. */
export class Watched {
  readonly child: ChildProcess;
  /** @throws CommandError if there is no such program. */
  readonly exited: Promise<Exit>;
  stdout = "";
  stderr = "";
  #ended = false;
  readonly #onOutput = new Set<() => void>();

  constructor(
    readonly command: string,
    args: string[],
    options: SpawnOptions = {},
  ) {
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      for (const notify of this.#onOutput) notify();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-KEPT_CHARS);
    });
    this.exited = new Promise((resolve, reject) => {
      this.child.once("error", (error: NodeJS.ErrnoException) => {
        this.#ended = true;
        const result = { code: -1, stdout: "", stderr: error.message };
        reject(new CommandError(command, result, error.code === "ENOENT"));
      });
      this.child.once("close", (code, signal) => {
        this.#ended = true;
        resolve({ code, signal });
      });
    });
    this.exited.catch(() => undefined); // whoever waits sees it; nobody has to
    this.exited.finally(() => this.#notify()).catch(() => undefined);
  }

  get ended(): boolean {
    return this.#ended;
  }

  #notify(): void {
    for (const notify of this.#onOutput) notify();
  }

  /** The first whole line of stdout that passes. @throws if the process ends or the time runs out before. */
  async line(passes: (line: string) => boolean, timeoutMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        clearTimeout(timer);
        this.#onOutput.delete(look);
        done();
      };
      const fail = (why: string) =>
        settle(() => reject(new Error(`${this.command} ${why}; its stderr:\n${this.stderr.slice(-4000)}`)));
      const look = () => {
        const found = this.stdout.split("\n").slice(0, -1).find(passes);
        if (found !== undefined) settle(() => resolve(found));
        else if (this.#ended) fail(`ended (exit ${this.child.exitCode ?? this.child.signalCode})`);
      };
      const timer = setTimeout(() => fail(`did not print the line in ${timeoutMs} ms`), timeoutMs);
      this.#onOutput.add(look);
      look();
    });
  }

  /** Sends `signal`, and SIGKILL if that does not end it in time. */
  async stop(signal: NodeJS.Signals = "SIGTERM", timeoutMs = 3000): Promise<Exit> {
    if (!this.#ended) this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill("SIGKILL"), timeoutMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }
}

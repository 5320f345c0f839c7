// What scenarios do to the host: run commands, make network namespaces, read the CPU clocks of /proc.
//
// Every namespace and process is tied to its run at the moment it is made. Names carry this process's id, so two runs
// at once do not meet.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Run } from "./suite.js";

const execFileAsync = promisify(execFile);

/** Where Debian keeps root's programs; a PATH from `su` lacks them. */
const ROOTS_FOLDERS = ["/usr/sbin", "/sbin"];
const FOLDERS = [...(process.env.PATH ?? "").split(":"), ...ROOTS_FOLDERS];
const ENV = { ...process.env, PATH: FOLDERS.join(":") };

/** USER_HZ: what /proc counts CPU time in. It is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Runs a command to its end, or to that of `signal`. @returns its stdout. @throws with its stderr in the message */
export async function command(
  file: string,
  args: readonly string[],
  timeoutMs = 60_000,
  signal?: AbortSignal,
): Promise<string> {
  try {
    const { stdout } = await execFileAsync(file, [...args], {
      timeout: timeoutMs,
      signal,
      maxBuffer: 1 << 26,
      env: ENV,
    });
    return stdout;
  } catch (error) {
    const { stderr, stdout, killed } = error as { stderr?: string; stdout?: string; killed?: boolean };
    const why = killed ? `no end after ${timeoutMs} ms` : stderr?.trim() || stdout?.trim().slice(-300) || String(error);
    throw new Error(`${[file, ...args].join(" ")}: ${why}`);
  }
}

export function ip(...args: string[]): Promise<string> {
  return command("ip", args);
}

/** Before the process id of the run that made a namespace. */
export const NAMESPACE_PREFIX = "vxb";

/** Whether a program is where those that run here are looked for. */
export function hasProgram(name: string): boolean {
  return FOLDERS.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** A network namespace with its loopback up, gone when the run ends. @returns its name */
export async function makeNamespace(run: Run, suffix: string): Promise<string> {
  const name = `${NAMESPACE_PREFIX}${process.pid}-${suffix}`;
  await ip("netns", "add", name);
  run.defer(() => ip("netns", "del", name).then(() => undefined));
  await ip("-n", name, "link", "set", "lo", "up");
  return name;
}

/**
 * A process in a namespace, with a process group of its own, stopped when the run ends. `ip netns exec` becomes the
 * program, so the pid is the program's.
 */
export function spawnIn(
  run: Run,
  namespace: string,
  file: string,
  args: readonly string[],
  stdio: ("ignore" | "pipe")[] = ["ignore", "ignore", "ignore"],
): ChildProcess {
  return spawnFor(run, "ip", ["netns", "exec", namespace, file, ...args], stdio);
}

/** The same where this process is. */
export function spawnFor(
  run: Run,
  file: string,
  args: readonly string[],
  stdio: ("ignore" | "pipe")[] = ["ignore", "ignore", "ignore"],
): ChildProcess {
  const child = spawn(file, args, { stdio, detached: true, env: ENV });
  run.defer(() => stop(child).then(() => undefined));
  return child;
}

export interface Stopped {
  readonly code: number | null;
  readonly ms: number;
}

/**
 * Asks the process and its children (trafgen has some) with `signal`, insists with SIGKILL after 5 s, and does not leave
 * a child behind. A process that has ended already is fine.
 */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<Stopped> {
  const startedAt = performance.now();
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  if (!ended() && child.pid !== undefined) {
    const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    signalGroup(child, signal);
    const insist = setTimeout(() => signalGroup(child, "SIGKILL"), 5000);
    await exit;
    clearTimeout(insist);
  }
  const ms = performance.now() - startedAt;
  signalGroup(child, "SIGKILL");
  return { code: child.exitCode, ms };
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** CPU seconds that all cores together have spent working since boot. */
export function machineCpuSeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync("/proc/stat", "utf8")
    .split("\n", 1)[0]
    ?.split(/\s+/)
    .map(Number) ?? [Number.NaN];
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}

/** CPU seconds of a process, all threads, user and system. */
export function processCpuSeconds(pid: number): number {
  return cpuSecondsIn(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** The same of each of its threads, by their ids. */
export function threadCpuSeconds(pid: number): Map<number, number> {
  const threads = readdirSync(`/proc/${pid}/task`);
  return new Map(threads.map((id) => [Number(id), cpuSecondsIn(readFileSync(`/proc/${pid}/task/${id}/stat`, "utf8"))]));
}

function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) * 1024;
}

/** Does something, and says how many cores the whole machine kept busy meanwhile. */
export async function watched<T>(action: () => Promise<T>): Promise<{ result: T; cores: number }> {
  const cpu = machineCpuSeconds();
  const startedAt = performance.now();
  const result = await action();
  return { result, cores: (machineCpuSeconds() - cpu) / ((performance.now() - startedAt) / 1000) };
}

/** Sleeps, unless the run is interrupted. */
export function pause(run: Run, seconds: number): Promise<void> {
  return sleep(seconds * 1000, undefined, { signal: run.signal });
}

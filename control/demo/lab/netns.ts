// Owns network namespaces: hosts that exist only on this machine, joined by veth pairs, and their removal. The
// demo and the interop tests build their networks with it.
//
// A lab removes everything that it made, also when a test throws, when the process exits early and on SIGINT or
// SIGTERM. A name holds the process id of its owner, so that two runs never meet and leftovers of a killed run
// are told from those of a living one. A namespace that goes takes its interfaces along; processes that still run
// in it would keep it alive, so they are ended first.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunOptions, type RunResult, run, tryRun, Watched } from "./process.js";

/* Our choices. */
const GRACE_MS = 2500;
const SYSCTLS = [
  // Addresses are usable at once, and nothing is sent that nobody asked for.
  "net/ipv6/conf/all/accept_dad=0",
  "net/ipv6/conf/default/accept_dad=0",
  "net/ipv6/conf/default/router_solicitations=0",
  "net/ipv6/conf/default/autoconf=0",
  "net/ipv6/conf/default/addr_gen_mode=1", // no link-local addresses
];

export interface InsideOptions {
  /** With a message channel. */
  ipc?: boolean;
  env?: NodeJS.ProcessEnv;
  /** Descriptors that take its output; such a process can outlive this one and gets no Ctrl-C of its terminal. */
  files?: { stdout: number; stderr: number };
}

/** One network namespace. */
export class Namespace {
  constructor(
    readonly name: string,
    /** What people call it. */
    readonly label: string,
    private readonly lab: Lab,
  ) {}

  /** Runs lines of `ip` commands, such as `link set lo up`, in one process. @throws CommandError */
  async ip(...lines: string[]): Promise<void> {
    await run("ip", ["-n", this.name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
  }

  /** What `ip -j …` says. @throws CommandError */
  async show<T>(...args: string[]): Promise<T> {
    return JSON.parse((await run("ip", ["-n", this.name, "-j", ...args])) || "[]") as T;
  }

  /** What `bridge …` prints. @throws CommandError */
  async bridge(...args: string[]): Promise<string> {
    return run("bridge", ["-n", this.name, ...args]);
  }

  /** Runs a command inside. @throws CommandError unless it exits with 0. */
  async run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
    return run("ip", ["netns", "exec", this.name, command, ...args], options);
  }

  /** Runs a command inside, whatever its exit code. */
  async tryRun(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
    return tryRun("ip", ["netns", "exec", this.name, command, ...args], options);
  }

  /** Starts a process inside; the lab ends it at the latest. `ip netns exec` becomes the command: signals reach it. */
  spawn(command: string, args: string[], options: InsideOptions = {}): Watched {
    const { ipc = false, files, env } = options;
    const output = [files?.stdout ?? "pipe", files?.stderr ?? "pipe"] as const;
    const watched = new Watched("ip", ["netns", "exec", this.name, command, ...args], {
      stdio: ["ignore", ...output, ...(ipc ? ["ipc" as const] : [])],
      serialization: "advanced",
      detached: files !== undefined,
      env: { ...process.env, ...env },
    });
    this.lab.adopt(watched);
    return watched;
  }

  /** Sets `net/…=value` words of /proc/sys. */
  async sysctl(...settings: string[]): Promise<void> {
    const script = settings.map((setting) => setting.replace(/^(.*)=(.*)$/, "echo $2 > /proc/sys/$1")).join(" && ");
    await this.run("sh", ["-c", script]);
  }

  /** True if it has an interface of that name. */
  async hasLink(name: string): Promise<boolean> {
    return (await tryRun("ip", ["-n", this.name, "link", "show", name])).code === 0;
  }
}

export interface LinkEnd {
  host: Namespace;
  /** Name of the interface. */
  name: string;
  /** Addresses with prefix length. */
  addresses?: string[];
}

/** Namespaces and processes that go together. */
export class Lab {
  static readonly #open = new Set<Lab>();
  static #counter = 0;
  readonly #prefix: string;
  readonly #namespaces: Namespace[] = [];
  readonly #processes: Watched[] = [];
  readonly #directories: string[] = [];

  /** @param prefix first word of the namespaces' names; letters and digits */
  constructor(prefix: string) {
    this.#prefix = `${prefix}-${process.pid}-${Lab.#counter++}`;
    if (Lab.#open.size === 0) Lab.#watchForTheEnd();
    Lab.#open.add(this);
  }

  adopt(process: Watched): void {
    this.#processes.push(process);
  }

  /** A new namespace with its loopback up. @throws CommandError */
  async host(label: string): Promise<Namespace> {
    const host = new Namespace(`${this.#prefix}-${label}`, label, this);
    this.#namespaces.push(host);
    try {
      await run("ip", ["netns", "add", host.name]);
    } catch (error) {
      this.#namespaces.pop();
      throw error;
    }
    await host.sysctl(...SYSCTLS);
    await host.ip("link set lo up");
    return host;
  }

  /** A veth pair between two namespaces, both ends up. @throws CommandError */
  async link(a: LinkEnd, b: LinkEnd, mtu = 1500): Promise<void> {
    await a.host.ip(`link add ${a.name} mtu ${mtu} type veth peer name ${b.name} mtu ${mtu} netns ${b.host.name}`);
    for (const end of [a, b]) {
      // nodad: without it an IPv6 address stays tentative for a moment, accept_dad or not, and bind refuses it.
      const addresses = (end.addresses ?? []).map(
        (address) => `addr add ${address} dev ${end.name}${address.includes(":") ? " nodad" : ""}`,
      );
      await end.host.ip(`link set ${end.name} up`, ...addresses);
    }
  }

  /** A new directory for files, removed with the lab. */
  directory(): string {
    const path = mkdtempSync(join(tmpdir(), `${this.#prefix}-`));
    this.#directories.push(path);
    return path;
  }

  /** Forgets what it made, so that it outlives this process. */
  abandon(): void {
    Lab.#open.delete(this);
  }

  /** Removes everything. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#processes.map((process) => process.stop()));
    Lab.#open.delete(this);
    for (const { name } of this.#namespaces) await removeNamespace(name);
    this.#namespaces.length = 0;
    this.#removeDirectories();
  }

  /** The same without waiting, for a process that is about to end. */
  #closeNow(): void {
    Lab.#open.delete(this);
    for (const { child, ended } of this.#processes) if (!ended) child.kill("SIGKILL");
    for (const { name } of this.#namespaces) removeNamespaceNow(name);
    this.#removeDirectories();
  }

  #removeDirectories(): void {
    for (const path of this.#directories) rmSync(path, { recursive: true, force: true });
    this.#directories.length = 0;
  }

  static #watchForTheEnd(): void {
    if (Lab.#watching) return;
    Lab.#watching = true;
    const closeAll = () => {
      for (const lab of Lab.#open) lab.#closeNow();
    };
    process.on("exit", closeAll);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => {
        closeAll();
        process.kill(process.pid, signal);
      });
    }
  }
  static #watching = false;
}

/** Removes a namespace and what runs in it, which is asked first and then killed. */
export async function removeNamespace(name: string): Promise<void> {
  const deadline = performance.now() + GRACE_MS;
  for (let signal: NodeJS.Signals = "SIGTERM"; ; signal = performance.now() < deadline ? "SIGTERM" : "SIGKILL") {
    const pids = (await tryRun("ip", ["netns", "pids", name])).stdout.split("\n").filter(Boolean);
    for (const pid of pids) kill(Number(pid), signal);
    if (pids.length === 0 || signal === "SIGKILL") break;
    await sleep(50);
  }
  await tryRun("ip", ["netns", "delete", name]);
}

/** The same, blocking. */
export function removeNamespaceNow(name: string): void {
  const { stdout } = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
  for (const pid of (stdout ?? "").split("\n").filter(Boolean)) kill(Number(pid), "SIGKILL");
  spawnSync("ip", ["netns", "delete", name]);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it went by itself
  }
}

/** Names of namespaces that begin with `prefix` and whose owner no longer runs. @throws CommandError if there is no `ip` */
export async function orphanedNamespaces(prefix: string): Promise<string[]> {
  const names = (await run("ip", ["netns", "list"])).split("\n").map((line) => line.split(" ")[0] ?? "");
  return names.filter((name) => {
    const owner = new RegExp(`^${prefix}-(\\d+)-`).exec(name)?.[1];
    return owner !== undefined && !isAlive(Number(owner));
  });
}

/** Whether a process of that id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

// Owns a running vxlane in a lab: its config file, its start, its API and metrics, and what every scenario asks of it
// at the end: the counters balance, SIGTERM ends it with 0 within two seconds, and what it made is gone.
//
// Those last checks belong to the end of each test and are registered when the daemon starts, so that no scenario
// can forget them. A test that stops or kills the daemon itself has taken them over.

import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import type { Watched } from "../../control/demo/lab/process.js";
import { balanceOf, parseMetrics, type Sample, sumOf } from "./metrics.js";
import { type End, type Host, type OverlayAddress, openOverlay } from "./netns.js";

/** What a daemon is to suffer from inside: see faults.mjs. */
export type Fault = "block" | "kill" | "loop" | "wait" | { readonly refuse: number };

const FAULTS = new URL("faults.mjs", import.meta.url).href;
export const MAIN = fileURLToPath(new URL("../../dist/control/cli/main.js", import.meta.url));

/* From the issue of the foundation. */
const STOP_MS = 2000;

/* From the environment: the whole suite with another driver, or without offloads. */
const DRIVER = process.env.VXLANE_TEST_UNDERLAY;
const OFFLOADS = process.env.VXLANE_TEST_OFFLOADS;

/* Our choices. Many things may share this machine; how fast it really is, a benchmark says. */
const READY_MS = 40_000;
const ANSWER_MS = 20_000;
const BALANCE_MS = 20_000;
const METRICS = "127.0.0.1:9479";

/** A config as a user writes it; what it leaves away, `start` fills in for the lab. */
export type PartialConfig = Record<string, unknown>;

export class Daemon {
  #over = false;

  private constructor(
    readonly host: Host,
    readonly process: Watched,
    readonly socket: string,
    /** Names of the interfaces that go when it stops. */
    readonly ports: string[],
    readonly configFile: string,
  ) {}

  /** Starts vxlane in the host's namespace and waits until frames flow. @param fault see `strike`. @throws if it does not get there */
  static async start(host: Host, config: PartialConfig, fault?: Fault): Promise<Daemon> {
    const { file, socket } = await writeConfig(host, config);
    const before = fault === undefined ? [] : ["--import", FAULTS];
    const env = fault === undefined ? {} : environmentOf(fault);
    const watched = host.ns.spawn(process.execPath, [...before, MAIN, "run", "--config", file], { env });
    const networks = (config.networks ?? []) as { ports?: { name: string; persistent?: boolean }[] }[];
    const ports = networks.flatMap(({ ports = [] }) => ports.filter((port) => port.persistent !== true));
    const names = ports.map(({ name }) => name);
    const daemon = new Daemon(host, watched, socket, names, file);
    onTestFinished(async ({ task }) => {
      if (task.result?.state === "fail") process.stderr.write(`vxlane at ${host.ns.label}:\n${watched.stderr}\n`);
      else if (!daemon.#over) await daemon.endOfTest();
    });
    const line = await watched.line((text) => text.startsWith("{"), READY_MS);
    expect(JSON.parse(line)).toMatchObject({ ready: true, api: expect.anything(), metrics: expect.anything() });
    return daemon;
  }

  private async endOfTest(): Promise<void> {
    await this.expectBalance();
    await this.stop();
  }

  /** SIGTERM: exit code 0 within 2 s, and interfaces and socket are gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#over = true;
    const start = performance.now();
    const exit = await this.process.stop(signal, 10_000);
    const ms = performance.now() - start;
    expect(exit, `${signal} to vxlane; its log:\n${this.process.stderr}`).toEqual({ code: 0, signal: null });
    expect(ms, `ms from ${signal} to the end`).toBeLessThan(STOP_MS);
    for (const name of this.ports) await this.expectGone(name);
    expect(existsSync(this.socket), "the API's socket is left behind").toBe(false);
  }

  /** The kernel removes an interface when the last descriptor is closed, which may be a moment after a process has ended. */
  async expectGone(name: string): Promise<void> {
    await expect.poll(() => this.host.ns.hasLink(name), { message: `${name} is left behind` }).toBe(false);
  }

  /** What it writes comes by another way than its answers. */
  async expectLog(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.process.stderr, { message: "the log" }).toMatch(text);
  }

  /** Has the fault happen that it was started with. */
  strike(): void {
    this.process.child.kill("SIGUSR2");
  }

  /** Descriptors that it has open. */
  async descriptors(): Promise<number> {
    return (await readdir(`/proc/${this.process.child.pid}/fd`)).length;
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    this.#over = true;
    await this.process.stop("SIGKILL");
  }

  /** The JSON answer to a GET. @throws unless it is 200 */
  async get<T>(path: string): Promise<T> {
    return new Promise((resolve, reject) => {
      // No agent: a connection that is kept would be one of its descriptors.
      const options = { socketPath: this.socket, path, timeout: ANSWER_MS, agent: false };
      const call = request(options, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        response.once("end", () => {
          if (response.statusCode === 200) resolve(JSON.parse(body) as T);
          else reject(new Error(`GET ${path}: ${response.statusCode}: ${body}`));
        });
      });
      call.once("timeout", () => call.destroy(new Error(`GET ${path}: no answer`)));
      call.once("error", reject);
      call.end();
    });
  }

  async metrics(): Promise<Sample[]> {
    return parseMetrics(await this.host.agent.call("httpGet", `http://${METRICS}/metrics`));
  }

  /** Frames dropped for one reason. */
  async dropped(reason: string, direction: "encap" | "decap" = "decap"): Promise<number> {
    return sumOf(await this.metrics(), "vxlane_dropped_frames_total", { reason, direction });
  }

  /** Waits until a figure of the metrics is what it should be: counters are published a batch at a time. */
  async expectMetric(value: number, name: string, labels: Record<string, string | number>): Promise<void> {
    await expect.poll(async () => sumOf(await this.metrics(), name, labels)).toBe(value);
  }

  /** The same for one that only grows. */
  async expectMetricOver(value: number, name: string, labels: Record<string, string | number>): Promise<void> {
    await expect.poll(async () => sumOf(await this.metrics(), name, labels)).toBeGreaterThan(value);
  }

  /** Once traffic rests: received = frames + local + dropped, for each direction, to the frame. */
  async expectBalance(): Promise<void> {
    let sums = balanceOf(await this.metrics());
    for (const end = performance.now() + BALANCE_MS; performance.now() < end; ) {
      await sleep(100);
      const before = sums;
      sums = balanceOf(await this.metrics());
      const rests = JSON.stringify(before) === JSON.stringify(sums);
      if (rests && sums.every(({ missing }) => missing === 0)) break;
    }
    expect(
      sums.map(({ direction, missing }) => ({ direction, missing })),
      JSON.stringify(sums),
    ).toEqual([
      { direction: "encap", missing: 0 },
      { direction: "decap", missing: 0 },
    ]);
  }
}

function environmentOf(fault: Fault): NodeJS.ProcessEnv {
  if (typeof fault === "string") return { VXTEST_FAULT: fault };
  return { VXTEST_FAULT: "refuse", VXTEST_ERRNO: String(fault.refuse) };
}

/** Writes a config (JSON is YAML) for a host, with paths of its own. */
export async function writeConfig(host: Host, config: PartialConfig): Promise<{ file: string; socket: string }> {
  const directory = host.lab.directory();
  const socket = join(directory, "api.sock");
  const file = join(directory, "vxlane.yaml");
  const whole = {
    local: host.address,
    api: { socket },
    metrics: { listen: METRICS },
    stateDir: join(directory, "state"),
    ...(OFFLOADS === undefined ? {} : { offloads: OFFLOADS }),
    ...config,
    ...withDriver(config.underlay as PartialConfig | undefined),
  };
  await writeFile(file, JSON.stringify(whole, undefined, 2));
  return { file, socket };
}

/** The driver that the whole suite is to run with, where the config names none. */
function withDriver(underlay: PartialConfig = {}): PartialConfig {
  if (DRIVER === undefined || underlay.driver !== undefined) return {};
  // It finds its interface; some tests are about none being named.
  return { underlay: { ...underlay, driver: DRIVER } };
}

export interface VxlaneEnd {
  vni: number;
  overlay: OverlayAddress;
  /** Flood list. */
  remotes?: string[];
  /** Of the network; they override what the others say. */
  network?: PartialConfig;
  /** Of the whole config. */
  config?: PartialConfig;
  port?: string;
  /** No addresses and no IPv6 on the port. */
  quiet?: boolean;
  fault?: Fault;
}

export interface VxlaneRunning extends End {
  daemon: Daemon;
}

/** vxlane with one network and one port, and the port's overlay addresses: the counterpart of `kernelVxlan`. */
export async function vxlane(host: Host, options: VxlaneEnd): Promise<VxlaneRunning> {
  const { vni, overlay, remotes = [], port = "blue0" } = options;
  const network = {
    vni,
    name: "blue",
    flood: { mode: "headend", vteps: remotes },
    ports: [{ name: port, driver: "tap", mac: overlay.mac }],
    ...options.network,
  };
  const daemon = await Daemon.start(host, { networks: [network], ...options.config }, options.fault);
  await openOverlay(host, port, overlay, options.quiet);
  return { daemon, host, device: port, overlay };
}

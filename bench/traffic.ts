// The traffic of the `path` scenario: TCP by iperf3, UDP by trafgen, round trips by ping. Every figure is taken at
// the receiver: what a sender believes to have sent says nothing about a tunnel.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pause, spawnIn, stop } from "./host.js";
import type { Run } from "./suite.js";
import { type End, inside, received, type Tunnel } from "./topology.js";

export type Direction = "out" | "in";

const WARM_UP_SECONDS = 0.5;
const PING_INTERVAL_MS = 5;
const ETHERNET_IPV4_UDP = 14 + 20 + 8;

/** A host address in the tunnel's subnet that nobody has: the receiver counts the frame and forgets it. */
const NOBODY = 99;

interface Iperf3Report {
  readonly error?: string;
  readonly end?: { readonly sum_received?: { readonly bits_per_second?: number } };
}

/** The servers that `tcp` talks to, on every address of the far side. */
export async function serveTcp(run: Run, namespace: string): Promise<void> {
  spawnIn(run, namespace, "iperf3", ["-s"]);
  await pause(run, 0.5);
}

/** One TCP flow. @returns Gbit/s of payload that arrived */
export async function tcp(run: Run, tunnel: Tunnel, direction: Direction): Promise<number> {
  const { seconds } = run.settings;
  const reverse = direction === "in" ? ["-R"] : [];
  const args = ["-c", tunnel.b.address, "-t", String(seconds), "-J", "--connect-timeout", "3000", ...reverse];
  const report = JSON.parse(await inside(run, tunnel.a, "iperf3", args, (seconds + 10) * 1000)) as Iperf3Report;
  const rate = report.end?.sum_received?.bits_per_second;
  if (rate === undefined) throw new Error(`iperf3: ${report.error ?? "no result"}`);
  return rate / 1e9;
}

/** As many frames of `frameLen` bytes (from the Ethernet header on, without FCS) as one sender can make. @returns million frames/s that arrived */
export async function udp(run: Run, tunnel: Tunnel, direction: Direction, frameLen: number): Promise<number> {
  const [from, to] = direction === "out" ? [tunnel.a, tunnel.b] : [tunnel.b, tunnel.a];
  const folder = mkdtempSync(join(tmpdir(), "vxlane-bench-"));
  run.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "frames.cfg");
  writeFileSync(file, trafgenFrame(from, to, frameLen));
  const sender = spawnIn(run, from.namespace, "trafgen", ["--dev", from.device, "--conf", file, "-n", "0", "-P", "1"]);
  try {
    await pause(run, WARM_UP_SECONDS);
    if (sender.exitCode !== null) throw new Error(`trafgen ended with ${sender.exitCode}`);
    const before = await received(to);
    const startedAt = performance.now();
    await pause(run, run.settings.seconds);
    const frames = (await received(to)) - before;
    const rate = frames / (performance.now() - startedAt) / 1000;
    if (frames === 0) throw new Error("nothing arrived");
    return rate;
  } finally {
    await stop(sender, "SIGINT");
  }
}

function trafgenFrame(from: End, to: End, frameLen: number): string {
  const nobody = to.address.replace(/\d+$/, String(NOBODY));
  return `{
  eth(da=${to.mac}, sa=${from.mac}),
  ipv4(saddr=${from.address}, daddr=${nobody}),
  udp(sport=9999, dport=9999),
  fill(0x5a, ${frameLen - ETHERNET_IPV4_UDP})
}
`;
}

/** Round trips on an otherwise idle tunnel. @returns each in microseconds, in rising order */
export async function ping(run: Run, tunnel: Tunnel): Promise<number[]> {
  const count = Math.max(20, Math.round((run.settings.seconds * 1000) / PING_INTERVAL_MS));
  const args = ["-n", "-c", String(count), "-i", String(PING_INTERVAL_MS / 1000), tunnel.b.address];
  const output = await inside(run, tunnel.a, "ping", args, count * PING_INTERVAL_MS + 15_000);
  const times = [...output.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
  if (times.length < count / 2) throw new Error(`ping: ${times.length} of ${count} came back`);
  return times.sort((a, b) => a - b);
}

/** `share` 0 to 1 of sorted values. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Makes both sides know each other, so that nothing is flooded while it is measured. @throws if no ping comes back */
export async function introduce(run: Run, tunnel: Tunnel): Promise<void> {
  await inside(run, tunnel.a, "ping", ["-n", "-c", "3", "-i", "0.2", "-W", "1", tunnel.b.address], 10_000);
}

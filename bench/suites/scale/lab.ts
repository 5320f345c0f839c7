// Host a with vxlane and host b with what it talks to, in namespaces on one veth. Host b answers for every VTEP address
// of a large flood list, and counts what comes in for one network with the kernel's vxlan device.

import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { type Daemon, startDaemon } from "../../daemon.js";
import { command, ip, makeNamespace, spawnIn } from "../../host.js";
import type { Run } from "../../suite.js";
import { pinned } from "../path/pinning.js";
import { SENDER, type SenderOrder } from "./sender.js";

const A = "10.99.0.1";
export const B = "10.99.0.2";
/** A route for as many VTEPs as anybody wants. */
const MANY = "10.98.0.0/16";
const MTU = 1500;
const UNDERLAY = "w1";
/** Ethernet, IPv4, UDP. */
const OUTER_LEN = 14 + 20 + 8;
export const VNI = 1;
export const PORT = "port0";
const UDP_PORT = 4789;
const PEER = "vx0";
/** A veth pair that leads nowhere: what a generator can do by itself. */
export const GENERATOR = "g1";
const SINK = "g2";
const METRICS = "127.0.0.1:9479";

export interface Lab {
  readonly a: string;
  readonly b: string;
  /** Of processes that live in a and b from beginning to end. */
  readonly keeperA: number;
  readonly keeper: number;
}

export async function makeLab(run: Run, label: string): Promise<Lab> {
  const [a, b] = [await makeNamespace(run, `${label}-a`), await makeNamespace(run, `${label}-b`)];
  await ip("link", "add", UNDERLAY, "netns", a, "type", "veth", "peer", "name", "w2", "netns", b);
  for (const [namespace, device, address] of [
    [a, UNDERLAY, A],
    [b, "w2", B],
  ] as const) {
    await command("ip", ["netns", "exec", namespace, "sysctl", "-qew", "net.ipv6.conf.default.disable_ipv6=1"]);
    await ip("-n", namespace, "addr", "add", `${address}/24`, "dev", device);
    await ip("-n", namespace, "link", "set", device, "mtu", String(MTU), "up");
  }
  await ip("-n", a, "route", "add", MANY, "via", B);
  await ip("-n", b, "route", "add", "local", MANY, "dev", "lo");
  await ip(
    "-n",
    b,
    "link",
    "add",
    PEER,
    "type",
    "vxlan",
    "id",
    String(VNI),
    "local",
    B,
    "dstport",
    String(UDP_PORT),
    "dev",
    "w2",
  );
  await ip("-n", b, "link", "set", PEER, "up");
  await ip("link", "add", GENERATOR, "netns", a, "type", "veth", "peer", "name", SINK, "netns", b);
  await ip("-n", a, "link", "set", GENERATOR, "up");
  await ip("-n", b, "link", "set", SINK, "up");
  const [keeperA, keeper] = [a, b].map((namespace) => spawnIn(run, namespace, "sleep", ["infinity"]).pid);
  if (keeperA === undefined || keeper === undefined) throw new Error("sleep does not start");
  return { a, b, keeperA, keeper };
}

/** Address of VTEP number `n`, 0 and up: the first is host b's own. */
export function vtepAddress(n: number): string {
  return n === 0 ? B : `10.98.${n >>> 8}.${n & 255}`;
}

export interface Size {
  readonly networks?: number;
  readonly vteps?: number;
  readonly macs?: number;
}

/** The configuration of a size, YAML. The first network has a port and the flood list; the others one VTEP each. */
export function configOf({ networks = 1, vteps = 1, macs = 0 }: Size): string {
  const lines = Array.from({ length: networks }, (_, n) => {
    const list = n === 0 ? Array.from({ length: vteps }, (_, vtep) => vtepAddress(vtep)) : [B];
    const ports = n === 0 ? [{ name: PORT, driver: "tap" }] : [];
    return `  - ${JSON.stringify({ vni: VNI + n, name: `net${n}`, flood: { mode: "headend", vteps: list }, ports })}`;
  });
  // Beside the MACs that it learns, a port has one of its own, and the host behind it may speak.
  const capacity = Math.max(65536, macs + 1024);
  return `local: ${A}\nfdb: { capacity: ${capacity} }\nnetworks:\n${lines.join("\n")}`;
}

export async function start(run: Run, { a }: Lab, size: Size): Promise<Daemon> {
  const daemon = await startDaemon(run, a, configOf(size), (file, args) => pinned("tunnel", file, args));
  run.checkpoint();
  return daemon;
}

export async function portMac({ a }: Lab): Promise<string> {
  const found = JSON.parse(await ip("-n", a, "-j", "link", "show", "dev", PORT)) as { address: string }[];
  return found[0]?.address ?? "";
}

/** A sender in host b whose frames come out of the port. @returns its process */
export function startSender(run: Run, { b }: Lab, mac: string, macs: number): ChildProcess {
  const order: SenderOrder = { address: A, port: UDP_PORT, vni: VNI, mac, macs };
  const [file = "", ...args] = pinned("sender", process.execPath, [SENDER, JSON.stringify(order)]);
  return spawnIn(run, b, file, args);
}

/** Frames that the port has handed to host a. */
export function portFrames(daemon: Daemon): number {
  return receivedFrames(daemon.pid, PORT);
}

/** Frames that came out of the tunnel in host b. */
export function peerFrames({ keeper }: Lab): number {
  return receivedFrames(keeper, PEER);
}

/** Frames that a generator has got through the pair that leads nowhere. */
export function sinkFrames({ keeper }: Lab): number {
  return receivedFrames(keeper, SINK);
}

/** Datagrams of `length` bytes of UDP payload that have reached host a: those of one system call travel as one frame. */
export function underlayDatagrams({ keeperA }: Lab, length: number): number {
  const { frames, bytes } = received(keeperA, UNDERLAY);
  return (bytes - frames * OUTER_LEN) / length;
}

function receivedFrames(pid: number, device: string): number {
  return received(pid, device).frames;
}

/** @throws if the process or the device is gone */
function received(pid: number, device: string): { frames: number; bytes: number } {
  const line = readFileSync(`/proc/${pid}/net/dev`, "utf8")
    .split("\n")
    .find((text) => text.trimStart().startsWith(`${device}:`));
  if (line === undefined) throw new Error(`there is no device ${device}`);
  return parseReceived(line);
}

const ASK = `fetch("http://${METRICS}/metrics").then((r) => r.text()).then((t) => console.log(t))`;

/** MACs that vxlane has learned. */
export async function learned(run: Run, { a }: Lab): Promise<number> {
  const text = await command("ip", ["netns", "exec", a, process.execPath, "-e", ASK], 20_000, run.signal);
  return learnedOf(text);
}

/** @param text of /metrics */
export function learnedOf(text: string): number {
  const rows = [...text.matchAll(/^vxlane_fdb_entries\{[^}]*kind="learned"[^}]*\} (\d+)$/gm)];
  return rows.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** @param line of /proc/net/dev */
function parseReceived(line: string): { frames: number; bytes: number } {
  const [bytes, frames] = line
    .slice(line.indexOf(":") + 1)
    .trim()
    .split(/\s+/);
  return { frames: Number(frames), bytes: Number(bytes) };
}

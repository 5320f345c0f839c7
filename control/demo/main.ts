// `npm run demo`: traffic through a VXLAN tunnel between vxlane and the Linux kernel, on this machine alone, with the
// way of one packet explained.
//
// It needs root, node, the kernel and iproute2, nothing else. Whatever happens, Ctrl-C too, it removes what it made;
// its exit code is 0 only if every step succeeded.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildHosts, type Demo, PREFIX, startKernel, startVxlane, type Vxlane } from "./hosts.js";
import { Lab, orphanedNamespaces, removeNamespace } from "./lab/netns.js";
import { CommandError } from "./lab/process.js";
import { Screen } from "./screen.js";
import { rate, showCounters, showFdb, showKept, showPicture, showReply, showRequest } from "./show.js";
import { counters, kernelFdb, vxlaneFdb } from "./state.js";
import { pings, tcp } from "./traffic.js";
import { followPing, type Way } from "./way.js";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const EXIT_PRIVILEGE = 77; // EX_NOPERM of sysexits.h

const USAGE = `Usage: npm run demo [-- OPTION...]

Shows a VXLAN tunnel between vxlane and the Linux kernel's vxlan device: two
hosts in network namespaces on this machine, pings, TCP, the way of one packet
through the tunnel, what both ends learned, and the counters. Needs root.

  --keep     leave the two hosts and vxlane running, and say where to look
  --remove   remove what an earlier --keep left
  --json     print one JSON document instead of text
  --help     print this
`;

/** Something that the user can put right. */
class Obstacle extends Error {
  constructor(
    message: string,
    readonly exitCode = EXIT_FAILURE,
  ) {
    super(message);
  }
}

function options() {
  try {
    const boolean = { type: "boolean", default: false } as const;
    return parseArgs({ options: { keep: boolean, remove: boolean, json: boolean, help: boolean } }).values;
  } catch (error) {
    throw new Obstacle(`${error instanceof Error ? error.message : error}\n\n${USAGE}`, EXIT_USAGE);
  }
}

function checkHost(): void {
  if (process.platform !== "linux")
    throw new Obstacle("The demo needs Linux: it builds two hosts from network namespaces.");
  if (process.getuid?.() !== 0) {
    throw new Obstacle(
      "The demo builds network namespaces and a TAP device, for which it must be root.\nRun: sudo npm run demo",
      EXIT_PRIVILEGE,
    );
  }
  if (!existsSync("/dev/net/tun")) {
    throw new Obstacle(
      "/dev/net/tun is missing, so there can be no TAP device.\nRun: modprobe tun (in a container: give it --device /dev/net/tun)",
    );
  }
}

/** What a failed command means for the user, where that is known. */
function explain(error: unknown): unknown {
  if (!(error instanceof CommandError)) return error;
  const { command, missing, result } = error;
  if (missing) return new Obstacle(`\`${command.split(" ")[0]}\` is missing.\nRun: apt-get install iproute2`);
  if (/netns add/.test(command) && /not permitted|denied/i.test(result.stderr)) {
    const what = "Being root is not enough here: CAP_SYS_ADMIN and CAP_NET_ADMIN are missing (a container?).";
    return new Obstacle(`${what}\nRun the container with --privileged, or the demo outside of it.`, EXIT_PRIVILEGE);
  }
  if (/type (vxlan|veth)/.test(command + result.stderr) || /Unknown device type|not supported/i.test(result.stderr)) {
    return new Obstacle(`The kernel refused a veth or vxlan device: ${result.stderr.trim()}\nRun: modprobe vxlan veth`);
  }
  return error;
}

async function show(screen: Screen, lab: Lab, onRunning: (demo: Demo, vxlane: Vxlane) => void): Promise<unknown> {
  const demo = await screen.step(
    "two hosts",
    () => buildHosts(lab),
    () => "network namespaces, joined by a veth pair",
  );
  const { a, b } = demo;
  await screen.step(
    "vxlan at host b",
    () => startKernel(demo),
    () => `kernel device ${b.device}`,
  );
  const vxlane = await screen.step(
    "vxlane at host a",
    () => startVxlane(demo),
    () => `TAP ${a.device}, ready`,
  );
  onRunning(demo, vxlane);
  screen.line();
  showPicture(screen, demo);
  const ping = { aToB: await pingStep(screen, a, b), bToA: await pingStep(screen, b, a) };
  const throughput = { aToB: await tcpStep(screen, a, b), bToA: await tcpStep(screen, b, a) };
  const [request, reply] = await screen.step(
    "one ping followed",
    () => followPing(demo),
    () => "caught before, on the wire, and after",
  );
  showRequest(screen, request, demo);
  showReply(screen, reply, demo);
  const fdb = { vxlane: await vxlaneFdb(vxlane), kernel: await kernelFdb(demo) };
  requireLearned(fdb.vxlane, b.mac, "vxlane");
  requireLearned(fdb.kernel, a.mac, "the kernel");
  showFdb(screen, fdb.vxlane, fdb.kernel);
  const counted = await counters(demo, vxlane);
  showCounters(screen, counted);
  return { ok: true, ping, tcp: throughput, way: [request, reply].map(plainWay), fdb, counters: counted };
}

const pingStep = (screen: Screen, from: Demo["a"], to: Demo["a"]) =>
  screen.step(
    `ping ${from.ns.label} to ${to.ns.label}`,
    () => pings(from, to),
    ({ sent, medianMs }) => `${sent} of ${sent} answered, median ${medianMs.toFixed(3)} ms`,
  );

const tcpStep = (screen: Screen, from: Demo["a"], to: Demo["a"]) =>
  screen.step(
    `TCP ${from.ns.label} to ${to.ns.label}`,
    () => tcp(from, to),
    ({ bytes, bitsPerSecond }) => `${rate(bitsPerSecond)}, ${(bytes / 1e6).toFixed(0)} MB, same SHA-256`,
  );

function requireLearned(entries: { mac: string; kind: string }[], mac: string, who: string): void {
  if (!entries.some((entry) => entry.mac === mac && entry.kind === "learned"))
    throw new Error(`${who} has not learned ${mac}`);
}

function plainWay({ from, before, wire, outer, after }: Way) {
  const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
  return { from, before: hex(before), wire: hex(wire), outer: outer.headers, after: hex(after) };
}

async function remove(screen: Screen): Promise<void> {
  const names = await orphanedNamespaces(PREFIX);
  for (const name of names)
    await screen.step(
      "removed",
      () => removeNamespace(name),
      () => name,
    );
  const owners = new Set(names.map((name) => name.split("-").slice(0, 2).join("-")));
  for (const file of readdirSync(tmpdir())) {
    if ([...owners].some((owner) => file.startsWith(`${owner}-`))) rmSync(join(tmpdir(), file), { recursive: true });
  }
  if (names.length === 0) screen.line("There is nothing to remove.");
}

async function run(json: boolean, keep: boolean, screen: Screen): Promise<void> {
  const lab = new Lab(PREFIX);
  let kept = false;
  try {
    let hosts: Demo | undefined;
    let daemon: Vxlane | undefined;
    const result = await show(screen, lab, (demo, vxlane) => {
      hosts = demo;
      daemon = vxlane;
    });
    if (keep && hosts !== undefined && daemon !== undefined) {
      showKept(screen, hosts, daemon);
      lab.abandon();
      daemon.process.child.unref();
      kept = true;
    }
    if (json) process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  } finally {
    if (!kept) await screen.step("cleaned up", () => lab.close());
  }
  screen.line();
  screen.line(screen.paint("green", "Everything succeeded."));
}

async function main(): Promise<void> {
  const { help, remove: removing, json, keep } = options();
  if (help) {
    process.stdout.write(USAGE);
    return;
  }
  const screen = new Screen(process.stdout, json);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => screen.line("\n\nInterrupted: removing what was made."));
  }
  checkHost();
  await (removing ? remove(screen) : run(json, keep, screen));
}

try {
  await main();
  process.exit(0); // with --keep, the channels of the helpers end here
} catch (caught) {
  const error = explain(caught);
  process.stderr.write(
    `\n${error instanceof Obstacle ? error.message : `The demo failed: ${error instanceof Error ? error.stack : error}`}\n`,
  );
  process.exitCode = error instanceof Obstacle ? error.exitCode : EXIT_FAILURE;
}

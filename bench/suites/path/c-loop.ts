// The same loops in C, compiled on the spot. That of a udp worker (loop.c) shows how much of a sleeping vxlane's latency is
// sleeping, and what its system calls carry; that of a tap worker (tap-loop.c) what tunnel GSO carries. That of an xdp worker
// (xdp-loop.c) shows what AF_XDP forwards in this kernel.

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { command, ip, spawnIn } from "../../host.js";
import { folderPrefix } from "../../orphans.js";
import type { Run } from "../../suite.js";
import {
  describe,
  type Host,
  NOBODYS_MAC,
  OVERLAY_MTU,
  PORT,
  UNDERLAY,
  UNDERLAY_DEVICE,
  VNI,
  VXLAN_PORT,
} from "./hosts.js";
import { type Parties, pinned } from "./pinning.js";
import { TAP_LOOP } from "./tap-loop.js";

/** tsc does not copy them: they stay where the repository has them. */
const FOLDERS = [".", "../../../../bench/suites/path"];

const COMPILE_MS = 20_000;

export interface Loop {
  readonly pid: number | undefined;
  /** How it ended, if it has. */
  ended(): string | undefined;
}

/** Whose loop: that of a udp or of a tap worker. */
export type LoopKind = "udp" | "tap";

/** Starts it in host `side`. @throws with the words of gcc or of the program */
export async function startLoop(run: Run, host: Host, side: "a" | "b", tap: string, kind: LoopKind): Promise<Loop> {
  const [local, remote] = side === "a" ? [UNDERLAY.a, UNDERLAY.b] : [UNDERLAY.b, UNDERLAY.a];
  const args = [tap, local, remote, `${VXLAN_PORT}`, `${VNI}`];
  const underlay = [process.execPath, TAP_LOOP, UNDERLAY_DEVICE, local, `${VXLAN_PORT}`];
  const loop =
    kind === "udp"
      ? await start(run, host, "loop", [...args, `${OVERLAY_MTU}`])
      : await start(run, host, "tap-loop", args, { before: underlay });
  await ip("-n", host.namespace, "link", "set", tap, "mtu", String(OVERLAY_MTU), "up");
  return loop;
}

/** Starts it in host a, whose next hop is nobody. @throws as above */
export async function startXdpLoop(run: Run, host: Host, isTunnel: boolean, parties: Parties): Promise<Loop> {
  const args = [PORT, UNDERLAY_DEVICE];
  if (isTunnel) {
    const { mac } = await describe(host, UNDERLAY_DEVICE, UNDERLAY.a);
    const macs = [mac, NOBODYS_MAC].map((text) => text.replaceAll(":", ""));
    args.push(UNDERLAY.a, UNDERLAY.b, `${VXLAN_PORT}`, `${VNI}`, ...macs);
  }
  return start(run, host, "xdp-loop", args, { parties });
}

interface Start {
  readonly parties?: Parties;
  /** A command line that starts another one. */
  readonly before?: readonly string[];
}

async function start(
  run: Run,
  { namespace }: Host,
  name: string,
  args: readonly string[],
  { parties, before = [] }: Start = {},
): Promise<Loop> {
  const candidates = FOLDERS.map((folder) => fileURLToPath(new URL(`${folder}/${name}.c`, import.meta.url)));
  const source = candidates.find((path) => existsSync(path));
  if (source === undefined) throw new Error("the C loop's source is not in this installation, only in the repository");
  const folder = await mkdtemp(folderPrefix());
  run.defer(() => rm(folder, { recursive: true, force: true }));
  const program = join(folder, name);
  await command("gcc", ["-O2", "-march=native", "-std=gnu11", "-Wall", "-o", program, source], COMPILE_MS, run.signal);

  const [first = program, ...others] = [...before, program, ...args];
  const [file = first, ...rest] = pinned("tunnel", first, others, parties);
  const child = spawnIn(run, namespace, file, rest, ["ignore", "pipe", "pipe"]);
  let complaint = "";
  child.stderr?.on("data", (text: Buffer) => {
    complaint += text.toString();
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`the C loop ended with ${code}: ${complaint.trim()}`)));
  });
  return {
    pid: child.pid,
    ended: () => (child.exitCode === null ? undefined : `the C loop ended with ${child.exitCode}`),
  };
}

// The same loop in C (loop.c), compiled on the spot: a contender for round trips only. It shows how much of a sleeping
// vxlane's latency is sleeping.

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { command, ip, spawnIn } from "../../host.js";
import type { Run } from "../../suite.js";
import { type Host, OVERLAY_MTU, UNDERLAY, VNI, VXLAN_PORT } from "./hosts.js";
import { pinned } from "./pinning.js";

/** tsc does not copy it: it stays where the repository has it. */
const SOURCES = ["./loop.c", "../../../../bench/suites/path/loop.c"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

const COMPILE_MS = 20_000;

/** Starts it in host a. @returns how it ended, if it has. @throws with the words of gcc or of the program */
export async function startLoop(run: Run, { namespace }: Host, tap: string): Promise<() => string | undefined> {
  const source = SOURCES.find((path) => existsSync(path));
  if (source === undefined) throw new Error("the C loop's source is not in this installation, only in the repository");
  const folder = await mkdtemp(join(tmpdir(), "vxlane-bench-"));
  run.defer(() => rm(folder, { recursive: true, force: true }));
  const program = join(folder, "loop");
  await command("gcc", ["-O2", "-march=native", "-std=gnu11", "-Wall", "-o", program, source], COMPILE_MS, run.signal);

  const [file = program, ...args] = pinned("tunnel", program, [tap, UNDERLAY.a, UNDERLAY.b, `${VXLAN_PORT}`, `${VNI}`]);
  const child = spawnIn(run, namespace, file, args, ["ignore", "pipe", "pipe"]);
  let complaint = "";
  child.stderr?.on("data", (text: Buffer) => {
    complaint += text.toString();
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`the C loop ended with ${code}: ${complaint.trim()}`)));
  });
  await ip("-n", namespace, "link", "set", tap, "mtu", String(OVERLAY_MTU), "up");
  return () => (child.exitCode === null ? undefined : `the C loop ended with ${child.exitCode}`);
}

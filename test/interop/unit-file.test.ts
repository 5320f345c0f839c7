// The systemd unit of the README, as far as it can be run without systemd: a user who is not root, with its capabilities
// and no way to others, carries traffic with every driver and leaves nothing behind.

import { chmod, chown, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { MAIN, writeConfig } from "../support/daemon.js";
import { createLab, kernelVxlan, openOverlay, overlayAddress, twoHosts } from "../support/netns.js";
import { reachable, tcpBothWays } from "./traffic.js";

const README = new URL("../../README.md", import.meta.url);
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const NOBODY = 65534;
const [VNI, PORT] = [100, "blue0"];

/** The values of a key of the unit, as in `CAP_NET_ADMIN CAP_NET_RAW`. */
async function unitSays(key: string): Promise<string[]> {
  const text = await readFile(README, "utf8");
  const lines = [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))];
  expect(lines, key).toHaveLength(1);
  return lines[0]?.[1]?.split(" ") ?? [];
}

/** `setpriv` for what the unit grants. LimitMEMLOCK wants CAP_SYS_RESOURCE, which a container may lack: IPC_LOCK stands in. */
async function asTheUnit(): Promise<string[]> {
  const granted = await unitSays("AmbientCapabilities");
  expect(await unitSays("CapabilityBoundingSet")).toEqual(granted);
  expect(await unitSays("LimitMEMLOCK")).toEqual(["infinity"]);
  expect(await unitSays("NoNewPrivileges")).toEqual(["yes"]);
  const set = ["-all", ...[...granted, "CAP_IPC_LOCK"].map((name) => `+${name.slice(4).toLowerCase()}`)].join();
  const sets = [`--inh-caps=${set}`, `--ambient-caps=${set}`, `--bounding-set=${set}`];
  return [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...sets, "--no-new-privs"];
}

test.each(["udp", "tap", "xdp"])("carries traffic over %s, and ends with 0", async (driver) => {
  const [a, b] = await twoHosts(await createLab());
  const ports = [{ name: PORT, mac: one.mac }];
  const network = { vni: VNI, name: "blue", flood: { mode: "headend", vteps: [b.address] }, ports };
  const { file, socket } = await writeConfig(a, { underlay: { driver }, networks: [network] });
  // What RuntimeDirectory and StateDirectory do.
  await mkdir(join(dirname(file), "state"));
  for (const path of [dirname(file), join(dirname(file), "state")]) await chown(path, NOBODY, NOBODY);
  await chmod(dirname(file), 0o755);

  const daemon = a.ns.spawn("setpriv", [...(await asTheUnit()), process.execPath, MAIN, "run", "--config", file]);
  await daemon.line((text) => text.startsWith("{"), 40_000);
  await openOverlay(a, PORT, one);
  const ours = { host: a, device: PORT, overlay: one };
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  await tcpBothWays(ours, kernel, 2_000_000);

  const { stdout } = await a.ns.tryRun(process.execPath, [MAIN, "status", "--socket", socket, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ underlay: { driver }, problems: [] });
  expect(await daemon.stop("SIGTERM", 10_000), daemon.stderr).toEqual({ code: 0, signal: null });
  await expect.poll(() => a.ns.hasLink(PORT)).toBe(false);
});

// The kernel takes an offload back while it is in use, with each of the errnos that it has for it: the streams go on without it and
// come whole, and metrics, status and log say what happened. Each case names its driver, so that every pass of the suite tests the
// same ones.

import { expect, test } from "vitest";
import { errnoName } from "../../control/linux/errno.js";
import { type Daemon, MAIN, type PartialConfig, vxlane } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import { createLab, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { reachable, tcpOneWay } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const BYTES = 5_000_000;
const [EIO, EINVAL, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP] = [5, 22, 90, 92, 95];

const UDP = { underlay: { driver: "udp" } };
const TAP = { underlay: { driver: "tap", interface: UNDERLAY } };

interface Case {
  readonly name: string;
  readonly errno: number;
  readonly feature: string;
  /** What ends next. */
  readonly after: readonly string[];
  readonly config: PartialConfig;
}

const cases: Case[] = [
  ...[EIO, EINVAL, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP].map((errno) => ({
    errno,
    feature: "udp_segment",
    after: [],
    config: UDP,
  })),
  // What the TAP does not cut leaves in trains, which the same fault refuses.
  ...[EINVAL, EOPNOTSUPP].map((errno) => ({ errno, feature: "tunnel_gso", after: ["udp_segment"], config: TAP })),
].map((made) => ({ ...made, name: errnoName(made.errno) }));

test.each(cases)("$name to $feature", async ({ name, errno, feature, after, config }) => {
  const [a, b] = await twoHosts(await createLab());
  const options = { vni: VNI, remotes: [b.address], overlay: one };
  const ours = await vxlane(a, { ...options, config: { offloads: "auto", ...config }, fault: { refuse: errno } });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  const { daemon } = ours;
  await reachable(ours, kernel);
  await tcpOneWay(ours, kernel, 4, BYTES);
  await daemon.expectMetric(1, "vxlane_offload_enabled", { feature });
  const others = await enabled(daemon);
  daemon.strike();
  // The fault happens when the daemon's main thread comes to it; a stream may be faster.
  const isOn = async () => {
    await tcpOneWay(ours, kernel, 4, BYTES);
    return sumOf(await daemon.metrics(), "vxlane_offload_enabled", { feature });
  };
  await expect.poll(isOn).toBe(0);
  await tcpOneWay(kernel, ours, 6, BYTES);
  await tcpOneWay(ours, kernel, 6, BYTES);
  for (const label of after) await daemon.expectMetric(0, "vxlane_offload_enabled", { feature: label });
  const ended = [feature, ...after];
  expect(await enabled(daemon), "the others stay").toEqual(others.filter((label) => !ended.includes(label ?? "")));

  const reason = `the kernel refused it while it ran: ${name}`;
  const features = async () => (await daemon.get<{ offloads: { features: object[] } }>("/v1/status")).offloads.features;
  await expect.poll(features).toContainEqual({ feature, enabled: false, reason });
  const shown = await a.ns.run(process.execPath, [MAIN, "status", "--socket", daemon.socket]);
  expect(shown).toContain(`${feature}: ${reason}`);
  await daemon.expectLog("the kernel refuses an offload: going on without it");
  expect(sumOf(await daemon.metrics(), "vxlane_worker_restarts_total")).toBe(0);
});

async function enabled(daemon: Daemon): Promise<(string | undefined)[]> {
  const samples = (await daemon.metrics()).filter(({ name }) => name === "vxlane_offload_enabled");
  return samples.filter(({ value }) => value === 1).map(({ labels }) => labels.feature);
}

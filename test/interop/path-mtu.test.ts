// A router on the way to a VTEP carries less than our interface: what is too big for it is refused and counted, as soon as the
// router has said so, and the inner sender is told.

import { expect, test } from "vitest";
import { Agent } from "../../control/demo/lab/agent-client.js";
import type { VtepReading } from "../../control/metrics/readings.js";
import { type PartialConfig, type VxlaneRunning, vxlane } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import { createLab, type End, type Host, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { reachable, tcpOneWay } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const PATH_MTU = 1400;
const BYTES = 2_000_000;
const [NEAR, FAR] = ["10.50.2.254", "10.50.2.1"];

const drivers: [string, PartialConfig][] = [
  ["udp", { underlay: { driver: "udp" }, offloads: "auto" }],
  ["udp without offloads", { underlay: { driver: "udp" }, offloads: "off" }],
  ["tap", { underlay: { driver: "tap" } }],
  ["xdp", { underlay: { driver: "xdp" } }],
];

/** Two hosts and a router between them, whose link to the far one is narrow. */
async function narrowPath(): Promise<{ a: Host; router: Host; far: Host }> {
  const lab = await createLab();
  const [a, router] = await twoHosts(lab);
  const ns = await lab.host("far");
  await ns.ip(
    `link add ${UNDERLAY} type veth peer name narrow mtu ${PATH_MTU} netns ${router.ns.name}`,
    `addr add ${FAR}/24 dev ${UNDERLAY}`,
    `link set ${UNDERLAY} up`,
    `route add default via ${NEAR}`,
  );
  await router.ns.ip(`addr add ${NEAR}/24 dev narrow`, "link set narrow up");
  await router.ns.run("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
  await a.ns.ip(`route add ${FAR}/32 via ${router.address}`);
  const far: Host = { ns, agent: await Agent.start(ns), address: FAR, lab };
  return { a, router, far };
}

/** vxlane at one end, the kernel at the other. */
async function overNarrowPath(config: PartialConfig): Promise<{ a: Host; ours: VxlaneRunning; kernel: End }> {
  const { a, far } = await narrowPath();
  const ours = await vxlane(a, { vni: VNI, remotes: [FAR], overlay: one, config });
  const kernel = await kernelVxlan(far, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  expect(await ours.daemon.get("/v1/vteps")).toMatchObject([{ address: FAR, pathMtu: null }]);
  return { a, ours, kernel };
}

test.each(drivers)("a narrow path is learned, over %s", async (_driver, config) => {
  const { a, ours, kernel } = await overNarrowPath(config);
  const refused = async () => {
    // Nobody answers: the frames are lost, first on the way, then in a counter.
    await a.ns.run("ping", ["-c", "3", "-i", "0.2", "-W", "1", "-M", "do", "-s", "1400", two.ipv4]).catch(() => {});
    return sumOf(await ours.daemon.metrics(), "vxlane_dropped_frames_total", { direction: "encap", reason: "too_big" });
  };
  await expect.poll(refused, { timeout: 25_000 }).toBeGreaterThan(0);
  expect(await a.ns.run("ip", ["route", "get", FAR])).toContain(`mtu ${PATH_MTU}`);
  await expect.poll(() => ours.daemon.get("/v1/vteps")).toMatchObject([{ address: FAR, pathMtu: PATH_MTU }]);
  await reachable(ours, kernel);
});

test.each(drivers)("streams adapt to a narrow path, over %s", async (_driver, config) => {
  const { ours, kernel } = await overNarrowPath(config);
  // The first is told on its way, those behind it at once.
  for (const family of [4, 6, 4, 6] as const) await tcpOneWay(ours, kernel, family, BYTES);
  const mtus = await ours.host.ns.run("ip", ["-4", "route", "get", two.ipv4]);
  expect(mtus).toContain(`mtu ${PATH_MTU - 50}`);
});

test.each(drivers)("streams adapt to an interface that is narrow now, over %s", async (_driver, config) => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  await a.ns.ip(`link set ${UNDERLAY} mtu ${PATH_MTU}`);
  const routes = async () => {
    for (const family of [4, 6] as const) await tcpOneWay(ours, kernel, family, BYTES);
    return a.ns.run("ip", ["-4", "route", "get", two.ipv4]);
  };
  // What a TAP sends into an interface passes until the daemon has seen the change.
  await expect.poll(routes).toContain(`mtu ${PATH_MTU - 50}`);
});

test.each(drivers)("a broadcast goes to those whose path takes it, over %s", async (_driver, config) => {
  const { a, router, far } = await narrowPath();
  const ours = await vxlane(a, { vni: VNI, remotes: [FAR, router.address], overlay: one, config });
  const kernel = await kernelVxlan(far, { vni: VNI, remotes: [a.address], overlay: two });
  const near = await kernelVxlan(router, { vni: VNI, remotes: [a.address], overlay: overlayAddress(3) });
  for (const end of [kernel, near]) await reachable(ours, end);
  // By the end of it the path is known.
  await tcpOneWay(ours, kernel, 4, BYTES);
  const dropped = async () => {
    const vteps = await ours.daemon.get<VtepReading[]>("/v1/vteps");
    return [FAR, router.address].map((text) => vteps.find(({ address }) => address === text)?.encap.dropped ?? 0);
  };
  const [before, beforeNear] = await dropped();
  await a.ns.run("ping", ["-b", "-c", "3", "-i", "0.2", "-W", "1", "-s", "1400", "192.168.0.255"]).catch(() => {});
  await expect.poll(dropped).toEqual([before + 3, beforeNear]);
});

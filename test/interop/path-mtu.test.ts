// A router on the way to a VTEP carries less than our interface: what is too big for it is refused and counted, as soon as the
// router has said so.

import { expect, test } from "vitest";
import { Agent } from "../../control/demo/lab/agent-client.js";
import { vxlane } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import { createLab, type Host, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { reachable } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const PATH_MTU = 1400;
const [NEAR, FAR] = ["10.50.2.254", "10.50.2.1"];

test.each([
  ["udp", { underlay: { driver: "udp" }, offloads: "off" }],
  ["tap", { underlay: { driver: "tap" } }],
  ["xdp", { underlay: { driver: "xdp" } }],
])("a narrow path is learned, over %s", async (_driver, config) => {
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

  const ours = await vxlane(a, { vni: VNI, remotes: [FAR], overlay: one, config });
  const kernel = await kernelVxlan(far, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  const refused = async () => {
    // Nobody answers: the frames are lost, first on the way, then in a counter.
    await a.ns.run("ping", ["-c", "3", "-i", "0.2", "-W", "1", "-M", "do", "-s", "1400", two.ipv4]).catch(() => {});
    return sumOf(await ours.daemon.metrics(), "vxlane_dropped_frames_total", { direction: "encap", reason: "too_big" });
  };
  await expect.poll(refused, { timeout: 25_000 }).toBeGreaterThan(0);
  expect(await a.ns.run("ip", ["route", "get", FAR])).toContain(`mtu ${PATH_MTU}`);
  await reachable(ours, kernel);
});

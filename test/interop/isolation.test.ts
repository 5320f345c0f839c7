// Who may send what into which network: VNIs, allowed VTEPs, and networks beside each other. Each refusal is counted
// under its reason, to the frame, and nothing of it reaches a port.

import { expect, test } from "vitest";
import { Daemon, vxlane } from "../support/daemon.js";
import {
  createLab,
  hostsOnSwitch,
  kernelVxlan,
  openOverlay,
  overlayAddress,
  twoHosts,
  UNDERLAY,
} from "../support/netns.js";
import { arrivals, BROADCAST, pingBothWays, reachable, testFrame, unreachable, vxlanDatagram } from "./traffic.js";

const VNI = 100;
const [one, two, three] = [overlayAddress(1), overlayAddress(2), overlayAddress(3)];
const VXLAN_PORT = 4789;

test("an unknown VNI reaches nobody", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const stranger = await kernelVxlan(b, { vni: VNI + 1, remotes: [a.address], overlay: two, quiet: true });
  const frames = [1, 2, 3, 4, 5].map((n) => testFrame(BROADCAST, two.mac, `stranger ${n}`));
  const [arrived] = await arrivals(
    [ours],
    () => [0],
    () => b.agent.call("sendFrames", stranger.device, frames),
  );
  expect(arrived).toEqual([]);
  await ours.daemon.expectMetric(5, "vxlane_dropped_frames_total", { reason: "unknown_vni", direction: "decap" });
});

test("a VTEP that nobody configured injects nothing", async () => {
  const hosts = await hostsOnSwitch(await createLab(), 3);
  const [a, b, intruder] = hosts;
  if (a === undefined || b === undefined || intruder === undefined) throw new Error("three hosts were asked for");
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const datagrams = [1, 2, 3].map((n) => vxlanDatagram(VNI, testFrame(BROADCAST, three.mac, `injected ${n}`)));
  const [arrived] = await arrivals(
    [ours],
    () => [0],
    () => intruder.agent.call("sendDatagrams", a.address, VXLAN_PORT, datagrams, intruder.address),
  );
  expect(arrived).toEqual([]);
  await ours.daemon.expectMetric(3, "vxlane_dropped_frames_total", { reason: "vtep_not_allowed", direction: "decap" });
});

test("a VTEP of another network is refused in this one", async () => {
  const [a, b] = await twoHosts(await createLab());
  const red = {
    vni: VNI + 1,
    name: "red",
    flood: { mode: "headend", vteps: ["10.99.0.77"] },
    ports: [{ name: "red0" }],
  };
  const blue = { vni: VNI, name: "blue", flood: { mode: "headend", vteps: [b.address] }, ports: [{ name: "blue0" }] };
  const daemon = await Daemon.start(a, { networks: [blue, red] });
  for (const port of ["blue0", "red0"]) await openOverlay(a, port, one, true);
  const ends = ["blue0", "red0"].map((device) => ({ host: a, device, overlay: one }));
  const frame = testFrame(BROADCAST, two.mac, "from blue's VTEP");
  const datagrams = [vxlanDatagram(VNI + 1, frame), vxlanDatagram(VNI, frame)];
  const arrived = await arrivals(
    ends,
    () => [1, 0],
    () => b.agent.call("sendDatagrams", a.address, VXLAN_PORT, datagrams, b.address),
  );
  expect(arrived).toEqual([[frame.toString("hex")], []]);
  await daemon.expectMetric(1, "vxlane_dropped_frames_total", { reason: "vtep_not_in_network", vni: VNI + 1 });
});

test("a VTEP inside an allowed prefix is learned and answered", async () => {
  const hosts = await hostsOnSwitch(await createLab(), 3);
  const [a, b, c] = hosts;
  if (a === undefined || b === undefined || c === undefined) throw new Error("three hosts were asked for");
  const network = { allow: ["10.99.0.0/24"] };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, network });
  const newcomer = await kernelVxlan(c, { vni: VNI, remotes: [a.address], overlay: three });
  await reachable(newcomer, ours);
  await pingBothWays(newcomer, ours);
});

test("two networks do not meet, though addresses and MACs are the same", async () => {
  const [a, b] = await twoHosts(await createLab());
  const headend = { mode: "headend", vteps: [b.address] };
  const networks = [
    { vni: VNI, name: "blue", flood: headend, ports: [{ name: "blue0", mac: one.mac }] },
    { vni: VNI + 1, name: "red", flood: headend, ports: [{ name: "red0", mac: one.mac }] },
  ];
  await Daemon.start(a, { networks });
  const kernels = [
    await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, device: "vxblue", quiet: true }),
    await kernelVxlan(b, { vni: VNI + 1, remotes: [a.address], overlay: two, device: "vxred", quiet: true }),
  ];
  const ours = ["blue0", "red0"].map((device) => ({ host: a, device, overlay: one }));
  for (const { device } of ours) await openOverlay(a, device, one, true);
  for (const [from, others] of [
    [ours, kernels],
    [kernels, ours],
  ] as const) {
    for (const [i, { host, device, overlay }] of from.entries()) {
      const frames = [BROADCAST, others[i]?.overlay.mac ?? ""].map((to) => testFrame(to, overlay.mac, `by ${device}`));
      const counts = () => others.map((_, other) => (other === i ? frames.length : 0));
      const arrived = await arrivals([...others], counts, () => host.agent.call("sendFrames", device, frames));
      expect(arrived[i], `from ${device}`).toEqual(frames.map((frame) => frame.toString("hex")));
      expect(arrived[1 - i], `from ${device} to the other network`).toEqual([]);
    }
  }
});

test("two ports of one network talk without the underlay", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ports = [
    { name: "blue0", mac: one.mac },
    { name: "blue1", mac: two.mac },
  ];
  const network = { vni: VNI, name: "blue", flood: { mode: "headend", vteps: [b.address] }, ports };
  const daemon = await Daemon.start(a, { networks: [network] });
  for (const { name } of ports) await openOverlay(a, name, one, true);
  const remote = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: three, quiet: true });
  const ends = [{ host: a, device: "blue1", overlay: two }, { host: a, device: "blue0", overlay: one }, remote];

  const frames = [1, 2, 3].map((n) => testFrame(two.mac, one.mac, `local ${n}`));
  const unicast = await arrivals(
    ends,
    () => [frames.length, 0, 0],
    () => a.agent.call("sendFrames", "blue0", frames),
  );
  expect(unicast).toEqual([frames.map((frame) => frame.toString("hex")), [], []]);
  await daemon.expectMetric(3, "vxlane_local_frames_total", { vni: VNI });
  await daemon.expectMetric(0, "vxlane_frames_total", { vni: VNI, direction: "encap" });

  const broadcast = testFrame(BROADCAST, one.mac, "to all");
  const flooded = await arrivals(
    ends,
    () => [1, 0, 1],
    () => a.agent.call("sendFrames", "blue0", [broadcast]),
  );
  expect(flooded).toEqual([[broadcast.toString("hex")], [], [broadcast.toString("hex")]]);
});

test("what is no VXLAN is counted and harmless", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const frame = testFrame(one.mac, two.mac, "good");
  const cases: [string, Buffer][] = [
    ["truncated", Buffer.from([8, 0, 0])],
    ["flag_i_clear", vxlanDatagram(VNI, frame, 0)],
    ["inner_short", vxlanDatagram(VNI, frame.subarray(0, 13))],
    ["source_mac_invalid", vxlanDatagram(VNI, testFrame(one.mac, "03:00:00:00:00:01", "multicast source"))],
    ["source_mac_invalid", vxlanDatagram(VNI, testFrame(one.mac, "00:00:00:00:00:00", "zero source"))],
    ["source_mac_own", vxlanDatagram(VNI, testFrame(one.mac, one.mac, "our own source"))],
    ["", vxlanDatagram(VNI, frame)],
  ];
  const datagrams = cases.map(([, datagram]) => datagram);
  const [arrived] = await arrivals(
    [ours],
    () => [1],
    () => b.agent.call("sendDatagrams", a.address, VXLAN_PORT, datagrams, b.address),
  );
  expect(arrived).toEqual([frame.toString("hex")]);
  for (const reason of new Set(cases.map(([name]) => name).filter(Boolean))) {
    const count = cases.filter(([name]) => name === reason).length;
    await ours.daemon.expectMetric(count, "vxlane_dropped_frames_total", { reason, direction: "decap" });
  }
  await ours.daemon.expectMetric(cases.length, "vxlane_received_frames_total", { direction: "decap" });
});

test("a network whose peer does not know its VNI stays alone", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI + 1, remotes: [a.address], overlay: two });
  const capture = await b.agent.call("capture", [UNDERLAY]);
  await unreachable(ours, kernel);
  expect((await b.agent.call("caught", capture)).length, "frames that vxlane sent all the same").toBeGreaterThan(0);
});

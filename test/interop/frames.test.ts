// What the frames look like: 802.1Q tags kept or dropped, jumbo frames, and bursts that overflow a queue. Each of them
// is in a counter.

import { expect, test } from "vitest";
import { vxlane } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import { createLab, type End, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { allTraffic, arrivals, hex, reachable, tcpOneWay, testFrame } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];

test("802.1Q tags inside are kept by default, both ways", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, quiet: true });
  for (const [from, to] of [
    [ours, kernel],
    [kernel, ours],
  ] as const) {
    const frames = [1, 42, 4094].map((vid) => testFrame(to.overlay.mac, from.overlay.mac, `tag ${vid}`, vid));
    const counts = () => [frames.length];
    const [arrived] = await arrivals([to], counts, () => from.host.agent.call("sendFrames", from.device, frames));
    expect(arrived).toEqual(frames.map(hex));
  }
});

test("innerVlan drop refuses tagged frames, both ways, and lets the others through", async () => {
  const [a, b] = await twoHosts(await createLab());
  const network = { innerVlan: "drop" };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, network, quiet: true });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, quiet: true });
  for (const [from, to, direction] of [
    [ours, kernel, "encap"],
    [kernel, ours, "decap"],
  ] as const) {
    const tagged = [1, 42, 4094].map((vid) => testFrame(to.overlay.mac, from.overlay.mac, `tag ${vid}`, vid));
    const plain = testFrame(to.overlay.mac, from.overlay.mac, "no tag");
    const send = () => from.host.agent.call("sendFrames", from.device, [...tagged, plain]);
    const [arrived] = await arrivals([to], () => [1], send);
    expect(arrived).toEqual([hex(plain)]);
    await ours.daemon.expectMetric(3, "vxlane_dropped_frames_total", { reason: "inner_vlan", direction });
  }
});

test("jumbo frames: an underlay of 9000 carries 8950", async () => {
  const [a, b] = await twoHosts(await createLab(), { mtu: 9000 });
  // A frame of AF_XDP has to fit a page.
  const config = process.env.VXLANE_TEST_UNDERLAY === "xdp" ? { underlay: { driver: "udp" } } : {};
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, mtu: 8950 });
  const [link] = await a.ns.show<{ mtu: number }[]>("link", "show", ours.device);
  expect(link?.mtu).toBe(8950);
  await allTraffic(ours, kernel, 8950);
});

test.each([4, 6] as const)("who sends too much over IPv%i learns the MTU from an ICMP answer", async (family) => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, mtu: 1500 });
  await reachable(ours, kernel, family);
  await a.ns.ip(`link set ${ours.device} mtu 1500`); // more than the network's 1450
  const address = family === 4 ? two.ipv4 : two.ipv6;
  const size = 1500 - (family === 4 ? 28 : 48);
  expect(await a.agent.call("ping", { address, size, timeoutMs: 200 })).toEqual([null]);
  const learned = async () => {
    const [route] = await a.ns.show<{ metrics?: { mtu: number }[] }[]>("route", "get", address);
    return route?.metrics?.[0]?.mtu;
  };
  await expect.poll(learned, { message: "path MTU that the host's stack has learned" }).toBe(1450);
  await ours.daemon.expectMetric(1, "vxlane_dropped_frames_total", { reason: "too_big", direction: "encap", vni: VNI });
  await tcpOneWay(ours, kernel, family, 1_000_000);
});

interface LinkStatistics {
  stats64: { rx: { packets: number; dropped: number }; tx: { packets: number; dropped: number } };
}

async function statistics({ host, device }: End): Promise<LinkStatistics["stats64"]> {
  const [link] = await host.ns.show<LinkStatistics[]>("-s", "link", "show", device);
  if (link === undefined) throw new Error(`${device} has no statistics`);
  return link.stats64;
}

test("a burst that overflows the queues is accounted for, to the frame", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, quiet: true });
  const count = 20_000;
  const frame = testFrame(two.mac, one.mac, "one of many");
  await a.agent.call("sendFrames", ours.device, Array(count).fill(frame));
  const tap = (await statistics(ours)).tx;
  await ours.daemon.expectMetric(count, "vxlane_received_frames_total", { vni: VNI, direction: "encap" });
  await ours.daemon.expectMetric(tap.dropped, "vxlane_dropped_frames_total", { reason: "port_lost" });
  await ours.daemon.expectBalance();
  const left = sumOf(await ours.daemon.metrics(), "vxlane_frames_total", { vni: VNI, direction: "encap" });
  // A kernel that is behind loses some in front of its device, and says so where they came from.
  const received = async () => {
    const { tx } = await statistics({ ...ours, device: UNDERLAY });
    return (await statistics(kernel)).rx.packets + tx.dropped;
  };
  await expect.poll(received, { message: "frames that the kernel's device received" }).toBe(left);

  const back = testFrame(one.mac, two.mac, "one of many");
  await b.agent.call("sendFrames", kernel.device, Array(count).fill(back));
  // Under XDP a veth has a queue, and its other end, the kernel's, counts what finds it full.
  const full = (await statistics({ ...kernel, device: UNDERLAY })).tx.dropped;
  const sent = (await statistics(kernel)).tx.packets - full;
  await ours.daemon.expectMetric(sent, "vxlane_received_frames_total", { direction: "decap" });
});

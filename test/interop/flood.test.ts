// Broadcast, unknown unicast and multicast among three VTEPs, in each flood mode: every copy arrives once, none comes
// back, and what came through the tunnel is not sent into it again (split horizon).

import { expect, test } from "vitest";
import { vxlane } from "../support/daemon.js";
import {
  createLab,
  type End,
  hostsOnSwitch,
  kernelVxlan,
  overlayAddress,
  twoHosts,
  UNDERLAY,
} from "../support/netns.js";
import { arrivals, BROADCAST, broadcastReaches, hex, pingBothWays, tcpOneWay, testFrame } from "./traffic.js";

const VNI = 100;
const overlays = [overlayAddress(1), overlayAddress(2), overlayAddress(3)] as const;

/** Broadcasts from each to the others, then unicast between each two. */
async function meshWorks([a, b, c]: [End, End, End], mtu: number): Promise<void> {
  await broadcastReaches(a, [b, c]);
  await broadcastReaches(b, [c, a]);
  await broadcastReaches(c, [a, b]);
  for (const [from, to] of [
    [a, b],
    [b, c],
    [c, a],
  ] as const) {
    await pingBothWays(from, to, mtu);
    await tcpOneWay(from, to, 4, 2_000_000);
  }
}

async function threeHosts(family: 4 | 6 = 4) {
  const [a, b, c] = await hostsOnSwitch(await createLab(), 3, { family });
  if (a === undefined || b === undefined || c === undefined) throw new Error("three hosts were asked for");
  return [a, b, c] as const;
}

test.each([4, 6] as const)("head-end replication to two kernel peers over IPv%i", async (family) => {
  const [a, b, c] = await threeHosts(family);
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address, c.address], overlay: overlays[0] });
  const second = await kernelVxlan(b, { vni: VNI, remotes: [a.address, c.address], overlay: overlays[1] });
  const third = await kernelVxlan(c, { vni: VNI, remotes: [a.address, b.address], overlay: overlays[2] });
  await meshWorks([ours, second, third], family === 4 ? 1450 : 1430);
});

test("head-end replication between three vxlanes", async () => {
  const hosts = await threeHosts();
  const ends = await Promise.all(
    hosts.map((host, i) =>
      vxlane(host, {
        vni: VNI,
        remotes: hosts.filter((other) => other !== host).map(({ address }) => address),
        overlay: overlays[i] ?? overlays[0],
      }),
    ),
  );
  const [a, b, c] = ends;
  if (a === undefined || b === undefined || c === undefined) throw new Error("three ends were asked for");
  await meshWorks([a, b, c], 1450);
});

test.each([
  { family: 4, group: "239.1.1.1", allow: "10.99.0.0/24" },
  { family: 6, group: "ff05::1:1", allow: "fd99::/64" },
] as const)("a multicast group over IPv$family: two vxlanes and the kernel", async ({ family, group, allow }) => {
  const [a, b, c] = await threeHosts(family);
  const network = { flood: { mode: "multicast", group, ttl: 8 }, allow: [allow] };
  const config = { underlay: { interface: UNDERLAY } };
  const first = await vxlane(a, { vni: VNI, overlay: overlays[0], network, config });
  const second = await vxlane(b, { vni: VNI, overlay: overlays[1], network, config });
  const third = await kernelVxlan(c, { vni: VNI, group, overlay: overlays[2] });
  const capture = await c.agent.call("capture", [UNDERLAY]);
  await meshWorks([first, second, third], family === 4 ? 1450 : 1430);
  const frames = (await c.agent.call("caught", capture)).map(({ data }) => data);
  const etherType = family === 4 ? 0x0800 : 0x86dd;
  const toGroup = frames.filter((data) => (data[0] ?? 0) & 1 && Buffer.from(data).readUInt16BE(12) === etherType);
  const datagrams = toGroup.filter((data) => data[family === 4 ? 23 : 20] === 17);
  expect(datagrams).not.toEqual([]);
  const others = datagrams.filter((data) => data[family === 4 ? 22 : 21] !== 8);
  expect(others.map(hex), "packets to the group whose TTL is not 8").toEqual([]);
});

test("flood mode none forwards what the static FDB knows and nothing else", async () => {
  const [a, b] = await twoHosts(await createLab());
  const network = { flood: { mode: "none" }, fdb: [{ mac: overlays[1].mac, vtep: b.address }] };
  const ours = await vxlane(a, { vni: VNI, overlay: overlays[0], network, quiet: true });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: overlays[1], quiet: true });
  const { mac } = overlays[0];
  const known = testFrame(overlays[1].mac, mac, "known");
  const unknown = testFrame("02:00:00:00:09:09", mac, "unknown");
  const [arrived] = await arrivals(
    [kernel],
    () => [1],
    () => a.agent.call("sendFrames", ours.device, [testFrame(BROADCAST, mac, "broadcast"), unknown, known]),
  );
  expect(arrived).toEqual([known.toString("hex")]);
  await ours.daemon.expectMetric(2, "vxlane_dropped_frames_total", {
    reason: "flood_none",
    direction: "encap",
    vni: VNI,
  });
  await ours.daemon.expectMetric(1, "vxlane_frames_total", { direction: "encap", vni: VNI });
  const back = testFrame(mac, overlays[1].mac, "back");
  const [returned] = await arrivals(
    [ours],
    () => [1],
    () => b.agent.call("sendFrames", kernel.device, [back]),
  );
  expect(returned).toEqual([back.toString("hex")]);
});

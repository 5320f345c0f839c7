// What the tests of the tap underlay share: a host with it, the kernel's device as its peer, and what went which way.

import { expect } from "vitest";
import type { OffloadState } from "../../control/daemon/offloads.js";
import type { Problem } from "../../control/daemon/problems.js";
import { type Daemon, type VxlaneRunning, vxlane } from "../support/daemon.js";
import { createLab, type End, type Host, kernelVxlan, overlayAddress, TUNNEL_TAP, twoHosts } from "../support/netns.js";
import { reachable, tcpOneWay } from "./traffic.js";

export const VNI = 100;
export const [one, two] = [overlayAddress(1), overlayAddress(2)];

interface Status {
  underlay: { driver: string; interface?: string; reason?: string };
  offloads: { features: OffloadState[] };
  problems: Problem[];
}

export const statusOf = (daemon: Daemon) => daemon.get<Status>("/v1/status");
export const problemsOf = async (daemon: Daemon) => (await statusOf(daemon)).problems.map(({ code }) => code);

/** @param options of the whole config; they override what the suite says */
export async function start(a: Host, b: Host, options: object = {}): Promise<VxlaneRunning> {
  const config = { underlay: { driver: "tap" }, workers: 2, ...options };
  return vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
}

export async function pair(
  family: 4 | 6 = 4,
  options: object = {},
): Promise<{ a: Host; b: Host; ours: VxlaneRunning; kernel: End }> {
  const [a, b] = await twoHosts(await createLab(), { family });
  const ours = await start(a, b, options);
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  return { a, b, ours, kernel };
}

/** Frames that the host has sent into the tunnel's TAP: datagrams that came this way. */
export async function throughTap({ ns }: Host): Promise<number> {
  const [link] = await ns.show<{ stats64: { tx: { packets: number } } }[]>("-s", "link", "show", TUNNEL_TAP);
  return link.stats64.tx.packets;
}

/** Streams both ways until they come through the tunnel's TAP: the daemon may still be about to join it to an interface. */
export async function carriesThroughTap(host: Host, a: End, b: End): Promise<void> {
  const before = await throughTap(host);
  const more = async () => {
    await carries(a, b);
    return (await throughTap(host)) - before;
  };
  await expect.poll(more).toBeGreaterThan(0);
}

export async function carries(a: End, b: End): Promise<void> {
  await reachable(a, b);
  await reachable(b, a);
  await tcpOneWay(a, b, 4, 2_000_000);
  await tcpOneWay(b, a, 4, 2_000_000);
}

// What the tests of AF_XDP share: hosts over it, a container whose veth is a port, and where the frames are.

import { expect } from "vitest";
import { Agent } from "../../control/demo/lab/agent-client.js";
import { Daemon, vxlane } from "../support/daemon.js";
import {
  createLab,
  type End,
  type Host,
  kernelVxlan,
  openOverlay,
  overlayAddress,
  twoHosts,
  UNDERLAY,
} from "../support/netns.js";

export const VNI = 100;
export const [one, two] = [overlayAddress(1), overlayAddress(2)];
export const XDP = { driver: "xdp", interface: UNDERLAY };

export interface Status {
  xdp: {
    interfaces: { name: string; as: string; mode: string; queues: number; fault?: string; hint?: string }[];
    frames: { worker: number; total: number; free: number; receiving: number; sending: number }[];
  };
  problems: { code: string }[];
}

export const statusOf = (daemon: Daemon) => daemon.get<Status>("/v1/status");
export const problemsOf = async (daemon: Daemon) => (await statusOf(daemon)).problems.map(({ code }) => code);

/** Every frame is free or waits for what comes, once traffic rests. */
export async function expectAllFrames(daemon: Daemon): Promise<void> {
  const missing = async () => {
    const { frames } = (await statusOf(daemon)).xdp;
    return frames.map(({ total, free, receiving, sending }) => ({ missing: total - free - receiving, sending }));
  };
  const { frames } = (await statusOf(daemon)).xdp;
  expect(frames.length).toBeGreaterThan(0);
  await expect.poll(missing).toEqual(frames.map(() => ({ missing: 0, sending: 0 })));
}

export async function expectMode(daemon: Daemon, name: string, mode: string): Promise<void> {
  const modeOf = async () => (await statusOf(daemon)).xdp.interfaces.find((link) => link.name === name)?.mode;
  await expect.poll(modeOf).toBe(mode);
}

export async function overXdp(
  family: 4 | 6 = 4,
  options: object = {},
): Promise<[Awaited<ReturnType<typeof vxlane>>, End]> {
  const [a, b] = await twoHosts(await createLab(), { family });
  const config = { underlay: XDP, ...options };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  return [ours, kernel];
}

/** A container: a namespace whose veth is a port of the host. Its end has the overlay's addresses. */
export async function container(host: Host, lab: Host["lab"], overlay: typeof one): Promise<End> {
  const ns = await lab.host("box");
  await ns.ip(`link add eth0 address ${overlay.mac} mtu 1450 type veth peer name veth0 mtu 1450 netns ${host.ns.name}`);
  await host.ns.ip("link set veth0 up");
  const inside: Host = { ns, agent: await Agent.start(ns), address: "", lab };
  await openOverlay(inside, "eth0", overlay);
  return { host: inside, device: "eth0", overlay };
}

export const withPort = (remotes: string[], underlay: object, workers = 2) => ({
  workers,
  underlay,
  networks: [
    { vni: VNI, name: "blue", flood: { mode: "headend", vteps: remotes }, ports: [{ name: "veth0", driver: "xdp" }] },
  ],
});

export async function portDaemon(host: Host, config: object): Promise<Daemon> {
  const daemon = await Daemon.start(host, config as never);
  // The interface is not ours and stays.
  daemon.ports.splice(0);
  return daemon;
}

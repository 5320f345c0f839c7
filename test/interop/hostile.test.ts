// A million hostile packets against a running daemon: datagrams to its port from a VTEP that may send and from one that may
// not, frames into its port. It lives, every packet that the kernel handed over is in exactly one counter, nothing of the
// stranger's reaches a port, and afterwards it forwards as before.
//
//   HOSTILE_PACKETS   how many in all, a million unless said

import { expect, test } from "vitest";
import { vxlan } from "../oracle/decap.js";
import { vxlane } from "../support/daemon.js";
import { datagramBlast, frameBlast } from "../support/hostile.js";
import { sumOf } from "../support/metrics.js";
import { Mutator, templates } from "../support/mutate.js";
import { createLab, type Host, kernelVxlan, overlayAddress, TUNNEL_TAP, twoHosts, UNDERLAY } from "../support/netns.js";
import { arrivals, BROADCAST, pingBothWays, reachable, tcpOneWay, testFrame, vxlanDatagram } from "./traffic.js";

const VNI = 100;
const UDP_PORT = 4789;
const MTU = 1450;
const PACKETS = Number(process.env.HOSTILE_PACKETS ?? 1_000_000);
/** What the rings of AF_XDP take, the host does not see. */
const ON_RINGS = process.env.VXLANE_TEST_UNDERLAY === "xdp";
const STRANGER = "10.99.0.66";
const STRANGERS_MAC = "02:66:66:66:66:66";
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const MACS = [one.mac, two.mac, BROADCAST, "02:00:00:00:77:01", "01:00:5e:00:00:01"];

/** Datagrams that the kernel had for this host's VTEP: delivered to a socket or to the TAP, or lost in front of them. */
async function datagramsSeen(host: Host): Promise<number> {
  const { ns } = host;
  const rows = async (file: string) =>
    (await ns.run("cat", [file])).split("\n").map((line) => line.trim().split(/\s+/));
  const [names, values] = (await rows("/proc/net/snmp")).filter(([name]) => name === "Udp:");
  const delivered = Number(values[names.indexOf("InDatagrams")]);
  const port = `:${UDP_PORT.toString(16).toUpperCase()}`;
  const sockets = (await rows("/proc/net/udp")).filter(([, local]) => local?.endsWith(port));
  expect(sockets.length, "sockets at the port").toBeGreaterThan(0);
  const tunnelled = (await ns.hasLink(TUNNEL_TAP)) ? await framesSeen(host, TUNNEL_TAP) : 0;
  return sockets.reduce((sum, columns) => sum + Number(columns.at(-1)), delivered + tunnelled);
}

/** Frames that the host sent into an interface: taken by its queue, or lost in front of it. */
async function framesSeen(host: Host, device: string): Promise<number> {
  const { packets, dropped } = await countersOf(host, device);
  return packets + dropped;
}

async function countersOf({ ns }: Host, device: string): Promise<{ packets: number; dropped: number }> {
  const [link] = await ns.show<{ stats64: { tx: { packets: number; dropped: number } } }[]>(
    "-s",
    "link",
    "show",
    device,
  );
  return link.stats64.tx;
}

test(`${PACKETS} hostile packets`, { timeout: 300_000 }, async () => {
  const [a, b] = await twoHosts(await createLab());
  await b.ns.ip(`addr add ${STRANGER}/24 dev ${UNDERLAY}`);
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  // The train with which the daemon finds out about UDP_GRO is a datagram to the host too.
  const own = ON_RINGS ? 0 : await datagramsSeen(a);
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  const { daemon } = ours;
  await reachable(kernel, ours);

  const frames = templates(MACS, 1300);
  const datagrams = [VNI, VNI, VNI, VNI + 1].flatMap((vni) => frames.map((frame) => vxlan(vni, frame)));
  const strange = templates([STRANGERS_MAC, one.mac, BROADCAST]).map((frame) => vxlan(VNI, frame));
  const blasts = [
    datagramBlast(b.ns, b.address, a.address, UDP_PORT, new Mutator(1, datagrams)),
    datagramBlast(b.ns, STRANGER, a.address, UDP_PORT, new Mutator(2, strange)),
    frameBlast(a.ns, ours.device, MTU, new Mutator(3, frames)),
  ];
  const counts = [0.35, 0.25, 0.4].map((share) => Math.round(PACKETS * share));
  const start = performance.now();
  const taken = await Promise.all(blasts.map((blast, i) => blast.send(counts[i] ?? 0)));
  const seconds = (performance.now() - start) / 1000;
  for (const blast of blasts) blast.close();

  // Forwarding as before, and nothing in the air any more.
  await reachable(kernel, ours);
  await reachable(ours, kernel);
  await pingBothWays(ours, kernel);
  await daemon.expectBalance();
  // What the hosts ask each other by themselves may come between a look at one counter and a look at the other.
  const difference = async () => {
    const now = await daemon.metrics();
    const received = (direction: string) => sumOf(now, "vxlane_received_frames_total", { direction });
    const datagrams = ON_RINGS ? 0 : received("decap") - ((await datagramsSeen(a)) - own);
    return { datagrams, frames: received("encap") - (await framesSeen(a, ours.device)) };
  };
  await expect.poll(difference).toEqual({ datagrams: 0, frames: 0 });
  const samples = await daemon.metrics();
  const dropped = (reason: string) => sumOf(samples, "vxlane_dropped_frames_total", { reason });
  expect(sumOf(samples, "vxlane_worker_restarts_total"), "restarts").toBe(0);

  // A kernel that is behind loses some on their way, which their sender's interface counts.
  const way = (await countersOf(b, UNDERLAY)).dropped;
  const lost = { way, underlay: dropped("underlay_lost"), port: dropped("port_lost") };
  process.stderr.write(
    `${taken} taken by the kernel in ${seconds.toFixed(1)} s; lost before a worker saw them: ${JSON.stringify(lost)}\n`,
  );
  // Many of them have been looked at, not lost in a queue; how many is a matter of the machine.
  expect(lost.underlay).toBeLessThan(0.8 * (taken[0] + taken[1]));
  expect(lost.port).toBeLessThan(0.8 * taken[2]);
  for (const reason of ["flag_i_clear", "unknown_vni", "inner_short", "truncated", "source_mac_invalid"]) {
    expect(dropped(reason), reason).toBeGreaterThan(0);
  }

  // The stranger: each of its datagrams that was not lost is dropped as such, or as too short before; none left a trace.
  expect(dropped("vtep_not_allowed") + dropped("truncated")).toBeGreaterThanOrEqual(
    taken[1] - lost.way - lost.underlay,
  );
  expect(dropped("vtep_not_allowed")).toBeLessThanOrEqual(taken[1]);
  expect(samples.filter(({ labels }) => labels.vtep === STRANGER)).toEqual([]);
  const injected = [1, 2, 3].map((n) => vxlanDatagram(VNI, testFrame(BROADCAST, STRANGERS_MAC, `strange ${n}`)));
  const [arrived] = await arrivals(
    [ours],
    () => [0],
    () => b.agent.call("sendDatagrams", a.address, UDP_PORT, injected, STRANGER),
  );
  expect(arrived).toEqual([]);
  const entries = await daemon.get<{ mac: string }[]>(`/v1/networks/${VNI}/fdb?vtep=${b.address}`);
  expect(entries.map(({ mac }) => mac)).not.toContain(STRANGERS_MAC);
  await tcpOneWay(kernel, ours, 4, 2_000_000);
  await tcpOneWay(ours, kernel, 6, 2_000_000);
});

// What happens to an underlay in the life of a host, one after the other under one daemon: its interface goes down, is removed and made
// again, shrinks; the peer gets another MAC; the route moves elsewhere. Each time traffic stops or changes its way, what was lost is
// counted, and everything comes back by itself. In the end the daemon has as many descriptors as it had at its start.

import { expect, test } from "vitest";
import type { Lab } from "../../control/demo/lab/netns.js";
import { type Daemon, vxlane } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import { createLab, type End, type Host, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { reachable, tcpOneWay } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const BYTES = 2_000_000;
const OTHER_WAY = "under1";
const OTHER_ADDRESSES = ["10.98.0.1", "10.98.0.2"] as const;
const SMALL_MTU = 1300;
/** Why a frame does not leave while there is no underlay: what the kernel says differs with what is missing. */
const UNSENT = ["send_error", "underlay_full", "too_big"];

const PEERS = {
  async kernel(host: Host, remote: string): Promise<End> {
    return kernelVxlan(host, { vni: VNI, remotes: [remote], overlay: two });
  },
  async vxlane(host: Host, remote: string): Promise<End> {
    return vxlane(host, { vni: VNI, remotes: [remote], overlay: two });
  },
};

test.each(["kernel", "vxlane"] as const)("whatever happens to the underlay, with %s at the other end", async (peer) => {
  const lab = await createLab();
  const [a, b] = await twoHosts(lab);
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const { daemon } = ours;
  const descriptors = await daemon.descriptors();
  let other = await PEERS[peer](b, a.address);
  const flows = async () => {
    await reachable(ours, other);
    await reachable(other, ours);
    await tcpOneWay(ours, other, 4, BYTES);
    await tcpOneWay(other, ours, 6, BYTES);
  };
  const expectDark = async (reasons: string[], size = 56) => {
    const before = await dropped(daemon, reasons);
    // The daemon looks four times a second; until then the kernel may lose what the tap underlay gives it, and not say so.
    const lost = async () => {
      await a.ns.ip("route flush cache"); // a host is told once what is too big, and sends fragments from then on
      const echoes = await a.agent.call("ping", { address: two.ipv4, size, count: 3, timeoutMs: 100 });
      expect(echoes).toEqual([null, null, null]);
      return (await dropped(daemon, reasons)) - before;
    };
    await expect.poll(lost).toBeGreaterThanOrEqual(3);
  };
  await flows();

  // Its interface goes down, and comes up.
  await a.ns.ip(`link set ${UNDERLAY} down`);
  await expectDark(UNSENT);
  await a.ns.ip(`link set ${UNDERLAY} up`);
  await flows();

  // It is removed, and made again.
  await a.ns.ip(`link delete ${UNDERLAY}`);
  await expectDark(UNSENT);
  await join(lab, a, b, UNDERLAY, [a.address, b.address]);
  if (peer === "kernel") other = await PEERS.kernel(b, a.address); // the kernel's went with it
  await flows();

  // The peer's host gets another MAC, and says so.
  await b.ns.sysctl(`net/ipv4/conf/${UNDERLAY}/arp_notify=1`);
  await b.ns.ip(`link set ${UNDERLAY} address 02:00:00:00:99:02`);
  await flows();

  // The route to it leads elsewhere, and back again.
  await join(lab, a, b, OTHER_WAY, OTHER_ADDRESSES);
  for (const { ns } of [a, b]) {
    const names = ["all", UNDERLAY, OTHER_WAY];
    await ns.sysctl(...names.map((name) => `net/ipv4/conf/${name}/rp_filter=0`));
  }
  await a.ns.ip(`route add ${b.address}/32 via ${OTHER_ADDRESSES[1]} dev ${OTHER_WAY}`);
  if (peer === "vxlane") await b.ns.ip(`route add ${a.address}/32 via ${OTHER_ADDRESSES[0]} dev ${OTHER_WAY}`);
  await expect
    .poll(async () => {
      const before = await sentThrough(a, OTHER_WAY);
      await flows();
      return (await sentThrough(a, OTHER_WAY)) - before;
    })
    .toBeGreaterThan(BYTES);
  await a.ns.ip(`link delete ${OTHER_WAY}`);
  await flows();

  // It shrinks, and grows again.
  await a.ns.ip(`link set ${UNDERLAY} mtu ${SMALL_MTU}`);
  await reachable(ours, other);
  await expectDark(["too_big"], SMALL_MTU);
  await a.ns.ip(`link set ${UNDERLAY} mtu 1500`);
  await flows();

  await expect.poll(() => daemon.descriptors()).toBe(descriptors);
  expect(sumOf(await daemon.metrics(), "vxlane_worker_restarts_total")).toBe(0);
});

/** Frames that could not leave. */
async function dropped(daemon: Daemon, reasons: string[]): Promise<number> {
  const samples = await daemon.metrics();
  const labels = reasons.map((reason) => ({ reason, direction: "encap" }));
  return labels.reduce((sum, label) => sum + sumOf(samples, "vxlane_dropped_frames_total", label), 0);
}

/** A cable between two hosts. */
async function join(
  lab: Lab,
  a: Host,
  b: Host,
  name: string,
  [ours, theirs]: readonly [string, string],
): Promise<void> {
  await lab.link({ host: a.ns, name, addresses: [`${ours}/24`] }, { host: b.ns, name, addresses: [`${theirs}/24`] });
}

async function sentThrough({ ns }: Host, device: string): Promise<number> {
  const [link] = await ns.show<{ stats64: { tx: { bytes: number } } }[]>("-s", "link", "show", device);
  return link.stats64.tx.bytes;
}

// Much TCP through the tunnel, both ways, with the kernel and with vxlane at the other end, over a good road and a bad one. What arrives
// is compared by its hash, so one byte that is wrong, missing, doubled or out of place fails.
//
//   STREAM_BYTES   how many in all over the good road, 100 million unless said

import { expect, onTestFinished, test } from "vitest";
import { vxlane } from "../support/daemon.js";
import { type Forwarder, hostsApart, type Impairment } from "../support/forwarder.js";
import { createLab, type End, type Host, kernelVxlan, overlayAddress, twoHosts } from "../support/netns.js";
import { arrivals, BROADCAST, hex, reachable, tcpOneWay, testFrame } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const BYTES = Number(process.env.STREAM_BYTES ?? 100_000_000);
/** Ethernet, IPv4, UDP and VXLAN headers. */
const OUTER_LEN = 50;
const LONG = { timeout: 120_000 + BYTES / 10_000 };

const PEERS = {
  async kernel(host: Host, remote: string): Promise<End> {
    return kernelVxlan(host, { vni: VNI, remotes: [remote], overlay: two });
  },
  async vxlane(host: Host, remote: string): Promise<End> {
    return vxlane(host, { vni: VNI, remotes: [remote], overlay: two });
  },
};

test.each(["kernel", "vxlane"] as const)(`TCP both ways with %s, ${BYTES / 2} bytes`, LONG, async (peer) => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const other = await PEERS[peer](b, a.address);
  for (const [from, to] of [
    [ours, other],
    [other, ours],
  ] as const) {
    for (const family of [4, 6] as const) {
      await reachable(from, to, family);
      await tcpOneWay(from, to, family, BYTES / 8);
    }
  }
});

const ROADS: readonly Required<Impairment>[] = [
  { loss: 0.01, duplication: 0, reordering: 0 },
  { loss: 0, duplication: 0.1, reordering: 0 },
  { loss: 0, duplication: 0, reordering: 0.05 },
  { loss: 0.005, duplication: 0.05, reordering: 0.02 },
];

test.each(["kernel", "vxlane"] as const)(
  "TCP both ways with %s over a road that loses, doubles, swaps",
  async (peer) => {
    const { a, b, road } = await apart();
    const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
    const other = await PEERS[peer](b, a.address);
    await reachable(ours, other);
    for (const impairment of ROADS) {
      const before = { ...road.count };
      road.impairment = impairment;
      await tcpOneWay(ours, other, 4, 2_000_000);
      await tcpOneWay(other, ours, 6, 2_000_000);
      const happened = {
        loss: road.count.lost - before.lost,
        duplication: road.count.duplicated - before.duplicated,
        reordering: road.count.reordered - before.reordered,
      };
      for (const [what, share] of Object.entries(impairment)) {
        if (share > 0) expect(happened[what as keyof Impairment], what).toBeGreaterThan(0);
      }
    }
    road.impairment = {};
  },
);

test("frames come out as the road has left them, none more, none less, in its order", async () => {
  const { a, b, road } = await apart();
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, quiet: true });
  road.impairment = { loss: 0.05, duplication: 0.1, reordering: 0.1 };
  for (const [from, to] of [
    [ours, kernel],
    [kernel, ours],
  ] as const) {
    const log: Buffer[] = [];
    road.log = log;
    const frames = Array.from({ length: 500 }, (_, n) => testFrame(BROADCAST, from.overlay.mac, `frame ${n}`));
    const [arrived] = await arrivals(
      [to],
      () => [log.length],
      async () => {
        await from.host.agent.call("sendFrames", from.device, frames);
        await road.rest();
      },
    );
    const left = log.map((frame) => hex(frame.subarray(OUTER_LEN)));
    expect(arrived).toEqual(left);
    // The road has had its way with them, and nobody else.
    expect(new Set(left).size).toBeLessThan(frames.length);
    expect(left.length).toBeGreaterThan(new Set(left).size);
    const order = frames.map(hex).filter((frame) => left.includes(frame));
    expect([...new Set(left)]).not.toEqual(order);
    expect([...new Set(left)].sort()).toEqual(order.sort());
  }
});

/** Two hosts with a bad road between them. */
async function apart(family: 4 | 6 = 4): Promise<{ a: Host; b: Host; road: Forwarder }> {
  const [a, b, road] = await hostsApart(await createLab("ethtool"), family);
  onTestFinished(() => road.stop());
  return { a, b, road };
}

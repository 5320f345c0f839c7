// The tap underlay when things change under it: the interface that it is joined to, the routes of its VTEPs, its own TAP.

import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Daemon } from "../support/daemon.js";
import { type Host, kernelVxlan, TUNNEL_TAP, UNDERLAY } from "../support/netns.js";
import { carries, carriesThroughTap, pair, problemsOf, statusOf, throughTap, two, VNI } from "./tap-lab.js";
import { pingBothWays, unreachable } from "./traffic.js";

test("the interface goes down and up, and its peer's MAC changes", async () => {
  const { a, b, ours, kernel } = await pair();
  await a.ns.ip(`link set ${UNDERLAY} down`);
  await expect.poll(() => problemsOf(ours.daemon)).toContain("underlay_down");
  await unreachable(ours, kernel);
  await a.ns.ip(`link set ${UNDERLAY} up`);
  await expect.poll(() => problemsOf(ours.daemon)).toEqual([]);
  await carries(ours, kernel);
  // A host that moves says so, or the kernel would only ask again when what it knows is stale.
  await b.ns.sysctl(`net/ipv4/conf/${UNDERLAY}/arp_notify=1`);
  await b.ns.ip(`link set ${UNDERLAY} address 02:00:00:00:99:99`);
  await carries(ours, kernel);
});

/** Deletes the underlay's interface and makes it again, and waits until the daemon has noticed both. */
async function replaceInterface(a: Host, b: Host, daemon: Daemon): Promise<void> {
  await a.ns.ip(`link del ${UNDERLAY}`);
  await expect.poll(() => problemsOf(daemon)).toContain("underlay_address");
  await a.lab.link(
    { host: a.ns, name: UNDERLAY, addresses: [`${a.address}/24`] },
    { host: b.ns, name: UNDERLAY, addresses: [`${b.address}/24`] },
    1500,
  );
  await expect.poll(() => problemsOf(daemon)).toEqual([]);
}

test("the interface is removed and made again, and renamed", async () => {
  const { a, b, ours } = await pair(4, { offloads: "auto" });
  await replaceInterface(a, b, ours.daemon);
  // The kernel's device has gone with the interface below it.
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await carriesThroughTap(a, ours, kernel);

  await a.ns.ip(`link set ${UNDERLAY} down`, `link set ${UNDERLAY} name other0`, "link set other0 up");
  await expect.poll(() => problemsOf(ours.daemon)).toEqual([]);
  await carriesThroughTap(a, ours, kernel);
  const tunnelGso = async () =>
    (await statusOf(ours.daemon)).offloads.features.find(({ feature }) => feature === "tunnel_gso");
  await expect.poll(tunnelGso).toMatchObject({ enabled: true });
  const underlay = async () => (await statusOf(ours.daemon)).underlay;
  await expect.poll(underlay).toMatchObject({ driver: "tap", interface: "other0" });
});

test.each([
  [4, "10.98.0.1/24", "10.98.0.2/24", 32],
  [6, "fd98::1/64", "fd98::2/64", 128],
] as const)(
  "a route over IPv%i that moves to another interface and back is followed, and said",
  async (family, near, far, whole) => {
    const { a, b, ours, kernel } = await pair(family);
    await a.lab.link(
      // Without an address of the link's own nobody there would be asked for a MAC: the source is another interface's.
      { host: a.ns, name: "side0", addresses: [near, ...(family === 6 ? ["fe80::1/64"] : [])] },
      { host: b.ns, name: "side0", addresses: [far, ...(family === 6 ? ["fe80::2/64"] : [])] },
      1500,
    );
    for (const { ns } of [a, b]) await ns.sysctl("net/ipv4/conf/all/rp_filter=0", "net/ipv4/conf/side0/rp_filter=0");
    const [toFar, toNear] = [far, near].map((address) => `via ${address.replace(/\/.*/, "")} dev side0`);
    await a.ns.ip(`route add ${b.address}/${whole} ${toFar}`);
    await expect.poll(() => problemsOf(ours.daemon)).toContain("underlay_route");
    await b.ns.ip(`route add ${a.address}/${whole} ${toNear}`);
    const before = await throughTap(a);
    await carries(ours, kernel);
    expect(await throughTap(a), "datagrams by the old way").toBe(before);
    await b.ns.ip(`route del ${a.address}/${whole} ${toNear}`);
    await a.ns.ip(`route del ${b.address}/${whole} ${toFar}`);
    await expect.poll(() => problemsOf(ours.daemon)).toEqual([]);
    await carriesThroughTap(a, ours, kernel);
  },
);

test("the next hop of a route changes, and the kernel alone follows", async () => {
  const { a, b, ours, kernel } = await pair();
  await b.ns.ip(`addr add 10.99.0.77/24 dev ${UNDERLAY}`);
  await a.ns.ip(`route add ${b.address}/32 via 10.99.0.77 dev ${UNDERLAY}`);
  await carriesThroughTap(a, ours, kernel);
  expect(await problemsOf(ours.daemon)).toEqual([]);
});

test("no descriptor is lost when its interface comes and goes", async () => {
  const { a, b, ours } = await pair();
  const pid = ours.daemon.process.child.pid ?? 0;
  const open = async () => (await readdir(`/proc/${pid}/fd`)).length;
  const before = await open();
  for (let turn = 0; turn < 3; turn++) {
    await replaceInterface(a, b, ours.daemon);
  }
  await expect.poll(open).toBeLessThanOrEqual(before);
});

test("no route to a VTEP is said and counted", async () => {
  const { a, b, ours, kernel } = await pair();
  await a.ns.ip(`route add unreachable ${b.address}/32`);
  await expect.poll(() => problemsOf(ours.daemon)).toEqual(["underlay_route"]);
  await unreachable(ours, kernel);
  await ours.daemon.expectMetricOver(0, "vxlane_dropped_frames_total", { reason: "send_error", direction: "encap" });
  await a.ns.ip(`route del unreachable ${b.address}/32`);
  await expect.poll(() => problemsOf(ours.daemon)).toEqual([]);
  await carries(ours, kernel);
});

test("a smaller MTU of the interface is kept, and a larger one used again", async () => {
  const { a, ours, kernel } = await pair();
  await a.ns.ip(`link set ${UNDERLAY} mtu 1400`);
  const large = async () => {
    const [time] = await a.agent.call("ping", { address: two.ipv4, size: 1380, timeoutMs: 200 });
    return time;
  };
  // The daemon looks four times a second; until then the kernel loses what is too large, and nobody counts it.
  const tooBig = async () => {
    expect(await large()).toBeNull();
    return ours.daemon.dropped("too_big", "encap");
  };
  await expect.poll(tooBig).toBeGreaterThan(0);
  await a.ns.ip(`link set ${UNDERLAY} mtu 1500`);
  // What the host has learned of the way's MTU makes it send in fragments.
  await a.ns.ip("route flush cache");
  await expect.poll(large).not.toBeNull();
  await pingBothWays(ours, kernel);
  await carries(ours, kernel);
});

/** Queues of a TAP that is gone and that a worker waits for nevertheless: it would never sleep. */
async function deadQueues({ process }: Daemon): Promise<number> {
  const directory = `/proc/${process.child.pid}/fdinfo`;
  const infos = await Promise.all(
    (await readdir(directory)).map(async (fd) => ({
      fd,
      text: await readFile(`${directory}/${fd}`, "utf8").catch(() => ""),
    })),
  );
  const watched = infos.flatMap(({ text }) => [...text.matchAll(/^tfd:\s+(\d+)/gm)].map(([, fd]) => fd));
  return infos.filter(({ fd, text }) => /^iff:\s*$/m.test(text) && watched.includes(fd)).length;
}

test("the TAP itself is deleted: the sockets do its work, and no worker waits for it", async () => {
  const { a, ours, kernel } = await pair();
  await a.ns.ip(`link delete ${TUNNEL_TAP}`);
  await expect.poll(() => problemsOf(ours.daemon)).toContain("underlay_tunnel");
  await carries(ours, kernel);
  await expect.poll(() => deadQueues(ours.daemon)).toBe(0);
});

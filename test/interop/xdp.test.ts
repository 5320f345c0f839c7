// AF_XDP on either side: as the underlay and as a port, with a kernel peer and with vxlane on both ends, and what may happen to the
// interfaces that it attaches to. After each scenario every frame of the UMEM is where it was: none is lost by any way.

import { expect, test } from "vitest";
import { vxlane } from "../support/daemon.js";
import { createLab, type End, type Host, kernelVxlan, openOverlay, twoHosts, UNDERLAY } from "../support/netns.js";
import { allTraffic, broadcastReaches, pingBothWays, pingUntil, reachable, tcpBothWays, tcpOneWay } from "./traffic.js";
import {
  container,
  expectAllFrames,
  expectMode,
  one,
  overXdp,
  portDaemon,
  problemsOf,
  statusOf,
  two,
  VNI,
  withPort,
  XDP,
} from "./xdp-lab.js";

/** VXLAN datagrams that the host's own stack saw meanwhile, in either direction: none, as long as the rings take them. */
async function pastTheRings(host: Host, meanwhile: () => Promise<void>): Promise<number> {
  const capture = await host.agent.call("capture", [UNDERLAY]);
  await meanwhile();
  const frames = await host.agent.call("caught", capture);
  return frames.filter(({ data }) => {
    const udp = data[12] === 0x08 ? 34 : 54; // Ethernet, IPv4 without options or IPv6
    return data[udp + 2] === 4789 >> 8 && data[udp + 3] === (4789 & 0xff);
  }).length;
}

test.each([4, 6] as const)("a kernel peer over IPv%i: the rings take it all", async (family) => {
  // One worker: a veth has one queue, and a worker without a queue sends through its socket.
  const [ours, kernel] = await overXdp(family, { workers: 1, offloads: "auto" });
  await expectMode(ours.daemon, UNDERLAY, "native");
  await reachable(kernel, ours);
  // Until the kernel has found the next hop, and for a moment afterwards, frames leave through its socket.
  await expect.poll(() => pastTheRings(ours.host, () => reachable(ours, kernel))).toBe(0);
  const seen = await pastTheRings(ours.host, async () => {
    await broadcastReaches(ours, [kernel]);
    await broadcastReaches(kernel, [ours]);
    await allTraffic(ours, kernel, family === 4 ? 1450 : 1430);
  });
  expect(seen, "datagrams past the rings").toBe(0);
  await expectAllFrames(ours.daemon);
});

test("vxlane on both ends, streams compared by hash", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { underlay: XDP };
  const left = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const right = await vxlane(b, { vni: VNI, remotes: [a.address], overlay: two, config });
  await allTraffic(left, right);
  await tcpOneWay(left, right, 4, 100_000_000);
  for (const { daemon } of [left, right]) await expectAllFrames(daemon);
});

test.each([
  ["udp", { driver: "udp" }],
  ["xdp", XDP],
] as const)("a container's veth as a port, over the %s underlay", async (_name, underlay) => {
  const [a, b] = await twoHosts(await createLab());
  const box = await container(a, a.lab, one);
  const daemon = await portDaemon(a, { offloads: "auto", ...withPort([b.address], underlay) });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await pingBothWays(box, kernel);
  await tcpBothWays(box, kernel);
  await expectAllFrames(daemon);
});

test("kill -9 leaves no program behind", async () => {
  const [ours] = await overXdp();
  const programs = async () => {
    const links = await ours.host.ns.show<{ ifname: string; xdp?: object }[]>("link", "show", "dev", UNDERLAY);
    return links[0].xdp;
  };
  expect(await programs()).toBeDefined();
  await ours.daemon.kill();
  await expect.poll(programs).toBeUndefined();
});

test("the neighbour's MAC changes, the route changes, the interface goes down and up", async () => {
  const [ours, kernel] = await overXdp();
  const { daemon } = ours;
  await reachable(ours, kernel);

  await kernel.host.ns.ip(
    `link set ${UNDERLAY} down`,
    `link set ${UNDERLAY} address 02:aa:00:00:00:02`,
    `link set ${UNDERLAY} up`,
  );
  await ours.host.ns.ip(`neigh flush dev ${UNDERLAY}`);
  await reachable(ours, kernel);

  // Over another address of the peer as a gateway: a next hop that is not the VTEP.
  await kernel.host.ns.ip(`addr add 10.99.0.77/24 dev ${UNDERLAY}`);
  await ours.host.ns.ip(`route add ${kernel.host.address}/32 via 10.99.0.77 dev ${UNDERLAY}`);
  await reachable(ours, kernel);
  await ours.host.ns.ip(`route del ${kernel.host.address}/32`);

  await ours.host.ns.ip(`link set ${UNDERLAY} down`);
  await expect.poll(() => problemsOf(daemon)).toContain("underlay_down");
  await ours.host.ns.ip(`link set ${UNDERLAY} up`);
  await expect.poll(() => problemsOf(daemon)).toEqual([]);
  await reachable(ours, kernel);
  await tcpBothWays(ours, kernel, 2_000_000);
  await expectAllFrames(daemon);
});

/** Echoes from `count` flows at once until `isOver`. */
async function manyEchoes(
  from: End,
  to: End,
  count: number,
  isOver: () => boolean,
): Promise<{ sent: number; lost: number }> {
  const flows = await Promise.all(Array.from({ length: count }, () => pingUntil(from, to, isOver)));
  return flows.reduce((sum, { sent, lost }) => ({ sent: sum.sent + sent, lost: sum.lost + lost }));
}

test("the underlay's interface is made again under traffic: no frame comes before the rings can take it", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { workers: 1, offloads: "auto", underlay: XDP };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config, fault: "block" });
  const { daemon } = ours;
  // Control stands still until the new interface is in use, through the sockets.
  daemon.strike();
  await daemon.expectLog("stands still from now on");
  await a.ns.ip(`link delete ${UNDERLAY}`);
  await a.lab.link(
    { host: a.ns, name: UNDERLAY, addresses: [`${a.address}/24`] },
    { host: b.ns, name: UNDERLAY, addresses: [`${b.address}/24`] },
    1500,
  );
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  let isOver = false;
  const echoes = manyEchoes(kernel, ours, 8, () => isOver);
  await daemon.expectLog("no more: underlay: without XDP");
  await expectMode(daemon, UNDERLAY, "native");
  await reachable(kernel, ours);
  isOver = true;
  const { sent, lost } = await echoes;
  expect(lost, `echoes lost of ${sent}`).toBe(0);
  expect(await daemon.dropped("underlay_lost")).toBe(0);
  await expectAllFrames(daemon);
});

test("what is to leave by an interface that has gone is counted as not sent, and nothing as lost on its way in", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { workers: 1, offloads: "auto", underlay: XDP };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config, fault: "block" });
  const { daemon } = ours;
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await expect.poll(() => pastTheRings(a, () => reachable(ours, kernel))).toBe(0);
  // Control stands still, and the worker goes on to send into the ring of an interface that has gone.
  daemon.strike();
  await daemon.expectLog("stands still from now on");
  await a.ns.ip(`link delete ${UNDERLAY}`);
  await a.agent.call("ping", { address: two.ipv4, count: 5, timeoutMs: 50 });
  await expect.poll(() => problemsOf(daemon)).toContain("underlay_xdp");
  expect(await daemon.dropped("send_error", "encap")).toBeGreaterThanOrEqual(5);
  await expectAllFrames(daemon);
  expect(await daemon.dropped("underlay_lost")).toBe(0);
});

test("it starts under traffic: no frame comes before the rings can take it", async () => {
  const [a, b] = await twoHosts(await createLab());
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  // Nobody answers a neighbour's question yet, and the kernel would hold all echoes back.
  await b.ns.ip(`neigh replace ${one.ipv4} lladdr ${one.mac} dev ${kernel.device}`);
  let isOver = false;
  const echoes = (async () => {
    while (!isOver) await b.agent.call("ping", { address: one.ipv4, count: 10, timeoutMs: 5 });
  })();
  const config = { workers: 1, underlay: XDP };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  await reachable(kernel, ours);
  await expect.poll(() => pastTheRings(a, () => reachable(kernel, ours))).toBe(0);
  isOver = true;
  await echoes;
  expect(await ours.daemon.dropped("underlay_lost")).toBe(0);
  await expectAllFrames(ours.daemon);
});

test("a larger MTU gets larger frames, while it runs", async () => {
  const [ours, kernel] = await overXdp(4, { offloads: "auto" });
  await reachable(ours, kernel);
  const total = async () => (await statusOf(ours.daemon)).xdp.frames[0].total;
  await expect.poll(total).toBe(4096);
  await kernel.host.ns.ip(`link set ${UNDERLAY} mtu 3000`);
  await ours.host.ns.ip(`link set ${UNDERLAY} mtu 3000`);
  await expect.poll(total).toBe(2048);
  await expectMode(ours.daemon, UNDERLAY, "native");
  await reachable(ours, kernel);
  await tcpBothWays(ours, kernel, 2_000_000);
  await expectAllFrames(ours.daemon);
});

test("a port that needs larger frames than the underlay gets them, whoever was first", async () => {
  const [a, b] = await twoHosts(await createLab());
  const box = await container(a, a.lab, one);
  await a.ns.ip("link set veth0 mtu 3000");
  const daemon = await portDaemon(a, { offloads: "auto", ...withPort([b.address], XDP) });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await expect.poll(async () => (await statusOf(daemon)).xdp.frames[0].total).toBe(2048);
  await expect
    .poll(async () => (await statusOf(daemon)).xdp.interfaces.map(({ mode }) => mode))
    .toEqual(["native", "native"]);
  await reachable(box, kernel);
  await tcpBothWays(box, kernel, 2_000_000);
  await expectAllFrames(daemon);
});

test("a port's interface is removed and comes back", async () => {
  const [a, b] = await twoHosts(await createLab());
  const box = await container(a, a.lab, one);
  const daemon = await portDaemon(a, withPort([b.address], XDP));
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(box, kernel);
  const before = await daemon.descriptors();
  for (let times = 0; times < 3; times++) {
    await a.ns.ip("link delete veth0");
    await expect.poll(() => problemsOf(daemon)).toContain("port_gone");
    await box.host.ns.ip(
      `link add eth0 address ${one.mac} mtu 1450 type veth peer name veth0 mtu 1450 netns ${a.ns.name}`,
    );
    await a.ns.ip("link set veth0 up");
    await openOverlay(box.host, "eth0", one);
    await expect.poll(() => problemsOf(daemon)).toEqual([]);
    await reachable(box, kernel);
  }
  await expect.poll(() => daemon.descriptors()).toBe(before);
  await expectAllFrames(daemon);
});

test("a worker that is killed finds its rings again", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { workers: 1, underlay: XDP };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config, fault: "kill" });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  for (let kill = 1; kill <= 3; kill++) {
    const stream = tcpOneWay(kernel, ours, 4, 5_000_000);
    ours.daemon.strike();
    await stream;
    await reachable(ours, kernel);
  }
  await expectAllFrames(ours.daemon);
});

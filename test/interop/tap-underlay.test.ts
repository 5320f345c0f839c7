// The tap underlay against kernel peers: bulk in both directions, and everything that may happen to the interface that it is
// joined to and to the routes of its VTEPs. The rest of the suite runs with it too: VXLANE_TEST_UNDERLAY=tap.

import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { OffloadState } from "../../control/daemon/offloads.js";
import type { Problem } from "../../control/daemon/problems.js";
import { type Daemon, MAIN, type VxlaneRunning, vxlane } from "../support/daemon.js";
import {
  createLab,
  type End,
  type Host,
  kernelVxlan,
  overlayAddress,
  TUNNEL_TAP,
  twoHosts,
  UNDERLAY,
} from "../support/netns.js";
import { pingBothWays, reachable, tcpOneWay, udpBothWays, unreachable } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const BULK = 100_000_000; // bytes

interface Status {
  underlay: { driver: string; interface?: string; reason?: string };
  offloads: { features: OffloadState[] };
  problems: Problem[];
}

const statusOf = (daemon: Daemon) => daemon.get<Status>("/v1/status");
const problemsOf = async (daemon: Daemon) => (await statusOf(daemon)).problems.map(({ code }) => code);

async function start(a: Host, b: Host, underlay: Record<string, unknown> = {}): Promise<VxlaneRunning> {
  const config = { underlay: { driver: "tap", ...underlay }, workers: 2 };
  return vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
}

async function pair(family: 4 | 6 = 4): Promise<{ a: Host; b: Host; ours: VxlaneRunning; kernel: End }> {
  const [a, b] = await twoHosts(await createLab(), { family });
  const ours = await start(a, b);
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  return { a, b, ours, kernel };
}

/** Frames that the host has sent into the tunnel's TAP: datagrams that came this way. */
async function throughTap({ ns }: Host): Promise<number> {
  const [link] = await ns.show<{ stats64: { tx: { packets: number } } }[]>("-s", "link", "show", TUNNEL_TAP);
  return link.stats64.tx.packets;
}

/** Streams both ways until they come through the tunnel's TAP: the daemon may still be about to join it to an interface. */
async function carriesThroughTap(host: Host, a: End, b: End): Promise<void> {
  const before = await throughTap(host);
  const more = async () => {
    await carries(a, b);
    return (await throughTap(host)) - before;
  };
  await expect.poll(more).toBeGreaterThan(0);
}

async function carries(a: End, b: End): Promise<void> {
  await reachable(a, b);
  await reachable(b, a);
  await tcpOneWay(a, b, 4, 2_000_000);
  await tcpOneWay(b, a, 4, 2_000_000);
}

test.each([4, 6] as const)("100 MB each way arrive as they were sent, over IPv%i", async (family) => {
  const { a, ours, kernel } = await pair(family);
  for (const inner of [4, 6] as const) {
    await tcpOneWay(ours, kernel, inner, BULK / 2);
    await tcpOneWay(kernel, ours, inner, BULK / 2);
  }
  await udpBothWays(ours, kernel, family === 4 ? 1450 : 1430);
  // Super-frames, not segments: some thousands of them would be many more.
  expect(await throughTap(a)).toBeGreaterThan(100);
  expect(await throughTap(a)).toBeLessThan(BULK / 1400);
  expect((await statusOf(ours.daemon)).underlay).toMatchObject({ driver: "tap", interface: UNDERLAY });
});

test("100 MB each way between two of them", async () => {
  const [a, b] = await twoHosts(await createLab());
  const near = await start(a, b);
  const config = { underlay: { driver: "tap" }, workers: 2 };
  const far = await vxlane(b, { vni: VNI, remotes: [a.address], overlay: two, config });
  await reachable(near, far);
  await tcpOneWay(near, far, 4, BULK);
  await tcpOneWay(far, near, 6, BULK);
  await udpBothWays(near, far);
});

test("a peer that sends trains through sockets", async () => {
  const [a, b] = await twoHosts(await createLab());
  const near = await start(a, b);
  const config = { underlay: { driver: "udp" }, workers: 2 };
  const far = await vxlane(b, { vni: VNI, remotes: [a.address], overlay: two, config });
  await reachable(near, far);
  await tcpOneWay(near, far, 4, BULK / 4);
  await tcpOneWay(far, near, 4, BULK / 4);
  await udpBothWays(near, far);
});

test("the host keeps its address: other ports, fragments, and its own way out", async () => {
  const { a, b, ours, kernel } = await pair();
  await a.agent.call("udpListen", a.address, 4788);
  const sent = await b.agent.call("udpSend", { address: a.address, port: 4788, sizes: [1, 1000, 3000, 20_000] });
  expect(await a.agent.call("udpTaken", 4788, 4)).toEqual(sent);
  await b.agent.call("tcpListen", b.address, 4790);
  const { sha256 } = await a.agent.call("tcpSend", b.address, 4790, { bytes: 1_000_000 });
  expect(await b.agent.call("tcpTransfer", 4790)).toMatchObject({ bytes: 1_000_000, sha256 });
  // To vxlane, but in fragments: the host puts them together, and the sockets tell that it did.
  await b.agent.call("sendDatagrams", a.address, 4789, [Buffer.alloc(3000)]);
  await ours.daemon.expectMetric(1, "vxlane_dropped_frames_total", { reason: "fragment" });
  await carries(ours, kernel);
});

/** All that a driver could leave in a host: interfaces, addresses, routes, rules, programs at interfaces. */
async function stateOf({ ns }: Host): Promise<Record<string, string>> {
  const show = async (...args: string[]) => ns.run("ip", args);
  const settings = await ns.run("sysctl", ["-e", "-a", "--pattern", "^net\\.(ipv4|ipv6|core)\\."]);
  return {
    links: (await show("-br", "link")).replace(/\b(UP|DOWN|UNKNOWN)\b.*/g, ""),
    addresses: await show("-br", "-4", "addr", "show", "dev", UNDERLAY),
    rules: (await show("-4", "rule")) + (await show("-6", "rule")),
    routes: (await show("-4", "route", "show", "table", "all")) + (await show("-6", "route", "show", "dev", UNDERLAY)),
    programs: JSON.stringify(await ns.show<object[]>("-d", "link", "show", UNDERLAY)).match(/prog|bpf|xdp/)?.[0] ?? "",
    settings: settings
      .split("\n")
      .filter((line) => !/\.(blue0|vxlane-u0)\.|_mem |random|dst_entries|stable_secret/.test(line))
      .join("\n"),
  };
}

test.each([4, 6] as const)(
  "changes nothing of the host, and a crash leaves nothing behind, over IPv%i",
  async (family) => {
    const [a, b] = await twoHosts(await createLab(), { family });
    const before = await stateOf(a);
    const ours = await start(a, b);
    const during = await stateOf(a);
    expect(during).toMatchObject({ addresses: before.addresses, rules: before.rules, settings: before.settings });
    expect(withoutPort(during.routes)).toBe(withoutPort(before.routes));
    const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
    await carries(ours, kernel);
    await ours.daemon.kill();
    await expect.poll(() => stateOf(a)).toEqual(before);
    const again = await start(a, b);
    await carries(again, kernel);
  },
);

/** Without the overlay's own address, which the test gives to the port. */
function withoutPort(routes: string | undefined): string {
  return (routes ?? "")
    .split("\n")
    .filter((line) => !/ dev blue0 /.test(line))
    .join("\n");
}

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

test("the interface is removed and made again, and renamed", async () => {
  const { a, b, ours } = await pair();
  await a.ns.ip(`link del ${UNDERLAY}`);
  await expect.poll(() => problemsOf(ours.daemon)).toContain("underlay_address");
  await a.lab.link(
    { host: a.ns, name: UNDERLAY, addresses: [`${a.address}/24`] },
    { host: b.ns, name: UNDERLAY, addresses: [`${b.address}/24`] },
    1500,
  );
  await expect.poll(() => problemsOf(ours.daemon)).toEqual([]);
  // The kernel's device has gone with the interface below it.
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await carriesThroughTap(a, ours, kernel);

  await a.ns.ip(`link set ${UNDERLAY} down`, `link set ${UNDERLAY} name other0`, "link set other0 up");
  await expect.poll(() => problemsOf(ours.daemon)).toEqual([]);
  await carriesThroughTap(a, ours, kernel);
  const tunnelGso = async () =>
    (await statusOf(ours.daemon)).offloads.features.find(({ feature }) => feature === "tunnel_gso");
  await expect.poll(tunnelGso).toMatchObject({ enabled: true });
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
    await a.ns.ip(`link del ${UNDERLAY}`);
    await expect.poll(() => problemsOf(ours.daemon)).toContain("underlay_address");
    await a.lab.link(
      { host: a.ns, name: UNDERLAY, addresses: [`${a.address}/24`] },
      { host: b.ns, name: UNDERLAY, addresses: [`${b.address}/24`] },
      1500,
    );
    await expect.poll(() => problemsOf(ours.daemon)).toEqual([]);
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

test("auto takes it where it works, and says why not where it does not", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await start(a, b, { driver: "auto" });
  const chosen = { driver: "tap", interface: UNDERLAY, reason: "tunnel GSO works" };
  expect((await statusOf(ours.daemon)).underlay).toEqual(chosen);
  const shown = await a.ns.run(process.execPath, [MAIN, "status", "--socket", ours.daemon.socket]);
  expect(shown).toContain(`tap on ${UNDERLAY}: tunnel GSO works`);
  await ours.daemon.expectLog("underlay driver chosen");
  await ours.daemon.stop();
  await a.ns.ip("addr add 10.99.9.9/32 dev lo", "link set lo up");
  const config = { local: "10.99.9.9", underlay: { driver: "auto" }, workers: 1 };
  const plain = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const { driver, reason } = (await statusOf(plain.daemon)).underlay;
  expect([driver, reason]).toEqual(["udp", expect.stringMatching(/^tap: lo is no Ethernet interface/)]);
  await plain.daemon.expectLog(/lo is no Ethernet interface/);
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

// The tap underlay against its peers: bulk in both directions, what it leaves of a host, when it is chosen. The rest of the suite
// runs with it too: VXLANE_TEST_UNDERLAY=tap.

import { expect, test } from "vitest";
import { vxlan } from "../oracle/decap.js";
import { filler } from "../support/bytes.js";
import { MAIN, vxlane } from "../support/daemon.js";
import { anything, ETHERTYPE, ethernet, ipv4, udp } from "../support/frames.js";
import { createLab, type Host, kernelVxlan, twoHosts, UNDERLAY } from "../support/netns.js";
import { carries, one, pair, start, statusOf, throughTap, two, VNI } from "./tap-lab.js";
import { reachable, tcpOneWay, udpBothWays } from "./traffic.js";

const BULK = 100_000_000; // bytes

test.each([4, 6] as const)("100 MB each way arrive as they were sent, over IPv%i", async (family) => {
  const { a, ours, kernel } = await pair(family, { offloads: "auto" });
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

test("auto takes it where it works, and says why not where it does not", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await start(a, b, { offloads: "auto", underlay: { driver: "auto" } });
  const chosen = {
    driver: "tap",
    interface: UNDERLAY,
    reason: expect.stringMatching(/^tunnel GSO works; auto never takes xdp/),
  };
  expect((await statusOf(ours.daemon)).underlay).toEqual(chosen);
  const shown = await a.ns.run(process.execPath, [MAIN, "status", "--socket", ours.daemon.socket]);
  expect(shown).toContain(`tap on ${UNDERLAY}: tunnel GSO works`);
  await ours.daemon.expectLog("underlay driver chosen");
  await ours.daemon.stop();
  await a.ns.ip("addr add 10.99.9.9/32 dev lo", "link set lo up");
  const config = { local: "10.99.9.9", offloads: "auto", underlay: { driver: "auto" }, workers: 1 };
  const plain = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const { driver, reason } = (await statusOf(plain.daemon)).underlay;
  expect([driver, reason]).toEqual(["udp", expect.stringMatching(/^tap: lo is no Ethernet interface/)]);
  await plain.daemon.expectLog(/lo is no Ethernet interface/);
});

test("forged sources inside an allowed prefix are one problem, and traffic goes on", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { underlay: { driver: "tap" }, workers: 2 };
  const network = { allow: [b.address, "10.77.0.0/16"] };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config, network });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  const macOf = async ({ ns }: Host) => (await ns.show<{ address: string }[]>("link", "show", UNDERLAY))[0].address;
  const [dst, src] = [await macOf(a), await macOf(b)];
  const inside = ethernet({ dst: one.mac, src: "02:66:66:66:66:66" }, anything(ETHERTYPE.local, filler(46)));
  const datagram = udp({ srcPort: 50_000, dstPort: 4789 }, vxlan(VNI, inside));
  const forged = Array.from({ length: 1500 }, (_, n) =>
    ethernet({ dst, src }, ipv4({ src: `10.77.${n >>> 8}.${n & 255}`, dst: a.address }, datagram)),
  );
  await b.agent.call("sendFrames", UNDERLAY, forged);
  // Host a has no route to any of them.
  const routes = async () => (await statusOf(ours.daemon)).problems.filter(({ code }) => code === "underlay_route");
  await expect.poll(async () => (await routes())[0]?.message).toContain("(1500, 10.77.0.0 for one)");
  expect(await routes()).toHaveLength(1);
  await carries(ours, kernel);
});

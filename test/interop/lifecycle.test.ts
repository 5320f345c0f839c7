// Coming and going: either side restarts, is killed, is made anew; traffic returns, and nothing is left behind.

import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { vxlane } from "../support/daemon.js";
import { createLab, KERNEL_DEVICE, kernelVxlan, overlayAddress, twoHosts } from "../support/netns.js";
import { pingBothWays, reachable, tcpBothWays, tcpOneWay } from "./traffic.js";

const VNI = 100;
const [one, two, three] = [overlayAddress(1), overlayAddress(2), overlayAddress(3)];

test("traffic returns when vxlane was killed and starts again", async () => {
  const [a, b] = await twoHosts(await createLab());
  const options = { vni: VNI, remotes: [b.address], overlay: one };
  const first = await vxlane(a, options);
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, first);
  await first.daemon.kill();
  await first.daemon.expectGone(first.device);
  const second = await vxlane(a, options);
  await reachable(kernel, second);
  await tcpOneWay(kernel, second, 4, 1_000_000);
});

test("the same socket, state and config serve a daemon that was killed", async () => {
  const [a, b] = await twoHosts(await createLab());
  const directory = a.lab.directory();
  const config = { api: { socket: `${directory}/api.sock` }, stateDir: `${directory}/state` };
  const options = { vni: VNI, remotes: [b.address], overlay: one, config };
  await (await vxlane(a, options)).daemon.kill();
  const again = await vxlane(a, options);
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, again);
});

test("traffic returns when the kernel's peer is made anew, with another MAC", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const before = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await pingBothWays(ours, before);
  await b.ns.ip(`link delete ${KERNEL_DEVICE}`);
  const after = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: { ...two, mac: three.mac } });
  await a.ns.ip(`neigh flush dev ${ours.device}`);
  await pingBothWays(ours, after);
});

test.each(["SIGTERM", "SIGINT"] as const)("%s under traffic leaves nothing behind", async (signal) => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  const before = await a.ns.show<{ ifname: string }[]>("link", "show");
  expect(before.map(({ ifname }) => ifname)).toContain(ours.device);
  await b.agent.call("tcpListen", two.ipv4, 5000);
  a.agent.call("tcpSend", two.ipv4, 5000, { bytes: 2e9 }).catch(() => undefined); // it is cut off
  await sleep(300);
  await ours.daemon.stop(signal);
  const links = async () => (await a.ns.show<{ ifname: string }[]>("link", "show")).map(({ ifname }) => ifname);
  await expect.poll(async () => (await links()).sort()).toEqual(["lo", "under0"]);
  const sockets = () => a.ns.run("ss", ["-Hlnu", "sport = 4789"]);
  await expect.poll(sockets, { message: "a UDP socket is left" }).toBe("");
});

test("a persistent port survives with its addresses, and is taken up again", async () => {
  const [a, b] = await twoHosts(await createLab());
  const network = { ports: [{ name: "blue0", driver: "tap", mac: one.mac, persistent: true }] };
  const options = { vni: VNI, remotes: [b.address], overlay: one, network };
  const first = await vxlane(a, options);
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, first);
  await first.daemon.stop();
  expect(await a.ns.hasLink("blue0"), "the persistent port").toBe(true);
  await a.ns.ip("addr flush dev blue0");
  const second = await vxlane(a, options);
  await reachable(kernel, second);
  await second.daemon.stop();
  await a.ns.ip("link delete blue0");
});

test("several workers share several flows", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config: { workers: 3 } });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  await reachable(kernel, ours);
  await Promise.all([1, 2, 3, 4].map(() => tcpBothWays(ours, kernel, 4_000_000)));
});

test("an idle daemon rests", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const pid = ours.daemon.process.child.pid ?? 0;
  const share = async () => {
    const [start, before] = [performance.now(), await cpuMs(pid)];
    await sleep(2000);
    return ((await cpuMs(pid)) - before) / (performance.now() - start);
  };
  // What it does once, to start, takes longer on a busy machine.
  await expect.poll(share, { message: "of one core" }).toBeLessThan(0.01);
});

/** CPU time of all threads of a process, in ms. */
async function cpuMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const texts = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8")));
  return texts.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e6;
}

test("a port that goes down and comes up again", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await pingBothWays(ours, kernel);
  await a.ns.ip(`link set ${ours.device} down`);
  const times = await b.agent.call("ping", { address: one.ipv4, count: 2, timeoutMs: 100 });
  expect(times).toEqual([null, null]);
  await a.ns.ip(`link set ${ours.device} up`);
  await reachable(kernel, ours);
});

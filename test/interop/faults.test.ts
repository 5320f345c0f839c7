// Faults while traffic flows: a worker dies, the main thread stands still, interfaces go and come back, the disk is full.
// Each is seen where an operator looks, forwarding goes on or comes back by itself, and the counters balance (the
// daemon's end of test asks that).

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Problem } from "../../control/daemon/problems.js";
import { Namespace } from "../../control/demo/lab/netns.js";
import { run } from "../../control/demo/lab/process.js";
import { type Daemon, vxlane } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import {
  createLab,
  type End,
  hostsOnSwitch,
  kernelVxlan,
  openOverlay,
  overlayAddress,
  twoHosts,
  UNDERLAY,
} from "../support/netns.js";
import { broadcastReaches, pingBothWays, reachable, tcpOneWay } from "./traffic.js";

const VNI = 100;
const [one, two, three] = [overlayAddress(1), overlayAddress(2), overlayAddress(3)];
const SLOW = { timeout: 10_000, interval: 100 };

interface Status {
  problems: Problem[];
  workers: { id: number; state: string; restarts: number }[];
}

const problemsOf = async (daemon: Daemon) => (await daemon.get<Status>("/v1/status")).problems.map(({ code }) => code);

async function expectProblem(daemon: Daemon, code: string): Promise<void> {
  await expect.poll(() => problemsOf(daemon), SLOW).toContain(code);
  expect(daemon.process.stderr, "the log").toContain(`"problem":"${code}"`);
}

/** What the port's own answer says of its interface. */
async function portState({ daemon, device }: { daemon: Daemon; device: string }): Promise<string> {
  return (await daemon.get<{ status: { state: string } }>(`/v1/networks/${VNI}/ports/${device}`)).status.state;
}

async function expectNoProblem(daemon: Daemon): Promise<void> {
  await expect.poll(() => problemsOf(daemon), SLOW).toEqual([]);
  expect(daemon.process.stderr, "the log").toContain("no more: ");
}

/** One echo after the other until `isOver`; how many were sent and how many came back. */
async function pingUntil(from: End, to: End, isOver: () => boolean): Promise<{ sent: number; lost: number }> {
  let [sent, lost] = [0, 0];
  while (!isOver()) {
    const [time] = await from.host.agent.call("ping", { address: to.overlay.ipv4, timeoutMs: 1000 });
    sent++;
    if (time === null) lost++;
    await sleep(20);
  }
  return { sent, lost };
}

test("a worker that is killed is back within a second, and the other one never stopped", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { workers: 2 };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config, fault: "kill" });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  const { daemon } = ours;
  for (let kill = 1; kill <= 3; kill++) {
    const start = performance.now();
    daemon.strike();
    const restarts = async () => sumOf(await daemon.metrics(), "vxlane_worker_restarts_total");
    await expect.poll(restarts, { timeout: 5000, interval: 20 }).toBe(kill);
    expect(performance.now() - start, "ms until it was seen").toBeLessThan(1000);
    await expect
      .poll(async () => (await daemon.get<Status>("/v1/status")).workers.map(({ state }) => state), SLOW)
      .not.toContain("absent");
    await reachable(kernel, ours);
    await reachable(ours, kernel);
  }
  // Many flows, so that both workers' queues and sockets have some.
  await Promise.all([1, 2, 3, 4].map(() => tcpOneWay(ours, kernel, 4, 1_000_000)));
  await Promise.all([1, 2, 3, 4].map(() => tcpOneWay(kernel, ours, 4, 1_000_000)));
});

/** When the log said something, by its own clock, ms. */
function timeOf(log: string, message: string): number {
  const line = log.split("\n").find((text) => text.includes(`"msg":"${message}"`)) ?? expect.fail(`no "${message}"`);
  return Date.parse((JSON.parse(line) as { time: string }).time);
}

test.each([
  ["goes round for ever", "loop"],
  ["waits in a system call", "wait"],
] as const)("a worker that %s is started again within a second, and the other one never stopped", async (_, fault) => {
  const [a, b] = await twoHosts(await createLab());
  const config = { workers: 2 };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config, fault });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  const { daemon } = ours;
  const workers = async () => (await daemon.get<Status>("/v1/status")).workers;
  daemon.strike();
  let isOver = false;
  // Several flows: those of the other worker go on.
  const flows = Promise.all([1, 2, 3, 4].map(() => pingUntil(kernel, ours, () => isOver)));
  const restarts = async () => sumOf(await daemon.metrics(), "vxlane_worker_restarts_total");
  await expect.poll(restarts, SLOW).toBe(1);
  isOver = true;
  await flows;
  const log = daemon.process.stderr;
  const seenMs = timeOf(log, "worker hangs, ending its thread") - timeOf(log, "hangs from now on");
  expect(seenMs, "ms until it was seen").toBeLessThan(1000);
  expect(log, "the log").toContain('"locks":1,"msg":"released the locks of a dead worker"');
  await expect.poll(async () => (await workers()).map(({ state }) => state), SLOW).not.toContain("absent");
  expect((await workers()).map(({ restarts }) => restarts).sort()).toEqual([0, 1]);
  await reachable(kernel, ours);
  await reachable(ours, kernel);
  await Promise.all([1, 2, 3, 4].map(() => tcpOneWay(ours, kernel, 4, 1_000_000)));
  await Promise.all([1, 2, 3, 4].map(() => tcpOneWay(kernel, ours, 4, 1_000_000)));
});

test("forwarding does not notice that the main thread stands still for three seconds", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, fault: "block" });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  ours.daemon.strike();
  let isAnswered = false;
  const start = performance.now();
  await sleep(100);
  const answer = ours.daemon.get("/v1/status").then(() => {
    isAnswered = true;
    return performance.now() - start;
  });
  const pings = pingUntil(kernel, ours, () => isAnswered);
  const bytes = tcpOneWay(ours, kernel, 4, 20_000_000);
  expect(await answer, "ms until the API answered: it really stood still").toBeGreaterThan(2500);
  await bytes;
  const { sent, lost } = await pings;
  expect(sent).toBeGreaterThan(20);
  expect(lost, `echoes lost of ${sent}`).toBe(0);
});

test("the underlay's interface goes down and comes back", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  await a.ns.ip(`link set ${UNDERLAY} down`);
  await expectProblem(ours.daemon, "underlay_down");
  const dark = await a.agent.call("ping", { address: two.ipv4, count: 2, timeoutMs: 100 });
  expect(dark).toEqual([null, null]);
  await a.ns.ip(`link set ${UNDERLAY} up`);
  await reachable(ours, kernel);
  await reachable(kernel, ours);
  await expectNoProblem(ours.daemon);
});

test("the underlay's interface is deleted and made again, with its address", async () => {
  const lab = await createLab();
  const [a, b] = await twoHosts(lab);
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  await a.ns.ip(`link delete ${UNDERLAY}`);
  await expectProblem(ours.daemon, "underlay_address");
  await lab.link(
    { host: a.ns, name: UNDERLAY, addresses: [`${a.address}/24`] },
    { host: b.ns, name: UNDERLAY, addresses: [`${b.address}/24`] },
    1500,
  );
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  await pingBothWays(kernel, ours);
  await expectNoProblem(ours.daemon);
});

test("multicast groups are joined again on an interface that was made again", async () => {
  const lab = await createLab();
  const [a, b, c] = await hostsOnSwitch(lab, 3);
  if (a === undefined || b === undefined || c === undefined) throw new Error("three hosts were asked for");
  const group = "239.1.1.1";
  const network = { flood: { mode: "multicast", group, ttl: 8 }, allow: ["10.99.0.0/24"] };
  const config = { underlay: { driver: "udp", interface: UNDERLAY } };
  const ours = await vxlane(a, { vni: VNI, overlay: one, network, config, quiet: true });
  const others = [
    await kernelVxlan(b, { vni: VNI, group, overlay: two, quiet: true }),
    await kernelVxlan(c, { vni: VNI, group, overlay: three, quiet: true }),
  ];
  await broadcastReaches(ours, others);
  await a.ns.ip(`link delete ${UNDERLAY}`);
  await expectProblem(ours.daemon, "underlay_interface");
  const middle = new Namespace(a.ns.name.replace(/-a$/, "-switch"), "switch", lab);
  await lab.link({ host: middle, name: "again" }, { host: a.ns, name: UNDERLAY, addresses: [`${a.address}/24`] }, 1500);
  await middle.ip("link set again master br0");
  await expectNoProblem(ours.daemon);
  await broadcastReaches(others[0], [ours, others[1]]);
  await broadcastReaches(ours, others);
});

test("a TAP that is deleted under the daemon is made again", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  await a.ns.ip(`link delete ${ours.device}`);
  await expect.poll(() => a.ns.hasLink(ours.device), SLOW).toBe(true);
  expect(ours.daemon.process.stderr, "the log").toContain(`port ${ours.device}: its interface was deleted`);
  await openOverlay(a, ours.device, one);
  await reachable(kernel, ours);
  await pingBothWays(ours, kernel);
  await expectNoProblem(ours.daemon);
});

test("a TAP that cannot be made again is a port that is down, until it can", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  // The daemon stands still meanwhile, or it would make its TAP again before the name is taken.
  await a.ns.ip("link add taken type veth peer name taken-peer");
  ours.daemon.process.child.kill("SIGSTOP");
  try {
    await a.ns.ip(`link delete ${ours.device}`, `link set taken name ${ours.device}`);
  } finally {
    ours.daemon.process.child.kill("SIGCONT");
  }
  await expectProblem(ours.daemon, "port_gone");
  expect(await portState(ours)).toBe("deleted");
  await a.ns.ip(`link delete ${ours.device}`);
  await expectNoProblem(ours.daemon);
  await openOverlay(a, ours.device, one);
  await reachable(kernel, ours);
});

test("a port that is taken down says so", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  await a.ns.ip(`link set ${ours.device} down`);
  await expectProblem(ours.daemon, "port_down");
  expect(await portState(ours)).toBe("down");
  await a.ns.ip(`link set ${ours.device} up`);
  await expectNoProblem(ours.daemon);
  expect(await portState(ours)).toBe("up");
});

test("a port may move to another namespace", async () => {
  const lab = await createLab();
  const [a, b] = await twoHosts(lab);
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  const guest = await lab.host("guest");
  await a.ns.ip(`link set ${ours.device} netns ${guest.name}`);
  await guest.ip(`addr add ${one.ipv4}/24 dev ${ours.device}`, `link set ${ours.device} up`);
  await reachable(kernel, ours);
  expect(await problemsOf(ours.daemon)).toEqual([]);
});

test("a full disk is said, and forwarding goes on", async () => {
  const lab = await createLab();
  const [a, b] = await twoHosts(lab);
  const stateDir = join(lab.directory(), "small");
  await mkdir(stateDir);
  await run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", stateDir]);
  onTestFinished(() => run("umount", ["--lazy", stateDir]).then(() => undefined));
  await writeFile(join(stateDir, "filler"), Buffer.alloc(65_536));
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config: { stateDir } });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await expectProblem(ours.daemon, "state_dir");
  await pingBothWays(ours, kernel);
  await writeFile(join(stateDir, "filler"), "");
  await expectNoProblem(ours.daemon);
});

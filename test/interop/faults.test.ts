// Faults while traffic flows: a worker dies, the main thread stands still, interfaces go and come back, the disk is full.
// Each is seen where an operator looks, forwarding goes on or comes back by itself, and the counters balance (the
// daemon's end of test asks that).

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Problem } from "../../control/daemon/problems.js";
import { Namespace } from "../../control/demo/lab/netns.js";
import { run } from "../../control/demo/lab/process.js";
import { type Daemon, type VxlaneRunning, vxlane } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import {
  createLab,
  hostsOnSwitch,
  kernelVxlan,
  openOverlay,
  overlayAddress,
  twoHosts,
  UNDERLAY,
} from "../support/netns.js";
import { broadcastReaches, pingBothWays, pingUntil, reachable, tcpOneWay } from "./traffic.js";

const VNI = 100;
const [one, two, three] = [overlayAddress(1), overlayAddress(2), overlayAddress(3)];
/** The daemon looks four times a second, so at the fourth look a second is not over. */
const LOOKS_A_SECOND = 4;
/** An echo that a worker has while it hangs does not come. */
const LOST_MS = 500;

interface Status {
  problems: Problem[];
  workers: { id: number; state: string; restarts: number }[];
}

const problemsOf = async (daemon: Daemon) => (await daemon.get<Status>("/v1/status")).problems.map(({ code }) => code);

async function expectProblem(daemon: Daemon, code: string): Promise<void> {
  await expect.poll(() => problemsOf(daemon)).toContain(code);
  await daemon.expectLog(`"problem":"${code}"`);
}

/** What the port's own answer says of its interface. */
async function expectPortState({ daemon, device }: VxlaneRunning, state: string): Promise<void> {
  const path = `/v1/networks/${VNI}/ports/${device}`;
  const stateNow = async () => (await daemon.get<{ status: { state: string } }>(path)).status.state;
  await expect.poll(stateNow).toBe(state);
}

async function expectNoProblem(daemon: Daemon): Promise<void> {
  await expect.poll(() => problemsOf(daemon)).toEqual([]);
  await daemon.expectLog("no more: ");
}

test("a worker that is killed is back within a second, and the other one never stopped", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { workers: 2 };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config, fault: "kill" });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  const { daemon } = ours;
  for (let kill = 1; kill <= 3; kill++) {
    daemon.strike();
    const restarts = async () => sumOf(await daemon.metrics(), "vxlane_worker_restarts_total");
    await expect.poll(restarts).toBe(kill);
    const looks = () => looksBetween(daemon.process.stderr, "is killed now", "worker failed, starting it again");
    await expect.poll(() => looks().length).toBe(kill);
    expect(looks().at(-1), "looks until it was seen").toBeLessThanOrEqual(LOOKS_A_SECOND);
    await expect
      .poll(async () => (await daemon.get<Status>("/v1/status")).workers.map(({ state }) => state))
      .not.toContain("absent");
    await reachable(kernel, ours);
    await reachable(ours, kernel);
  }
  // Many flows, so that both workers' queues and sockets have some.
  await Promise.all([1, 2, 3, 4].map(() => tcpOneWay(ours, kernel, 4, 1_000_000)));
  await Promise.all([1, 2, 3, 4].map(() => tcpOneWay(kernel, ours, 4, 1_000_000)));
});

/** What the log says, oldest first; its last line may be on its way. */
function messagesOf(log: string): { msg: string; time: string }[] {
  const lines = log.split("\n").slice(0, -1);
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as { msg: string; time: string });
}

/** How often the daemon looked after its workers from each `from` to the `to` that follows it. */
function looksBetween(log: string, from: string, to: string): number[] {
  const counts: number[] = [];
  let looks: number | undefined;
  for (const { msg } of messagesOf(log)) {
    if (msg === from) looks = 0;
    else if (looks === undefined) continue;
    else if (msg === "looks after its workers") looks++;
    else if (msg === to) {
      counts.push(looks);
      looks = undefined;
    }
  }
  return counts;
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
  // Several flows: those of the other worker go on, and an echo that the hanging one has is lost.
  const flows = Promise.all([1, 2, 3, 4].map(() => pingUntil(kernel, ours, () => isOver, LOST_MS)));
  const restarts = async () => sumOf(await daemon.metrics(), "vxlane_worker_restarts_total");
  await expect.poll(restarts).toBe(1);
  isOver = true;
  await flows;
  await daemon.expectLog('"locks":1,"msg":"released the locks of a dead worker"');
  const [looks, ...more] = looksBetween(daemon.process.stderr, "hangs from now on", "worker hangs, ending its thread");
  expect(more).toEqual([]);
  expect(looks, "looks until it was seen").toBeGreaterThan(0);
  expect(looks, "looks until it was seen").toBeLessThanOrEqual(LOOKS_A_SECOND);
  await expect.poll(async () => (await workers()).map(({ state }) => state)).not.toContain("absent");
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
  await ours.daemon.expectLog("stands still from now on");
  let isAnswered = false;
  const answer = ours.daemon.get("/v1/status").then(() => {
    isAnswered = true;
    return Date.now();
  });
  const pings = pingUntil(kernel, ours, () => isAnswered);
  const bytes = tcpOneWay(ours, kernel, 4, 20_000_000);
  const answeredMs = await answer;
  await bytes;
  const { sent, lost } = await pings;
  await ours.daemon.expectLog("goes on");
  const end = messagesOf(ours.daemon.process.stderr).find(({ msg }) => msg === "goes on");
  expect(answeredMs, "the API answered: it really stood still").toBeGreaterThanOrEqual(Date.parse(end?.time ?? ""));
  expect(sent).toBeGreaterThan(10);
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
  await expect.poll(() => a.ns.hasLink(ours.device)).toBe(true);
  await ours.daemon.expectLog(`port ${ours.device}: its interface was deleted`);
  await expectPortState(ours, "up");
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
  await expectPortState(ours, "deleted");
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
  await expectPortState(ours, "down");
  await a.ns.ip(`link set ${ours.device} up`);
  await expectNoProblem(ours.daemon);
  await expectPortState(ours, "up");
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

// What AF_XDP takes off an interface and what it leaves to the host, and the modes in which it does so: native where the interface's
// driver has it, the kernel's generic one otherwise, and when offloads are off.

import { expect, onTestFinished, test } from "vitest";
import { BPF_PROG_TYPE_SCHED_CLS, linkTcxEgress, loadProgram } from "../../control/linux/bpf.js";
import { assemble, call, exit, move, R0, R2, R3 } from "../../control/linux/bpf-assembler.js";
import { closeFd, inNamespace, listInterfaces } from "../../control/linux/index.js";
import { type Daemon, MAIN } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import { createLab, kernelVxlan, twoHosts, UNDERLAY } from "../support/netns.js";
import { namespaceFile } from "./driver-lab.js";
import { allTraffic, arrivals, hex, pingBothWays, reachable, tcpBothWays, testFrame } from "./traffic.js";
import {
  container,
  expectAllFrames,
  expectMode,
  one,
  overXdp,
  portDaemon,
  statusOf,
  two,
  VNI,
  withPort,
  XDP,
} from "./xdp-lab.js";

const SECOND_ADDRESS = "10.99.0.91";

test("what is not the VTEP's passes to the host: TCP, other ports, the same port of another address", async () => {
  const [ours, kernel] = await overXdp();
  const [a, b] = [ours.host, kernel.host];
  await reachable(ours, kernel);
  await a.ns.ip(`addr add ${SECOND_ADDRESS}/24 dev ${UNDERLAY}`);

  await a.agent.call("tcpListen", a.address, 2222);
  const sent = await b.agent.call("tcpSend", a.address, 2222, { bytes: 5_000_000 });
  expect((await a.agent.call("tcpTransfer", 2222)).sha256).toBe(sent.sha256);

  const sizes = [0, 1, 100, 1472, 4000];
  for (const [address, port] of [
    [a.address, 4788],
    [a.address, 53],
    [SECOND_ADDRESS, 4789],
  ] as const) {
    await a.agent.call("udpListen", address, port);
    const datagrams = await b.agent.call("udpSend", { address, port, sizes });
    expect(await a.agent.call("udpTaken", port, sizes.length), `${address}:${port}`).toEqual(datagrams);
  }
  // Nothing of it was taken for VXLAN.
  expect(sumOf(await ours.daemon.metrics(), "vxlane_dropped_frames_total", { direction: "decap" })).toBe(0);
  await pingBothWays(ours, kernel);
  await expectAllFrames(ours.daemon);
});

test("offloads off: generic mode, said by status and metrics, and everything passes", async () => {
  const [ours, kernel] = await overXdp(4, { offloads: "off" });
  await expectMode(ours.daemon, UNDERLAY, "generic");
  for (const feature of ["xdp_native", "xdp_zerocopy"])
    await ours.daemon.expectMetric(0, "vxlane_offload_enabled", { feature });
  await allTraffic(ours, kernel);
  await expectAllFrames(ours.daemon);
});

/** What is said to whoever owns the port's other end. */
async function expectHint(daemon: Daemon, remedy: string): Promise<void> {
  const hint = async () => (await statusOf(daemon)).xdp.interfaces.find(({ name }) => name === "veth0")?.hint;
  await expect.poll(hint).toContain(remedy);
}

test("native mode on a veth is copied, and both are said", async () => {
  const [ours] = await overXdp(4, { offloads: "auto" });
  await expectMode(ours.daemon, UNDERLAY, "native");
  await ours.daemon.expectMetric(1, "vxlane_offload_enabled", { feature: "xdp_native" });
  await ours.daemon.expectMetric(0, "vxlane_offload_enabled", { feature: "xdp_zerocopy" });
  const interfaces = async () => (await statusOf(ours.daemon)).xdp.interfaces;
  const native = { name: UNDERLAY, as: "underlay", mode: "native", zeroCopy: false, queues: 1 };
  await expect.poll(interfaces).toEqual([native]);
});

test("native mode ends the super-frames of a container by itself", async () => {
  const [a, b] = await twoHosts(await createLab("ethtool"));
  const box = await container(a, a.lab, one);
  const daemon = await portDaemon(a, { offloads: "auto", ...withPort([b.address], XDP) });
  await expectMode(daemon, "veth0", "native");
  const port = await daemon.get<object>(`/v1/networks/${VNI}/ports/veth0`);
  expect(port).toMatchObject({ driver: "xdp", queues: "auto", status: { state: "up", queues: 1 } });
  const shown = await a.ns.run(process.execPath, [MAIN, "status", "--socket", daemon.socket]);
  expect(shown).toMatch(/^xdp +port veth0: native, 1 queue; .*txvlan off/m);
  expect(await box.host.ns.run("ethtool", ["-k", "eth0"])).toMatch(/^tcp-segmentation-offload: off/m);
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(box, kernel);
  await tcpBothWays(box, kernel, 2_000_000);
  await expectAllFrames(daemon);
});

test("generic mode takes no super-frames, counts them, and says the remedy, with which a container's streams pass", async () => {
  const [a, b] = await twoHosts(await createLab("ethtool"));
  const box = await container(a, a.lab, one);
  const daemon = await portDaemon(a, { offloads: "off", ...withPort([b.address], XDP) });
  await expectMode(daemon, "veth0", "generic");
  await expectHint(daemon, "tso off gso off");
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(box, kernel);
  // Three trains, each in one piece.
  for (let n = 0; n < 3; n++) {
    const train = { address: two.ipv4, port: 9, sizes: Array(20).fill(1200), segment: 1200 };
    await box.host.agent.call("udpSend", train);
  }
  await daemon.expectMetric(3, "vxlane_dropped_frames_total", { reason: "too_big", direction: "encap" });
  await daemon.expectBalance();
  expect(await daemon.dropped("port_lost")).toBe(0);
  const problems = async () =>
    (await daemon.get<{ problems: { code: string; message: string }[] }>("/v1/status")).problems;
  await expect
    .poll(problems)
    .toMatchObject([{ code: "port_too_big", message: expect.stringMatching(/^port veth0: 3 frames .*tso off/) }]);

  await box.host.ns.run("ethtool", ["-K", "eth0", "tso", "off", "gso", "off"]);
  await tcpBothWays(box, kernel, 2_000_000);
  await expectAllFrames(daemon);
});

const BPF_FUNC_SKB_VLAN_PUSH = 18; // linux/bpf.h
const TCX_NEXT = -1;
const ETH_P_8021Q_WIRE = 0x0081;

/** All that leaves the interface has a tag, beside its bytes: as a VLAN device gives it to a veth. */
function tagAll(netns: string, name: string, vid: number): void {
  const code = assemble([
    move(R2, ETH_P_8021Q_WIRE),
    move(R3, vid),
    call(BPF_FUNC_SKB_VLAN_PUSH),
    move(R0, TCX_NEXT),
    exit(),
  ]);
  const link = inNamespace(netns, () => {
    const program = loadProgram({ type: BPF_PROG_TYPE_SCHED_CLS, name: "tag", code });
    const ifIndex = listInterfaces(netns).find((candidate) => candidate.name === name)?.index ?? 0;
    try {
      return linkTcxEgress(program, ifIndex);
    } finally {
      closeFd(program);
    }
  });
  onTestFinished(() => closeFd(link));
}

test("a container's VLAN tags pass with the remedy that is said", async () => {
  const [a, b] = await twoHosts(await createLab("ethtool"));
  const box = await container(a, a.lab, one);
  const daemon = await portDaemon(a, withPort([b.address], XDP));
  await expectHint(daemon, "txvlan off");
  await box.host.ns.run("ethtool", ["-K", "eth0", "txvlan", "off"]);
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(box, kernel);
  tagAll(namespaceFile(box.host), "eth0", 7);
  const frame = testFrame(two.mac, one.mac, "tag");
  const [arrived] = await arrivals(
    [kernel],
    () => [1],
    () => box.host.agent.call("sendFrames", "eth0", [frame]),
  );
  expect(arrived).toEqual([hex(testFrame(two.mac, one.mac, "tag", 7))]);
});

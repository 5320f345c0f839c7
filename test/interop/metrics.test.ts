// /metrics of a running daemon: nothing for promtool to complain about, the pinned names as the outside sees them, the
// alerts that they raise, and the balance while super-frames pass: a kernel peer hands them over whole, and they count as
// what the wire would show.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { vxlane } from "../support/daemon.js";
import { balanceOf, sumOf } from "../support/metrics.js";
import { createLab, kernelVxlan, overlayAddress, twoHosts } from "../support/netns.js";
import { alertTest } from "./alerts.js";
import { allTraffic, BROADCAST, reachable, tcpOneWay, testFrame, udpOneWay, vxlanDatagram } from "./traffic.js";

const VNI = 100;
const METRICS = "http://127.0.0.1:9479/metrics";
const [FLOWS, DATAGRAMS] = [40, 5];
const [one, two] = [overlayAddress(1), overlayAddress(2)];

/** Name and type, as promised to whoever builds a dashboard on them. */
const PINNED = {
  vxlane_received_frames_total: "counter",
  vxlane_frames_total: "counter",
  vxlane_bytes_total: "counter",
  vxlane_local_frames_total: "counter",
  vxlane_flooded_frames_total: "counter",
  vxlane_dropped_frames_total: "counter",
  vxlane_vtep_frames_total: "counter",
  vxlane_vtep_bytes_total: "counter",
  vxlane_fdb_entries: "gauge",
  vxlane_fdb_capacity: "gauge",
  vxlane_fdb_events_total: "counter",
  vxlane_worker_batch_frames: "histogram",
  vxlane_worker_busy_ratio: "gauge",
  vxlane_worker_restarts_total: "counter",
  vxlane_events_lost_total: "counter",
  vxlane_problems: "gauge",
  vxlane_offload_enabled: "gauge",
  vxlane_build_info: "gauge",
};

test("promtool finds nothing to say after traffic of all kinds", async () => {
  const [a, b] = await twoHosts(await createLab("promtool"));
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await allTraffic(ours, kernel);
  const text = await a.agent.call("httpGet", METRICS);
  expect(await a.ns.run("promtool", ["check", "metrics"], { input: text })).toBe("");
  const types = [...text.matchAll(/^# TYPE (vxlane_\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);
  expect(Object.fromEntries(types)).toEqual(PINNED);
  expect(text).toContain("process_cpu_seconds_total");
  expect(text).not.toContain("nodejs_active_handles_total");
  const ratio = async () => {
    await tcpOneWay(ours, kernel, 4, 1_000_000);
    return sumOf(await ours.daemon.metrics(), "vxlane_worker_busy_ratio");
  };
  await expect.poll(ratio).toBeGreaterThan(0);
});

test("whoever is paged learns which frames were dropped, where and why", async () => {
  const RULES = fileURLToPath(new URL("../../control/metrics/vxlane.rules.yml", import.meta.url));
  const [DROPPED, VXLAN_PORT, GROUP_MAC] = [60, 4789, "01:00:5e:00:00:01"];
  const [a, b] = await twoHosts(await createLab("promtool"));
  const { daemon } = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, quiet: true });
  const before = await daemon.metrics();
  const datagrams = Array.from({ length: DROPPED }, (_, n) => [
    vxlanDatagram(VNI + 1, testFrame(BROADCAST, two.mac, `stranger ${n}`)),
    vxlanDatagram(VNI, testFrame(BROADCAST, GROUP_MAC, `broken ${n}`)),
  ]);
  await b.agent.call("sendDatagrams", a.address, VXLAN_PORT, datagrams.flat(), b.address);
  for (const reason of ["unknown_vni", "source_mac_invalid"]) {
    await daemon.expectMetric(DROPPED, "vxlane_dropped_frames_total", { reason, direction: "decap" });
  }
  const file = join(a.lab.directory(), "alerts.yml");
  await writeFile(
    file,
    await alertTest(RULES, before, await daemon.metrics(), {
      VxlanePeerRefused: { labels: { reason: "unknown_vni", direction: "decap" }, says: "before the network is known" },
      VxlaneFramesDamaged: {
        labels: { reason: "source_mac_invalid", direction: "decap", vni: `${VNI}` },
        says: `network ${VNI}`,
      },
    }),
  );
  expect(await a.ns.run("promtool", ["check", "rules", RULES])).toContain("SUCCESS");
  expect(await a.ns.run("promtool", ["test", "rules", file])).toContain("SUCCESS");
});

test("a super-frame counts as its segments", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  const BYTES = 20_000_000;
  const before = await ours.daemon.metrics();
  await tcpOneWay(kernel, ours, 4, BYTES);
  await ours.daemon.expectBalance();
  const after = await ours.daemon.metrics();
  const grown = (name: string) => {
    const labels = { vni: VNI, direction: "decap" };
    return sumOf(after, name, labels) - sumOf(before, name, labels);
  };
  // An MTU of 1450 leaves 1398 for data beside IPv4, TCP and time stamps; each segment has 66 bytes of headers.
  const [frames, bytes] = [grown("vxlane_frames_total"), grown("vxlane_bytes_total")];
  expect(frames).toBeGreaterThanOrEqual(Math.floor(BYTES / 1398));
  expect(bytes / frames, "bytes a frame").toBeLessThanOrEqual(1464);
  expect(bytes).toBeGreaterThanOrEqual(BYTES + 66 * Math.floor(BYTES / 1398));
  const batches = sumOf(after, "vxlane_worker_batch_frames_sum") - sumOf(before, "vxlane_worker_batch_frames_sum");
  const received = balanceOf(after).map((balance) => balance.received);
  expect(batches, "what workers took in: whole super-frames").toBeLessThan(received[0] + received[1]);
});

test("two workers share the flows, and each says how many frames it took", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { workers: 2, underlay: { driver: "udp" } };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours);
  const frames = async () => {
    const { workers } = await ours.daemon.get<{ workers: { frames: number }[] }>("/v1/status");
    return workers.map((worker) => worker.frames);
  };
  for (const [from, to] of [
    [ours, kernel],
    [kernel, ours],
  ] as const) {
    const before = await frames();
    await Promise.all(Array.from({ length: FLOWS }, () => udpOneWay(from, to, 4, Array(DATAGRAMS).fill(100))));
    const taken = (await frames()).map((count, worker) => count - before[worker]);
    // A hash spreads flows; that one of two workers gets less than a tenth of them is one chance in a million.
    const each = `frames of each, from ${from.host.ns.label}: ${taken}`;
    expect(taken, each).toEqual([expect.any(Number), expect.any(Number)]);
    expect(Math.min(...taken), each).toBeGreaterThan(FLOWS / 10);
  }
});

// The metrics by their pinned names, straight from the tables; and the balance, kernel losses included.

import { pino } from "pino";
import { beforeEach, expect, it } from "vitest";
import { Problems } from "../../../control/daemon/problems.js";
import { Metrics } from "../../../control/metrics/metrics.js";
import { startMetrics } from "../../../control/metrics/server.js";
import { balanceOf, parseMetrics, sumOf } from "../../support/metrics.js";
import { BROADCAST, frame, portSpec, receiveFrom, sendInto, spec } from "../tables/fixture.js";
import { createFakeDaemon, type FakeDaemon } from "./running.js";

const [OURS, THEIRS] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];

/** Name, type, labels. */
const PINNED: [string, string, string[]][] = [
  ["vxlane_received_frames_total", "counter", ["direction", "vni"]],
  ["vxlane_frames_total", "counter", ["direction", "vni"]],
  ["vxlane_bytes_total", "counter", ["direction", "vni"]],
  ["vxlane_local_frames_total", "counter", ["vni"]],
  ["vxlane_flooded_frames_total", "counter", ["direction", "vni"]],
  ["vxlane_dropped_frames_total", "counter", ["direction", "reason", "vni"]],
  ["vxlane_vtep_frames_total", "counter", ["direction", "vtep"]],
  ["vxlane_vtep_bytes_total", "counter", ["direction", "vtep"]],
  ["vxlane_fdb_entries", "gauge", ["kind", "vni"]],
  ["vxlane_fdb_capacity", "gauge", []],
  ["vxlane_fdb_events_total", "counter", ["event", "vni"]],
  ["vxlane_worker_busy_ratio", "gauge", ["worker"]],
  ["vxlane_worker_restarts_total", "counter", ["worker"]],
  ["vxlane_events_lost_total", "counter", []],
  ["vxlane_problems", "gauge", []],
];

let daemon: FakeDaemon;
let metrics: Metrics;
let port: number;
beforeEach(async () => {
  daemon = await createFakeDaemon();
  const { tables } = daemon;
  tables.networks.add(spec(100, { vteps: ["10.0.0.2", "10.0.0.3"] }));
  [{ id: port }] = tables.ports.add(100, [portSpec("a", OURS), portSpec("b", "02:00:00:00:00:11")]);
  metrics = new Metrics(daemon.running);
});

const read = async () => parseMetrics(await metrics.collect());

it("have their names, types and labels", async () => {
  receiveFrom(daemon, "10.0.0.2", 7, frame(THEIRS, OURS));
  const text = await metrics.collect();
  const samples = parseMetrics(text);
  for (const [name, type, labels] of PINNED) {
    expect(text).toMatch(new RegExp(`^# HELP ${name} .+\\.$`, "m"));
    expect(text).toMatch(new RegExp(`^# TYPE ${name} ${type}$`, "m"));
    const found = samples.filter((sample) => sample.name === name);
    expect(found.length, name).toBeGreaterThan(0);
    for (const sample of found) expect(Object.keys(sample.labels).sort(), name).toEqual(labels);
  }
  expect(samples.find(({ name }) => name === "vxlane_build_info")?.labels).toHaveProperty("version");
  expect(samples.find(({ name }) => name === "process_resident_memory_bytes")?.value).toBeGreaterThan(1e6);
});

it("give promtool nothing to say", async () => {
  const text = await metrics.collect();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({ name, type }));
  expect(new Set(types.map(({ name }) => name)).size).toBe(types.length);
  for (const { name, type } of types) {
    expect(name.endsWith("_total"), `${name} is a ${type}`).toBe(type === "counter");
    expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, "m"));
  }
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const names = series.map((line) => line.slice(0, line.lastIndexOf(" ")));
  expect(new Set(names).size).toBe(names.length);
});

it("count each frame once", async () => {
  receiveFrom(daemon, "10.0.0.2", 100, frame(THEIRS, OURS));
  receiveFrom(daemon, "10.0.0.2", 7, frame(THEIRS, OURS));
  receiveFrom(daemon, "10.9.9.9", 100, frame(THEIRS, OURS));
  receiveFrom(daemon, "10.0.0.2", 100, frame(BROADCAST, OURS));
  sendInto(daemon, port, frame(OURS, BROADCAST));
  sendInto(daemon, port, frame(OURS, THEIRS));
  sendInto(daemon, port, frame(OURS, "02:00:00:00:00:11"));
  const samples = await read();
  expect(balanceOf(samples)).toEqual([
    { direction: "encap", received: 3, frames: 2, local: 1, dropped: 0, missing: 0 },
    { direction: "decap", received: 4, frames: 1, local: 0, dropped: 3, missing: 0 },
  ]);
  const dropped = (vni: string, reason: string) =>
    sumOf(samples, "vxlane_dropped_frames_total", { vni, direction: "decap", reason });
  expect(dropped("", "unknown_vni")).toBe(1);
  expect(dropped("", "vtep_not_allowed")).toBe(1);
  expect(dropped("100", "source_mac_invalid")).toBe(1);
  expect(dropped("", "bad_checksum")).toBe(0);
  expect(sumOf(samples, "vxlane_vtep_frames_total", { vtep: "10.0.0.2", direction: "encap" })).toBe(2);
  expect(sumOf(samples, "vxlane_vtep_frames_total", { vtep: "10.0.0.3", direction: "encap" })).toBe(1);
  expect(sumOf(samples, "vxlane_fdb_entries", { vni: 100, kind: "learned" })).toBe(1);
  expect(sumOf(samples, "vxlane_fdb_events_total", { vni: 100, event: "learned" })).toBe(1);
  expect(sumOf(samples, "vxlane_fdb_events_total", { vni: 100, event: "frozen" })).toBe(0);
});

it("have every reason of every network before its first frame, once and with 0", async () => {
  daemon.tables.networks.add(spec(200));
  const drops = (samples: Awaited<ReturnType<typeof read>>) =>
    samples.filter(({ name }) => name === "vxlane_dropped_frames_total");
  const before = drops(await read());
  expect(before.every(({ value }) => value === 0)).toBe(true);
  expect(new Set(before.map(({ labels }) => labels.vni))).toEqual(new Set(["", "100", "200"]));
  const keyOf = ({ labels: { vni, direction, reason } }: (typeof before)[number]) => `${vni} ${direction} ${reason}`;
  const keys = before.map(keyOf);
  expect(keys).toContain("200 encap too_big");
  expect(keys).toContain(" decap vtep_not_allowed");
  sendInto(daemon, port, frame(OURS, OURS));
  receiveFrom(daemon, "10.0.0.2", 100, frame(BROADCAST, OURS));
  const after = drops(await read());
  expect(after.map(keyOf).sort()).toEqual([...keys].sort());
  expect(after.filter(({ value }) => value > 0).map(keyOf)).toContain("100 decap source_mac_invalid");
});

it("count what the kernel lost as received and as dropped", async () => {
  daemon.lost.ports = 5;
  daemon.lost.tooBig = 2;
  daemon.lost.underlay = 7;
  const samples = await read();
  expect(balanceOf(samples)).toEqual([
    { direction: "encap", received: 7, frames: 0, local: 0, dropped: 7, missing: 0 },
    { direction: "decap", received: 7, frames: 0, local: 0, dropped: 7, missing: 0 },
  ]);
  const labels = { direction: "encap", vni: "100", reason: "port_lost" };
  expect(sumOf(samples, "vxlane_dropped_frames_total", labels)).toBe(5);
  expect(sumOf(samples, "vxlane_dropped_frames_total", { ...labels, reason: "too_big" })).toBe(2);
  expect(sumOf(samples, "vxlane_dropped_frames_total", { reason: "underlay_lost" })).toBe(7);
});

it("show batches as a cumulative histogram", async () => {
  for (let n = 0; n < 3; n++) daemon.ports.inject(port, frame(OURS, BROADCAST));
  daemon.engine.servePort(port);
  sendInto(daemon, port, frame(OURS, BROADCAST));
  const samples = (await read()).filter(({ name }) => name.startsWith("vxlane_worker_batch_frames"));
  const bucket = (le: string) => samples.find(({ labels }) => labels.le === le)?.value;
  expect(["1", "2", "4", "256", "+Inf"].map(bucket)).toEqual([1, 1, 2, 2, 2]);
  expect(sumOf(samples, "vxlane_worker_batch_frames_sum")).toBe(4);
  expect(sumOf(samples, "vxlane_worker_batch_frames_count")).toBe(2);
});

it("tell that something is wrong, until it is not", async () => {
  const problems = new Problems(pino({ level: "silent" }));
  const own = new Metrics({ ...daemon.running, problems });
  const count = async () => sumOf(parseMetrics(await own.collect()), "vxlane_problems");
  expect(await count()).toBe(0);
  problems.begin("port_gone", "a", "port a: its interface was deleted");
  problems.begin("underlay_down", "eth0", "underlay: eth0 is down");
  expect(await count()).toBe(2);
  problems.end("port_gone", "a");
  problems.end("underlay_down", "eth0");
  expect(await count()).toBe(0);
});

it("forget a network that is gone, and start anew for one of its VNI", async () => {
  sendInto(daemon, port, frame(OURS, BROADCAST));
  daemon.tables.networks.remove(100);
  expect((await read()).some(({ labels }) => labels.vni === "100")).toBe(false);
  daemon.tables.networks.add(spec(100));
  expect(sumOf(await read(), "vxlane_received_frames_total", { vni: 100 })).toBe(0);
});

it("are served on /metrics alone", async () => {
  const server = await startMetrics(daemon.running);
  const response = await fetch(server.address);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(parseMetrics(await response.text()).length).toBeGreaterThan(20);
  expect((await fetch(server.address.replace("/metrics", "/"))).status).toBe(404);
  expect((await fetch(server.address, { method: "POST" })).status).toBe(405);
  await server.close();
  await expect(fetch(server.address)).rejects.toThrow();
});

it("refuse an address that is taken", async () => {
  const first = await startMetrics(daemon.running);
  const port = Number(new URL(first.address).port);
  const { config } = daemon.running;
  const second = { ...daemon.running, config: { ...config, metrics: { listen: { host: "127.0.0.1", port } } } };
  await expect(startMetrics(second)).rejects.toMatchObject({ code: "ERR_HOST_PORT_TAKEN" });
  await first.close();
});

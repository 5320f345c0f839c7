// Made-up runs and reports, for tests of what is made of them.

import type { Measure } from "../../../bench/measure.js";
import { type Finished, toReport } from "../../../bench/report/document.js";
import type { Environment, Report } from "../../../bench/report/schema.js";
import { type Plan, Run, type Settings, type Suite } from "../../../bench/suite.js";

export const ENVIRONMENT: Environment = {
  date: "2026-01-02T03:04:05.678Z",
  command: "vxlane bench",
  vxlane: "0.1.0",
  commit: "0123456789ab",
  cpu: "a CPU",
  cores: 2,
  memoryGiB: 24,
  kernel: "6.18.0",
  arch: "x64",
  node: "v20.20.2",
  v8: "11.3",
  compiler: "gcc 12",
  load: [0, 0, 0],
  interfaces: [{ name: "eth0", driver: "virtio_net", mtu: 1500, megabits: 1000, offloads: ["scatter-gather"] }],
  sysctls: [{ name: "net.core.rmem_max", value: "212992" }],
};

export const SETTINGS: Settings = { rounds: 3, seconds: 1, quick: false, peers: undefined, only: () => true };

export function newRun(settings: Partial<Settings> = {}, signal = new AbortController().signal): Run {
  return new Run({ settings: { ...SETTINGS, ...settings }, signal, progress: () => undefined });
}

export const NO_PLAN: Plan = { lines: [], seconds: 0, missing: [] };

export function newSuite(name: string, run: (run: Run) => Promise<void> = () => Promise.resolve()): Suite {
  return {
    ...{ name, summary: "made up", run },
    ...{ defaults: { rounds: 3, seconds: 1 }, quick: { rounds: 2, seconds: 0.1 } },
    plan: () => NO_PLAN,
  };
}

/** A report of one suite. */
export function reportOf(run: Run, changes: Partial<Environment> = {}, name = "made"): Report {
  const finished: Finished = { suite: newSuite(name), plan: NO_PLAN, run, seconds: 1, options: [] };
  return toReport({ ...ENVIRONMENT, ...changes }, [finished], { quick: run.settings.quick, seconds: 1 });
}

/** One value a round. */
export function addAll(measure: Measure, contender: string, values: readonly number[], cpu?: number): void {
  for (const [round, value] of values.entries()) measure.add(contender, round, value, cpu);
}

export const NO_OVS = "no ovs-vsctl: apt-get install openvswitch-switch";

/** Bars and lines, figures that are noisy, absent, incomplete or at the ceiling, frames that are counted. */
export function everything(): Run {
  const run = newRun();
  for (const [id, x] of [
    ["tcp-out", "out"],
    ["tcp-in", "in"],
  ] as const) {
    const plot = { chart: "TCP", x, xLabel: "direction" };
    const tcp = run.measure({ id, title: `TCP ${x}`, unit: "Gbit/s", better: "higher", baseline: "kernel", plot });
    addAll(tcp, "kernel", [16, 17, 18], 1.9);
    addAll(tcp, "vxlane udp", [8, 12, 9], 1.8);
    tcp.absent("ovs", NO_OVS);
    for (const round of [0, 1, 2]) {
      tcp.ceiling(round, 17.5);
      tcp.count("vxlane udp", { sent: 100, received: 98, lost: 2 });
    }
  }
  for (const entries of [1024, 65536, 4194304]) {
    const plot = { chart: "encap", x: entries, xLabel: "FDB entries", scale: "log", yScale: "log" } as const;
    const title = `encap, ${entries} entries`;
    const encap = run.measure({ id: `encap-${entries}`, title, unit: "ns/frame", better: "lower", plot });
    addAll(encap, "WebAssembly", [50, 51, 52]);
    encap.noCeiling("nothing generates here");
  }
  const alone = run.measure({ id: "alone", title: "without a plot", unit: "ms", better: "lower" });
  addAll(alone, "vxlane udp", [1]);
  alone.absent("vxlane udp", "it died in round 2");
  run.headline("one TCP flow out: 9 Gbit/s, 0.53 of the kernel's");
  run.note("a <b>note</b> & more");
  run.fact("Open vSwitch", "3.1.0");
  run.floor({ measure: alone, contender: "vxlane udp", of: "value", relation: "at most", limit: 0.5 });
  return run;
}

// End to end: what arrives through a tunnel whose near side is vxlane, beside the same tunnel with the kernel on both
// sides, in the same topology and the same run. The far side is the kernel's vxlan device in both cases.
//
// Sender, tunnel and receiver share this machine's cores, so the busy cores stand beside every rate; on a small
// machine they, and not the link, are what runs out.

import { daemonMissing } from "../daemon.js";
import { hasProgram, isRoot, watched } from "../host.js";
import type { Measure } from "../measure.js";
import { inRound, type Plan, type Run, type Settings, type Suite } from "../suite.js";
import { kernelTunnel, makeHosts, type Tunnel, vxlaneTunnel } from "../topology.js";
import { introduce, ping, quantile, serveTcp, tcp, udp } from "../traffic.js";

const CONTENDERS = ["kernel", "vxlane"] as const;
const PACKAGES: Readonly<Record<string, string>> = { iperf3: "iperf3", trafgen: "netsniff-ng", ping: "iputils-ping" };

interface Test {
  readonly program: string;
  readonly measures: readonly Measure[];
  /** One value for each measure. */
  sample(tunnel: Tunnel): Promise<readonly number[]>;
}

export const path: Suite = {
  name: "path",
  summary: "TCP, UDP and round trips end to end against a kernel peer, beside kernel to kernel",
  defaults: { rounds: 3, seconds: 3 },
  quick: { rounds: 2, seconds: 0.5 },
  plan,
  run,
};

function plan({ rounds, seconds }: Settings): Plan {
  const missing = Object.entries(PACKAGES)
    .filter(([program]) => !hasProgram(program))
    .map(([program, name]) => `${program}: apt-get install ${name}`);
  if (!isRoot()) missing.push("root, for network namespaces: run it with sudo");
  const daemon = daemonMissing();
  if (daemon !== undefined) missing.push(daemon);
  return {
    lines: [
      "two hosts in network namespaces, one veth; kernel vxlan on the far side",
      "one TCP flow, UDP frames of 64 B and 1400 B, each out of and into the near side; ping",
      `contenders on the near side: ${CONTENDERS.join(", ")}, taking turns`,
    ],
    seconds: 8 + rounds * CONTENDERS.length * (7 * seconds + 4 * 0.7),
    missing,
  };
}

async function run(run: Run): Promise<void> {
  const tests = declare(run);
  if (!isRoot()) {
    for (const test of tests) {
      for (const contender of CONTENDERS) refuse(test, contender, "needs root, for network namespaces");
    }
    return;
  }
  const tunnels = await build(run, tests);
  for (let round = 0; round < run.settings.rounds; round++) {
    for (const test of tests) {
      for (const tunnel of inRound(tunnels, round)) await once(run, test, tunnel, round);
    }
    run.progress(`round ${round + 1} of ${run.settings.rounds} done`);
  }
  run.note("out: from the host with vxlane (or the contender in its place) to the kernel peer; in: the other way");
  run.note("UDP: one flow, frames counted at the receiving device, lengths from the Ethernet header on, without FCS");
  run.note("cores busy: of the whole machine, sender and receiver included");
}

function declare(run: Run): Test[] {
  const measure = (id: string, title: string, unit: string, better: "lower" | "higher"): Measure =>
    run.measure({ id, title, unit, better, baseline: "kernel" });
  const rate = (
    id: string,
    title: string,
    unit: string,
    program: string,
    sample: (tunnel: Tunnel) => Promise<number>,
  ): Test => ({
    program,
    measures: [measure(id, title, unit, "higher")],
    sample: async (tunnel) => [await sample(tunnel)],
  });
  return [
    rate("tcp-out", "TCP, one flow, out", "Gbit/s", "iperf3", (tunnel) => tcp(run, tunnel, "out")),
    rate("tcp-in", "TCP, one flow, in", "Gbit/s", "iperf3", (tunnel) => tcp(run, tunnel, "in")),
    rate("udp-64-out", "UDP, 64 B frames, out", "M/s", "trafgen", (tunnel) => udp(run, tunnel, "out", 64)),
    rate("udp-64-in", "UDP, 64 B frames, in", "M/s", "trafgen", (tunnel) => udp(run, tunnel, "in", 64)),
    rate("udp-1400-out", "UDP, 1400 B frames, out", "M/s", "trafgen", (tunnel) => udp(run, tunnel, "out", 1400)),
    rate("udp-1400-in", "UDP, 1400 B frames, in", "M/s", "trafgen", (tunnel) => udp(run, tunnel, "in", 1400)),
    {
      program: "ping",
      measures: [
        measure("rtt-p50", "round trip, idle, p50", "us", "lower"),
        measure("rtt-p99", "round trip, idle, p99", "us", "lower"),
      ],
      sample: async (tunnel) => {
        const times = await ping(run, tunnel);
        return [quantile(times, 0.5), quantile(times, 0.99)];
      },
    },
  ];
}

/** The tunnels that came up; a contender that did not has its reason in every row. */
async function build(run: Run, tests: readonly Test[]): Promise<Tunnel[]> {
  const hosts = await makeHosts(run);
  const tunnels: Tunnel[] = [];
  for (const contender of CONTENDERS) {
    try {
      const tunnel = contender === "kernel" ? await kernelTunnel(hosts) : await vxlaneTunnel(run, hosts);
      if (hasProgram("ping")) await introduce(run, tunnel);
      tunnels.push(tunnel);
      run.progress(`${contender}: up`);
    } catch (error) {
      run.checkpoint();
      for (const test of tests) refuse(test, contender, message(error));
      run.progress(`${contender}: absent: ${message(error)}`);
    }
  }
  if (hasProgram("iperf3")) await serveTcp(run, hosts.b);
  return tunnels;
}

async function once(run: Run, test: Test, tunnel: Tunnel, round: number): Promise<void> {
  run.checkpoint();
  if (!hasProgram(test.program)) {
    refuse(test, tunnel.contender, `no ${test.program}: apt-get install ${PACKAGES[test.program]}`);
    return;
  }
  try {
    const { result, cores } = await watched(() => test.sample(tunnel));
    test.measures.forEach((measure, index) => {
      measure.add(tunnel.contender, round, result[index] ?? Number.NaN, cores);
    });
  } catch (error) {
    run.checkpoint();
    refuse(test, tunnel.contender, message(error));
  }
}

function refuse(test: Test, contender: string, reason: string): void {
  for (const measure of test.measures) measure.absent(contender, reason);
}

function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "unknown";
}

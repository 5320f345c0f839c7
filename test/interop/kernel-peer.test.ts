// vxlane against the kernel's own vxlan device: one VTEP each, everything that a tunnel carries.
//
// A veth peer hands over VXLAN packets of up to 64 KB with unfinished inner checksums, so bulk TCP from the kernel
// also proves the way of super-frames; that they really come is asserted, or the test would prove less than it says.

import { expect, test } from "vitest";
import { vxlane } from "../support/daemon.js";
import { createLab, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { allTraffic, broadcastReaches, reachable, tcpOneWay, udpOneWay } from "./traffic.js";

const [one, two] = [overlayAddress(1), overlayAddress(2)];
const VNI = 100;

test.each([
  { family: 4, checksum: "auto" },
  { family: 4, checksum: "off" },
  { family: 6, checksum: "auto" },
] as const)("everything over IPv$family, outer checksum $checksum", async ({ family, checksum }) => {
  const [a, b] = await twoHosts(await createLab(), { family });
  const config = { underlay: { checksum } };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, checksum: checksum !== "off" });
  await broadcastReaches(ours, [kernel]);
  await broadcastReaches(kernel, [ours]);
  await allTraffic(ours, kernel, family === 4 ? 1450 : 1430);
});

test("a kernel peer over IPv6 that sends no outer checksum", async () => {
  const [a, b] = await twoHosts(await createLab(), { family: 6 });
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two, checksum: false });
  await allTraffic(ours, kernel, 1430);
});

test.each([4, 6] as const)("super-frames with IPv%i inside arrive whole", async (family) => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(kernel, ours, family);
  const sends = {
    tcp: () => tcpOneWay(kernel, ours, family, 3_000_000),
    "a UDP train": () => udpOneWay(kernel, ours, family, Array(20).fill(1200), 1200),
  };
  for (const [what, send] of Object.entries(sends)) {
    const largest = async () => {
      const capture = await a.agent.call("capture", [UNDERLAY]);
      await send();
      const frames = (await a.agent.call("caught", capture)).filter(({ outgoing }) => !outgoing);
      return Math.max(0, ...frames.map(({ data }) => data.length));
    };
    // An XDP program keeps the peer from sending them, and takes what comes before a capture could see it.
    if (process.env.VXLANE_TEST_UNDERLAY === "xdp") {
      await largest();
      continue;
    }
    // How many segments TCP sends at once depends on how fast it finds the path, and so on the machine.
    const message = `bytes of the largest frame that the veth delivered, ${what}`;
    await expect.poll(largest, { message }).toBeGreaterThan(20_000);
  }
});

interface Report {
  end: { sum_received?: { bytes: number }; sum?: { bytes: number; lost_percent: number } };
}

test("iperf3 finds no fault either", async () => {
  const [a, b] = await twoHosts(await createLab("iperf3"));
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  const server = b.ns.spawn("iperf3", ["-s", "-B", two.ipv4, "--forceflush"]);
  await server.line((line) => line.includes("Server listening"), 20_000);
  const client = ["-c", two.ipv4, "-J", "-t", "1"];
  for (const args of [[], ["-R"], ["-u", "-b", "20M"], ["-u", "-b", "20M", "-R"]]) {
    // The server may be busy with the end of the last test, or get no core while its socket fills.
    const faults = async () => {
      const { code, stdout } = await a.ns.tryRun("iperf3", [...client, ...args]);
      if (code !== 0) return stdout;
      const { sum_received: tcp, sum: udp } = (JSON.parse(stdout) as Report).end;
      const isMuch = ((tcp ?? udp)?.bytes ?? 0) > 1_000_000;
      return { isMuch, isWhole: (udp?.lost_percent ?? 0) < 1 };
    };
    const message = `iperf3 ${args.join(" ")}`;
    await expect.poll(faults, { message }).toEqual({ isMuch: true, isWhole: true });
  }
  await server.stop("SIGINT");
});

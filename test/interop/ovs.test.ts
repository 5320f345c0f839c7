// vxlane against Open vSwitch's userspace datapath, which builds and checks its outer headers by itself.
//
// Between two hosts of one machine that datapath needs offloads off at the sender: its packet socket knows neither
// super-packets nor checksums that are left to hardware. On the way through a real NIC both are finished.

import { test } from "vitest";
import { vxlane } from "../support/daemon.js";
import { createLab, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { OVS_PROGRAMS, ovsVxlan } from "../support/ovs.js";
import { pingBothWays, reachable, tcpOneWay, udpOneWay } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];

test.each([
  { family: 4, checksum: "auto" },
  { family: 4, checksum: "off" },
  { family: 6, checksum: "auto" },
] as const)("ping, TCP and UDP with Open vSwitch over IPv$family, outer checksum $checksum", async (underlay) => {
  const { family, checksum } = underlay;
  const mtu = family === 4 ? 1450 : 1430;
  const [a, b] = await twoHosts(await createLab("ethtool", ...OVS_PROGRAMS), { family });
  await a.ns.run("ethtool", ["-K", UNDERLAY, "tx", "off"]);
  const config = { underlay: { checksum } };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const ovs = await ovsVxlan(b, { vni: VNI, remote: a.address, overlay: two });
  await reachable(ours, ovs);
  await pingBothWays(ours, ovs, mtu);
  for (const [from, to] of [
    [ours, ovs],
    [ovs, ours],
  ] as const) {
    await tcpOneWay(from, to, 4, 5_000_000);
    await tcpOneWay(from, to, 6, 5_000_000);
    await udpOneWay(from, to, 4, [0, 1, 100, 1000, mtu - 28]);
  }
});

// vxlane against Open vSwitch's userspace datapath, which builds and checks its outer headers by itself.

import { test } from "vitest";
import { vxlane } from "../support/daemon.js";
import { createLab, overlayAddress, twoHosts } from "../support/netns.js";
import { OVS_PROGRAMS, ovsVxlan } from "../support/ovs.js";
import { pingBothWays, reachable, tcpOneWay, udpOneWay } from "./traffic.js";

const VNI = 100;
const [one, two] = [overlayAddress(1), overlayAddress(2)];

test.each(["auto", "off"] as const)("ping, TCP and UDP with Open vSwitch, outer checksum %s", async (checksum) => {
  const [a, b] = await twoHosts(await createLab(...OVS_PROGRAMS));
  const config = { underlay: { checksum } };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const ovs = await ovsVxlan(b, { vni: VNI, remote: a.address, overlay: two });
  await reachable(ours, ovs);
  await pingBothWays(ours, ovs);
  for (const [from, to] of [
    [ours, ovs],
    [ovs, ours],
  ] as const) {
    await tcpOneWay(from, to, 4, 5_000_000);
    await tcpOneWay(from, to, 6, 5_000_000);
    await udpOneWay(from, to, 4, [0, 1, 100, 1000, 1422]);
  }
});

// The xdp underlay goes where its interface goes: to another name, or with the local address to another interface.

import { expect, test } from "vitest";
import { type Daemon, vxlane } from "../support/daemon.js";
import { createLab, kernelVxlan, twoHosts, UNDERLAY } from "../support/netns.js";
import { reachable, tcpBothWays } from "./traffic.js";
import { expectAllFrames, one, problemsOf, statusOf, two, VNI, XDP } from "./xdp-lab.js";

const OTHER = "other0";

/** In whichever mode. */
async function expectAttached(daemon: Daemon, name: string): Promise<void> {
  const attached = async () => (await statusOf(daemon)).xdp.interfaces.filter(({ queues }) => queues > 0);
  await expect.poll(attached).toMatchObject([{ name, as: "underlay" }]);
}

test.each([
  ["found by its address", { driver: "xdp" }],
  ["named by the config", XDP],
])("an interface that is %s gets another name", async (_, underlay) => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config: { underlay } });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  await a.ns.ip(`link set ${UNDERLAY} down`, `link set ${UNDERLAY} name ${OTHER}`, `link set ${OTHER} up`);
  await expectAttached(ours.daemon, OTHER);
  await expect.poll(() => statusOf(ours.daemon)).toMatchObject({ underlay: { driver: "xdp", interface: OTHER } });
  await reachable(ours, kernel);
  await tcpBothWays(ours, kernel, 2_000_000);
  await expectAllFrames(ours.daemon);
});

test("the local address goes to another interface", async () => {
  const [a, b] = await twoHosts(await createLab());
  const config = { underlay: { driver: "xdp" } };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config });
  const before = await ours.daemon.descriptors();
  await a.lab.link({ host: a.ns, name: OTHER }, { host: b.ns, name: OTHER });
  await a.ns.ip(`addr del ${a.address}/24 dev ${UNDERLAY}`, `addr add ${a.address}/24 dev ${OTHER}`);
  // The kernel's device goes by the name.
  await b.ns.ip(
    `link set ${UNDERLAY} down`,
    `addr del ${b.address}/24 dev ${UNDERLAY}`,
    `link set ${UNDERLAY} name old0`,
    `link set ${OTHER} down`,
    `link set ${OTHER} name ${UNDERLAY}`,
    `link set ${UNDERLAY} up`,
    `addr add ${b.address}/24 dev ${UNDERLAY}`,
  );
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await expectAttached(ours.daemon, OTHER);
  await a.ns.ip(`link delete ${UNDERLAY}`);
  await reachable(ours, kernel);
  await reachable(kernel, ours);
  await expect.poll(() => problemsOf(ours.daemon)).toEqual([]);
  await expect.poll(() => ours.daemon.descriptors()).toBe(before);
  await expectAllFrames(ours.daemon);
});

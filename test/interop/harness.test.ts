// The kernel's vxlan on both ends: what every other interop test relies on. If this fails, the machine or the
// harness is at fault, not vxlane.

import { expect, test } from "vitest";
import { createLab, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { allTraffic, broadcastReaches, unreachable } from "./traffic.js";

const [one, two] = [overlayAddress(1), overlayAddress(2)];

test.each([
  { family: 4, checksum: true },
  { family: 4, checksum: false },
  { family: 6, checksum: true },
  { family: 6, checksum: false },
] as const)("kernel to kernel over IPv$family, outer checksum $checksum", async ({ family, checksum }) => {
  const [a, b] = await twoHosts(await createLab(), { family });
  const left = await kernelVxlan(a, { vni: 100, remotes: [b.address], overlay: one, checksum });
  const right = await kernelVxlan(b, { vni: 100, remotes: [a.address], overlay: two, checksum });
  await broadcastReaches(left, [right]);
  await allTraffic(left, right, family === 4 ? 1450 : 1430);
});

test("another VNI is not reached, and its frames are seen on the wire", async () => {
  const [a, b] = await twoHosts(await createLab());
  const left = await kernelVxlan(a, { vni: 100, remotes: [b.address], overlay: one });
  const right = await kernelVxlan(b, { vni: 101, remotes: [a.address], overlay: two });
  const capture = await b.agent.call("capture", [UNDERLAY]);
  await unreachable(left, right);
  const frames = await b.agent.call("caught", capture);
  expect(frames.filter(({ data }) => data[23] === 17).length).toBeGreaterThan(0);
});

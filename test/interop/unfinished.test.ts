// Checksums that a sender leaves to its hardware, where no hardware is: from a container over its veth into an xdp port, and from a
// kernel peer over the veth of the underlay. What arrives is what the sender's own network card would have made of it. It takes vxlane's
// own offloads: without them a veth's super-frames and what they leave unfinished have nobody who may be told.

import { expect, test } from "vitest";
import { inNamespace, listInterfaces } from "../../control/linux/index.js";
import { bind, check, close, send } from "../../control/linux/libc.js";
import {
  AF_PACKET,
  openPacketSocket,
  PACKET_VIRTIO_LEN,
  SLL_IFINDEX,
  SOCKADDR_LL_SIZE,
} from "../../control/linux/packet.js";
import { filler } from "../support/bytes.js";
import { ethernet, ipv4, sctp, udp } from "../support/frames.js";
import { createLab, type End, kernelVxlan, openOverlay, overlayAddress, twoHosts } from "../support/netns.js";
import { namespaceFile } from "./driver-lab.js";
import { pair } from "./tap-lab.js";
import { hex, reachable, tcpBothWays, udpOneWay } from "./traffic.js";
import { container, expectAllFrames, one, portDaemon, two, VNI, withPort, XDP } from "./xdp-lab.js";

const NESTED_VNI = 7;
const NESTED_PORT = 8472;
const [left, right] = [overlayAddress(1, 9), overlayAddress(2, 9)];

/** A tunnel of the container's own, to an end of the overlay. */
async function nestedVxlan(at: End, to: End, overlay: typeof one, checksum: boolean): Promise<End> {
  const flags = checksum ? "udpcsum" : "noudpcsum";
  await at.host.ns.ip(
    `link add nested address ${overlay.mac} mtu 1400 type vxlan id ${NESTED_VNI} dstport ${NESTED_PORT} ` +
      `local ${at.overlay.ipv4} remote ${to.overlay.ipv4} dev ${at.device} ${flags}`,
  );
  await openOverlay(at.host, "nested", overlay);
  return { host: at.host, device: "nested", overlay };
}

test.each([
  ["xdp", XDP, true],
  ["xdp", XDP, false],
  ["udp", { driver: "udp" }, true],
] as const)("a container's own VXLAN passes an xdp port, over the %s underlay", async (_name, underlay, checksum) => {
  const [a, b] = await twoHosts(await createLab());
  const box = await container(a, a.lab, one);
  const daemon = await portDaemon(a, { offloads: "auto", ...withPort([b.address], underlay) });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(box, kernel);
  const [inside, outside] = [
    await nestedVxlan(box, kernel, left, checksum),
    await nestedVxlan(kernel, box, right, checksum),
  ];
  await reachable(inside, outside);
  await udpOneWay(inside, outside, 4, [0, 1, 100, 1372]);
  await tcpBothWays(inside, outside, 500_000);
  await expectAllFrames(daemon);
});

test("SCTP passes an xdp port with its CRC32c, which the container has left to its veth", async () => {
  const [a, b] = await twoHosts(await createLab());
  const box = await container(a, a.lab, one);
  const daemon = await portDaemon(a, { offloads: "auto", ...withPort([b.address], XDP) });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(box, kernel);
  const finished = [1, 500, 1400].map((length) =>
    ethernet(
      { dst: two.mac, src: one.mac },
      ipv4({ src: one.ipv4, dst: two.ipv4 }, sctp({ srcPort: 5, dstPort: 6, tag: 7 }, filler(length))),
    ),
  );
  const unfinished = finished.map((frame) => frame.slice().fill(0, 42, 46));
  const capture = await kernel.host.agent.call("capture", [kernel.device]);
  await box.host.agent.call("sendFrames", "eth0", unfinished);
  const arrived = async () => {
    const frames = await kernel.host.agent.call("caught", capture, true);
    seen.push(...frames.filter(({ outgoing, data }) => !outgoing && data[23] === 132).map(({ data }) => hex(data)));
    return seen;
  };
  const seen: string[] = [];
  await expect.poll(arrived).toEqual(finished.map(hex));
  await expectAllFrames(daemon);
});

/** Sends a frame with the word that its checksum, from `csumStart` on, is unfinished. */
function sendUnfinished({ host, device }: End, frame: Uint8Array, csumStart: number, csumOffset: number): void {
  const ifIndex = listInterfaces(namespaceFile(host)).find(({ name }) => name === device)?.index ?? 0;
  const fd = inNamespace(namespaceFile(host), () => openPacketSocket());
  try {
    const address = Buffer.alloc(SOCKADDR_LL_SIZE);
    address.writeUInt16LE(AF_PACKET);
    address.writeUInt32LE(ifIndex, SLL_IFINDEX);
    check(bind(fd, address, address.length), "bind AF_PACKET");
    const header = Buffer.alloc(PACKET_VIRTIO_LEN);
    header[0] = 1; // VIRTIO_NET_HDR_F_NEEDS_CSUM
    header.writeUInt16LE(csumStart, 6);
    header.writeUInt16LE(csumOffset, 8);
    const bytes = Buffer.concat([header, frame]);
    check(send(fd, bytes, bytes.length, 0), "send");
  } finally {
    close(fd);
  }
}

test.each([0, 2, 3, 4])(
  "a kernel peer's unfinished checksum behind %i tags is told to the TAP, over tap",
  async (count) => {
    const { ours, kernel } = await pair(4, { offloads: "auto" });
    const tags = Array.from({ length: count }, (_, i) => ({ vid: i + 1 }));
    const frame = ethernet(
      { dst: one.mac, src: two.mac, tags },
      ipv4({ src: two.ipv4, dst: one.ipv4, checksum: "unfinished" }, udp({ srcPort: 5, dstPort: 6 }, filler(200))),
    );
    const capture = await ours.host.agent.call("capture", [ours.device]);
    sendUnfinished(kernel, frame, 34 + 4 * count, 6);
    const seen: boolean[] = [];
    const arrived = async () => {
      const frames = await ours.host.agent.call("caught", capture, true);
      const mine = frames.filter(({ outgoing, data }) => !outgoing && hex(data) === hex(frame));
      seen.push(...mine.map(({ checksumPending }) => checksumPending));
      return seen;
    };
    await expect.poll(arrived).toEqual([true]);
  },
);

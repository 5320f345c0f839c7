// Ports go and come back while frames keep coming, with several workers: what the kernel took from the sender is in a counter, to the
// frame, and what stays loses nothing.

import { request } from "node:http";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { ENOBUFS } from "../../control/linux/errno.js";
import { inNamespace, listInterfaces } from "../../control/linux/index.js";
import { bind, check, close, lastErrno, send } from "../../control/linux/libc.js";
import {
  AF_PACKET,
  openPacketSocket,
  PACKET_VIRTIO_LEN,
  SLL_IFINDEX,
  SOCKADDR_LL_SIZE,
} from "../../control/linux/packet.js";
import { type Daemon, vxlane } from "../support/daemon.js";
import { sumOf } from "../support/metrics.js";
import { createLab, type End, type Host, kernelVxlan, twoHosts } from "../support/netns.js";
import { namespaceFile } from "./driver-lab.js";
import { BROADCAST, reachable, testFrame, udpOneWay } from "./traffic.js";
import { one, two, VNI } from "./xdp-lab.js";

const ROUNDS = 5;
const BURST = 64;
const BURSTS_BEFORE = 30;
const BURSTS_MAX = 20_000;

/** @returns the answer's status */
function change(daemon: Daemon, method: "PUT" | "DELETE", path: string, body?: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const options = { socketPath: daemon.socket, method, path: `/v1/networks/${VNI}/${path}` };
    const call = request({ ...options, ...(body === undefined ? {} : { headers }) }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    });
    call.once("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Sends frames out of an interface until `isOver`, or until it is gone. Returns how many the kernel took, or lost in a full queue. */
async function flood(host: Host, device: string, frame: Buffer, isOver: () => boolean): Promise<number> {
  const ifIndex = listInterfaces(namespaceFile(host)).find(({ name }) => name === device)?.index ?? 0;
  const fd = inNamespace(namespaceFile(host), () => openPacketSocket());
  const address = Buffer.alloc(SOCKADDR_LL_SIZE);
  address.writeUInt16LE(AF_PACKET);
  address.writeUInt32LE(ifIndex, SLL_IFINDEX);
  check(bind(fd, address, address.length), "bind AF_PACKET");
  const bytes = Buffer.concat([Buffer.alloc(PACKET_VIRTIO_LEN), frame]);
  let sent = 0;
  try {
    for (let burst = 0; burst < BURSTS_MAX && !isOver(); burst++) {
      for (let n = 0; n < BURST; n++) {
        if (send(fd, bytes, bytes.length, 0) >= 0 || lastErrno() === ENOBUFS) sent++;
        else return sent;
      }
      await turn();
    }
    return sent;
  } finally {
    close(fd);
  }
}

const received = async (daemon: Daemon) =>
  sumOf(await daemon.metrics(), "vxlane_received_frames_total", { direction: "encap" });

/** Removes a port under a flood and adds it again, some times; every frame that the kernel took is counted. */
async function removeUnderFlood(daemon: Daemon, from: Host, device: string, port: string, body: object) {
  const before = await received(daemon);
  let sent = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let isOver = false;
    const flooded = flood(from, device, testFrame(two.mac, one.mac, `round ${round}`), () => isOver);
    for (let burst = 0; burst < BURSTS_BEFORE; burst++) await turn();
    expect(await change(daemon, "DELETE", `ports/${port}`)).toBe(204);
    isOver = true;
    sent += await flooded;
    await sleep(50);
    expect(await change(daemon, "PUT", `ports/${port}`, body)).toBe(201);
    await sleep(50);
  }
  expect(sent).toBeGreaterThan(ROUNDS * BURST);
  await expect.poll(async () => (await received(daemon)) - before - sent, { timeout: 5000 }).toBe(0);
  await daemon.expectBalance();
}

test.each([
  ["by io_uring", "auto"],
  ["one frame a call", "off"],
] as const)("a TAP port goes under a flood, read %s: no frame is lost uncounted", async (_how, offloads) => {
  const [a, b] = await twoHosts(await createLab());
  const config = { workers: 3, offloads };
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config, quiet: true });
  await a.ns.sysctl("net/ipv6/conf/default/disable_ipv6=1");
  await removeUnderFlood(ours.daemon, a, ours.device, ours.device, { mac: one.mac });
});

test("flows of what stays keep every datagram and their order, while other ports go and MACs move", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address], overlay: one, config: { workers: 3 } });
  const kernel = await kernelVxlan(b, { vni: VNI, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  let isOver = false;
  const restless = testFrame(BROADCAST, "02:00:00:00:00:99", "here and there");
  const churn = async () => {
    for (let round = 0; !isOver; round++) {
      expect(await change(ours.daemon, "PUT", `ports/other${round % 3}`, {})).toBe(201);
      for (const { host, device } of [ours, kernel]) await host.agent.call("sendFrames", device, [restless]);
      expect(await change(ours.daemon, "DELETE", `ports/other${round % 3}`)).toBe(204);
    }
  };
  const flow = async (from: End, to: End) => {
    for (let round = 0; round < 15; round++) await udpOneWay(from, to, 4, Array(200).fill(100 + round));
  };
  const churned = churn();
  try {
    await Promise.all([flow(ours, kernel), flow(kernel, ours), flow(ours, kernel), flow(kernel, ours)]);
  } finally {
    isOver = true;
    await churned;
  }
  await ours.daemon.expectMetricOver(0, "vxlane_fdb_events_total", { event: "moved" });
  await ours.daemon.expectBalance();
});

// Owns what "traffic flows" means in the interop tests: pings, TCP and UDP between two hosts, compared byte for byte.
// Both ends only have overlay addresses here; which of them is vxlane is not this file's business.

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { End } from "../support/netns.js";

/* Our choices. A busy machine may need seconds for what an idle one does at once. */
const REACHABLE_MS = 20_000;
const ECHO_MS = 5000;
const ARRIVAL_MS = 20_000;
/** So long a frame too many is waited for. */
const SETTLE_MS = 100;
const MEGABYTE = 1_000_000;
const ETHERTYPE = 0x88b5; // IEEE 802, for experiments: no host sends it by itself
let nextPort = 20_000;

/** Asks until the other side answers: neighbours and learning may take the first echo. */
export async function reachable(from: End, to: End, family: 4 | 6 = 4): Promise<void> {
  const address = family === 4 ? to.overlay.ipv4 : to.overlay.ipv6;
  for (const end = performance.now() + REACHABLE_MS; performance.now() < end; ) {
    const [time] = await from.host.agent.call("ping", { address, timeoutMs: 250 });
    if (time !== null) return;
  }
  throw new Error(`${from.host.ns.label} does not reach ${address} at ${to.host.ns.label}`);
}

/** No echo comes back. */
export async function unreachable(from: End, to: End): Promise<void> {
  const times = await from.host.agent.call("ping", { address: to.overlay.ipv4, count: 3, timeoutMs: 150 });
  expect(times).toEqual([null, null, null]);
}

/** One echo after the other until `isOver`; how many were sent and how many of them lost. @param timeoutMs of one that is lost */
export async function pingUntil(
  from: End,
  to: End,
  isOver: () => boolean,
  timeoutMs = ECHO_MS,
): Promise<{ sent: number; lost: number }> {
  let [sent, lost] = [0, 0];
  while (!isOver()) {
    const [time] = await from.host.agent.call("ping", { address: to.overlay.ipv4, timeoutMs });
    sent++;
    if (time === null) lost++;
    await sleep(5);
  }
  return { sent, lost };
}

/** Pings of several sizes, IPv4 and IPv6, both ways, none lost. The largest fills `mtu`. */
export async function pingBothWays(a: End, b: End, mtu = 1450): Promise<void> {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    for (const family of [4, 6] as const) {
      await reachable(from, to, family);
      const address = family === 4 ? to.overlay.ipv4 : to.overlay.ipv6;
      const largest = mtu - (family === 4 ? 28 : 48);
      for (const size of [0, 1, 56, largest]) {
        const times = await from.host.agent.call("ping", { address, size, count: 2, timeoutMs: ECHO_MS });
        expect(times, `${size} bytes from ${from.host.ns.label} to ${address}`).not.toContain(null);
      }
    }
  }
}

/** Moves bytes over TCP one way and compares their hashes. */
export async function tcpOneWay(from: End, to: End, family: 4 | 6, bytes: number): Promise<void> {
  const port = nextPort++;
  const address = family === 4 ? to.overlay.ipv4 : to.overlay.ipv6;
  await to.host.agent.call("tcpListen", address, port);
  const sent = await from.host.agent.call("tcpSend", address, port, { bytes });
  const received = await to.host.agent.call("tcpTransfer", port);
  expect({ bytes: received.bytes, sha256: received.sha256 }).toEqual({ bytes, sha256: sent.sha256 });
}

/** The same both ways, over IPv4 and IPv6. */
export async function tcpBothWays(a: End, b: End, bytes = 20 * MEGABYTE): Promise<void> {
  for (const family of [4, 6] as const) {
    await tcpOneWay(a, b, family, bytes);
    await tcpOneWay(b, a, family, bytes);
  }
}

/** Datagrams of these sizes one way; `segment` sends them as one train that the kernel cuts. All arrive as they were. */
export async function udpOneWay(from: End, to: End, family: 4 | 6, sizes: number[], segment?: number): Promise<void> {
  const port = nextPort++;
  const address = family === 4 ? to.overlay.ipv4 : to.overlay.ipv6;
  await to.host.agent.call("udpListen", address, port);
  const train = segment === undefined ? {} : { segment };
  const sent = await from.host.agent.call("udpSend", { address, port, sizes, ...train });
  const received = await to.host.agent.call("udpTaken", port, sizes.length);
  expect(received).toEqual(sent);
}

/** Datagrams from empty to the MTU and beyond (so that IP fragments travel too), and trains, both ways. */
export async function udpBothWays(a: End, b: End, mtu = 1450): Promise<void> {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    for (const family of [4, 6] as const) {
      await reachable(from, to, family);
      const largest = mtu - (family === 4 ? 28 : 48);
      await udpOneWay(from, to, family, [
        0,
        1,
        2,
        17,
        18,
        19,
        100,
        511,
        1000,
        largest - 1,
        largest,
        largest + 1,
        4000,
        20_000,
      ]);
      await udpOneWay(from, to, family, Array(20).fill(1200), 1200);
      await udpOneWay(from, to, family, [...Array(40).fill(1001), 7], 1001);
    }
  }
}

/** Everything at once: what a tunnel has to carry. */
export async function allTraffic(a: End, b: End, mtu = 1450): Promise<void> {
  await pingBothWays(a, b, mtu);
  await tcpBothWays(a, b);
  await udpBothWays(a, b, mtu);
}

/** A frame that only a test sends; `text` tells one from another. `vid`: with an 802.1Q tag. */
export function testFrame(to: string, from: string, text: string, vid?: number): Buffer {
  const tag = vid === undefined ? [] : [0x81, 0x00, vid >>> 8, vid & 0xff];
  const mac = (address: string) => Buffer.from(address.replaceAll(":", ""), "hex");
  const header = Buffer.concat([
    mac(to),
    mac(from),
    Buffer.from(tag),
    Buffer.from([ETHERTYPE >>> 8, ETHERTYPE & 0xff]),
  ]);
  return Buffer.concat([header, Buffer.from(text.padEnd(46, "."))]);
}

export const BROADCAST = "ff:ff:ff:ff:ff:ff";

/**
 * Catches the frames of tests that come in at these ends once `send` runs, as hex, in order, for each end: waits until so many have come
 * to each as are expected there, and a moment for more.
 */
export async function arrivals(ends: End[], counts: () => number[], send: () => Promise<void>): Promise<string[][]> {
  const captures = await Promise.all(ends.map(({ host, device }) => host.agent.call("capture", [device])));
  const arrived = ends.map(() => [] as string[]);
  const look = (isLast: boolean) =>
    Promise.all(
      ends.map(async ({ host }, i) => {
        const frames = await host.agent.call("caught", captures[i] ?? 0, !isLast);
        const ours = frames.filter(({ outgoing, data }) => !outgoing && isTestFrame(data));
        arrived[i]?.push(...ours.map(({ data }) => hex(data)));
      }),
    );
  await send();
  const isComplete = () => arrived.every((frames, i) => frames.length >= (counts()[i] ?? 0));
  for (const end = performance.now() + ARRIVAL_MS; !isComplete() && performance.now() < end; await sleep(5))
    await look(false);
  await sleep(SETTLE_MS);
  await look(true);
  return arrived;
}

export const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

function isTestFrame(data: Uint8Array): boolean {
  const frame = Buffer.from(data);
  const at = frame.readUInt16BE(12) === 0x8100 ? 16 : 12;
  return frame.length > at + 2 && frame.readUInt16BE(at) === ETHERTYPE;
}

/** Broadcasts from one end arrive at each of the others exactly once. */
export async function broadcastReaches(from: End, others: End[]): Promise<void> {
  const frames = [1, 2, 3].map((n) =>
    testFrame(BROADCAST, from.overlay.mac, `broadcast ${n} of ${from.host.ns.label}`),
  );
  const counts = () => others.map(() => frames.length);
  const arrived = await arrivals(others, counts, () => from.host.agent.call("sendFrames", from.device, frames));
  for (const [i, list] of arrived.entries()) {
    expect(list, `from ${from.host.ns.label} to ${others[i]?.host.ns.label}`).toEqual(frames.map(hex));
  }
}

/** A VXLAN datagram as anybody could send it. */
export function vxlanDatagram(vni: number, frame: Uint8Array, flags = 0x08): Buffer {
  const header = Buffer.alloc(8);
  header[0] = flags;
  header.writeUInt32BE(vni << 8, 4);
  return Buffer.concat([header, frame]);
}

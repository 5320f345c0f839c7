// The udp driver with real sockets between two hosts: what arrives beside a datagram, what the kernel makes of an outer
// header, and what it says when it cannot send.

import { describe, expect, test } from "vitest";
import { parseAddress } from "../../control/address.js";
import { UdpUnderlay } from "../../control/drivers/udp.js";
import type { Underlay } from "../../control/linux/index.js";
import { createMemory } from "../../control/memory.js";
import { DESC_FLAG_FRAGMENT, SEND_ERROR, SEND_FULL, SEND_OK, SEND_TOO_BIG } from "../../dataplane-wasm/layout.js";
import { concat, filler, hex } from "../support/bytes.js";
import { decode } from "../support/decode.js";
import { ethernet, ipv4, ipv6, udp } from "../support/frames.js";
import { createLab, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { drops, writeOutput } from "../unit/drivers/support.js";
import { caughtFrames, PORT, receiveAll, receiveInputs, underlayOf } from "./driver-lab.js";

const MAC = "02:00:00:00:00:01";
const memory = createMemory();

function driverOf(underlay: Underlay, worker = 0): UdpUnderlay {
  return new UdpUnderlay(
    memory,
    worker,
    { sendFd: underlay.sendFds[worker], isIpv6: underlay.isIpv6, trainSockets: 4 },
    noChecksum,
  );
}

/** Only a train that has to be cut asks for it. */
function noChecksum(): number {
  throw new Error("not asked for here");
}

interface Outer {
  readonly src: string;
  readonly dst: string;
  readonly length: number;
  readonly srcPort?: number;
  readonly tos?: number;
  readonly ttl?: number;
  readonly df?: boolean;
}

/** A whole outer packet as encap builds it, cut behind the VXLAN header. */
function encapsulated({ src, dst, length, srcPort = 50000, tos = 0, ttl = 64, df = true }: Outer) {
  const vxlan = concat([8, 0, 0, 0, 0, 0, 100, 0], filler(length, length));
  const segment = udp({ srcPort, dstPort: PORT }, vxlan);
  const packet = src.includes(":")
    ? ipv6({ src, dst, trafficClass: tos, hopLimit: ttl, flowLabel: 0x12345 }, segment)
    : ipv4({ src, dst, tos, ttl, df }, segment);
  const frame = ethernet({ dst: MAC, src: MAC }, packet);
  return { frame, header: frame.subarray(0, frame.length - length), payload: frame.subarray(frame.length - length) };
}

/** Sends outputs as a batch; what became of each. */
function sendBatch(driver: UdpUnderlay, outers: readonly Outer[], apart = false): number[] {
  outers.forEach((outer, i) => {
    writeOutput(memory, 0, i, { ...encapsulated(outer), apart });
  });
  driver.send(0, outers.length);
  return drops(memory, 0, 0, outers.length);
}

/** Inner frame that just fits an underlay of 1500 bytes: outer IP, UDP and VXLAN headers take the rest. */
const LARGEST = { 4: 1500 - 36, 6: 1500 - 56 } as const;

const families = [{ family: 4 }, { family: 6 }] as const;

describe.each(families)("receiving over IPv$family", ({ family }) => {
  test.each([true, false])(
    "datagrams of a kernel peer come with source, TOS and TTL (checksum: %s)",
    async (checksum) => {
      const [a, b] = await twoHosts(await createLab(), { family });
      const underlay = underlayOf(a);
      const peer = await kernelVxlan(b, {
        vni: 100,
        remotes: [a.address],
        overlay: overlayAddress(2),
        quiet: true,
        checksum,
      });
      await b.ns.ip(`link set ${peer.device} type vxlan ttl 77 tos 0xb8`);
      const frames = [60, 700, LARGEST[family]].map((length) =>
        ethernet({ dst: MAC, src: MAC }, { ethertype: 0x88b5, bytes: filler(length - 14, length) }),
      );
      await b.agent.call("sendFrames", peer.device, frames);
      const driver = driverOf(underlay);
      const inputs = await receiveInputs(memory, 0, () => driver.receive(underlay.receiveFds[0], 256), frames.length);
      expect(inputs.map(({ payload }) => payload)).toEqual(frames.map((frame) => `0800000000006400${hex(frame)}`));
      for (const input of inputs) {
        expect(input).toMatchObject({ outerTos: 0xb8, outerTtl: 77, flags: 0, attachment: 0, payloadOffset: -8 });
        expect(input.outerAddress).toBe(hex(parseAddress(b.address) ?? Buffer.alloc(0)));
        expect(input.outerPort).toBeGreaterThan(1023);
      }
      expect(underlay.readLost()).toBe(0);
    },
  );

  test("a datagram that came in fragments says so, its neighbours do not", async () => {
    const [a, b] = await twoHosts(await createLab(), { family });
    const underlay = underlayOf(a);
    const driver = driverOf(underlay);
    const datagrams = [100, 4000, 1000].map((length) => filler(length, length));
    await b.ns.sysctl("net/ipv4/ip_no_pmtu_disc=1"); // IPv4: no DF, so the sender may fragment
    await b.agent.call("sendDatagrams", a.address, PORT, datagrams);
    const inputs = await receiveInputs(memory, 0, () => driver.receive(underlay.receiveFds[0], 256), 3);
    expect(inputs.map(({ payload }) => payload).sort()).toEqual(datagrams.map(hex).sort());
    const flags = new Map(inputs.map(({ payload, flags }) => [payload.length / 2, flags]));
    expect(Object.fromEntries(flags)).toEqual({ 100: 0, 4000: DESC_FLAG_FRAGMENT, 1000: 0 });

    // Again in the slot that a whole datagram has used: there is still room for what is said about fragments.
    await b.agent.call("sendDatagrams", a.address, PORT, [filler(3000)]);
    const [again] = await receiveInputs(memory, 0, () => driver.receive(underlay.receiveFds[0], 256), 1);
    expect(again).toMatchObject({ payload: hex(filler(3000)), flags: DESC_FLAG_FRAGMENT, outerTtl: 64 });
  });

  test("flows spread over the workers; each datagram is received once", async () => {
    const [a, b] = await twoHosts(await createLab(), { family });
    const underlay = underlayOf(a, { workers: 2 });
    const sent = Array.from({ length: 40 }, (_, i) => filler(100, i));
    for (const datagram of sent) await b.agent.call("sendDatagrams", a.address, PORT, [datagram]); // a source port each
    const received = await Promise.all(
      [0, 1].map((worker) => {
        const driver = driverOf(underlay, worker);
        return receiveAll(memory, worker, () => driver.receive(underlay.receiveFds[worker], 256));
      }),
    );
    expect(received.every((inputs) => inputs.length > 0)).toBe(true);
    expect(
      received
        .flat()
        .map(({ payload }) => payload)
        .sort(),
    ).toEqual(sent.map(hex).sort());
  });

  test("what the kernel could not keep, or found damaged, is counted", async () => {
    const [a, b] = await twoHosts(await createLab(), { family });
    const underlay = underlayOf(a);
    const driver = driverOf(underlay);
    const damaged = encapsulated({ src: b.address, dst: a.address, length: 100 }).frame;
    damaged[damaged.length - 1] ^= 1;
    const [{ address }] = await a.ns.show<{ address: string }[]>("link", "show", "dev", UNDERLAY);
    damaged.set(
      address.split(":").map((byte) => Number.parseInt(byte, 16)),
      0,
    );
    await b.agent.call("sendFrames", UNDERLAY, [damaged, damaged]);
    expect(await receiveAll(memory, 0, () => driver.receive(underlay.receiveFds[0], 256))).toEqual([]);
    await expect.poll(() => underlay.readLost()).toBe(2);

    const flood = Array.from({ length: 20_000 }, () => filler(1000));
    await b.agent.call("sendDatagrams", a.address, PORT, flood);
    let received = 0;
    const accounted = async () => {
      received += (await receiveAll(memory, 0, () => driver.receive(underlay.receiveFds[0], 256))).length;
      return received + underlay.readLost() - 2;
    };
    await expect.poll(accounted).toBe(flood.length);
    expect(received).toBeLessThan(flood.length);
    const lost = underlay.readLost();
    underlay.close();
    expect(underlay.readLost()).toBe(lost);
  });
});

describe.each(families)("sending over IPv$family", ({ family }) => {
  test.each([false, true])("outer headers leave as they were built (header apart: %s)", async (apart) => {
    const [a, b] = await twoHosts(await createLab(), { family });
    const driver = driverOf(underlayOf(a));
    const capture = await b.agent.call("capture", [UNDERLAY]);
    const outers = [14, 64, 1000, LARGEST[family]].map((length, i) => ({
      src: a.address,
      dst: b.address,
      length,
      srcPort: 49152 + 1000 * i,
      tos: [0, 1, 2, 0xb8][i],
      ttl: 60 + i,
    }));
    expect(sendBatch(driver, outers, apart)).toEqual(outers.map(() => SEND_OK));
    const isVxlan = (data: Uint8Array) => data[family === 4 ? 23 : 20] === 17;
    const caught = await caughtFrames(b, capture, outers.length, isVxlan);
    // Apart from the Ethernet header, which is the kernel's, not a bit differs: DF, id 0, TTL and checksums as built.
    const expected = outers.map((outer) => encapsulated(outer).frame);
    expect(caught.map((data) => decode(data).ip)).toEqual(expected.map((data) => decode(data).ip));
    expect(caught.map((data) => hex(data.subarray(14)))).toEqual(expected.map((data) => hex(data.subarray(14))));
  });

  test("a frame that fails is marked, those around it leave in order", async () => {
    const [a, b] = await twoHosts(await createLab(), { family });
    const driver = driverOf(underlayOf(a));
    const capture = await b.agent.call("capture", [UNDERLAY]);
    const nowhere = family === 4 ? "203.0.113.1" : "2001:db8::1";
    const good = (length: number) => ({ src: a.address, dst: b.address, length });
    const outers = [
      good(LARGEST[family] + 1),
      good(100),
      { ...good(100), dst: nowhere },
      good(101),
      good(102),
      good(LARGEST[family] + 1),
      good(9000),
      good(103),
      { ...good(100), dst: nowhere },
    ];
    expect(sendBatch(driver, outers)).toEqual([
      SEND_TOO_BIG,
      SEND_OK,
      SEND_ERROR,
      SEND_OK,
      SEND_OK,
      SEND_TOO_BIG,
      SEND_TOO_BIG,
      SEND_OK,
      SEND_ERROR,
    ]);
    const isVxlan = (data: Uint8Array) => data[family === 4 ? 23 : 20] === 17;
    const caught = await caughtFrames(b, capture, 4, isVxlan);
    const headerLen = family === 4 ? 50 : 70;
    expect(caught.map((data) => data.length - headerLen)).toEqual([100, 101, 102, 103]);
  });

  test("a route with a smaller MTU means too big, not fragments", async () => {
    const [a, b] = await twoHosts(await createLab(), { family });
    const driver = driverOf(underlayOf(a));
    await a.ns.ip(`route add ${b.address} dev ${UNDERLAY} mtu 1400`);
    const outers = [1300, 1400].map((length) => ({ src: a.address, dst: b.address, length }));
    expect(sendBatch(driver, outers)).toEqual([SEND_OK, SEND_TOO_BIG]);
  });

  test("a full queue of the interface is no silent loss", async () => {
    const [a, b] = await twoHosts(await createLab(), { family });
    const driver = driverOf(underlayOf(a));
    await a.ns.ip(`neigh add ${b.address} lladdr ${MAC} dev ${UNDERLAY}`);
    await a.ns.run("tc", [
      "qdisc",
      "add",
      "dev",
      UNDERLAY,
      "root",
      "tbf",
      "rate",
      "1mbit",
      "burst",
      "3000",
      "limit",
      "5000",
    ]);
    const outers = Array.from({ length: 100 }, () => ({ src: a.address, dst: b.address, length: 1000 }));
    const results = sendBatch(driver, outers);
    const sent = results.filter((result) => result === SEND_OK).length;
    expect(results.filter((result) => result === SEND_FULL).length).toBe(100 - sent);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(100);
    const statistics = await a.ns.run("tc", ["-s", "qdisc", "show", "dev", UNDERLAY]);
    const dropped = Number(/dropped (\d+)/.exec(statistics)?.[1]);
    expect(dropped).toBeGreaterThanOrEqual(100 - sent);
    expect(dropped).toBeLessThan(100 - sent + 5); // the host's own chatter suffers too
  });
});

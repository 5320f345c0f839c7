// The tap driver with real TAP devices: how they are made, taken over and removed, and what frames look like on
// their way between the host's network stack and a worker's descriptors.

import { describe, expect, onTestFinished, test } from "vitest";
import { TapPorts } from "../../control/drivers/tap.js";
import { openTap, type Tap, type TapOptions } from "../../control/linux/index.js";
import { createMemory } from "../../control/memory.js";
import { SEND_DOWN, SEND_OK, VIRTIO_FLAG_NEEDS_CSUM } from "../../dataplane-wasm/layout.js";
import { filler, hex } from "../support/bytes.js";
import { anything, ethernet, ipv4, udp } from "../support/frames.js";
import { createLab, type Host, twoHosts } from "../support/netns.js";
import { drops, setQueue, writeOutput } from "../unit/drivers/support.js";
import { namespaceFile, openDescriptors, receiveAll, receiveInputs } from "./driver-lab.js";

const MAC = "02:00:00:00:00:01";
const PEER = "02:00:00:00:00:02";
const ETHERTYPE = 0x88b5; // IEEE 802, for experiments: no host sends it by itself
const port = 7;

interface LinkShow {
  mtu: number;
  address: string;
  flags: string[];
  linkinfo?: {
    info_data?: { type?: string; persist?: boolean; vnet_hdr?: boolean; multi_queue?: boolean; numqueues?: number };
  };
}

const memory = createMemory();

async function oneHost(): Promise<Host> {
  const [host] = await twoHosts(await createLab());
  return host;
}

/** A TAP that is released with the test. */
function tap(host: Host, options: Partial<TapOptions> = {}): Tap {
  const made = openTap({
    name: "blue0",
    queues: 1,
    mac: MAC,
    mtu: 1450,
    persistent: false,
    netns: namespaceFile(host),
    ...options,
  });
  onTestFinished(() => made.release());
  return made;
}

/** The driver of `worker`, reading queue number `worker`. */
function driverOf({ queueFds }: Tap, worker: number): TapPorts {
  const driver = new TapPorts(memory, worker);
  setQueue(memory, port, worker, queueFds[worker]);
  return driver;
}

const show = async (host: Host, name = "blue0") =>
  (await host.ns.show<LinkShow[]>("-d", "link", "show", "dev", name))[0];

describe("a TAP device", () => {
  test("gets its MAC and MTU, is up, has no address, and goes away when it is released", async () => {
    const host = await oneHost();
    const before = openDescriptors();
    const made = tap(host, { queues: 3 });
    expect(made).toMatchObject({ name: "blue0", mac: MAC, mtu: 1450, isUp: true });
    expect(made.queueFds.length).toBe(3);
    const link = await show(host);
    expect(link).toMatchObject({ mtu: 1450, address: MAC });
    expect(link.flags).toContain("UP");
    expect(link.linkinfo?.info_data).toMatchObject({
      type: "tap",
      vnet_hdr: true,
      multi_queue: true,
      numqueues: 3,
      persist: false,
    });
    const [{ addr_info }] = await host.ns.show<{ addr_info: unknown[] }[]>("addr", "show", "dev", "blue0");
    expect(addr_info).toEqual([]);
    made.release();
    made.release(); // again: nothing happens
    expect(await host.ns.hasLink("blue0")).toBe(false);
    expect(openDescriptors()).toEqual(before);
  });

  test("that is persistent stays, and is taken over", async () => {
    const host = await oneHost();
    tap(host, { persistent: true }).release();
    expect((await show(host)).linkinfo?.info_data).toMatchObject({ persist: true });
    const again = tap(host, { queues: 2, mac: "02:00:00:00:00:09", mtu: 9000, persistent: true });
    expect(again).toMatchObject({ mac: "02:00:00:00:00:09", mtu: 9000, isUp: true });
    again.release();
    tap(host, { persistent: false }).release();
    expect(await host.ns.hasLink("blue0")).toBe(true); // we did not make it, so it is not ours to remove
  });

  test("made by `ip tuntap` with one queue serves one queue, and refuses more", async () => {
    const host = await oneHost();
    await host.ns.ip("tuntap add mode tap name blue0");
    expect(() => tap(host, { queues: 2 })).toThrow(/blue0 was made with one queue, 2 are wanted/);
    const made = tap(host);
    expect(made.isUp).toBe(true);
    expect(() => tap(host)).toThrow("the TAP device blue0 is in use by another program");
  });

  test("keeps its name from other kinds of device", async () => {
    const host = await oneHost();
    await host.ns.ip("link add blue0 type bridge", "tuntap add mode tun name blue1");
    const before = openDescriptors();
    const remedy = "driver xdp attaches to an interface that is there (port add: --driver xdp)";
    const coded = (message: string) => expect.objectContaining({ code: "ERR_HOST_INTERFACE", message });
    expect(() => tap(host)).toThrow(coded(`blue0 is an existing bridge device, not a TAP device; ${remedy}`));
    expect(() => tap(host, { name: "blue1" })).toThrow(
      coded(`blue1 is an existing TUN device, not a TAP device; ${remedy}`),
    );
    expect(() => tap(host, { name: "lo" })).toThrow(
      coded(`lo is an existing network interface, not a TAP device; ${remedy}`),
    );
    expect(() => tap(host, { name: "a-name-of-16-byt" })).toThrow(coded("a-name-of-16-byt is over 15 bytes long"));
    tap(host, { name: "blue2", queues: 2 });
    expect(() => tap(host, { name: "blue2", queues: 2 })).toThrow(
      coded(`the TAP device blue2 is in use by another program; ${remedy}`),
    );
    expect(openDescriptors().length).toBe(before.length + 3); // blue2's two queues and its netlink socket
  });

  test("that cannot be set up leaves nothing behind", async () => {
    const host = await oneHost();
    const before = openDescriptors();
    expect(() => tap(host, { mtu: 70_000, persistent: true })).toThrow(
      expect.objectContaining({ call: "SIOCSIFMTU blue0 70000", code: "EINVAL" }),
    );
    expect(() => tap(host, { mac: "03:00:00:00:00:01" })).toThrow(expect.objectContaining({ code: "EADDRNOTAVAIL" }));
    expect(() => tap(host, { netns: "/run/netns/no-such-namespace" })).toThrow(
      expect.objectContaining({ code: "ENOENT" }),
    );
    expect(await host.ns.hasLink("blue0")).toBe(false);
    expect(openDescriptors()).toEqual(before);
  });
});

describe("frames", () => {
  test("from the host arrive whole, of every length", async () => {
    const host = await oneHost();
    const driver = driverOf(tap(host, { mtu: 9000 }), 0);
    const lengths = [14, 15, 60, 64, 1464, 9014];
    const frames = lengths.map((length) =>
      ethernet({ dst: PEER, src: MAC }, anything(ETHERTYPE, filler(length - 14, length))),
    );
    await host.agent.call("sendFrames", "blue0", frames);
    const isOurs = ({ payload }: { payload: string }) => payload.slice(24, 28) === "88b5";
    const inputs = await receiveInputs(memory, 0, () => driver.receive(port, 4), frames.length, isOurs);
    expect(inputs.map(({ payload }) => payload)).toEqual(frames.map(hex));
    for (const input of inputs) {
      expect(input).toMatchObject({ attachment: port, payloadOffset: 0, flags: 0 });
      expect(input.virtio.slice(20)).toBe("00".repeat(14)); // beyond what kernels fill in
    }
    expect(driver.receiveErrno).toBe(0);
  });

  test("to the host arrive whole; its stack takes them", async () => {
    const host = await oneHost();
    const driver = driverOf(tap(host), 0);
    await host.ns.ip("addr add 192.168.7.1/24 dev blue0");
    await host.agent.call("udpListen", "192.168.7.1", 5001);
    const capture = await host.agent.call("capture", ["blue0"]);
    const frames = [100, 1400].map((length) =>
      ethernet(
        { dst: MAC, src: PEER },
        ipv4({ src: "192.168.7.2", dst: "192.168.7.1" }, udp({ srcPort: 4000, dstPort: 5001 }, filler(length))),
      ),
    );
    frames.forEach((payload, i) => {
      writeOutput(memory, 0, i, { payload });
    });
    driver.send(port, 0, frames.length);
    expect(drops(memory, 0, 0, 2)).toEqual([SEND_OK, SEND_OK]);
    const taken = await host.agent.call("udpTaken", 5001, 2);
    expect(taken.map((text) => text.split(":")[0])).toEqual(["100", "1400"]);
    const caught = (await host.agent.call("caught", capture)).filter(
      ({ outgoing, data }) => !outgoing && data[12] === 8,
    );
    expect(caught.map(({ data }) => hex(data))).toEqual(frames.map(hex));
  });

  test("from the host's stack say that their checksum is unfinished, and are taken back so", async () => {
    const host = await oneHost();
    const made = tap(host);
    const driver = driverOf(made, 0);
    expect(made.offloads.checksum).toBe(true);
    await host.ns.ip("addr add 192.168.7.1/24 dev blue0", `neigh add 192.168.7.2 lladdr ${PEER} dev blue0`);
    await host.agent.call("udpSend", { address: "192.168.7.2", port: 5001, sizes: [333] });
    const isUdp = ({ payload }: { payload: string }) =>
      payload.slice(24, 28) === "0800" && payload.slice(46, 48) === "11";
    const [input] = await receiveInputs(memory, 0, () => driver.receive(port, 8), 1, isUdp);
    const virtio = Buffer.from(input.virtio, "hex");
    expect(virtio[0] & VIRTIO_FLAG_NEEDS_CSUM).toBe(VIRTIO_FLAG_NEEDS_CSUM);
    expect([virtio.readUInt16LE(6), virtio.readUInt16LE(8)]).toEqual([34, 6]);

    // The same frame the other way round: the kernel finishes the checksum when it needs it.
    await host.agent.call("udpListen", "192.168.7.1", 5001);
    const frame = Buffer.from(input.payload, "hex");
    const answer = Buffer.concat([
      frame.subarray(6, 12),
      frame.subarray(0, 6),
      frame.subarray(12, 26),
      frame.subarray(30, 34),
      frame.subarray(26, 30),
      frame.subarray(34),
    ]);
    writeOutput(memory, 0, 0, { payload: answer, virtio });
    driver.send(port, 0, 1);
    expect(await host.agent.call("udpTaken", 5001, 1)).toEqual([expect.stringMatching(/^333:/)]);
  });

  test("of many flows reach all queues, each of them once", async () => {
    const host = await oneHost();
    const made = tap(host, { queues: 2 });
    const drivers = [0, 1].map((worker) => driverOf(made, worker));
    const frames = Array.from({ length: 64 }, (_, i) =>
      ethernet(
        { dst: PEER, src: MAC },
        ipv4({ src: "192.0.2.1", dst: "192.0.2.2" }, udp({ srcPort: 1000 + i, dstPort: 9 }, filler(20, i))),
      ),
    );
    await host.agent.call("sendFrames", "blue0", frames);
    const received = await Promise.all(
      drivers.map((driver, worker) => receiveAll(memory, worker, () => driver.receive(port, 256))),
    );
    expect(received.every((inputs) => inputs.length > 0)).toBe(true);
    const sent = new Set(frames.map(hex));
    const ours = received
      .flat()
      .map(({ payload }) => payload)
      .filter((payload) => sent.has(payload));
    expect(ours.sort()).toEqual(frames.map(hex).sort());
  });

  test("that nobody reads are counted as lost", async () => {
    const host = await oneHost();
    const made = tap(host);
    const driver = driverOf(made, 0);
    const before = made.readTxDropped();
    // More than a queue holds.
    const frames = Array.from({ length: 3000 }, () =>
      ethernet({ dst: PEER, src: MAC }, anything(ETHERTYPE, filler(50))),
    );
    await host.agent.call("sendFrames", "blue0", frames);
    const received = await receiveAll(memory, 0, () => driver.receive(port, 256));
    const ours = received.filter(({ payload }) => payload.slice(24, 28) === "88b5").length;
    const lost = made.readTxDropped() - before;
    expect(lost).toBeGreaterThan(0);
    // The host's own chatter (IPv6) may be among the lost, or have been read.
    expect(ours + lost).toBeGreaterThanOrEqual(frames.length);
    expect(ours + lost - frames.length).toBeLessThan(20);
  });

  test("to a port that is down, or deleted by somebody, are marked", async () => {
    const host = await oneHost();
    const driver = driverOf(tap(host), 0);
    writeOutput(memory, 0, 0, { payload: ethernet({ dst: MAC, src: PEER }, anything(ETHERTYPE, filler(50))) });
    await host.ns.ip("link set blue0 down");
    driver.send(port, 0, 1);
    expect(drops(memory, 0, 0, 1)).toEqual([SEND_DOWN]);
    await host.ns.ip("link set blue0 up");
    driver.send(port, 0, 1);
    expect(drops(memory, 0, 0, 1)).toEqual([SEND_OK]);
    await host.ns.ip("link delete blue0");
    driver.send(port, 0, 1);
    expect(drops(memory, 0, 0, 1)).toEqual([SEND_DOWN]);
    await receiveAll(memory, 0, () => driver.receive(port, 8));
    expect(driver.receiveErrno).not.toBe(0);
  });
});

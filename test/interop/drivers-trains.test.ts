// Trains of datagrams through real sockets between two hosts: sent as one, received as one, and what happens where one of the
// two cannot be.

import koffi from "koffi";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { parseAddress } from "../../control/address.js";
import { compileDataplane, instantiateDataplane } from "../../control/dataplane.js";
import { IO_TRAIN_SOCKETS, ioPtr, outputPtr } from "../../control/drivers/io-tables.js";
import { UdpUnderlay } from "../../control/drivers/udp.js";
import { baseAddress, closeFd, inNamespace, openUnderlay } from "../../control/linux/index.js";
import { openReceiveSocket } from "../../control/linux/sockets.js";
import { createMemory } from "../../control/memory.js";
import * as L from "../../dataplane-wasm/layout.js";
import { concat, filler, hex } from "../support/bytes.js";
import { ethernet, ipv4, ipv6, udp } from "../support/frames.js";
import { createLab, type Host, twoHosts, UNDERLAY } from "../support/netns.js";
import { drops, writeOutput } from "../unit/drivers/support.js";
import { namespaceFile, receiveAll, receiveInputs } from "./driver-lab.js";

const PORT = 4789;
const MAC = "02:00:00:00:00:01";
const SENDER = 0;
const RECEIVER = 1;
const TOS = 0x2a;
const TTL = 61;
const EINVAL = 22;
const SOL_SOCKET = 1;
const SO_NO_CHECK = 11;

const setsockopt: (fd: number, level: number, option: number, value: Int32Array, length: number) => number = koffi
  .load(null)
  .func("int setsockopt(int fd, int level, int option, void *value, uint32_t length)");

const memory = createMemory();
const dataplane = await instantiateDataplane(await compileDataplane(), memory.memory);
dataplane.initialise();
memory.u64[L.SYSTEM_BASE / 8] = BigInt(baseAddress(memory));

beforeEach(() => {
  memory.u32[L.SYSTEM_OFFLOADS / 4] = L.OFFLOAD_UDP_SEGMENT;
  memory.u32.fill(0, L.SYSTEM_REFUSALS / 4, L.SYSTEM_REFUSALS / 4 + 8);
});

/** One driver at each host, the second one receives trains or not. */
async function drivers(family: 4 | 6, trains = true) {
  const [a, b] = await twoHosts(await createLab(), { family });
  memory.u8.set(parseAddress(a.address) ?? [], L.SYSTEM_LOCAL);
  const open = (host: Host, worker: number) => {
    const underlay = openUnderlay({ local: host.address, port: PORT, workers: 1, netns: namespaceFile(host) });
    const isIpv6 = family === 6;
    const options = { sendFd: underlay.sendFds[0], isIpv6, trainSockets: 4 };
    const driver = new UdpUnderlay(memory, worker, options, dataplane.checksumSum);
    onTestFinished(() => {
      driver.close();
      underlay.close();
    });
    return { underlay, driver };
  };
  const [sender, receiver] = [open(a, SENDER), open(b, RECEIVER)];
  receiver.underlay.receiveTrains(trains);
  return {
    a,
    b,
    /** Sends outputs 0 to count - 1. What became of each. */
    send(count: number) {
      inNamespace(namespaceFile(a), () => sender.driver.send(0, count));
      return drops(memory, SENDER, 0, count);
    },
    receive: (max: number) => receiver.driver.receive(receiver.underlay.receiveFds[0], max),
    sender: sender.driver,
    receiver: receiver.driver,
  };
}

const datagram = (length: number, seed: number) => concat([8, 0, 0, 0, 0, 0, 100, 0], filler(length, seed));

/** Outer headers of a datagram, up to the UDP header. */
function outerHeader(a: Host, b: Host, srcPort: number, first: Uint8Array): Uint8Array {
  const segment = udp({ srcPort, dstPort: PORT }, first);
  const [src, dst] = [a.address, b.address];
  const packet = src.includes(":")
    ? ipv6({ src, dst, trafficClass: TOS, hopLimit: TTL }, segment)
    : ipv4({ src, dst, tos: TOS, ttl: TTL, df: true }, segment);
  const frame = ethernet({ dst: MAC, src: MAC }, packet);
  return frame.subarray(0, frame.length - first.length);
}

function mark(index: number, fields: { srcPort: number; size: number; flags?: number; chain?: number }): void {
  const at = outputPtr(SENDER, index);
  memory.u16[(at + L.DESC_OUTER_PORT) / 2] = fields.srcPort;
  memory.u16[(at + L.DESC_TRAIN_SIZE) / 2] = fields.size;
  memory.u16[(at + L.DESC_FLAGS) / 2] = fields.flags ?? 0;
  memory.u16[(at + L.DESC_CHAIN) / 2] = fields.chain ?? 0;
  memory.u32[(at + L.DESC_PIECES) / 4] = 0;
}

/** Output `index`: datagrams one behind the other, as segmentation leaves them. */
function writeTrain(a: Host, b: Host, index: number, srcPort: number, datagrams: readonly Uint8Array[]): void {
  const header = outerHeader(a, b, srcPort, datagrams[0]);
  writeOutput(memory, SENDER, index, { header, payload: concat(...datagrams) });
  mark(index, { srcPort, size: datagrams[0].length });
}

/** Outputs 0 and on: a datagram each, chained, as gathering leaves them. */
function writeChain(a: Host, b: Host, srcPort: number, datagrams: readonly Uint8Array[]): void {
  const base = baseAddress(memory);
  const first = L.WORKERS + SENDER * L.WORKER_SIZE + L.WORKER_PIECES + L.PIECE_SIZE;
  datagrams.forEach((bytes, i) => {
    const header = concat(outerHeader(a, b, srcPort, bytes), bytes.subarray(0, 8));
    writeOutput(memory, SENDER, i, { header, payload: bytes.subarray(8) });
    const isLast = i === datagrams.length - 1;
    mark(i, {
      srcPort,
      size: i === 0 ? datagrams[0].length : 0,
      flags: i === 0 ? 0 : L.DESC_FLAG_CHAINED,
      chain: isLast ? 0 : i + 2,
    });
    // A frame lies behind its headers in its buffer, so one piece has both.
    const payload = memory.u32[(outputPtr(SENDER, i) + L.DESC_PAYLOAD_PTR) / 4];
    memory.u64[(first + i * L.PIECE_SIZE) / 8] = BigInt(base + payload - 8);
    memory.u64[(first + i * L.PIECE_SIZE) / 8 + 1] = BigInt(bytes.length);
  });
  const head = outputPtr(SENDER, 0);
  memory.u32[(head + L.DESC_PIECES) / 4] = first;
  memory.u16[(head + L.DESC_PIECE_COUNT) / 2] = datagrams.length;
}

const same = (count: number, length: number, last = length) =>
  Array.from({ length: count }, (_, i) => datagram(i === count - 1 ? last : length, i));

const trainsLeave = () => (memory.u32[L.SYSTEM_OFFLOADS / 4] & L.OFFLOAD_UDP_SEGMENT) !== 0;

describe.each([{ family: 4 }, { family: 6 }] as const)("trains over IPv$family", ({ family }) => {
  test.each([true, false])("arrive as their datagrams, in order (received as trains: %s)", async (trains) => {
    const { a, b, send, receive } = await drivers(family, trains);
    const sent = [same(40, 1400, 33), same(2, 100), same(64, 60)];
    sent.forEach((datagrams, i) => {
      writeTrain(a, b, i, 50000 + i, datagrams);
    });
    expect(send(3)).toEqual([L.SEND_OK, L.SEND_OK, L.SEND_OK]);
    const inputs = await receiveInputs(memory, RECEIVER, () => receive(L.INPUTS_MAX), 106);
    const from = (port: number) => inputs.filter(({ outerPort }) => outerPort === port).map(({ payload }) => payload);
    for (const [i, datagrams] of sent.entries()) expect(from(50000 + i)).toEqual(datagrams.map(hex));
    for (const input of inputs) {
      expect(input).toMatchObject({ outerTos: TOS, outerTtl: TTL, flags: 0, headerLen: 0, attachment: 0 });
      expect(input.outerAddress).toBe(hex(parseAddress(a.address) ?? Buffer.alloc(0)));
      expect(input.virtio).toBe("00".repeat(24));
    }
  });

  test("that do not fit a batch are held for the next ones", async () => {
    const { a, b, send, receive, receiver } = await drivers(family);
    for (let i = 0; i < 5; i++) writeTrain(a, b, i, 50000, same(60, 70 + i));
    expect(send(5)).toEqual(Array(5).fill(L.SEND_OK));
    const batches: string[][] = [];
    let lengths: number[] = [];
    do {
      const inputs = await receiveInputs(memory, RECEIVER, () => receive(lengths.length === 0 ? 7 : 100), 1);
      batches.push(inputs.map(({ payload }) => payload));
      lengths = batches.map(({ length }) => length);
    } while (receiver.held > 0);
    expect(lengths).toEqual([7, 100, 100, 93]);
    expect(batches.flat()).toEqual([0, 1, 2, 3, 4].flatMap((i) => same(60, 70 + i).map(hex)));
    expect(await receiveAll(memory, RECEIVER, () => receive(10))).toEqual([]);
  });

  test("of pieces are one send, and each member knows what became of it", async () => {
    const { a, b, send, receive } = await drivers(family);
    const datagrams = same(30, 90, 40);
    writeChain(a, b, 51000, datagrams);
    expect(send(30)).toEqual(Array(30).fill(L.SEND_OK));
    const inputs = await receiveInputs(memory, RECEIVER, () => receive(L.INPUTS_MAX), 30);
    expect(inputs.map(({ payload }) => payload)).toEqual(datagrams.map(hex));
    expect(new Set(inputs.map(({ outerPort }) => outerPort))).toEqual(new Set([51000]));
    // They came from one buffer.
    expect(new Set(inputs.map(({ buffer }, i) => buffer + i * L.BUFFER_SIZE)).size).toBe(1);
  });

  test("leave one by one from a port that another program has", async () => {
    const { a, b, send, receive } = await drivers(family);
    const local = parseAddress(a.address) ?? new Uint8Array(16);
    const taken = inNamespace(namespaceFile(a), () => openReceiveSocket({ local, port: 52000, join: false }));
    onTestFinished(() => closeFd(taken));
    const datagrams = same(20, 1400, 1);
    writeTrain(a, b, 0, 52000, datagrams);
    expect(send(1)).toEqual([L.SEND_OK]);
    const inputs = await receiveInputs(memory, RECEIVER, () => receive(L.INPUTS_MAX), 20);
    expect(inputs.map(({ payload }) => payload)).toEqual(datagrams.map(hex));
    for (const input of inputs) expect(input).toMatchObject({ outerPort: 52000, outerTos: TOS, outerTtl: TTL });
    writeChain(a, b, 52000, datagrams);
    expect(send(20)).toEqual(Array(20).fill(L.SEND_OK));
    const again = await receiveInputs(memory, RECEIVER, () => receive(L.INPUTS_MAX), 20);
    expect(again.map(({ payload }) => payload)).toEqual(datagrams.map(hex));
    expect(trainsLeave()).toBe(true);
  });

  test("that the kernel refuses leave one by one, and are given up", async () => {
    const { a, b, send, receive } = await drivers(family);
    writeTrain(a, b, 0, 53000, same(2, 100));
    expect(send(1)).toEqual([L.SEND_OK]);
    await receiveInputs(memory, RECEIVER, () => receive(L.INPUTS_MAX), 2);
    // The kernel cuts no train whose datagrams have no checksum.
    const fd = memory.i32[(ioPtr(SENDER) + IO_TRAIN_SOCKETS) / 4];
    if (family === 4) expect(setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, Int32Array.of(1), 4)).toBe(0);
    else expect(setsockopt(fd, 17, 101, Int32Array.of(1), 4)).toBe(0); // UDP_NO_CHECK6_TX
    const trains = [same(10, 500), same(12, 600, 8)];
    trains.forEach((datagrams, i) => {
      writeTrain(a, b, i, 53000, datagrams);
    });
    expect(send(2)).toEqual([L.SEND_OK, L.SEND_OK]);
    const inputs = await receiveInputs(memory, RECEIVER, () => receive(L.INPUTS_MAX), 22);
    expect(inputs.map(({ payload }) => payload)).toEqual(trains.flat().map(hex));
    expect(trainsLeave()).toBe(false);
    expect(memory.u32[L.SYSTEM_REFUSALS / 4 + Math.log2(L.OFFLOAD_UDP_SEGMENT)]).toBe(EINVAL);
  });

  test("that a route's MTU forbids are too big, and trains go on", async () => {
    const { a, b, send, receive } = await drivers(family);
    await a.ns.ip(`route add ${b.address} dev ${UNDERLAY} mtu 1300`);
    writeTrain(a, b, 0, 54000, same(5, 1400, 30));
    writeTrain(a, b, 1, 54000, same(5, 1000));
    expect(send(2)).toEqual([L.SEND_TOO_BIG, L.SEND_OK]);
    // A datagram at a train's end that is short enough has its chance.
    const passed = [...same(5, 1400, 30).slice(4), ...same(5, 1000)];
    const inputs = await receiveInputs(memory, RECEIVER, () => receive(L.INPUTS_MAX), passed.length);
    expect(inputs.map(({ payload }) => payload)).toEqual(passed.map(hex));
    expect(trainsLeave()).toBe(true);
  });

  test("have a socket for so many ports; a silent port gives up its own", async () => {
    const { a, b, send, receive, sender } = await drivers(family);
    const fds = () => [...memory.i32.subarray((ioPtr(SENDER) + IO_TRAIN_SOCKETS) / 4).subarray(0, 5)];
    const clock = L.SYSTEM_CLOCK / 4;
    memory.u32[clock] = 100;
    const sendFrom = async (port: number) => {
      writeTrain(a, b, 0, port, same(3, 200));
      expect(send(1)).toEqual([L.SEND_OK]);
      const inputs = await receiveInputs(memory, RECEIVER, () => receive(L.INPUTS_MAX), 3);
      expect(inputs.map(({ payload, outerPort }) => [payload, outerPort])).toEqual(
        same(3, 200).map((bytes) => [hex(bytes), port]),
      );
    };
    for (const port of [60001, 60002, 60003, 60004]) await sendFrom(port);
    const full = fds();
    expect(full.filter((fd) => fd > 0)).toHaveLength(4);
    await sendFrom(60005); // there is none, so one by one
    expect(fds()).toEqual(full);
    memory.u32[clock] = 103;
    await sendFrom(60001);
    await sendFrom(60005);
    await sendFrom(60002);
    expect(fds().filter((fd) => fd > 0)).toHaveLength(4);
    // Long silence ends them; one that is in use moves together with its port.
    memory.u32[clock] = 107;
    await sendFrom(60002);
    memory.u32[clock] = 108;
    sender.tick();
    expect(fds().filter((fd) => fd > 0)).toEqual([fds()[0]]);
    const [kept] = fds();
    await sendFrom(60002);
    expect(fds().filter((fd) => fd > 0)).toEqual([kept]);
    await sendFrom(60003);
    expect(fds().filter((fd) => fd > 0)).toHaveLength(2);
    memory.u32[clock] = 113;
    sender.tick();
    expect(fds().filter((fd) => fd > 0)).toEqual([]);
  });
});

// The udp driver's receiving side on loopback sockets, which need no right, against its in-memory double.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAddress } from "../../../control/address.js";
import { inputPtr } from "../../../control/drivers/io-tables.js";
import { MemoryUnderlay } from "../../../control/drivers/memory.js";
import { UdpReceiver } from "../../../control/drivers/udp-receive.js";
import { closeFd } from "../../../control/linux/index.js";
import { openReceiveSocket, readSocketDrops } from "../../../control/linux/sockets.js";
import { createMemory } from "../../../control/memory.js";
import { DESC_VIRTIO, INPUTS_MAX, VIRTIO_LEN, WORKERS_MAX } from "../../../dataplane-wasm/layout.js";
import { filler, hex } from "../../support/bytes.js";
import { readInput, soil } from "./support.js";

const memory = createMemory();
const worker = WORKERS_MAX - 1;

describe.each([
  { family: "udp4", local: "127.0.0.1", isIpv6: false },
  { family: "udp6", local: "::1", isIpv6: true },
] as const)("over $family", ({ family, local, isIpv6 }) => {
  let receiver: UdpReceiver;
  const double = new MemoryUnderlay(memory, worker);
  let sender: Socket;
  let fd = -1;
  let port = 0;

  beforeAll(async () => {
    receiver = new UdpReceiver(memory, worker, isIpv6);
    // A free port: one that the kernel has just given and taken back.
    const probe = createSocket(family).bind(0, local);
    await once(probe, "listening");
    port = probe.address().port;
    probe.close();
    await once(probe, "close");
    fd = openReceiveSocket({ local: parseAddress(local) ?? new Uint8Array(16), port, join: false });
    sender = createSocket(family).bind(0, local);
    await once(sender, "listening");
  });
  afterAll(() => {
    sender.close();
    closeFd(fd);
  });

  const send = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) =>
      sender.send(bytes, port, local, (error) => (error === null ? resolve() : reject(error))),
    );

  test.each([0, 8, 22, 1500, 9000, 60000])("a datagram of %i bytes is described as by the double", async (length) => {
    const bytes = filler(length, length);
    soil(memory, worker);
    double.inject({ bytes, address: local, port: sender.address().port, tos: 0, ttl: 64 });
    expect(double.receive(0, 8)).toBe(1);
    const expected = readInput(memory, worker, 0);
    expect(expected).toMatchObject({ payloadOffset: -8, payload: hex(bytes), attachment: 0, outerTtl: 64 });
    expect(expected.outerAddress).toEqual(hex(parseAddress(local) ?? Buffer.alloc(0)));

    soil(memory, worker);
    memory.u8.fill(0xa5, inputPtr(worker, 0) + DESC_VIRTIO, inputPtr(worker, 0) + DESC_VIRTIO + VIRTIO_LEN);
    await send(bytes);
    expect(receiver.receive(fd, 8)).toBe(1);
    expect(readInput(memory, worker, 0)).toEqual(expected);
  });

  test("batch after batch, in order, each with its TTL", async () => {
    for (const round of [1, 2, 3]) {
      for (let i = 0; i < 5; i++) {
        sender.setTTL(10 * round + i);
        await send(filler(50 + i, round * 10 + i));
      }
      expect(receiver.receive(fd, 3)).toBe(3);
      const first = [0, 1, 2].map((i) => readInput(memory, worker, i));
      expect(receiver.receive(fd, INPUTS_MAX)).toBe(2);
      const inputs = [...first, ...[0, 1].map((i) => readInput(memory, worker, i))];
      expect(inputs.map(({ payload }) => payload)).toEqual(
        [0, 1, 2, 3, 4].map((i) => hex(filler(50 + i, round * 10 + i))),
      );
      expect(inputs.map(({ outerTtl }) => outerTtl)).toEqual([0, 1, 2, 3, 4].map((i) => 10 * round + i));
    }
    sender.setTTL(64);
  });

  test("a full batch of 256, then an empty socket", async () => {
    for (let i = 0; i < INPUTS_MAX + 1; i++) await send(filler(100, i));
    expect(receiver.receive(fd, INPUTS_MAX)).toBe(INPUTS_MAX);
    expect(readInput(memory, worker, INPUTS_MAX - 1).payload).toEqual(hex(filler(100, INPUTS_MAX - 1)));
    expect(receiver.receive(fd, INPUTS_MAX)).toBe(1);
    expect(receiver.receive(fd, INPUTS_MAX)).toBe(0);
    expect(receiver.errno).toBe(0);
    expect(readSocketDrops(fd)).toBe(0);
  });

  test("what is no socket gives nothing, and its errno", () => {
    expect(receiver.receive(1 << 20, 8)).toBe(0);
    expect(receiver.errno).toBe(9);
  });
});

// The in-memory doubles themselves, addresses in tables, and the meaning of errnos: what other tests build on.

import { describe, expect, test } from "vitest";
import { parseAddress } from "../../../control/address.js";
import { IO_END, writeAddress, writeU64 } from "../../../control/drivers/io-tables.js";
import { MemoryPorts, MemoryUnderlay } from "../../../control/drivers/memory.js";
import { sendResult } from "../../../control/drivers/send-result.js";
import { createMemory } from "../../../control/memory.js";
import {
  SEND_DOWN,
  SEND_ERROR,
  SEND_FULL,
  SEND_OK,
  SEND_TOO_BIG,
  WORKER_IO_SIZE,
} from "../../../dataplane-wasm/layout.js";
import { filler, hex } from "../../support/bytes.js";
import { drops, readInput, writeOutput } from "./support.js";

const memory = createMemory();
const worker = 1;

test("the drivers' tables fit their region", () => expect(IO_END).toBeLessThanOrEqual(WORKER_IO_SIZE));

test.each([
  [0x7f2c_ac00_0000, 0x0001_0000],
  [0x7f2c_ffff_0000, 0x0000_ffff],
  [0x7f2c_ffff_0000, 0x0001_0000],
  [0x7f2c_ffff_0000, 0x9000_0001],
  [0x0000_0001_0000, 0xffff_ffff],
])("address %i + %i goes into two words", (base, ptr) => {
  const u32 = new Uint32Array(4).fill(0xa5a5a5a5);
  writeAddress(u32, 1, base % 2 ** 32, Math.floor(base / 2 ** 32), ptr);
  const slow = u32.slice();
  writeU64(slow, 4, base + ptr);
  expect([...u32]).toEqual([...slow]);
  expect(BigInt(u32[2]) * 2n ** 32n + BigInt(u32[1])).toBe(BigInt(base) + BigInt(ptr));
  expect([u32[0], u32[3]]).toEqual([0xa5a5a5a5, 0xa5a5a5a5]);
});

test.each([
  [SEND_FULL, ["EAGAIN", 11], ["ENOBUFS", 105], ["ENOMEM", 12]],
  [SEND_DOWN, ["EIO", 5], ["EBADFD", 77], ["EBADF", 9], ["ENODEV", 19], ["ENETDOWN", 100]],
  [SEND_TOO_BIG, ["EMSGSIZE", 90], ["EFBIG", 27], ["E2BIG", 7]],
  [SEND_ERROR, ["EINVAL", 22], ["EPERM", 1], ["ENETUNREACH", 101], ["EHOSTUNREACH", 113], ["ECONNREFUSED", 111]],
] as [number, ...[string, number][]][])("errnos that mean SEND %i", (result, ...errnos) => {
  expect(errnos.map(([, errno]) => sendResult(errno))).toEqual(errnos.map(() => result));
});

describe("ports", () => {
  test("each has a queue of its own; frames keep their order and their virtio-net header", () => {
    const ports = new MemoryPorts(memory, worker);
    ports.inject(1, filler(60, 1));
    ports.inject(2, filler(60, 2), filler(24, 2), 4);
    ports.inject(1, filler(60, 3));
    expect(ports.receive(2, 8)).toBe(1);
    expect(readInput(memory, worker, 0)).toMatchObject({
      payload: hex(filler(60, 2)),
      virtio: hex(filler(24, 2)),
      attachment: 2,
      flags: 4,
    });
    expect(ports.receive(1, 1)).toBe(1);
    expect(readInput(memory, worker, 0).payload).toBe(hex(filler(60, 1)));
    expect(ports.receive(1, 8)).toBe(1);
    expect(readInput(memory, worker, 0)).toMatchObject({ payload: hex(filler(60, 3)), attachment: 1 });
    expect(ports.receive(1, 8)).toBe(0);
    expect(ports.receive(9, 8)).toBe(0);
  });

  test("an injected frame is a copy", () => {
    const ports = new MemoryPorts(memory, worker);
    const frame = filler(60, 1);
    ports.inject(1, frame);
    frame.fill(0);
    ports.receive(1, 1);
    expect(readInput(memory, worker, 0).payload).toBe(hex(filler(60, 1)));
  });

  test("failing sends are marked and not kept", () => {
    const ports = new MemoryPorts(memory, worker);
    for (let i = 0; i < 3; i++) writeOutput(memory, worker, i, { payload: filler(60, i), target: 10 + i });
    ports.onSend = (_index, target) => (target === 11 ? SEND_FULL : SEND_OK);
    ports.send(7, 0, 3);
    expect(drops(memory, worker, 0, 3)).toEqual([SEND_OK, SEND_FULL, SEND_OK]);
    expect(ports.sent.map(({ port, frame }) => [port, Buffer.from(frame)])).toEqual([
      [7, Buffer.from(filler(60, 0))],
      [7, Buffer.from(filler(60, 2))],
    ]);
  });
});

describe("underlay", () => {
  test.each(["192.0.2.1", "2001:db8::7"])("a datagram from %s", (address) => {
    const underlay = new MemoryUnderlay(memory, worker);
    underlay.inject({ bytes: filler(80), address, port: 51000, tos: 3, ttl: 9, flags: 2 }, 5);
    expect(underlay.receive(0, 8)).toBe(0);
    expect(underlay.receive(5, 8)).toBe(1);
    expect(readInput(memory, worker, 0)).toMatchObject({
      payload: hex(filler(80)),
      payloadOffset: -8,
      outerPort: 51000,
      outerTos: 3,
      outerTtl: 9,
      flags: 2,
      outerAddress: hex(parseAddress(address) ?? Buffer.alloc(0)),
      virtio: hex(Buffer.alloc(24)),
    });
  });

  test("what is no address is refused", () => {
    expect(() => new MemoryUnderlay(memory, worker).inject({ bytes: filler(8), address: "nobody" })).toThrow("nobody");
  });

  test("sends are kept with header and payload apart", () => {
    const underlay = new MemoryUnderlay(memory, worker);
    writeOutput(memory, worker, 0, { payload: filler(60, 1), header: filler(50, 2), target: 3 });
    writeOutput(memory, worker, 1, { payload: filler(61, 3), header: filler(70, 4), apart: true, target: 4 });
    writeOutput(memory, worker, 2, { payload: filler(62, 5), header: filler(50, 6), target: 5 });
    underlay.onSend = (index) => (index === 2 ? SEND_TOO_BIG : SEND_OK);
    underlay.send(0, 3);
    expect(underlay.sent).toEqual([
      { target: 3, header: filler(50, 2), payload: filler(60, 1), trainSize: 0 },
      { target: 4, header: filler(70, 4), payload: filler(61, 3), trainSize: 0 },
    ]);
    expect(drops(memory, worker, 0, 3)).toEqual([SEND_OK, SEND_OK, SEND_TOO_BIG]);
  });
});

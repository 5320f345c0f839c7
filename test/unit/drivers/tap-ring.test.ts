// Reading a TAP queue through io_uring beside reading it call by call: the same frames give the same descriptors. A pair of
// datagram sockets stands for the queue. Where this host forbids io_uring, both sides are the plain driver, and the
// reason that the daemon would show is what is tested.

import { closeSync, openSync, writeSync } from "node:fs";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { TapRings } from "../../../control/daemon/tap-rings.js";
import { TapPorts } from "../../../control/drivers/tap.js";
import { TapRing } from "../../../control/drivers/tap-ring.js";
import { EOPNOTSUPP } from "../../../control/linux/errno.js";
import { closeFd } from "../../../control/linux/index.js";
import { createMemory } from "../../../control/memory.js";
import {
  OFFLOAD_PORT_URING,
  PORTS_MAX,
  SYSTEM_OFFLOADS,
  SYSTEM_REFUSALS,
  VIRTIO_LEN,
} from "../../../dataplane-wasm/layout.js";
import { filler, hex } from "../../support/bytes.js";
import { queuePair, readInput, setQueue, soil } from "./support.js";

const memory = createMemory();
const worker = 1; // the rings are opened from worker 0 on
const port = PORTS_MAX - 1;
const reasons: (string | undefined)[] = [];
const rings = new TapRings(memory);
rings.open(2, { isAllowed: true, set: (_, reason) => reasons.push(reason) });
const isOffered = reasons[0] === undefined;
const plain = new TapPorts(memory, worker);
const ringOf = () => (isOffered ? new TapRing(memory, worker, rings.rings[worker]) : undefined);
let ports = new TapPorts(memory, worker, ringOf());
const [queue, far] = queuePair();

const isInUse = () => (memory.u32[SYSTEM_OFFLOADS >>> 2] & OFFLOAD_PORT_URING) !== 0;
const frameOf = (length: number, seed: number) =>
  Buffer.concat([filler(10, seed), new Uint8Array(VIRTIO_LEN - 10), filler(length, seed)]);

/** What the driver makes of `frames`: how many a call took, and their descriptors. */
function received(driver: TapPorts, frames: readonly Buffer[], max: number) {
  soil(memory, worker);
  for (const frame of frames) writeSync(far, frame);
  const counts: number[] = [];
  const inputs: unknown[] = [];
  for (let count = driver.receive(port, max); count > 0; count = driver.receive(port, max)) {
    counts.push(count);
    for (let i = 0; i < count; i++) {
      const { payload, payloadOffset, virtio, attachment, flags, buffer, headerLen } = readInput(memory, worker, i);
      inputs.push({ payload, payloadOffset, virtio, attachment, flags, buffer, headerLen });
    }
  }
  expect(driver.receiveErrno).toBe(0);
  return { counts, inputs };
}

beforeEach(() => {
  setQueue(memory, port, worker, queue);
  if (isOffered) memory.u32[SYSTEM_OFFLOADS >>> 2] |= OFFLOAD_PORT_URING;
});
afterAll(() => {
  rings.close();
  for (const fd of [queue, far]) closeFd(fd);
});

test("the probe says yes for every worker, or why not", () => {
  expect(reasons).toHaveLength(1);
  expect(rings.rings.length).toBe(isOffered ? 2 : 0);
  if (!isOffered) expect(reasons[0]).toMatch(/io_uring|open/);
});

test("offloads: off opens none", () => {
  const none = new TapRings(memory);
  none.open(1, { isAllowed: false, set: () => expect.unreachable() });
  expect(none.rings).toEqual([]);
});

describe("receive", () => {
  const batches: [string, readonly Buffer[], number][] = [
    ["one frame", [frameOf(64, 1)], 64],
    ["one frame again", [frameOf(60, 2)], 64],
    ["more than the last batch had", [3, 4, 5, 6, 7, 8, 9].map((seed) => frameOf(60 + seed, seed)), 64],
    ["fewer than asked for, in turns", [1, 2, 3, 4, 5].map((seed) => frameOf(1400 + seed, seed)), 2],
    ["super-frames", [1, 2, 3].map((seed) => frameOf(60000 + seed, seed)), 64],
    ["the largest, and one that is cut", [frameOf(65535, 1), frameOf(65536, 2)], 64],
  ];
  test.each(batches)("%s", (_, frames, max) => {
    memory.u32[SYSTEM_OFFLOADS >>> 2] &= ~OFFLOAD_PORT_URING;
    const expected = received(plain, frames, max);
    if (isOffered) memory.u32[SYSTEM_OFFLOADS >>> 2] |= OFFLOAD_PORT_URING;
    expect(received(ports, frames, max)).toEqual(expected);
    expect(expected.inputs).toHaveLength(frames.length);
    expect(isInUse()).toBe(isOffered);
  });

  test("less than a virtio-net header is an empty frame", () => {
    for (const bytes of [Buffer.alloc(5), frameOf(64, 3)]) writeSync(far, bytes);
    const inputs: string[] = [];
    for (let count = ports.receive(port, 64); count > 0; count = ports.receive(port, 64)) {
      for (let i = 0; i < count; i++) inputs.push(readInput(memory, worker, i).payload);
    }
    expect(inputs).toEqual(["", hex(filler(64, 3))]);
  });

  test("a dead queue: nothing, and its errno; the next one serves", () => {
    setQueue(memory, port, worker, 1 << 20);
    expect(ports.receive(port, 64)).toBe(0);
    expect(ports.receiveErrno).toBe(9);
    expect(isInUse()).toBe(isOffered);
    setQueue(memory, port, worker, queue);
    expect(received(ports, [frameOf(64, 1)], 64).counts).toEqual([1]);
  });

  test("the successor of a worker that died begins with an empty ring", () => {
    writeSync(far, frameOf(64, 1));
    expect(ports.receive(port, 64)).toBe(1);
    ports = new TapPorts(memory, worker, ringOf());
    expect(received(ports, [frameOf(70, 2), frameOf(80, 3)], 64).inputs).toHaveLength(2);
  });

  test("what cannot be read without waiting is refused once and then read call by call", () => {
    const file = openSync("/proc/self/status", "r");
    setQueue(memory, port, worker, file);
    expect(ports.receive(port, 1)).toBe(isOffered ? 0 : 1);
    expect(ports.receiveErrno).toBe(0);
    expect(isInUse()).toBe(false);
    const refusal = memory.u32[(SYSTEM_REFUSALS >>> 2) + Math.log2(OFFLOAD_PORT_URING)];
    expect(refusal).toBe(isOffered ? EOPNOTSUPP : 0);
    expect(ports.receive(port, 1)).toBe(1);
    closeSync(file);
  });
});

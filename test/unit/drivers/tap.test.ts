// The tap driver against its in-memory double: the same frames give the same descriptors, and what one sends the other
// would have sent. A pair of datagram sockets stands for the TAP queue.

import { readSync, writeSync } from "node:fs";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { MemoryPorts } from "../../../control/drivers/memory.js";
import { TapPorts } from "../../../control/drivers/tap.js";
import { EINVAL, EIO, ENOMEM } from "../../../control/linux/errno.js";
import { closeFd, tellsTapIsGone } from "../../../control/linux/index.js";
import { createMemory } from "../../../control/memory.js";
import { PORTS_MAX, SEND_DOWN, SEND_FULL, SEND_OK, VIRTIO_LEN, WORKERS_MAX } from "../../../dataplane-wasm/layout.js";
import { filler, hex } from "../../support/bytes.js";
import { drops, queuePair, readInput, setQueue, soil, writeOutput } from "./support.js";

const memory = createMemory();
// The highest ids, so that an address that went wrong shows.
const worker = WORKERS_MAX - 1;
const port = PORTS_MAX - 1;
const driver = new TapPorts(memory, worker);
const double = new MemoryPorts(memory, worker);
const [queue, far] = queuePair();
const received = Buffer.alloc(70000);

/** virtio-net header as a kernel fills it: 10 bytes, the rest zero. */
const header = (seed: number) => Buffer.concat([filler(10, seed), new Uint8Array(VIRTIO_LEN - 10)]);

function readFar(): string {
  return hex(received.subarray(0, readSync(far, received)));
}

beforeEach(() => {
  setQueue(memory, port, worker, queue);
  soil(memory, worker);
});
afterAll(() => {
  for (const fd of [queue, far]) closeFd(fd);
});

describe("receive", () => {
  test.each([14, 60, 1514, 9014, 40000])("a frame of %i bytes is described as by the double", (length) => {
    const frame = filler(length, length);
    const virtio = header(length);
    double.inject(port, frame, virtio);
    expect(double.receive(port, 8)).toBe(1);
    const expected = readInput(memory, worker, 0);
    expect(expected).toMatchObject({ payload: hex(frame), virtio: hex(virtio), attachment: port, payloadOffset: 0 });

    soil(memory, worker);
    writeSync(far, Buffer.concat([virtio, frame]));
    expect(driver.receive(port, 8)).toBe(1);
    const { outerPort, outerTos, outerTtl, outerAddress, ...described } = readInput(memory, worker, 0);
    expect({ outerPort, outerTos, outerTtl, outerAddress, ...described }).toEqual(expected);
    expect(described).toMatchObject({ drop: 0, flags: 0, headerLen: 0, buffer: 0 });
  });

  test("as many as there are, in order, and never more than asked for", () => {
    for (let i = 0; i < 7; i++) writeSync(far, Buffer.concat([header(i), filler(64 + i, i)]));
    expect(driver.receive(port, 3)).toBe(3);
    expect([0, 1, 2].map((i) => readInput(memory, worker, i).payload)).toEqual(
      [0, 1, 2].map((i) => hex(filler(64 + i, i))),
    );
    expect(driver.receive(port, 256)).toBe(4);
    expect([0, 1, 2, 3].map((i) => readInput(memory, worker, i).payload)).toEqual(
      [3, 4, 5, 6].map((i) => hex(filler(64 + i, i))),
    );
    expect(driver.receive(port, 256)).toBe(0);
    expect(driver.receiveErrno).toBe(0);
  });

  test("a frame over 65,535 bytes is cut and flagged", () => {
    for (const [length, flags] of [
      [65535, 0],
      [65536, 4],
      [66000, 4],
    ]) {
      writeSync(far, Buffer.concat([header(1), filler(length)]));
      expect(driver.receive(port, 1)).toBe(1);
      const input = readInput(memory, worker, 0);
      expect([input.payload.length / 2, input.flags]).toEqual([65535, flags]);
    }
  });

  test("less than a virtio-net header is an empty frame", () => {
    writeSync(far, Buffer.alloc(5));
    expect(driver.receive(port, 1)).toBe(1);
    expect(readInput(memory, worker, 0).payload).toBe("");
  });

  test("no queue: nothing; a dead one: nothing, and its errno", () => {
    setQueue(memory, port, worker, -1);
    expect(driver.receive(port, 8)).toBe(0);
    setQueue(memory, port, worker, 0);
    expect(driver.receive(port, 8)).toBe(0);
    expect(driver.receiveErrno).toBe(0);
    setQueue(memory, port, worker, 1 << 20);
    expect(driver.receive(port, 8)).toBe(0);
    expect(driver.receiveErrno).toBe(9);
    expect(tellsTapIsGone(driver.receiveErrno)).toBe(true);
  });

  test.each([EIO, ENOMEM, EINVAL])("errno %i was about one frame: the queue is read on", (errno) => {
    expect(tellsTapIsGone(errno)).toBe(false);
  });
});

describe("send", () => {
  test("virtio-net header, then payload, as the double has it", () => {
    const frames = [14, 64, 1500, 40000].map((length) => filler(length, length));
    frames.forEach((payload, i) => {
      writeOutput(memory, worker, 250 + i, { payload, virtio: filler(VIRTIO_LEN, i) });
    });
    double.send(port, 250, frames.length);
    driver.send(port, 250, frames.length);
    expect(double.sent.length).toBe(frames.length);
    for (const { virtio, frame } of double.sent.splice(0)) expect(readFar()).toBe(hex(Buffer.concat([virtio, frame])));
    expect(drops(memory, worker, 250, frames.length)).toEqual([SEND_OK, SEND_OK, SEND_OK, SEND_OK]);
  });

  test("a full queue marks what does not fit, and only that", () => {
    const [near, other] = queuePair();
    setQueue(memory, port, worker, near);
    const count = 250;
    for (let i = 0; i < count; i++) writeOutput(memory, worker, i, { payload: filler(4000, i) });
    driver.send(port, 0, count);
    const results = drops(memory, worker, 0, count);
    const sent = results.filter((result) => result === SEND_OK).length;
    expect(sent).toBeGreaterThan(0);
    expect(results).toEqual([...Array(sent).fill(SEND_OK), ...Array(count - sent).fill(SEND_FULL)]);
    closeFd(near);
    closeFd(other);
  });

  test("no queue, or a dead one, is a port that is down", () => {
    writeOutput(memory, worker, 0, { payload: filler(64) });
    for (const fd of [-1, 0, 1 << 20]) {
      setQueue(memory, port, worker, fd);
      driver.send(port, 0, 1);
      expect(drops(memory, worker, 0, 1)).toEqual([SEND_DOWN]);
    }
  });
});

// How the path suite counts: /proc/net/dev, rates between two readings, and the books of a flow.

import { describe, expect, test } from "vitest";
import {
  books,
  type DeviceCounters,
  framesBetween,
  parseNetDev,
  receivedBetween,
} from "../../../bench/suites/path/counters.js";

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
under0:     896       7    1    3    0     0          0         0     1234      21    2    5    0     0       0          0
`;

describe("/proc/net/dev", () => {
  test("reads one device", () => {
    expect(parseNetDev(NET_DEV, "under0")).toEqual({
      rxFrames: 7,
      rxBytes: 896,
      rxDropped: 3,
      txFrames: 21,
      txDropped: 7,
    });
    expect(parseNetDev(NET_DEV, "lo").rxFrames).toBe(2);
  });

  test("rejects a device that is not there", () => {
    expect(() => parseNetDev(NET_DEV, "under")).toThrow(/under is gone/);
  });
});

const counters = (given: Partial<DeviceCounters>): DeviceCounters => ({
  rxFrames: 0,
  rxBytes: 0,
  rxDropped: 0,
  txFrames: 0,
  txDropped: 0,
  ...given,
});

describe("a rate", () => {
  const reading = (rxFrames: number, atMs: number, cpuSeconds: number) => ({
    ...counters({ rxFrames }),
    atMs,
    cpuSeconds,
  });

  test("of what was received, by the clocks of the readings", () => {
    const rate = receivedBetween(reading(1000, 5000, 10), reading(501_000, 7000, 13));
    expect(rate).toEqual({ millionPerSecond: 0.25, cpuSecondsPerMillion: 6, cores: 1.5 });
  });

  test("nothing received is no rate", () => {
    expect(() => receivedBetween(reading(5, 0, 0), reading(5, 1000, 1))).toThrow("nothing arrived");
  });
});

describe("super-frames", () => {
  const before = counters({ rxFrames: 5, rxBytes: 1000 });
  // Of 64 B frames: one of 63 frames, one of 2, and one frame alone.
  const after = counters({ rxFrames: 8, rxBytes: 1000 + 3 * 42 + (63 + 2 + 1) * 22 });

  test("count as the frames that they were made of", () => {
    expect(framesBetween(before, after, 64)).toBe(66);
    expect(framesBetween(before, after)).toBe(3);
  });

  test("also in the books", () => {
    const sender = { before: counters({}), after: counters({ txFrames: 70 }) };
    expect(books(sender, { before, after }, 64)).toMatchObject({ sent: 70, received: 66, lost: 4 });
  });
});

describe("the books of a flow", () => {
  const before = counters({ rxFrames: 100, txFrames: 1000, txDropped: 10 });

  test("refused by the sending device and lost on the way are both lost", () => {
    const sender = { before, after: counters({ txFrames: 1900, txDropped: 110 }) };
    const receiver = { before, after: counters({ rxFrames: 950 }) };
    const { sent, received, lost } = books(sender, receiver);
    expect({ sent, received, lost }).toEqual({ sent: 1000, received: 850, lost: 150 });
    expect(sent).toBe(received + lost);
  });

  test("more received than sent is somebody else's traffic, not a figure", () => {
    const sender = { before, after: counters({ txFrames: 1100, txDropped: 10 }) };
    const receiver = { before, after: counters({ rxFrames: 201 }) };
    expect(() => books(sender, receiver)).toThrow(/101 frames arrived, but only 100 were sent/);
  });
});

// The table filled up: every MAC below the capacity finds a slot, whatever pattern the MACs have; beyond it
// nothing is learned and nobody is evicted.

import { beforeAll, describe, expect, it } from "vitest";
import { FDB_SET_FULL } from "../../../control/dataplane.js";
import { LEARN_LIMIT, LEARN_NEW } from "../../../dataplane-wasm/fdb/outcome.js";
import { COUNTER_LIMIT, FDB_KIND_VTEP } from "../../../dataplane-wasm/layout.js";
import { Table } from "./table.js";

const CAPACITY = 16_384;
const BUCKETS = CAPACITY / 2; // half load, as control sizes it
const BEYOND = 1000;
const NETWORKS = CAPACITY + BEYOND;

const macKey = (mac: number, network: number): bigint =>
  (BigInt(network) << 48n) | BigInt(`0x${mac.toString(16).padStart(12, "0").match(/../g)?.reverse().join("")}`);
const VENDOR = 0x020000000000;

/** Key number `i` of each pattern; MACs as people count them. */
const PATTERNS: Record<string, (i: number) => bigint> = {
  "random MACs": (i) => macKey(VENDOR + (Math.imul(i + 1, 0x9e3779b1) >>> 0) * 37, 1),
  "MACs counted up": (i) => macKey(VENDOR + i, 1),
  "a gateway's MAC in every network": (i) => macKey(0x00005e000101, i + 1),
  "the same 64 MACs in 256 networks": (i) => macKey(VENDOR + (i >> 8), (i & 255) + 1),
  "every 256th MAC": (i) => macKey(VENDOR + i * 256, 1),
  "MACs with the network's number inside": (i) => macKey(VENDOR + ((i >> 6) + 1) * 65536 + (i & 63), (i >> 6) + 1),
};

describe("capacity", () => {
  let table: Table;
  beforeAll(async () => {
    table = await Table.create({ buckets: BUCKETS });
  });

  it.each(Object.entries(PATTERNS))("holds %s", (_name, key) => {
    table.reset({ buckets: BUCKETS, capacity: CAPACITY, networks: NETWORKS });
    const refused = [];
    for (let i = 0; i < CAPACITY; i++) {
      if (table.learn(0, key(i), FDB_KIND_VTEP, i) !== LEARN_NEW) refused.push(i);
    }
    expect(refused.length).toBe(0);
    expect(table.count).toBe(CAPACITY);

    // Beyond it: refused, counted, and everybody else is still there.
    for (let i = CAPACITY; i < CAPACITY + BEYOND; i++) {
      if (table.learn(0, key(i), FDB_KIND_VTEP, i) !== LEARN_LIMIT) refused.push(i);
    }
    expect(refused.length).toBe(0);
    expect(table.dataplane.fdbSet(0, key(CAPACITY), 1n << 24n)).toBe(FDB_SET_FULL);
    let limited = 0;
    for (let i = CAPACITY; i < CAPACITY + BEYOND; i++) {
      if (table.get(key(i)) !== undefined) refused.push(i);
    }
    for (let network = 1; network <= NETWORKS; network++) limited += table.counter(0, network, COUNTER_LIMIT);
    expect(limited).toBe(BEYOND);
    const wrong = [];
    for (let i = 0; i < CAPACITY; i++) {
      if (Number(((table.get(key(i)) ?? 0n) >> 40n) & 0xfffffn) !== i) wrong.push(i);
    }
    expect([refused.length, wrong.length]).toEqual([0, 0]);

    // As random keys would fall: 4.3 % outside their first bucket, kicked ones included.
    const away = table.entries().filter(({ key, bucket }) => bucket !== table.homeOf(key).first).length;
    expect(away / CAPACITY).toBeGreaterThan(0.03);
    expect(away / CAPACITY).toBeLessThan(0.06);
  });

  it("kicks until nearly all slots are taken", () => {
    table.reset({ buckets: 256 });
    let learned = 0;
    for (let i = 0; i < 1024; i++) if (table.learn(0, PATTERNS["MACs counted up"](i), 1, i) === LEARN_NEW) learned++;
    expect(learned).toBeGreaterThan(0.93 * 1024);
    expect(table.count).toBe(learned);
    expect(table.faults()).toEqual([]);
  });
});

// Ageing on a clock that the test moves: refreshed by receipt only, right through the wrap of the 16-bit stamp.

import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { packFdbValue } from "../../../control/address.js";
import { LEARN_NEW, LEARN_SAME } from "../../../dataplane-wasm/fdb/outcome.js";
import {
  COUNTER_AGED,
  EVENT_AGED,
  EVENT_LEARNED,
  FDB_FLAG_STATIC,
  FDB_KIND_VTEP,
} from "../../../dataplane-wasm/layout.js";
import { keyOf, Table } from "./table.js";

const AGEING = 300;
const KEY = keyOf(1, 7);

describe("ageing", () => {
  let table: Table;
  beforeAll(async () => {
    table = await Table.create({ buckets: 64 });
  });
  beforeEach(() => table.reset({ buckets: 64, ageing: AGEING }));

  it.each([0, 1, 65_235, 65_236, 65_535, 65_536, 4_294_967_000])("from second %i on", (start) => {
    table.clock = start;
    table.learn(0, KEY, FDB_KIND_VTEP, 9);
    for (const passed of [0, 1, AGEING - 1, AGEING]) {
      table.clock = (start + passed) % 2 ** 32;
      expect(table.sweep()).toBe(0);
    }
    table.events(0);
    table.clock = (start + AGEING + 1) % 2 ** 32;
    expect(table.get(KEY)).toBeDefined();
    expect(table.sweep(2)).toBe(1);
    expect(table.get(KEY)).toBeUndefined();
    expect(table.events(2)).toEqual([{ kind: EVENT_AGED, key: KEY, to: [FDB_KIND_VTEP, 9], from: [0, 0] }]);
    expect([table.counter(2, 1, COUNTER_AGED), table.learned(1), table.count]).toEqual([1, 0, 0]);
  });

  it("is put off by what is received, not by what is looked up", () => {
    table.learn(0, KEY, FDB_KIND_VTEP, 9);
    for (let i = 0; i < 300; i++) {
      table.clock += AGEING;
      table.sweep();
      expect(table.learn(0, KEY, FDB_KIND_VTEP, 9)).toBe(LEARN_SAME);
    }
    for (let i = 0; i <= AGEING; i++) {
      table.clock++;
      table.get(KEY);
    }
    expect(table.sweep()).toBe(1);
    expect(table.learn(0, KEY, FDB_KIND_VTEP, 9)).toBe(LEARN_NEW);
  });

  it("is each network's own, and 0 is never", () => {
    table.network(2, { ageing: 10 });
    table.network(3, { ageing: 0 });
    for (let network = 1; network <= 3; network++) table.learn(0, keyOf(network, 7), FDB_KIND_VTEP, 9);
    table.clock += 11;
    expect(table.sweep()).toBe(1);
    table.clock += 20_000;
    expect(table.sweep()).toBe(1);
    expect(table.entries().map(({ key }) => key)).toEqual([keyOf(3, 7)]);
  });

  it("spares static entries, a flush of the generation too", () => {
    table.dataplane.fdbSet(
      0,
      KEY,
      packFdbValue({ kind: 2, id: 9, flags: FDB_FLAG_STATIC, generation: 0, stamp: table.clock }),
    );
    table.clock += 10_000;
    table.flushGeneration(1);
    expect(table.sweep()).toBe(0);
    expect(table.get(KEY)).toBeDefined();
  });

  it("sweeps flushed entries without a word", () => {
    for (let host = 0; host < 50; host++) table.learn(0, keyOf(1 + (host & 1), host), FDB_KIND_VTEP, 9);
    table.events(0);
    table.flushGeneration(1);
    expect([table.count, table.learned(1)]).toEqual([50, 25]);
    expect(table.sweep()).toBe(25);
    expect([table.count, table.learned(1), table.learned(2)]).toEqual([25, 0, 25]);
    expect(table.events(0)).toEqual([]);
    expect(table.counter(0, 1, COUNTER_AGED)).toBe(0);
  });

  it("sweeps slice by slice, and not beyond the table", () => {
    for (let host = 0; host < 100; host++) table.learn(0, keyOf(1, host), FDB_KIND_VTEP, 9);
    table.clock += AGEING + 1;
    let swept = 0;
    for (let from = 0; from < 64; from += 10) {
      const there = table.entries().filter(({ bucket }) => bucket >= from && bucket < from + 10).length;
      expect(table.dataplane.fdbSweep(0, from, 10)).toBe(there);
      swept += there;
    }
    expect([swept, table.count]).toEqual([100, 0]);
    expect(table.dataplane.fdbSweep(0, 60, 0xffffffff)).toBe(0);
  });

  it("gives an aged entry's slot to a new MAC when the buckets are full", () => {
    table.reset({ buckets: 1, capacity: 5, ageing: AGEING }); // more than the slots, so that a slot decides
    for (let host = 0; host < 4; host++) table.learn(0, keyOf(1, host), FDB_KIND_VTEP, 9);
    table.clock += AGEING;
    for (const host of [0, 1, 3]) table.learn(0, keyOf(1, host), FDB_KIND_VTEP, 9);
    table.clock++;
    table.events(0);
    expect(table.learn(0, keyOf(1, 4), FDB_KIND_VTEP, 9)).toBe(LEARN_NEW);
    expect(table.events(0).map(({ kind, key }) => [kind, key])).toEqual([
      [EVENT_AGED, keyOf(1, 2)],
      [EVENT_LEARNED, keyOf(1, 4)],
    ]);
    expect(table.faults()).toEqual([]);
  });
});

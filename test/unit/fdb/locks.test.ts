// Locks that somebody holds, and what a dead worker leaves: its locks, and an entry half way through a kick.

import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FDB_SET_BUSY, FDB_SET_CHANGED, FDB_SET_NEW } from "../../../control/dataplane.js";
import { LEARN_BUSY, LEARN_NEW, LEARN_SAME } from "../../../dataplane-wasm/fdb/outcome.js";
import { FDB_KIND_VTEP, SYSTEM_VTEP_LOCK, WORKER_CONTROL } from "../../../dataplane-wasm/layout.js";
import { keyOf, Table } from "./table.js";

const BUCKETS = 64;
const DEAD = 3;
const KEY = keyOf(1, 7);
const STATIC = 1n << 24n;

describe("locks", () => {
  let table: Table;
  beforeAll(async () => {
    table = await Table.create({ buckets: BUCKETS });
  });
  beforeEach(() => table.reset({ buckets: BUCKETS }));

  const learn = (key: bigint, id = 9) => table.learn(0, key, FDB_KIND_VTEP, id);

  it.each(["first", "second"] as const)("an insert wants the %s bucket's", (which) => {
    table.lock(table.homeOf(KEY)[which], DEAD);
    expect(learn(KEY)).toBe(LEARN_BUSY);
    expect(table.dataplane.fdbSet(WORKER_CONTROL, KEY, STATIC)).toBe(FDB_SET_BUSY);
    expect(table.count).toBe(0);
    expect(table.dataplane.releaseLocks(DEAD)).toBe(1);
    expect(learn(KEY)).toBe(LEARN_NEW);
    expect(table.faults()).toEqual([]);
  });

  it("a change wants the lock of the entry's bucket only", () => {
    learn(KEY);
    const { first, second } = table.homeOf(KEY);
    table.lock(second, DEAD);
    expect(table.dataplane.fdbSet(WORKER_CONTROL, KEY, STATIC)).toBe(FDB_SET_CHANGED);
    expect(table.dataplane.fdbRemove(WORKER_CONTROL, KEY)).toBe(1);
    table.dataplane.releaseLocks(DEAD);
    learn(KEY);
    table.lock(first, DEAD);
    expect(learn(KEY)).toBe(LEARN_SAME);
    table.clock++;
    expect(learn(KEY)).toBe(LEARN_SAME);
    expect(learn(KEY, 8)).toBe(LEARN_BUSY);
    expect(table.dataplane.fdbRemove(WORKER_CONTROL, KEY)).toBe(FDB_SET_BUSY);
    expect(table.dataplane.fdbSet(WORKER_CONTROL, KEY, STATIC)).toBe(FDB_SET_BUSY);
    expect(Number(((table.get(KEY) ?? 0n) >> 8n) & 0xffffn)).toBe(table.clock);
  });

  it("a sweep leaves a locked bucket to the next one", () => {
    table.network(1, { ageing: 10 });
    learn(KEY);
    table.clock += 11;
    table.lock(table.homeOf(KEY).first, DEAD);
    expect(table.sweep()).toBe(0);
    table.dataplane.releaseLocks(DEAD);
    expect(table.sweep()).toBe(1);
    expect(table.faults()).toEqual([]);
  });

  it("a bucket in the way of a kick makes the insert busy, not full", () => {
    table.reset({ buckets: 2 });
    for (let host = 0; table.count < 8; host++) learn(keyOf(1, host));
    expect(table.dataplane.fdbSet(0, keyOf(2, 1), STATIC)).toBe(0);
    table.reset({ buckets: 64, capacity: 1000 });
    // Fills both buckets of KEY, then locks all others.
    const { first, second } = table.homeOf(KEY);
    for (let host = 100; host < 100_000; host++) {
      const home = table.homeOf(keyOf(1, host));
      if (home.first === first || home.first === second) learn(keyOf(1, host));
      const full = (bucket: number) => table.entries().filter((entry) => entry.bucket === bucket).length === 4;
      if (full(first) && full(second)) break;
    }
    for (let bucket = 0; bucket < 64; bucket++) if (bucket !== first && bucket !== second) table.lock(bucket, DEAD);
    expect(learn(KEY)).toBe(LEARN_BUSY);
    expect(table.dataplane.releaseLocks(DEAD)).toBe(62);
    expect(learn(KEY)).toBe(LEARN_NEW);
    expect(table.faults()).toEqual([]);
  });

  it("releases a dead worker's and nobody else's", () => {
    for (let bucket = 0; bucket < BUCKETS; bucket++) table.lock(bucket, bucket % 5);
    table.memory.u32[SYSTEM_VTEP_LOCK / 4] = DEAD + 1;
    expect(table.dataplane.releaseLocks(DEAD)).toBe(14);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      expect(table.lockOf(bucket)).toBe(bucket % 5 === DEAD ? 0 : (bucket % 5) + 1);
    }
    expect(table.memory.u32[SYSTEM_VTEP_LOCK / 4]).toBe(0);
  });

  it.each(["first", "second"] as const)("a static entry changes and goes all the same, in the %s bucket", (which) => {
    const { first, second } = table.homeOf(KEY);
    expect(table.dataplane.fdbSet(WORKER_CONTROL, KEY, STATIC)).toBe(FDB_SET_NEW);
    const [{ value }] = table.entries();
    if (which === "second") {
      table.poke(first, 0, 0n, 0n);
      table.poke(second, 2, KEY, value);
    }
    table.lock(first, DEAD);
    table.lock(second, DEAD);
    expect(table.dataplane.fdbSet(WORKER_CONTROL, KEY, STATIC | (5n << 40n))).toBe(FDB_SET_CHANGED);
    expect(table.get(KEY)).toBe(value | (5n << 40n));
    expect(table.dataplane.fdbRemove(WORKER_CONTROL, KEY)).toBe(1);
    expect(table.get(KEY)).toBeUndefined();
    expect([table.static(1), table.learned(1)]).toEqual([0, 1]);
    // Nothing more can be done there before the lock is free.
    expect(table.dataplane.fdbSet(WORKER_CONTROL, KEY, STATIC)).toBe(FDB_SET_BUSY);
    expect(table.dataplane.releaseLocks(DEAD)).toBe(2);
    expect(table.sweep()).toBe(1);
    expect(table.count).toBe(0);
    expect(table.faults()).toEqual([]);
  });

  it("a static entry that a dead worker left in both buckets goes from both", () => {
    const { first, second } = table.homeOf(KEY);
    table.dataplane.fdbSet(WORKER_CONTROL, KEY, STATIC);
    const [{ value }] = table.entries();
    table.poke(second, 2, KEY, value);
    table.lock(first, DEAD);
    table.lock(second, DEAD);
    expect(table.dataplane.fdbRemove(WORKER_CONTROL, KEY)).toBe(1);
    expect(table.get(KEY)).toBeUndefined();
    table.dataplane.releaseLocks(DEAD);
    expect(table.get(KEY)).toBeUndefined();
    expect(table.sweep()).toBe(1);
    expect(table.entries()).toEqual([]);
    expect(table.faults()).toEqual([]);
  });

  it("ends a kick that a dead worker left half done", () => {
    learn(KEY);
    const { first, second } = table.homeOf(KEY);
    const [{ value }] = table.entries();
    table.poke(second, 2, KEY, value); // copied, not yet deleted
    const other = keyOf(1, 1000);
    expect(table.dataplane.fdbSet(WORKER_CONTROL, other, STATIC)).toBe(FDB_SET_NEW);
    table.lock(first, DEAD);
    table.lock(second, DEAD);
    expect(table.get(KEY)).toBe(value);
    expect(table.dataplane.releaseLocks(DEAD)).toBe(2);
    expect(table.get(KEY)).toBe(value);
    expect(table.faults()).toEqual([]);
    expect(table.dataplane.fdbRemove(WORKER_CONTROL, KEY)).toBe(1);
    expect(table.get(KEY)).toBeUndefined();
  });
});

// The event ring: what does not fit is counted, never waited for, and the ring goes on afterwards.

import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LEARN_NEW } from "../../../dataplane-wasm/fdb/outcome.js";
import { EVENT_LEARNED, EVENT_RING, FDB_KIND_VTEP } from "../../../dataplane-wasm/layout.js";
import { keyOf, Table } from "./table.js";

const BUCKETS = 8192;

describe("the event ring", () => {
  let table: Table;
  beforeAll(async () => {
    table = await Table.create({ buckets: BUCKETS });
  });
  beforeEach(() => table.reset({ buckets: BUCKETS }));

  const learn = (worker: number, from: number, count: number) => {
    for (let host = from; host < from + count; host++) {
      expect(table.learn(worker, keyOf(1, host), FDB_KIND_VTEP, host)).toBe(LEARN_NEW);
    }
  };
  const expected = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      kind: EVENT_LEARNED,
      key: keyOf(1, from + i),
      to: [FDB_KIND_VTEP, from + i],
      from: [0, 0],
    }));

  it("keeps the oldest and counts the rest as lost", () => {
    learn(5, 0, EVENT_RING + 300);
    expect(table.lost(5)).toBe(300);
    expect(table.events(5)).toEqual(expected(0, EVENT_RING));
    learn(5, 10_000, 10);
    expect(table.events(5)).toEqual(expected(10_000, 10));
    expect(table.lost(5)).toBe(300);
  });

  it("is each worker's own", () => {
    learn(0, 0, EVENT_RING + 1);
    learn(64, 10_000, 3);
    expect([table.lost(0), table.lost(64), table.lost(63), table.lost(65)]).toEqual([1, 0, 0, 0]);
    expect(table.events(64)).toEqual(expected(10_000, 3));
  });

  it("runs through the wrap of its indices", () => {
    table.startRing(1, 2 ** 32 - 100);
    learn(1, 0, EVENT_RING + 1);
    expect(table.lost(1)).toBe(1);
    expect(table.events(1)).toEqual(expected(0, EVENT_RING));
  });
});

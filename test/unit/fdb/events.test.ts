// The event ring: what does not fit is counted, never waited for, and the ring goes on afterwards. Moves have room of their own,
// are numbered over all rings, and each ring says which was the first that it lost.

import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LEARN_MOVED, LEARN_NEW } from "../../../dataplane-wasm/fdb/outcome.js";
import {
  EVENT_LEARNED,
  EVENT_MOVED,
  EVENT_RING,
  EVENT_RING_OTHERS,
  FDB_KIND_VTEP,
} from "../../../dataplane-wasm/layout.js";
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
    learn(5, 0, EVENT_RING_OTHERS + 300);
    expect(table.ring(5).lost).toBe(300);
    expect(table.events(5)).toEqual(expected(0, EVENT_RING_OTHERS));
    learn(5, 10_000, 10);
    expect(table.events(5)).toEqual(expected(10_000, 10));
    expect(table.ring(5).lost).toBe(300);
  });

  it("is each worker's own", () => {
    learn(0, 0, EVENT_RING_OTHERS + 1);
    learn(64, 10_000, 3);
    expect([table.ring(0).lost, table.ring(64).lost, table.ring(63).lost, table.ring(65).lost]).toEqual([1, 0, 0, 0]);
    expect(table.events(64)).toEqual(expected(10_000, 3));
  });

  it("runs through the wrap of its indices", () => {
    table.ring(1).startAt(2 ** 32 - 100);
    learn(1, 0, EVENT_RING_OTHERS + 1);
    expect(table.ring(1).lost).toBe(1);
    expect(table.events(1)).toEqual(expected(0, EVENT_RING_OTHERS));
  });

  it("has room for moves when it is full of others, and says which was the first that it lost", () => {
    const [there, here, back] = [100_000, 100_001, 100_002];
    learn(1, 0, EVENT_RING_OTHERS + 5);
    const move = (worker: number, host: number, to: number) =>
      expect(table.learn(worker, keyOf(1, host), FDB_KIND_VTEP, to)).toBe(LEARN_MOVED);
    const reserve = EVENT_RING - EVENT_RING_OTHERS;
    move(2, 0, there);
    for (let host = 0; host < reserve; host++) move(1, host, here);
    expect([table.ring(1).lost, table.ring(1).lostMoves]).toEqual([5, { count: 0, first: 0 }]);
    move(2, 0, back);
    for (let host = 0; host < 3; host++) move(1, host, back + 1);
    expect([table.ring(1).lost, table.ring(1).lostMoves]).toEqual([8, { count: 3, first: reserve + 2 }]);
    const moves = table.events(1).filter(({ kind }) => kind === EVENT_MOVED);
    expect(moves.map(({ number }) => number)).toEqual(Array.from({ length: reserve }, (_, i) => i + 1));
    expect(table.events(2).map(({ number }) => number)).toEqual([0, reserve + 1]);

    learn(1, 10_000, EVENT_RING_OTHERS);
    for (let host = 0; host < reserve + 2; host++) move(1, host, there);
    expect(table.ring(1).lostMoves).toEqual({ count: 5, first: 2 * reserve + 5 });
  });
});

// What learning answers, writes, counts and reports in each case that behaviour.md names.

import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { packFdbValue, unpackFdbValue } from "../../../control/address.js";
import { FDB_SET_CHANGED, FDB_SET_NEW } from "../../../control/dataplane.js";
import {
  LEARN_FROZEN,
  LEARN_LIMIT,
  LEARN_MOVED,
  LEARN_NEW,
  LEARN_OFF,
  LEARN_OWN,
  LEARN_SAME,
  LEARN_STATIC_CONFLICT,
  LEARN_STATIC_SAME,
} from "../../../dataplane-wasm/fdb/outcome.js";
import {
  CONTEXT_FLAG_DRY_RUN,
  CONTEXT_FLAGS,
  COUNTER_HELD,
  COUNTER_LEARNED,
  COUNTER_LIMIT,
  COUNTER_MOVED,
  EVENT_LEARNED,
  EVENT_LIMIT,
  EVENT_MOVED,
  FDB_FLAG_OWN,
  FDB_FLAG_STATIC,
  FDB_KIND_ATTACHMENT,
  FDB_KIND_VTEP,
  WORKER_SIZE,
  WORKER_TRACE,
  WORKERS,
} from "../../../dataplane-wasm/layout.js";
import { keyOf, Table } from "./table.js";

const PORT = FDB_KIND_ATTACHMENT;
const VTEP = FDB_KIND_VTEP;
const KEY = keyOf(1, 7);

describe("learning", () => {
  let table: Table;
  const known = () => unpackFdbValue(table.get(KEY) ?? 0n);
  const set = (flags: number, kind: number, id: number) =>
    table.dataplane.fdbSet(0, KEY, packFdbValue({ kind, id, flags, generation: table.generation(1), stamp: 1000 }));

  beforeAll(async () => {
    table = await Table.create({ buckets: 64 });
  });
  beforeEach(() => table.reset({ buckets: 64 }));

  it("learns a new MAC", () => {
    expect(table.learn(3, KEY, VTEP, 9)).toBe(LEARN_NEW);
    expect(known()).toEqual({ kind: VTEP, id: 9, flags: 0, generation: 0, stamp: 1000 });
    expect(table.events(3)).toEqual([{ kind: EVENT_LEARNED, key: KEY, to: [VTEP, 9], from: [0, 0] }]);
    expect([table.counter(3, 1, COUNTER_LEARNED), table.learned(1), table.count]).toEqual([1, 1, 1]);
  });

  it("refreshes the stamp and nothing else", () => {
    table.learn(0, KEY, VTEP, 9);
    table.events(0);
    table.clock += 17;
    expect(table.learn(0, KEY, VTEP, 9)).toBe(LEARN_SAME);
    expect(known().stamp).toBe(1017);
    expect(table.events(0)).toEqual([]);
    expect(table.faults()).toEqual([]);
  });

  it("moves an entry, and says from where to where", () => {
    table.learn(0, KEY, PORT, 2);
    table.events(0);
    expect(table.learn(1, KEY, VTEP, 0xfffff)).toBe(LEARN_MOVED);
    expect(table.events(1)).toEqual([{ kind: EVENT_MOVED, key: KEY, to: [VTEP, 0xfffff], from: [PORT, 2], number: 0 }]);
    expect(table.counter(1, 1, COUNTER_MOVED)).toBe(1);
    expect(known()).toMatchObject({ kind: VTEP, id: 0xfffff });
    expect(table.faults()).toEqual([]);
  });

  it("keeps the networks apart", () => {
    for (let network = 1; network <= 16; network++) {
      expect(table.learn(0, keyOf(network, 7), PORT, network)).toBe(LEARN_NEW);
    }
    expect(table.learn(0, keyOf(3, 7), VTEP, 1)).toBe(LEARN_MOVED);
    table.flushGeneration(5);
    for (let network = 1; network <= 16; network++) {
      const value = table.get(keyOf(network, 7));
      if (network === 5) expect(value).toBeUndefined();
      else expect(unpackFdbValue(value ?? 0n)).toMatchObject(network === 3 ? { id: 1 } : { id: network });
    }
    expect(table.get(keyOf(17, 7))).toBeUndefined();
  });

  it("lets a static entry win", () => {
    set(FDB_FLAG_STATIC, VTEP, 9);
    expect(table.learn(0, KEY, VTEP, 8)).toBe(LEARN_STATIC_CONFLICT);
    expect(table.learn(0, KEY, PORT, 9)).toBe(LEARN_STATIC_CONFLICT);
    expect(table.learn(0, KEY, VTEP, 9)).toBe(LEARN_STATIC_SAME);
    expect(known()).toMatchObject({ kind: VTEP, id: 9, flags: FDB_FLAG_STATIC, stamp: 1000 });
    expect(table.events(0)).toEqual([]);
  });

  it("tells our own MAC elsewhere from our own MAC at home", () => {
    set(FDB_FLAG_STATIC | FDB_FLAG_OWN, PORT, 4);
    expect(table.learn(0, KEY, VTEP, 4)).toBe(LEARN_OWN);
    expect(table.learn(0, KEY, PORT, 5)).toBe(LEARN_OWN);
    expect(table.learn(0, KEY, PORT, 4)).toBe(LEARN_STATIC_SAME);
  });

  it("turns a learned entry static, and back", () => {
    table.learn(0, KEY, PORT, 2);
    expect(set(FDB_FLAG_STATIC, VTEP, 9)).toBe(FDB_SET_CHANGED);
    expect([table.learned(1), table.static(1), table.count]).toEqual([0, 1, 1]);
    expect(set(0, VTEP, 9)).toBe(FDB_SET_CHANGED);
    expect([table.learned(1), table.static(1), table.count]).toEqual([1, 0, 1]);
    expect(table.learn(0, KEY, PORT, 2)).toBe(LEARN_MOVED);
  });

  it("brings a flushed entry back to life in its place", () => {
    table.learn(0, KEY, PORT, 2);
    table.flushGeneration(1);
    expect(table.get(KEY)).toBeUndefined();
    expect(table.learn(0, KEY, VTEP, 9)).toBe(LEARN_NEW);
    expect(known()).toMatchObject({ kind: VTEP, id: 9, generation: 1 });
    expect([table.learned(1), table.count, table.counter(0, 1, COUNTER_LEARNED)]).toEqual([1, 1, 2]);
    expect(table.events(0).map(({ kind }) => kind)).toEqual([EVENT_LEARNED, EVENT_LEARNED]);
  });

  it("compares the low 8 bits of the generation", () => {
    table.learn(0, KEY, PORT, 2);
    for (let i = 0; i < 255; i++) {
      table.flushGeneration(1);
      expect(table.get(KEY)).toBeUndefined();
    }
    table.flushGeneration(1);
    expect(table.get(KEY)).toBeDefined();
  });

  it("does not learn where learning is off", () => {
    table.network(1, { learning: false });
    expect(table.learn(0, KEY, PORT, 2)).toBe(LEARN_OFF);
    expect(table.get(KEY)).toBeUndefined();
    set(0, PORT, 2);
    expect(table.learn(0, KEY, VTEP, 9)).toBe(LEARN_OFF);
    expect(known()).toMatchObject({ kind: PORT, id: 2 });
    set(FDB_FLAG_STATIC, PORT, 2);
    expect(table.learn(0, KEY, VTEP, 9)).toBe(LEARN_STATIC_CONFLICT);
  });

  it("stops at a network's limit, static entries not counted", () => {
    table.network(1, { limit: 2 });
    set(FDB_FLAG_STATIC, PORT, 2);
    expect(table.learn(0, keyOf(1, 1), PORT, 2)).toBe(LEARN_NEW);
    expect(table.learn(0, keyOf(1, 2), PORT, 2)).toBe(LEARN_NEW);
    expect(table.learn(0, keyOf(1, 3), PORT, 2)).toBe(LEARN_LIMIT);
    expect(table.learn(0, keyOf(1, 2), VTEP, 2)).toBe(LEARN_MOVED);
    expect(table.learn(0, keyOf(2, 3), PORT, 2)).toBe(LEARN_NEW);
    expect(table.dataplane.fdbSet(0, keyOf(1, 4), packFdbValue({ ...known(), flags: 1 }))).toBe(FDB_SET_NEW);
    table.dataplane.fdbRemove(0, keyOf(1, 1));
    expect(table.learn(0, keyOf(1, 3), PORT, 2)).toBe(LEARN_NEW);
  });

  it("reports a limit once a second a worker, and counts it each time", () => {
    table.network(1, { limit: 1 });
    table.learn(0, KEY, PORT, 2);
    table.events(0);
    for (let host = 100; host < 150; host++) expect(table.learn(0, keyOf(1, host), PORT, 2)).toBe(LEARN_LIMIT);
    expect(table.events(0)).toEqual([{ kind: EVENT_LIMIT, key: keyOf(1, 100), to: [PORT, 2], from: [0, 0] }]);
    table.learn(1, keyOf(1, 100), PORT, 2);
    expect(table.events(1)).toHaveLength(1);
    table.clock++;
    table.learn(0, keyOf(1, 100), PORT, 2);
    expect(table.events(0)).toHaveLength(1);
    expect([table.counter(0, 1, COUNTER_LIMIT), table.counter(1, 1, COUNTER_LIMIT)]).toEqual([51, 1]);
  });

  it("answers a trace without writing a byte", () => {
    const flags = (WORKERS + WORKER_TRACE * WORKER_SIZE + CONTEXT_FLAGS) / 4;
    table.memory.u32[flags] = CONTEXT_FLAG_DRY_RUN;
    const MOVED_KEY = keyOf(1, 8);
    const FLUSHED_KEY = keyOf(2, 8);
    for (const key of [KEY, MOVED_KEY, FLUSHED_KEY]) table.learn(0, key, PORT, 2);
    const FROZEN_KEY = keyOf(1, 10);
    table.learn(0, FROZEN_KEY, PORT, 2);
    table.dataplane.fdbFreeze(0, FROZEN_KEY, 1);
    table.flushGeneration(2);
    table.network(3, { limit: 1 });
    table.learn(0, keyOf(3, 1), PORT, 2);
    table.clock += 5;
    const before = JSON.stringify(table.entries(), (_, field) => (typeof field === "bigint" ? `${field}` : field));
    expect(table.learn(WORKER_TRACE, KEY, PORT, 2)).toBe(LEARN_SAME);
    expect(table.learn(WORKER_TRACE, MOVED_KEY, VTEP, 2)).toBe(LEARN_MOVED);
    expect(table.learn(WORKER_TRACE, FROZEN_KEY, VTEP, 2)).toBe(LEARN_FROZEN);
    expect(table.learn(WORKER_TRACE, FLUSHED_KEY, VTEP, 2)).toBe(LEARN_NEW);
    expect(table.learn(WORKER_TRACE, keyOf(1, 9), PORT, 2)).toBe(LEARN_NEW);
    expect(table.learn(WORKER_TRACE, keyOf(3, 9), PORT, 2)).toBe(LEARN_LIMIT);
    const after = JSON.stringify(table.entries(), (_, field) => (typeof field === "bigint" ? `${field}` : field));
    expect(after).toBe(before);
    expect(table.events(WORKER_TRACE)).toEqual([]);
    for (const counter of [COUNTER_LEARNED, COUNTER_MOVED, COUNTER_LIMIT, COUNTER_HELD]) {
      expect(table.counter(WORKER_TRACE, 1, counter)).toBe(0);
    }
    expect(table.faults()).toEqual([]);
  });
});

// Threads that read, learn, remove, move and kick in one table at once. Nothing may be wrong, missed, doubled or lost.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FDB_FREEZE_DONE, FDB_FREEZE_SAME, FDB_SET_BUSY } from "../../../control/dataplane.js";
import { LEARN_FROZEN, LEARN_LIMIT, LEARN_MOVED, LEARN_NEW, LEARN_SAME } from "../../../dataplane-wasm/fdb/outcome.js";
import {
  COUNTER_FROZEN,
  COUNTER_HELD,
  FDB_KIND_VTEP,
  KICK_SEQ,
  KICK_SEQ_STRIPES,
  WORKER_CONTROL,
} from "../../../dataplane-wasm/layout.js";
import { keyOf, Table } from "./table.js";

const RACE_MS = Number(process.env.RACE_MS ?? 1500); // CI says more
const GATE_OPEN = 1;
const GATE_CLOSED = 2;

type Seen = Record<string, number> & { present?: number[] };

interface Part {
  readonly role: "read" | "churn" | "watch" | "pass" | "learn" | "relearn" | "flap";
  readonly from: number;
  readonly to: number;
}

class Race {
  readonly #gate = new Int32Array(new SharedArrayBuffer(4));
  readonly threads: Worker[] = [];

  static async prepare(table: Table, keys: readonly bigint[], always: number, parts: readonly Part[]): Promise<Race> {
    const race = new Race();
    for (const [worker, part] of parts.entries()) {
      const { module } = table;
      const workerData = {
        module,
        memory: table.memory.memory,
        gate: race.#gate.buffer,
        worker,
        keys,
        always,
        ...part,
      };
      race.threads.push(new Worker(new URL("./race.mjs", import.meta.url), { workerData }));
    }
    await Promise.all(race.threads.map((thread) => once(thread, "message")));
    return race;
  }

  /** Opens the gate; what the threads posted, once they are done. */
  start(): Promise<Seen[]> {
    const done = this.threads.map(async (thread) => (await once(thread, "message"))[0] as Seen);
    this.#set(GATE_OPEN);
    return Promise.all(done);
  }

  stop(): void {
    this.#set(GATE_CLOSED);
  }

  #set(state: number): void {
    Atomics.store(this.#gate, 0, state);
    Atomics.notify(this.#gate, 0);
  }
}

const range = (network: number, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => keyOf(network, from + i));
const sum = (seen: readonly Seen[], name: string | number) =>
  seen.reduce((total, each) => total + (each[name] ?? 0), 0);

describe("racing threads", () => {
  let table: Table;
  beforeAll(async () => {
    table = await Table.create({ buckets: 1 });
  });
  beforeEach(() => {
    table.memory.u32.fill(0, KICK_SEQ / 4, KICK_SEQ / 4 + KICK_SEQ_STRIPES);
  });
  type Home = ReturnType<Table["homeOf"]>;
  const is = (home: Home, first: number, second: number) => home.first === first && home.second === second;
  /** The first `count` keys whose buckets and tag suit. */
  const pick = (count: number, suits: (home: Home) => boolean) => {
    const keys: bigint[] = [];
    for (let host = 0; keys.length < count; host++) if (suits(table.homeOf(keyOf(1, host)))) keys.push(keyOf(1, host));
    return keys;
  };
  const watch = async (keys: readonly bigint[], ...parts: readonly Part[]) => {
    const race = await Race.prepare(table, keys, 0, parts);
    const done = race.start();
    await sleep(RACE_MS / 2);
    race.stop();
    return done;
  };
  const kicks = () =>
    table.memory.u32.subarray(KICK_SEQ / 4, KICK_SEQ / 4 + KICK_SEQ_STRIPES).reduce((total, n) => total + n, 0);

  it("reads rightly beside inserts, removals, moves and kicks", async () => {
    const ALWAYS = 340;
    const SOMETIMES = 160; // together 500 for 512 slots
    table.reset({ buckets: 128 });
    const keys = range(1, 0, ALWAYS + SOMETIMES + 100);
    for (let i = 0; i < ALWAYS; i++) expect(table.learn(0, keys[i], FDB_KIND_VTEP, i * 16)).toBe(LEARN_NEW);
    const middle = ALWAYS + SOMETIMES / 2;
    const race = await Race.prepare(table, keys, ALWAYS, [
      { role: "read", from: ALWAYS, to: ALWAYS + SOMETIMES },
      { role: "read", from: ALWAYS, to: ALWAYS + SOMETIMES },
      { role: "churn", from: ALWAYS, to: middle },
      { role: "churn", from: middle, to: ALWAYS + SOMETIMES },
    ]);
    const done = race.start();
    for (let passed = 0; passed < RACE_MS; passed += 50) {
      await sleep(50);
      table.clock++; // stamps are swapped beside the kicks
    }
    race.stop();
    const seen = await done;
    const readers = seen.slice(0, 2);
    const writers = seen.slice(2);
    for (const reader of readers) expect(reader).toMatchObject({ missed: 0, wrong: 0, phantoms: 0 });
    for (const writer of writers) expect(writer).toMatchObject({ lost: 0, odd: 0 });
    expect(sum(readers, "lookups")).toBeGreaterThan(100_000);
    expect(sum(readers, "found")).toBeGreaterThan(1000);
    expect(sum(writers, "moved")).toBeGreaterThan(1000);
    expect(sum(writers, "removed")).toBeGreaterThan(1000);
    expect(kicks()).toBeGreaterThan(1000);
    expect(table.faults()).toEqual([]);
    const left = writers.flatMap(({ present = [] }) => present.map((i) => keys[i]));
    const expected = [...keys.slice(0, ALWAYS), ...left].sort();
    expect(
      table
        .entries()
        .map(({ key }) => key)
        .sort(),
    ).toEqual(expected);
  });

  it("never misses an entry that is kicked to and fro", async () => {
    table.reset({ buckets: 4 });
    // Buckets 0 and 1 share 7 entries and one free slot; 2 and 3 are full. A passer-by of 0 and 3 kicks one of the
    // 7 from 0 to 1, a passer-by of 1 and 2 kicks it back.
    const watched = pick(7, ({ first, second }) => first + second === 1);
    const walls = pick(8, ({ first, second }) => first + second === 5);
    const passers = [...pick(1, (home) => is(home, 0, 3)), ...pick(1, (home) => is(home, 1, 2))];
    const keys = [...watched, ...passers, ...walls];
    for (const [i, key] of keys.entries()) {
      if (!passers.includes(key)) expect(table.learn(0, key, FDB_KIND_VTEP, i * 16)).toBe(LEARN_NEW);
    }
    const seen = await watch(keys, { role: "watch", from: 0, to: 7 }, { role: "pass", from: 7, to: 9 });
    expect(seen[0]).toMatchObject({ missed: 0, wrong: 0 });
    expect(seen[1]).toMatchObject({ odd: 0 });
    expect(kicks()).toBeGreaterThan(1000);
  });

  it("never takes one entry's value for another's in the same slot", async () => {
    table.reset({ buckets: 4 });
    // The tag cannot tell these apart, nor from an empty slot.
    const keys = pick(8, ({ first, tag }) => first === 0 && tag === 0);
    const seen = await watch(keys, { role: "watch", from: 0, to: 2 }, { role: "pass", from: 0, to: 8 });
    expect(seen[0]).toMatchObject({ wrong: 0 });
    expect(seen[0].missed).toBeGreaterThan(1000);
    expect(seen[0].lookups - seen[0].missed).toBeGreaterThan(1000);
    expect(seen[1]).toMatchObject({ odd: 0 });
  });

  it("inserts a MAC once, whoever learns it at the same time", async () => {
    const MACS = 60_000; // 92 % of the slots
    table.reset({ buckets: 16_384 });
    const part = { role: "learn", from: 0, to: MACS } as const;
    const race = await Race.prepare(table, range(1, 0, MACS), 0, [part, part, part]);
    const seen = await race.start();
    expect(sum(seen, LEARN_NEW)).toBe(MACS);
    expect(sum(seen, LEARN_MOVED) + sum(seen, LEARN_SAME)).toBe(2 * MACS);
    expect(table.entries()).toHaveLength(MACS);
    expect(table.faults()).toEqual([]);
  });

  it("fills up to the capacity and the learn limit, and not by one more", async () => {
    const MACS = 20_000;
    const LIMIT = 9_000;
    const CAPACITY = 25_000;
    table.reset({ buckets: 16_384, capacity: CAPACITY, limit: LIMIT });
    const keys = [1, 2, 3].flatMap((network) => range(network, 0, MACS));
    const race = await Race.prepare(table, keys, 0, [
      { role: "learn", from: 0, to: 2 * MACS },
      { role: "learn", from: MACS, to: 3 * MACS },
      { role: "learn", from: 0, to: 3 * MACS },
    ]);
    const seen = await race.start();
    expect(sum(seen, LEARN_NEW)).toBe(CAPACITY);
    expect(sum(seen, LEARN_LIMIT)).toBeGreaterThan(0);
    expect([1, 2, 3].filter((network) => table.learned(network) > LIMIT)).toEqual([]);
    expect(table.faults()).toEqual([]);
  });

  it("sweeps and flushes beside learning", async () => {
    table.reset({ buckets: 1024, ageing: 2 });
    const part = { role: "relearn", from: 0, to: 3000 } as const;
    const race = await Race.prepare(table, range(1, 0, 3000), 0, [part, part]);
    const done = race.start();
    let removed = 0;
    const end = Date.now() + RACE_MS / 2;
    for (let turn = 0; Date.now() < end; turn++) {
      if (turn % 4 === 0) table.clock += 3;
      else if (turn % 4 === 1) table.flushGeneration(1);
      else if (turn % 4 === 2) removed += table.dataplane.fdbFlush(WORKER_CONTROL, 0, 1024, 1, 0n, 0n) & 0x7fffffff;
      else removed += table.sweep(WORKER_CONTROL);
      await sleep(5);
    }
    race.stop();
    const seen = await done;
    expect(removed).toBeGreaterThan(1000);
    expect(sum(seen, LEARN_NEW)).toBeGreaterThan(removed);
    expect(table.faults()).toEqual([]);
  });

  it("moves nothing that is frozen, and all of it again when it has thawed", async () => {
    const MACS = 440; // for 512 slots: what is frozen is kicked about
    table.reset({ buckets: 128 });
    const keys = range(1, 0, MACS + 40);
    for (const [i, key] of keys.slice(0, MACS).entries()) table.learn(0, key, FDB_KIND_VTEP, i * 16);
    const part = { role: "flap", from: 0, to: MACS } as const;
    const race = await Race.prepare(table, keys, MACS, [part, part, { role: "churn", from: MACS, to: MACS + 40 }]);
    const done = race.start();
    const placeOf = (key: bigint) => (table.get(key) ?? 0n) >> 40n;
    const freeze = (key: bigint, frozen: number): number => {
      const outcome = table.dataplane.fdbFreeze(WORKER_CONTROL, key, frozen);
      return outcome === FDB_SET_BUSY ? freeze(key, frozen) : outcome; // its holder was preempted
    };
    const frozen = keys.slice(0, 50);
    let laps = 0;
    for (const end = Date.now() + RACE_MS; Date.now() < end; laps++) {
      expect(frozen.map((key) => freeze(key, 1))).toEqual(frozen.map(() => FDB_FREEZE_DONE));
      const places = frozen.map(placeOf);
      await sleep(20);
      table.clock++; // stamps are swapped beside all this
      expect(frozen.map(placeOf)).toEqual(places);
      expect(frozen.map((key) => freeze(key, 1))).toEqual(frozen.map(() => FDB_FREEZE_SAME));
      expect(frozen.map((key) => freeze(key, 0))).toEqual(frozen.map(() => FDB_FREEZE_DONE));
      await sleep(5);
    }
    const places = frozen.map(placeOf);
    await sleep(50);
    expect(frozen.map(placeOf)).not.toEqual(places);
    race.stop();
    const seen = await done;
    expect(laps).toBeGreaterThan(2);
    expect(sum(seen.slice(0, 2), LEARN_FROZEN)).toBeGreaterThan(1000);
    expect(sum(seen.slice(0, 2), LEARN_MOVED)).toBeGreaterThan(1000);
    const held = [0, 1, 2].reduce((total, worker) => total + table.counter(worker, 1, COUNTER_HELD), 0);
    expect(held).toBe(sum(seen.slice(0, 2), LEARN_FROZEN) + sum(seen.slice(2), "held"));
    expect(table.counter(WORKER_CONTROL, 1, COUNTER_FROZEN)).toBe(laps * frozen.length);
    expect(table.entries().filter(({ value }) => (value >> 26n) & 1n)).toEqual([]);
    expect(table.faults()).toEqual([]);
  });

  it("goes on after a thread died in the middle", async () => {
    const ALWAYS = 340;
    const SOMETIMES = 160;
    const keys = range(1, 0, ALWAYS + SOMETIMES + 10);
    for (let death = 0; death < 8; death++) {
      table.reset({ buckets: 128 });
      for (let i = 0; i < ALWAYS; i++) table.learn(0, keys[i], FDB_KIND_VTEP, i * 16);
      const race = await Race.prepare(table, keys, ALWAYS, [
        { role: "read", from: ALWAYS, to: ALWAYS + SOMETIMES },
        { role: "churn", from: ALWAYS, to: ALWAYS + SOMETIMES },
      ]);
      void race.start();
      await sleep(100);
      await Promise.all(race.threads.map((thread) => thread.terminate()));
      table.dataplane.releaseLocks(1);
      const missed = keys.slice(0, ALWAYS).filter((key) => table.get(key) === undefined);
      expect(missed).toEqual([]);
      // A count may be left one too high; nothing else may be amiss.
      expect(table.faults().filter((fault) => !fault.includes("counted"))).toEqual([]);
      expect(table.count - table.entries().length).toBeGreaterThanOrEqual(0);
      expect(table.count - table.entries().length).toBeLessThanOrEqual(1);
    }
  });
});

// The naive oracle of the FDB: a Map, and for each operation what the table has to answer, count and report.
//
// Where the rules leave the table a choice the model follows it: a stale entry (aged or flushed) may stay or go
// whenever somebody inserts, and a new key may find no slot although the table is not full, but only if both of
// its buckets are full of others.

import { expect } from "vitest";
import { packFdbValue, unpackFdbValue } from "../../../control/address.js";
import {
  FDB_FREEZE_DONE,
  FDB_FREEZE_NONE,
  FDB_FREEZE_SAME,
  FDB_SET_CHANGED,
  FDB_SET_FULL,
  FDB_SET_NEW,
} from "../../../control/dataplane.js";
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
  COUNTER_AGED,
  COUNTER_FROZEN,
  COUNTER_HELD,
  COUNTER_LEARNED,
  COUNTER_LIMIT,
  COUNTER_MOVED,
  EVENT_AGED,
  EVENT_LEARNED,
  EVENT_LIMIT,
  EVENT_MOVED,
  FDB_BUCKET_SLOTS,
  FDB_FLAG_FROZEN,
  FDB_FLAG_OWN,
  FDB_FLAG_STATIC,
  SYSTEM_FDB_CAPACITY,
} from "../../../dataplane-wasm/layout.js";
import { type NetworkOptions, networkOf, type Table } from "./table.js";

interface Known {
  readonly kind: number;
  readonly id: number;
  readonly flags: number;
  readonly generation: number;
  readonly stamp: number;
}

export class Model {
  readonly #table: Table;
  readonly #options: NetworkOptions;
  readonly #known = new Map<bigint, Known>();
  readonly #counted = new Map<string, number>();
  readonly #limitEventAt = new Map<number, number>();
  #moves = 0;

  constructor(table: Table, options: NetworkOptions) {
    this.#table = table;
    this.#options = options;
  }

  learn(worker: number, key: bigint, kind: number, id: number): void {
    const before = this.#known.get(key);
    const live = before !== undefined && !this.#isFlushed(key, before);
    const outcome = this.#table.learn(worker, key, kind, id);
    const same = before?.kind === kind && before.id === id;
    if (before !== undefined && (before.flags & FDB_FLAG_STATIC) !== 0) {
      const elsewhere = (before.flags & FDB_FLAG_OWN) !== 0 ? LEARN_OWN : LEARN_STATIC_CONFLICT;
      expect(outcome).toBe(same ? LEARN_STATIC_SAME : elsewhere);
    } else if (live && same) {
      expect(outcome).toBe(LEARN_SAME);
      this.#known.set(key, { ...this.#fresh(key, kind, id), flags: before.flags });
    } else if (this.#options.learning === false) {
      expect(outcome).toBe(LEARN_OFF);
    } else if (live && (before.flags & FDB_FLAG_FROZEN) !== 0) {
      expect(outcome).toBe(LEARN_FROZEN);
      this.#count(worker, networkOf(key), COUNTER_HELD);
    } else if (live) {
      expect(outcome).toBe(LEARN_MOVED);
      this.#known.set(key, this.#fresh(key, kind, id));
      this.#expectEvent(worker, EVENT_MOVED, COUNTER_MOVED, key, [kind, id], [before.kind, before.id]);
    } else if (outcome === LEARN_LIMIT) {
      expect(before).toBeUndefined();
      expect(this.#mayRefuse(key, true)).toBe(true);
      this.#count(worker, networkOf(key), COUNTER_LIMIT);
      this.#followStale(worker);
      if (this.#limitEventAt.get(worker) !== this.#table.clock) {
        this.#limitEventAt.set(worker, this.#table.clock);
        this.#expectEvent(worker, EVENT_LIMIT, undefined, key, [kind, id], [0, 0]);
      }
    } else {
      expect(outcome).toBe(LEARN_NEW);
      if (before === undefined) expect(this.#mustRefuse(key, true)).toBe(false);
      this.#followStale(worker);
      this.#known.set(key, this.#fresh(key, kind, id));
      this.#expectEvent(worker, EVENT_LEARNED, COUNTER_LEARNED, key, [kind, id], [0, 0]);
    }
    this.#check(worker);
  }

  set(worker: number, key: bigint, kind: number, id: number, flags: number): void {
    const before = this.#known.get(key);
    const value = { ...this.#fresh(key, kind, id), flags };
    const outcome = this.#table.dataplane.fdbSet(worker, key, packFdbValue(value));
    const learned = (flags & FDB_FLAG_STATIC) === 0;
    if (before !== undefined) expect(outcome).toBe(FDB_SET_CHANGED);
    else if (outcome === FDB_SET_FULL) expect(this.#mayRefuse(key, learned)).toBe(true);
    else expect([outcome, this.#mustRefuse(key, learned)]).toEqual([FDB_SET_NEW, false]);
    this.#followStale(worker);
    if (outcome !== FDB_SET_FULL) this.#known.set(key, value);
    this.#check(worker);
  }

  freeze(worker: number, key: bigint, frozen: boolean): void {
    const before = this.#known.get(key);
    const outcome = this.#table.dataplane.fdbFreeze(worker, key, frozen ? 1 : 0);
    if (before === undefined || (before.flags & FDB_FLAG_STATIC) !== 0 || this.#isFlushed(key, before)) {
      expect(outcome).toBe(FDB_FREEZE_NONE);
    } else {
      const flags = frozen ? FDB_FLAG_FROZEN : 0;
      expect(outcome).toBe(flags === before.flags ? FDB_FREEZE_SAME : FDB_FREEZE_DONE);
      this.#known.set(key, { ...before, flags });
      if (outcome === FDB_FREEZE_DONE && frozen) this.#count(worker, networkOf(key), COUNTER_FROZEN);
    }
    this.#check(worker);
  }

  remove(worker: number, key: bigint): void {
    expect(this.#table.dataplane.fdbRemove(worker, key)).toBe(this.#known.delete(key) ? 1 : 0);
    this.#check(worker);
  }

  sweep(worker: number): void {
    const stale = [...this.#known].filter(([key, known]) => this.#isStale(key, known));
    expect(this.#table.sweep(worker)).toBe(stale.length);
    this.#followStale(worker);
    for (const [key] of stale) expect(this.#known.has(key)).toBe(false);
    this.#check(worker);
  }

  /** Flushes what of `network` (0: any) points at (kind, id), or all of it. */
  flush(worker: number, network: number, destination?: readonly [kind: number, id: number]): void {
    const gone = [...this.#known].filter(
      ([key, known]) =>
        (network === 0 || networkOf(key) === network) &&
        (destination === undefined || (known.kind === destination[0] && known.id === destination[1])),
    );
    const mask = destination === undefined ? 0n : 0xffffff0000000000n;
    const match = destination === undefined ? 0n : (BigInt(destination[0]) << 60n) | (BigInt(destination[1]) << 40n);
    const { fdbFlush } = this.#table.dataplane;
    expect(fdbFlush(worker, 0, this.#table.buckets, network, mask, match)).toBe(gone.length);
    for (const [key] of gone) this.#known.delete(key);
    this.#check(worker);
  }

  flushGeneration(network: number): void {
    this.#table.flushGeneration(network);
  }

  pass(seconds: number): void {
    this.#table.clock += seconds;
  }

  /** The table holds what the model knows, bit by bit, and answers so. */
  #check(worker: number): void {
    const there = new Map(this.#table.entries().map(({ key, value }) => [key, value]));
    expect([...there.keys()].sort()).toEqual([...this.#known.keys()].sort());
    for (const [key, known] of this.#known) {
      expect(unpackFdbValue(there.get(key) ?? 0n)).toEqual(known);
      const answer = this.#table.get(key);
      expect(answer).toBe(this.#isFlushed(key, known) ? undefined : there.get(key));
    }
    expect(this.#table.faults()).toEqual([]);
    expect(this.#table.events(worker)).toEqual([]);
    for (const [name, count] of this.#counted) {
      const [of, network, counter] = name.split(" ").map(Number);
      expect(this.#table.counter(of, network, counter)).toBe(count);
    }
  }

  /** Stale entries that the table has taken out meanwhile; the aged among them with an event each. */
  #followStale(worker: number): void {
    const there = new Set(this.#table.entries().map(({ key }) => key));
    const aged: string[] = [];
    for (const [key, known] of this.#known) {
      if (there.has(key)) continue;
      expect(this.#isStale(key, known)).toBe(true);
      this.#known.delete(key);
      if (this.#isFlushed(key, known)) continue;
      aged.push(`${key} ${known.kind} ${known.id}`);
      this.#count(worker, networkOf(key), COUNTER_AGED);
    }
    this.#pending = this.#table.events(worker);
    const reported = this.#pending.filter(({ kind }) => kind === EVENT_AGED);
    this.#pending = this.#pending.filter(({ kind }) => kind !== EVENT_AGED);
    expect(reported.map(({ key, to }) => `${key} ${to[0]} ${to[1]}`).sort()).toEqual(aged.sort());
    if (this.#pending.length > 1) throw new Error("one operation made several events");
  }
  #pending: ReturnType<Table["events"]> = [];

  #expectEvent(
    worker: number,
    kind: number,
    counter: number | undefined,
    key: bigint,
    to: readonly [number, number],
    from: readonly [number, number],
  ): void {
    const events = [...this.#pending, ...this.#table.events(worker)];
    this.#pending = [];
    expect(events).toEqual([{ kind, key, to, from, ...(kind === EVENT_MOVED ? { number: this.#moves++ } : {}) }]);
    if (counter !== undefined) this.#count(worker, networkOf(key), counter);
  }

  #count(worker: number, network: number, counter: number): void {
    const name = `${worker} ${network} ${counter}`;
    this.#counted.set(name, (this.#counted.get(name) ?? 0) + 1);
  }

  #fresh(key: bigint, kind: number, id: number): Known {
    const generation = this.#table.generation(networkOf(key)) & 0xff;
    return { kind, id, flags: 0, generation, stamp: this.#table.clock & 0xffff };
  }

  #isFlushed(key: bigint, known: Known): boolean {
    if ((known.flags & FDB_FLAG_STATIC) !== 0) return false;
    return known.generation !== (this.#table.generation(networkOf(key)) & 0xff);
  }

  #isStale(key: bigint, known: Known): boolean {
    if ((known.flags & FDB_FLAG_STATIC) !== 0) return false;
    const ageing = this.#options.ageing ?? 0;
    return this.#isFlushed(key, known) || (ageing !== 0 && ((this.#table.clock - known.stamp) & 0xffff) > ageing);
  }

  /** A limit is reached. (Called before the model takes note of the operation.) */
  #mustRefuse(key: bigint, learned: boolean): boolean {
    if (this.#known.size >= this.#table.memory.u32[SYSTEM_FDB_CAPACITY / 4]) return true;
    const limit = this.#options.limit ?? 0;
    if (!learned || limit === 0) return false;
    const ofNetwork = [...this.#known].filter(
      ([other, { flags }]) => networkOf(other) === networkOf(key) && (flags & FDB_FLAG_STATIC) === 0,
    );
    return ofNetwork.length >= limit;
  }

  #mayRefuse(key: bigint, learned: boolean): boolean {
    if (this.#mustRefuse(key, learned)) return true;
    const { first, second } = this.#table.homeOf(key);
    const full = (bucket: number) =>
      this.#table.entries().filter((entry) => entry.bucket === bucket).length === FDB_BUCKET_SLOTS;
    return full(first) && full(second);
  }
}

// Entries age on the clock that tests write, are swept a slice a tick, and are flushed without a walk.

import { beforeEach, describe, expect, it } from "vitest";
import { fdbBucketCount } from "../../../control/tables/tables.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { createFixture, type Fixture, frame, mac, portSpec, receiveFrom, sendInto, spec } from "./fixture.js";

const OURS = "02:00:00:00:00:01";
const THEIRS = "02:00:00:00:00:02";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture({ fdbCapacity: 8192 });
});

const station = (n: number) =>
  `02:00:00:01:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;

function learn(count: number): void {
  for (let n = 0; n < count; n++) receiveFrom(fixture, "10.0.0.2", 100, frame(station(n), OURS));
}

describe("ageing", () => {
  it("takes what was not refreshed for longer than the network says", () => {
    const { tables } = fixture;
    tables.setClock(1000);
    const { id } = tables.networks.add(spec(100, { vteps: ["10.0.0.2"], ageing: 60 }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    learn(50);
    tables.setClock(1030);
    receiveFrom(fixture, "10.0.0.2", 100, frame(station(7), OURS));
    tables.setClock(1061);
    tables.tick(10_000);
    expect(tables.fdbCount).toBe(2);
    expect(tables.fdb.get(id, mac(station(7)))).toMatchObject({ stamp: 1030 });
    expect(tables.fdb.get(id, mac(OURS))).toBeDefined();
    expect(tables.counters.network(id, L.COUNTER_AGED)).toBe(49);
  });

  it("shows the age of an entry, and not an entry that is aged", () => {
    const { tables } = fixture;
    tables.setClock(65530);
    const { id } = tables.networks.add(spec(100, { vteps: ["10.0.0.2"], ageing: 60 }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    learn(1);
    const list = () => [...tables.fdb.entries(0, tables.fdb.bucketCount, id)].filter((entry) => entry.flags === 0);
    tables.setClock(65570); // its low 16 bits have wrapped
    expect(list()).toMatchObject([{ age: 40, kind: L.FDB_KIND_VTEP }]);
    tables.setClock(65591);
    expect(list()).toEqual([]);
    expect(tables.fdbCount).toBe(2);
  });

  it("sweeps the whole table within ten seconds of ticks", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"], ageing: 1 }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    learn(2000);
    tables.setClock(3);
    let counts = [tables.fdbCount];
    for (let n = 0; n < 40; n++) {
      tables.tick(250);
      counts = [...counts, tables.fdbCount];
    }
    expect(counts.at(-1)).toBe(1);
    const most = Math.max(...counts.slice(1).map((count, n) => counts[n] - count));
    expect(most).toBeLessThan(200); // a slice a tick, not all at once
  });

  it("never takes anything where ageing is 0", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"], ageing: 0 }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    learn(10);
    tables.setClock(60000);
    tables.tick(20_000);
    expect(tables.fdbCount).toBe(11);
  });
});

describe("flushing", () => {
  it("makes one network's learned entries dead at once, and the sweep takes them", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2", "10.0.0.3"], ageing: 0 }));
    tables.networks.add(spec(200, { vteps: ["10.0.0.2"] }));
    const [port] = tables.ports.add(100, [portSpec("a", OURS)]);
    receiveFrom(fixture, "10.0.0.2", 100, frame(THEIRS, OURS));
    receiveFrom(fixture, "10.0.0.2", 200, frame(THEIRS, OURS));
    tables.flush(100);
    expect(sendInto(fixture, port.id, frame(OURS, THEIRS))).toEqual(["10.0.0.2", "10.0.0.3"]);
    expect(tables.fdbCount).toBe(3);
    tables.tick(10_000);
    expect(tables.fdbCount).toBe(2);
    expect(() => tables.flush(300)).toThrow(expect.objectContaining({ code: "ERR_NOT_FOUND" }));
  });

  it("brings no entry back to life when the generation wraps", () => {
    const { tables } = fixture;
    const { id } = tables.networks.add(spec(100, { vteps: ["10.0.0.2"], ageing: 0 }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    learn(20);
    for (let n = 1; n <= 600; n++) {
      tables.flush(100);
      const live = [...tables.fdb.entries(0, tables.fdb.bucketCount, id)].length;
      expect(live, `after ${n} flushes`).toBe(1);
    }
    learn(3);
    expect([...tables.fdb.entries(0, tables.fdb.bucketCount, id)]).toHaveLength(4);
  });
});

it("chooses as many buckets as leave half of the slots free", () => {
  const counts = [1, 2048, 2049, 65536, 100_000, 1_000_000, 4_194_304].map(fdbBucketCount);
  expect(counts).toEqual([1024, 1024, 2048, 32768, 65536, 524288, 2097152]);
});

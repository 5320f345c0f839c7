// No id is given to somebody else while an FDB entry names it, and a flush leaves nothing behind, whatever workers do to
// the table meanwhile. The kicks and the locks of other threads are made by hand here, between two slices of a walk.

import { beforeEach, expect, it } from "vitest";
import { packFdbKey } from "../../../control/address.js";
import { Kicks } from "../../../control/tables/kicks.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { address, createFixture, type Fixture, frame, mac, portSpec, receiveFrom, settle, spec } from "./fixture.js";

const OURS = "02:00:00:00:00:01";
const THEIRS = "02:00:00:00:00:02";
const STRANGER = "10.0.0.9";
const OTHER_WORKER = 1;

let fixture: Fixture;
let network: number;
let bucketCount: number;
beforeEach(async () => {
  fixture = await createFixture();
  const { tables } = fixture;
  network = tables.networks.add(spec(100, { vteps: ["10.0.0.2", "10.0.0.3"] })).id;
  tables.ports.add(100, [portSpec("a", OURS)]);
  bucketCount = tables.fdb.bucketCount;
});

const slotAddress = (position: number) =>
  L.FDB + Math.floor(position / L.FDB_BUCKET_SLOTS) * L.FDB_BUCKET_SIZE + (position % L.FDB_BUCKET_SLOTS) * 8;
const bucketOf = (position: number) => Math.floor(position / L.FDB_BUCKET_SLOTS);

function placeOf(macText: string): number {
  const bytes = mac(macText).join();
  const place = [...fixture.tables.fdb.entries(0, bucketCount, network)].find((entry) => entry.mac.join() === bytes);
  if (place === undefined) throw new Error(`${macText} is not in the table`);
  return place.position;
}

/** Learns MACs from a VTEP until one lands in the wanted half of the table; the others go again. Returns the MAC. */
function learnIn(half: "lower" | "upper", vtep: string): string {
  for (let n = 0; n < 200; n++) {
    const station = `02:00:00:00:01:${n.toString(16).padStart(2, "0")}`;
    receiveFrom(fixture, vtep, 100, frame(station, OURS));
    if (bucketOf(placeOf(station)) < bucketCount / 2 === (half === "lower")) return station;
    fixture.tables.fdb.remove(network, mac(station));
  }
  throw new Error("no MAC of that half");
}

/** What a worker's kick does, to another bucket than the hash says: only the walk is under test. */
function kick(from: number, to: number, stripe: number): void {
  const { u64, u32 } = fixture.memory;
  const [source, target] = [slotAddress(from), slotAddress(to)];
  u64[(target + L.FDB_BUCKET_VALUES) / 8] = u64[(source + L.FDB_BUCKET_VALUES) / 8];
  u64[target / 8] = u64[source / 8];
  u32[L.KICK_SEQ / 4 + stripe]++;
  u64[source / 8] = 0n;
  u64[(source + L.FDB_BUCKET_VALUES) / 8] = 0n;
}

function freePosition(half: "lower" | "upper"): number {
  const from = half === "lower" ? 0 : bucketCount / 2;
  for (let position = from * L.FDB_BUCKET_SLOTS; ; position++) {
    if (fixture.memory.u64[slotAddress(position) / 8] === 0n) return position;
  }
}

/** Values in the raw table that name a VTEP. */
function entriesOf(vtep: number): number {
  let count = 0;
  for (let position = 0; position < bucketCount * L.FDB_BUCKET_SLOTS; position++) {
    const high = fixture.memory.u32[(slotAddress(position) + L.FDB_BUCKET_VALUES) / 4 + 1];
    if (high >>> 28 === L.FDB_KIND_VTEP && ((high >>> 8) & 0xfffff) === vtep) count++;
  }
  return count;
}

function tick(buckets: number): void {
  fixture.tables.undertaker.work(buckets);
  fixture.tables.epochs.reclaim();
}

/** A new VTEP must not have got an id that an entry names. */
function strangerId(): number {
  fixture.tables.networks.add(spec(900, { vteps: [STRANGER] }));
  return fixture.tables.vteps.find(address(STRANGER));
}

it("an entry that is kicked behind the walk is found by the next", () => {
  const { tables } = fixture;
  const station = learnIn("upper", "10.0.0.3");
  const dead = tables.vteps.find(address("10.0.0.3"));
  tables.networks.removeVtep(100, address("10.0.0.3"));
  tick(bucketCount / 2); // the lower half has been walked
  kick(placeOf(station), freePosition("lower"), 77);
  tick(bucketCount / 2);
  expect(entriesOf(dead)).toBe(1);
  expect(tables.undertaker.waiting).toBe(1);
  expect(tables.vteps.find(address("10.0.0.3"))).toBe(dead);
  expect(strangerId()).not.toBe(dead);
  tick(bucketCount);
  tick(bucketCount);
  expect(entriesOf(dead)).toBe(0);
  expect(tables.undertaker.waiting).toBe(0);
  expect(tables.vteps.find(address("10.0.0.3"))).toBe(0);
});

it("an entry that is kicked past every walk is found in the end", () => {
  const { tables } = fixture;
  const station = learnIn("upper", "10.0.0.3");
  const dead = tables.vteps.find(address("10.0.0.3"));
  let position = placeOf(station);
  tables.networks.removeVtep(100, address("10.0.0.3"));
  for (let n = 0; n < 10; n++) {
    tick(bucketCount / 2);
    let to = freePosition("lower");
    kick(position, to, 77);
    position = to;
    tick(bucketCount / 2);
    to = freePosition("upper");
    kick(position, to, 77); // between two walks
    position = to;
    expect([entriesOf(dead), tables.undertaker.waiting], `after ${n + 1} walks`).toEqual([1, 1]);
  }
  tick(bucketCount);
  expect([entriesOf(dead), tables.undertaker.waiting]).toEqual([0, 0]);
});

it("kicks of other entries do not hold the work up for ever", () => {
  const { tables, memory } = fixture;
  learnIn("upper", "10.0.0.3");
  tables.networks.removeVtep(100, address("10.0.0.3"));
  for (let stripe = 0; stripe < 20; stripe++) {
    tick(bucketCount / 2);
    memory.u32[L.KICK_SEQ / 4 + stripe]++;
    tick(bucketCount / 2);
  }
  expect(tables.undertaker.waiting).toBe(0);
});

it.each([
  ["VTEP", () => fixture.tables.networks.removeVtep(100, address("10.0.0.3")), 1],
  ["network", () => fixture.tables.networks.remove(100), 4],
])("a %s is not buried while a bucket with its entry is locked", (_, remove, dead) => {
  const { tables, memory } = fixture;
  const station = learnIn("lower", "10.0.0.3");
  const vtep = tables.vteps.find(address("10.0.0.3"));
  const lock = L.FDB_LOCKS / 4 + bucketOf(placeOf(station));
  memory.u32[lock] = OTHER_WORKER + 1;
  remove();
  settle(fixture);
  expect(entriesOf(vtep)).toBe(1);
  expect(tables.undertaker.waiting).toBe(dead);
  expect(strangerId()).not.toBe(vtep);
  memory.u32[lock] = 0;
  settle(fixture);
  expect(entriesOf(vtep)).toBe(0);
  expect(tables.undertaker.waiting).toBe(0);
});

it("a port is not buried while a bucket with its entry is locked, and its id not given away", () => {
  const { tables, memory, dataplane } = fixture;
  const [port] = tables.ports.add(100, [portSpec("b", THEIRS)]);
  const key = packFdbKey(mac("02:00:00:00:00:03"), network);
  dataplane.fdbLearn(0, key, L.FDB_KIND_ATTACHMENT, port.id);
  const lock = L.FDB_LOCKS / 4 + bucketOf(placeOf("02:00:00:00:00:03"));
  memory.u32[lock] = OTHER_WORKER + 1;
  tables.ports.remove(100, "b");
  settle(fixture);
  expect(tables.undertaker.waiting).toBe(1);
  expect(tables.ports.add(100, [portSpec("c", THEIRS)])[0].id).not.toBe(port.id);
  memory.u32[lock] = 0;
  settle(fixture);
  expect(tables.undertaker.waiting).toBe(0);
});

it("an id is not freed while the lock of the VTEPs is held", () => {
  const { tables, memory } = fixture;
  const dead = tables.vteps.find(address("10.0.0.3"));
  tables.networks.removeVtep(100, address("10.0.0.3"));
  memory.u32[L.SYSTEM_VTEP_LOCK / 4] = OTHER_WORKER + 1;
  tick(bucketCount);
  tick(bucketCount);
  expect([tables.undertaker.waiting, tables.vteps.find(address("10.0.0.3"))]).toEqual([1, dead]);
  memory.u32[L.SYSTEM_VTEP_LOCK / 4] = 0;
  tick(bucketCount);
  expect([tables.undertaker.waiting, tables.vteps.find(address("10.0.0.3"))]).toEqual([0, 0]);
});

it("walks are whole when no stripe changed in all of them", () => {
  const { u32 } = fixture.memory;
  const kicks = new Kicks(fixture.memory);
  const walk = (...stripes: number[]) => {
    kicks.beginWalk();
    for (const stripe of stripes) u32[L.KICK_SEQ / 4 + stripe]++;
    return kicks.endWalk();
  };
  expect(walk(1, 2, 3)).toBe(false);
  expect(walk(2, 3, 4)).toBe(false);
  expect(walk(3, 1)).toBe(false);
  expect(walk(1, 2, 4)).toBe(true);
});

it("a flush finds what is kicked behind it", () => {
  const { tables } = fixture;
  const station = learnIn("upper", "10.0.0.3");
  const target = { kind: L.FDB_KIND_VTEP, id: tables.vteps.find(address("10.0.0.3")) };
  const flush = tables.fdb.flushLearned(network, target, bucketCount / 2);
  expect(flush.next().value).toBe(0);
  kick(placeOf(station), freePosition("lower"), 77);
  expect([...flush]).toEqual([0, 1, 0]);
  expect(entriesOf(target.id)).toBe(0);
});

it("a flush comes back to a locked bucket, and gives up in the end", () => {
  const { tables, memory } = fixture;
  const station = learnIn("lower", "10.0.0.3");
  const target = { kind: L.FDB_KIND_VTEP, id: tables.vteps.find(address("10.0.0.3")) };
  const lock = L.FDB_LOCKS / 4 + bucketOf(placeOf(station));
  memory.u32[lock] = OTHER_WORKER + 1;
  expect([...tables.fdb.flushLearned(network, target)]).toEqual(new Array(8).fill(0));
  const flush = tables.fdb.flushLearned(network, target);
  expect(flush.next().value).toBe(0);
  memory.u32[lock] = 0;
  expect([...flush]).toEqual([1]);
  expect(entriesOf(target.id)).toBe(0);
});

it("a flushed entry that is kicked past every sweep does not come to life when the generation wraps", () => {
  const { tables } = fixture;
  const station = learnIn("upper", "10.0.0.3");
  let position = placeOf(station);
  let wasRevived = false;
  const flush = (times: number) => {
    for (let n = 0; n < times; n++) {
      tables.flush(100);
      const live = [...tables.fdb.entries(0, bucketCount, network)];
      wasRevived ||= live.some((entry) => entry.mac.join() === mac(station).join());
    }
  };
  const escapeLap = () => {
    for (const half of ["lower", "upper"] as const) {
      tables.tick(5000); // half of the table
      const to = freePosition(half);
      kick(position, to, 77);
      position = to;
    }
  };
  for (const times of [1, 200, 60]) {
    flush(times);
    escapeLap();
    escapeLap();
  }
  expect(wasRevived).toBe(false);
});

// VTEPs that were made on receipt, by a prefix of an allow list: those that send nothing any more make room for others,
// on the clock that tests write.

import { beforeEach, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import {
  address,
  BROADCAST,
  createFixture,
  type Fixture,
  frame,
  mac,
  portSpec,
  receiveFrom,
  sendInto,
  settle,
  setWorker,
  spec,
} from "./fixture.js";

const OURS = "02:00:00:00:00:01";
const THEIRS = "02:00:00:00:00:02";
const OTHER = "02:00:00:00:00:03";
const SPOOFED = "10.1.0.9";

let fixture: Fixture;
let port: number;
let network: number;
beforeEach(async () => {
  fixture = await createFixture();
  const { tables } = fixture;
  tables.setClock(1000);
  network = tables.networks.add(spec(100, { allow: ["10.1.0.0/16"], ageing: 60 })).id;
  port = tables.ports.add(100, [portSpec("a", OURS)])[0].id;
});

const idOf = (text: string) => fixture.tables.vteps.find(address(text));
const framesOf = (id: number) => fixture.tables.counters.vtep(id, L.VTEP_COUNTER_FRAMES_DECAP);
const nth = (n: number) => `10.1.${n >> 8}.${n & 255}`;

/** Lets `seconds` pass in ticks, with whole sweeps of the FDB. */
function pass(seconds: number, ticks = 10): void {
  const { tables, memory } = fixture;
  const clock = memory.u32[L.SYSTEM_CLOCK / 4];
  for (let n = 1; n <= ticks; n++) {
    tables.setClock(clock + Math.floor((seconds * n) / ticks));
    tables.tick(10_000);
  }
}

/** Whether the set of allowed pairs has this one, without asking the dataplane, which would add it by the prefix. */
function hasPair(vtep: number): boolean {
  const from = L.ACCESS / 4;
  return fixture.memory.u32.subarray(from, L.ACCESS_END / 4).includes((network << 16) | vtep);
}

it("one that sends nothing for 300 s is forgotten, its id and its counters given back", () => {
  const { tables } = fixture;
  receiveFrom(fixture, SPOOFED, 100, frame(THEIRS, OURS));
  const id = idOf(SPOOFED);
  expect([framesOf(id), hasPair(id)]).toEqual([1, true]);
  pass(0, 1);
  pass(299, 299);
  expect(idOf(SPOOFED)).toBe(id);
  pass(5, 5);
  expect([idOf(SPOOFED), framesOf(id), hasPair(id), tables.undertaker.waiting]).toEqual([0, 0, false, 0]);
  expect([...tables.vteps.ids()]).toEqual([]);
});

it("one that goes on sending stays, and so does one that an FDB entry points at", () => {
  const { tables } = fixture;
  tables.networks.add(spec(200, { allow: ["10.2.0.0/16"], ageing: 0 }));
  receiveFrom(fixture, "10.2.0.2", 200, frame(THEIRS, BROADCAST));
  const silent = idOf("10.2.0.2");
  for (let n = 0; n < 10; n++) {
    receiveFrom(fixture, "10.1.0.2", 100, frame(THEIRS, OURS));
    pass(200);
  }
  expect(idOf("10.1.0.2")).not.toBe(0);
  expect(idOf("10.2.0.2")).toBe(silent);
  tables.flush(200);
  pass(400);
  expect([idOf("10.1.0.2"), idOf("10.2.0.2")]).toEqual([0, 0]);
});

it("one that control names stays, though it is silent", () => {
  const { tables } = fixture;
  receiveFrom(fixture, "10.1.0.2", 100, frame(THEIRS, OURS));
  const id = idOf("10.1.0.2");
  tables.networks.addVtep(100, address("10.1.0.2"));
  pass(1000);
  expect(idOf("10.1.0.2")).toBe(id);
  expect(sendInto(fixture, port, frame(OURS, BROADCAST))).toEqual(["10.1.0.2"]);
  tables.networks.removeVtep(100, address("10.1.0.2"));
  pass(400);
  expect(idOf("10.1.0.2")).toBe(0);
});

/** A change of many entries whose last one fails. */
function refuse(vtep: string): void {
  const other = { mac: mac(OTHER), target: { vtep: address(vtep) } };
  const own = { mac: mac(OURS), target: { vtep: address(vtep) } };
  expect(() => fixture.tables.statics.apply(100, [other, own])).toThrow("is the MAC of a port");
}

it("one that only a refused request has named leaves nothing behind", () => {
  const { tables } = fixture;
  refuse(SPOOFED);
  settle(fixture);
  expect([idOf(SPOOFED), [...tables.vteps.everyId()], tables.undertaker.waiting]).toEqual([0, [], 0]);
  expect(receiveFrom(fixture, SPOOFED, 100, frame(THEIRS, OURS))).toHaveLength(1);
  expect(framesOf(idOf(SPOOFED))).toBe(1);
});

it("one that sends before it goes after a refused request stays, and so does one that was learned before", () => {
  const { tables } = fixture;
  refuse(SPOOFED);
  const id = idOf(SPOOFED);
  expect(receiveFrom(fixture, SPOOFED, 100, frame(THEIRS, OURS))).toHaveLength(1);
  settle(fixture);
  expect(idOf(SPOOFED)).toBe(id);
  refuse(SPOOFED);
  settle(fixture);
  expect([idOf(SPOOFED), framesOf(id), hasPair(id)]).toEqual([id, 1, true]);
  expect(sendInto(fixture, port, frame(OURS, THEIRS))).toEqual([SPOOFED]); // what was learned from it is there yet
  expect(tables.undertaker.waiting).toBe(0);
});

it("one that a worker meets while it goes after a refused request is met again under another id", () => {
  const { tables, dataplane } = fixture;
  refuse(SPOOFED);
  const old = idOf(SPOOFED);
  setWorker(fixture, "running", 1);
  settle(fixture);
  expect([idOf(SPOOFED), tables.undertaker.waiting]).toEqual([0, 1]);
  // Worker 1, in the old epoch, had found it by its address.
  dataplane.accessAllow(1, network, old);
  expect(receiveFrom(fixture, SPOOFED, 100, frame(THEIRS, OURS))).toHaveLength(1);
  const fresh = idOf(SPOOFED);
  expect([0, old]).not.toContain(fresh);
  refuse(SPOOFED);
  setWorker(fixture, "asleep", 1);
  settle(fixture);
  expect([idOf(SPOOFED), tables.undertaker.waiting, hasPair(old), hasPair(fresh)]).toEqual([fresh, 0, false, true]);
});

it("one that a request names again before it goes stays", () => {
  const { tables } = fixture;
  refuse(SPOOFED);
  const id = idOf(SPOOFED);
  tables.networks.addVtep(100, address(SPOOFED));
  settle(fixture);
  expect([idOf(SPOOFED), tables.undertaker.waiting]).toEqual([id, 0]);
});

it("its address is learned anew under another id while a worker may hold the old one", () => {
  const { tables, dataplane } = fixture;
  receiveFrom(fixture, SPOOFED, 100, frame(THEIRS, OURS));
  const old = idOf(SPOOFED);
  setWorker(fixture, "running", 1);
  pass(400);
  expect([idOf(SPOOFED), tables.undertaker.waiting]).toEqual([0, 1]);
  expect([...tables.vteps.ids()]).toEqual([]);
  // Worker 1, in the old epoch, still takes frames from it.
  dataplane.accessAllow(1, network, old);
  expect(receiveFrom(fixture, SPOOFED, 100, frame(THEIRS, OURS))).toHaveLength(1);
  const fresh = idOf(SPOOFED);
  expect([0, old]).not.toContain(fresh);
  expect([...tables.vteps.ids()]).toEqual([fresh]); // one series of an address
  expect(framesOf(fresh)).toBe(1);
  setWorker(fixture, "asleep", 1);
  pass(5);
  expect([tables.undertaker.waiting, hasPair(old), hasPair(fresh)]).toEqual([0, false, true]);
  expect(idOf(SPOOFED)).toBe(fresh);
});

it("nothing of a removed network's pairs outlives a VTEP that is being forgotten", () => {
  const { tables, dataplane } = fixture;
  receiveFrom(fixture, SPOOFED, 100, frame(THEIRS, OURS));
  const old = idOf(SPOOFED);
  setWorker(fixture, "running", 1);
  pass(400);
  dataplane.accessAllow(1, network, old);
  tables.networks.remove(100);
  setWorker(fixture, "asleep", 1);
  pass(5);
  expect([tables.undertaker.waiting, hasPair(old)]).toEqual([0, false]);
});

it("an id is not given back before its pairs could be taken out", () => {
  const { tables, memory } = fixture;
  receiveFrom(fixture, SPOOFED, 100, frame(THEIRS, OURS));
  const old = idOf(SPOOFED);
  setWorker(fixture, "running", 1);
  pass(400);
  memory.u32[L.SYSTEM_VTEP_LOCK / 4] = 2; // worker 1 has died with it
  setWorker(fixture, "asleep", 1);
  pass(1, 3);
  expect([tables.undertaker.waiting, hasPair(old), tables.vteps.flags(old) !== 0]).toEqual([1, true, true]);
  memory.u32[L.SYSTEM_VTEP_LOCK / 4] = 0;
  pass(1, 3);
  expect([tables.undertaker.waiting, hasPair(old), tables.vteps.flags(old)]).toEqual([0, false, 0]);
});

it("spoofed addresses fill the places, which is said once a minute, and then make room", () => {
  const { tables } = fixture;
  expect(tables.learnedVteps.takeWarning()).toBe(false);
  for (let n = 1; n < L.VTEPS_LEARNED_MAX; n++) receiveFrom(fixture, nth(n), 100, frame(THEIRS, OURS));
  const late = "10.1.255.1";
  expect(receiveFrom(fixture, late, 100, frame(THEIRS, OURS))).toHaveLength(0);
  pass(10, 60);
  expect([tables.learnedVteps.takeWarning(), tables.learnedVteps.takeWarning()]).toEqual([true, false]);
  pass(59);
  expect(tables.learnedVteps.takeWarning()).toBe(false);
  pass(1);
  expect(tables.learnedVteps.takeWarning()).toBe(true);
  // One of them is real and goes on.
  receiveFrom(fixture, nth(5000), 100, frame(THEIRS, OURS));
  pass(270, 300);
  pass(10, 100);
  expect([...tables.vteps.ids()]).toEqual([idOf(nth(5000))]);
  expect(idOf(nth(5000))).not.toBe(0);
  expect(receiveFrom(fixture, late, 100, frame(THEIRS, OURS))).toHaveLength(1);
  expect(framesOf(idOf(late))).toBe(1);
  expect(tables.learnedVteps.takeWarning()).toBe(false);
});

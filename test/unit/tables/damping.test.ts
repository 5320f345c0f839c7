// MACs that move too often: counted in a window that slides, frozen at home, thawed by time and by command. Memory
// stays bounded whatever moves, and what the table forgets is forgotten here.

import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { formatMac, packFdbKey } from "../../../control/address.js";
import { DAMPING, type Damping, FROZEN_MAX, type Freeze, MOVING_MAX } from "../../../control/tables/damping.js";
import type { FdbEvent } from "../../../control/tables/events.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { address, createFixture, type Fixture, frame, mac, portSpec, receiveFrom, sendInto, spec } from "./fixture.js";

const [OURS, THEIRS, OTHER] = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"];
const [LEFT, RIGHT, HOME] = ["10.0.0.2", "10.0.0.3", "10.0.0.4"];

let fixture: Fixture;
let damping: Damping;
let network: number;
let now: number;

async function setUp(options = DAMPING): Promise<void> {
  fixture = await createFixture({ damping: options });
  damping = fixture.tables.damping;
  network = fixture.tables.networks.add(spec(100, { vteps: [LEFT, RIGHT, HOME], ageing: 0 })).id;
  fixture.tables.ports.add(100, [portSpec("a", OURS)]);
  now = 1000;
  fixture.tables.setClock(now);
}

beforeEach(() => setUp());

const idOf = (vtep: string) => fixture.tables.vteps.find(address(vtep));
const hear = (from: string, station = THEIRS) => receiveFrom(fixture, from, 100, frame(station, OURS));
const at = (station = THEIRS) => fixture.tables.fdb.get(network, mac(station));
const isFrozen = (station = THEIRS) => ((at(station)?.flags ?? 0) & L.FDB_FLAG_FROZEN) !== 0;
const counted = (counter: number) => fixture.tables.counters.network(network, counter);

/** What the moves that have happened froze. */
function drain(): Freeze[] {
  fixture.tables.events.drain((event) => damping.moved(event), "moved");
  return damping.freeze();
}

function pass(seconds: number): number {
  now += seconds;
  fixture.tables.setClock(now);
  return damping.tick(now);
}

/** Hears a station from the right and the left in turn. @returns what froze at each move */
function flap(moves: number, secondsBetween = 0, station = THEIRS): number[] {
  if (at(station) === undefined) hear(LEFT, station);
  return Array.from({ length: moves }, () => {
    pass(secondsBetween);
    hear(at(station)?.id === idOf(LEFT) ? RIGHT : LEFT, station);
    return drain().length;
  });
}

const place = (vtep: string) => ({ kind: L.FDB_KIND_VTEP, id: idOf(vtep) });

const moveOf = (from: { kind: number; id: number }, to: { kind: number; id: number }, number: number): FdbEvent => ({
  kind: "moved",
  network,
  mac: mac(THEIRS),
  toKind: to.kind,
  to: to.id,
  fromKind: from.kind,
  from: from.id,
  clock: now,
  number,
});

describe("freezing", () => {
  it("comes after five moves when the MAC is home again, and says where it is and was", () => {
    hear(LEFT);
    expect(flap(5)).toEqual([0, 0, 0, 0, 0]);
    expect([isFrozen(), damping.frozenCount]).toEqual([false, 0]);
    hear(LEFT);
    const [freeze, ...more] = drain();
    expect(more).toEqual([]);
    expect(freeze).toMatchObject({ network, at: place(LEFT), elsewhere: place(RIGHT) });
    expect(formatMac(freeze.mac)).toBe(THEIRS);
    expect([isFrozen(), damping.frozenCount, damping.movingCount]).toEqual([true, 1, 0]);
    expect([counted(L.COUNTER_MOVED), counted(L.COUNTER_FROZEN), counted(L.COUNTER_HELD)]).toEqual([6, 1, 0]);
  });

  it("has a new home when nothing came from the old one for as long as the window", () => {
    hear(HOME);
    hear(LEFT);
    drain();
    expect(flap(5, 35)).toEqual(Array(5).fill(0));
    pass(10);
    hear(RIGHT);
    expect(drain()).toEqual([]);
    expect(flap(6)).toEqual([0, 0, 0, 0, 0, 1]);
    expect([at()?.id === idOf(HOME), isFrozen()]).toEqual([false, true]);
  });

  it("finds the way home in whatever order the rings tell of it", () => {
    const way = [HOME, LEFT, RIGHT, LEFT, HOME, RIGHT];
    const steps = way.slice(1).map((to, i) => moveOf(place(way[i] ?? HOME), place(to), 0xfffffffe + i));
    fc.assert(
      fc.property(fc.shuffledSubarray(steps, { minLength: steps.length }), (shuffled) => {
        damping.thaw(network, mac(THEIRS));
        hear(RIGHT);
        for (const step of shuffled) damping.moved(step);
        expect(damping.freeze()).toEqual([]); // it is not home
        hear(HOME);
        fixture.tables.events.drain();
        damping.moved(moveOf(place(RIGHT), place(HOME), 3));
        expect(damping.freeze()).toMatchObject([{ at: place(HOME) }]);
      }),
    );
  });

  it("gives the MAC to nobody who sends more than its owner", () => {
    hear(HOME);
    for (const from of [LEFT, RIGHT, LEFT, HOME, RIGHT, LEFT, RIGHT, LEFT]) hear(from);
    expect([drain(), isFrozen()]).toEqual([[], false]);
    hear(HOME);
    expect(drain()).toHaveLength(1);
    expect([at()?.id, isFrozen()]).toEqual([idOf(HOME), true]);
  });

  it("counts moves in a window that slides", () => {
    expect(flap(20, 45)).toEqual(Array(20).fill(0)); // four within 180 s
    pass(200);
    expect(flap(4, 44)).toEqual([0, 0, 0, 0]);
    expect(flap(2, 44)).toEqual([0, 1]); // 176 s after the first of the five
  });

  it("follows a clock that wraps", () => {
    now = 0xffffffff - 20;
    fixture.tables.setClock(now);
    expect(flap(6, 10)).toEqual([0, 0, 0, 0, 0, 1]);
    expect(pass(179)).toBe(0);
    expect(pass(1)).toBe(1);
  });

  it("leaves the entry where it is by then, if it has moved on", () => {
    hear(LEFT);
    for (const from of [RIGHT, LEFT, RIGHT, LEFT, RIGHT, LEFT]) hear(from);
    const [{ at: stays, elsewhere }] = drain();
    expect([stays.id, elsewhere.id]).toEqual([idOf(LEFT), idOf(RIGHT)]);
    expect(at()?.id).toBe(idOf(LEFT));
  });

  it("counts each MAC and each network for itself", () => {
    const other = fixture.tables.networks.add(spec(200, { vteps: [LEFT, RIGHT], ageing: 0 })).id;
    for (const station of [THEIRS, OTHER]) flap(4, 0, station);
    const hearThere = (from: string) => receiveFrom(fixture, from, 200, frame(THEIRS, OURS));
    for (const from of [LEFT, RIGHT, LEFT, RIGHT]) hearThere(from);
    expect(drain()).toEqual([]);
    expect(flap(2)).toEqual([0, 1]);
    expect([isFrozen(), isFrozen(OTHER)]).toEqual([true, false]);
    expect(fixture.tables.fdb.get(other, mac(THEIRS))?.flags).toBe(0);
  });

  it("is not for what has become static or is gone meanwhile", () => {
    hear(LEFT);
    for (const from of [RIGHT, LEFT, RIGHT, LEFT, RIGHT]) hear(from);
    fixture.tables.statics.set(100, mac(THEIRS), { vtep: address(LEFT) });
    expect(drain()).toEqual([]);
    hear(LEFT, OTHER);
    for (const from of [RIGHT, LEFT, RIGHT, LEFT, RIGHT]) hear(from, OTHER);
    fixture.tables.flush(100);
    expect(drain()).toEqual([]);
    expect([damping.frozenCount, at()?.flags]).toEqual([0, L.FDB_FLAG_STATIC]);
  });

  it("can be off, or come with the first return", async () => {
    await setUp({ moves: 0, thaw: 180 });
    expect(flap(50)).toEqual(Array(50).fill(0));
    expect(damping.movingCount).toBe(0);
    await setUp({ moves: 1, thaw: 180 });
    expect(flap(3)).toEqual([0, 1, 0]);
  });

  it("waits for a bucket that a worker keeps locked", () => {
    hear(LEFT);
    for (const from of [RIGHT, LEFT, RIGHT, LEFT, RIGHT, LEFT]) hear(from);
    const buckets = fixture.tables.fdb.bucketCount;
    fixture.memory.u32.fill(1, L.FDB_LOCKS / 4, L.FDB_LOCKS / 4 + buckets);
    expect(drain()).toEqual([]);
    fixture.memory.u32.fill(0, L.FDB_LOCKS / 4, L.FDB_LOCKS / 4 + buckets);
    expect([isFrozen(), damping.frozenCount]).toEqual([false, 0]);
    expect(flap(2)).toEqual([0, 1]);
  });
});

describe("a frozen entry", () => {
  beforeEach(() => {
    flap(6);
  });

  it("stays where it is; frames from elsewhere go on and are counted", () => {
    for (let n = 0; n < 7; n++) expect(hear(RIGHT)).toHaveLength(1);
    expect([at()?.id, counted(L.COUNTER_HELD), counted(L.COUNTER_MOVED)]).toEqual([idOf(LEFT), 7, 6]);
    const port = fixture.tables.ports.find("a")?.id ?? 0;
    expect(sendInto(fixture, port, frame(OURS, THEIRS))).toEqual([LEFT]);
    expect(fixture.tables.events.drain()).toBe(0);
  });

  it("is refreshed by its own place, not by the other", () => {
    pass(30);
    hear(RIGHT);
    expect(at()?.stamp).toBe(1000);
    hear(LEFT);
    expect(at()?.stamp).toBe(1030);
    expect(isFrozen()).toBe(true);
  });

  it("thaws after its time, and freezes again after as many moves", () => {
    expect([pass(179), isFrozen()]).toEqual([0, true]);
    expect([pass(1), isFrozen(), damping.frozenCount]).toEqual([1, false, 0]);
    expect(flap(6)).toEqual([0, 0, 0, 0, 0, 1]);
    expect(counted(L.COUNTER_FROZEN)).toBe(2);
  });

  it("thaws by command, and only then if the time says never", async () => {
    await setUp({ moves: 5, thaw: 0 });
    flap(6);
    expect([pass(100_000), isFrozen()]).toEqual([0, true]);
    expect(damping.thaw(network, mac(THEIRS))).toBe(true);
    expect([isFrozen(), damping.frozenCount]).toEqual([false, 0]);
    expect(damping.thaw(network, mac(THEIRS))).toBe(false);
    expect(flap(4)).toEqual([0, 0, 0, 0]);
    expect(damping.thaw(network, mac(THEIRS))).toBe(false); // its moves are forgotten
    expect(flap(5)).toEqual([0, 0, 0, 0, 0]);
    expect(flap(1)).toEqual([1]);
  });

  it.each<[string, () => unknown]>([
    ["is removed", () => fixture.tables.fdb.remove(network, mac(THEIRS))],
    ["is flushed", () => fixture.tables.flush(100)],
    ["becomes static", () => fixture.tables.statics.set(100, mac(THEIRS), { vtep: address(LEFT) })],
  ])("is no longer one when it %s", (_what, change) => {
    change();
    pass(0);
    pass(0);
    expect([damping.frozenCount, isFrozen()]).toEqual([0, false]);
  });

  it("keeps its place in the books while it has aged and is not swept", () => {
    fixture.memory.u32[(L.NETWORKS + network * L.NETWORK_SIZE + L.NETWORK_AGEING) / 4] = 10;
    pass(20);
    pass(0);
    expect(damping.frozenCount).toBe(1);
    hear(LEFT); // nobody has swept it: it is frozen still
    expect([isFrozen(), damping.frozenCount]).toEqual([true, 1]);
  });
});

describe("memory", () => {
  const forged = (n: number): FdbEvent => ({
    kind: "moved",
    network,
    mac: Uint8Array.of(2, 0xaa, n >>> 24, n >>> 16, n >>> 8, n),
    toKind: L.FDB_KIND_VTEP,
    to: 2,
    fromKind: L.FDB_KIND_VTEP,
    from: 1,
    clock: now,
    number: n,
  });

  it("of moves is bounded, and a MAC that goes on moving is not forgotten", () => {
    for (let n = 0; n < 5; n++) {
      flap(1);
      for (let i = 0; i < MOVING_MAX - 1; i++) damping.moved(forged(n * MOVING_MAX + i));
    }
    expect(damping.movingCount).toBe(MOVING_MAX);
    expect(flap(1)).toEqual([1]);
  });

  it("of frozen entries is bounded, and says so until some thaw", async () => {
    await setUp({ moves: 1, thaw: 180 });
    const { dataplane, memory } = fixture;
    memory.u32[L.SYSTEM_FDB_CAPACITY / 4] = 65536;
    memory.u32[L.SYSTEM_FDB_BUCKET_MASK / 4] = 32767;
    const comeBack = (n: number) => {
      dataplane.fdbLearn(0, packFdbKey(forged(n).mac, network), L.FDB_KIND_VTEP, 1);
      damping.moved(forged(n));
    };
    for (let n = 0; n < FROZEN_MAX; n++) comeBack(n);
    expect(damping.freeze()).toHaveLength(FROZEN_MAX);
    comeBack(FROZEN_MAX);
    expect(damping.freeze()).toEqual([]);
    expect([damping.frozenCount, damping.isFull]).toEqual([FROZEN_MAX, true]);
    expect(fixture.tables.fdb.get(network, forged(FROZEN_MAX).mac)?.flags).toBe(0);
    expect(pass(180)).toBe(FROZEN_MAX);
    expect([damping.frozenCount, damping.isFull]).toEqual([0, false]);
    damping.moved(forged(FROZEN_MAX));
    expect(damping.freeze()).toHaveLength(1);
  });
});

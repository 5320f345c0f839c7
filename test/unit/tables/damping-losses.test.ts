// Who forges moves of many MACs at once makes rings lose some. Whatever is lost, no MAC is frozen where it was not at home; and
// nothing that nobody forges moves of is left out for long.

import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { packFdbKey } from "../../../control/address.js";
import type { Damping, Freeze } from "../../../control/tables/damping.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { createFixture, type Fixture, mac, spec } from "./fixture.js";

const VICTIM = "02:00:00:00:00:02";
const [HOME, FORGER, OTHER] = [11, 12, 13];
const [QUIET, BUSY] = [0, 1];

let fixture: Fixture;
let damping: Damping;
let network: number;
let now: number;

async function setUp(): Promise<void> {
  fixture = await createFixture();
  damping = fixture.tables.damping;
  network = fixture.tables.networks.add(spec(100, { ageing: 0 })).id;
  now = 1000;
  pass(0);
}

beforeEach(setUp);

function pass(seconds: number): void {
  now += seconds;
  fixture.tables.setClock(now);
  damping.tick(now);
}

const send = (worker: number, at: number, station = VICTIM) =>
  fixture.dataplane.fdbLearn(worker, packFdbKey(mac(station), network), L.FDB_KIND_VTEP, at);

/** Fills a worker's ring with what is of no kind, but for so many moves, if it has room for them. */
function leaveRoom(worker: number, moves: number): void {
  const ring = L.EVENTS + worker * L.EVENT_RING_SIZE;
  const { u8, u32 } = fixture.memory;
  const [head, tail] = [L.EVENT_HEAD, L.EVENT_TAIL].map((at) => (ring + at) / 4);
  for (; u32[head] - u32[tail] < L.EVENT_RING - moves; u32[head]++) {
    u8[ring + L.EVENT_RECORDS + (u32[head] % L.EVENT_RING) * L.EVENT_SIZE + L.EVENT_KIND] = 0;
  }
}

/** A tick of the daemon. */
function drain(): Freeze[] {
  const { events } = fixture.tables;
  events.drain((event) => damping.moved(event), "moved");
  const number = events.takeLostMove();
  return damping.freeze(number === undefined ? undefined : { number, clock: now });
}

/** By turns from a worker with room and from one without. */
function forge(times: number): void {
  for (let n = 0; n < times; n++) {
    send(BUSY, FORGER);
    send(QUIET, HOME);
  }
}

describe("a MAC whose moves were lost in part", () => {
  it("is not frozen where somebody forged it to be", () => {
    send(QUIET, HOME);
    leaveRoom(BUSY, 0);
    forge(10); // seen are only the ways back: as if it had been at the forger's first
    expect(drain()).toEqual([]);
    forge(10);
    send(BUSY, FORGER);
    expect(drain()).toEqual([]);
    forge(10);
    expect([drain(), damping.frozenCount]).toEqual([[], 0]);
  });

  it("is frozen at home if its first move was before those that were lost", () => {
    send(QUIET, HOME);
    leaveRoom(BUSY, 1);
    forge(10);
    expect(drain()).toMatchObject([{ at: { id: HOME }, elsewhere: { id: FORGER } }]);
  });

  it("is frozen at home if it moved before the losses began", () => {
    send(QUIET, HOME);
    forge(1);
    drain();
    leaveRoom(BUSY, 0);
    forge(2);
    send(BUSY, FORGER);
    expect(drain()).toEqual([]);
    send(QUIET, HOME);
    forge(2);
    expect(drain()).toMatchObject([{ at: { id: HOME } }]);
  });

  it("is one like others when it has been still for the window", () => {
    send(QUIET, HOME);
    leaveRoom(BUSY, 0);
    forge(10);
    drain();
    pass(170);
    forge(1);
    expect(drain()).toEqual([]);
    pass(170);
    forge(10);
    expect(drain()).toEqual([]);
    pass(180);
    forge(3);
    expect(drain()).toMatchObject([{ at: { id: HOME } }]);
  });

  it("makes others doubtful that begin to move in the window after it", () => {
    const second = "02:00:00:00:00:03";
    send(QUIET, HOME);
    leaveRoom(BUSY, 0);
    forge(1);
    drain();
    const flap = () => {
      for (const at of [HOME, OTHER, HOME, OTHER, HOME, OTHER, HOME]) send(QUIET, at, second);
      return drain();
    };
    pass(179);
    expect(flap()).toEqual([]);
    pass(180);
    expect(flap()).toHaveLength(1);
  });
});

it("a MAC is frozen at home or not at all, whatever moves and whatever is lost", async () => {
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ worker: fc.nat(1), at: fc.constantFrom(HOME, FORGER, OTHER) }) },
    { weight: 4, arbitrary: fc.record({ drained: fc.constant(true) }) },
    { weight: 8, arbitrary: fc.record({ full: fc.nat(1), room: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ seconds: fc.integer({ min: 1, max: 100 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { size: "max", maxLength: 100 }), async (steps) => {
      await setUp();
      send(QUIET, HOME);
      let homeAt = now;
      for (const one of [...steps, { drained: true }]) {
        if ("worker" in one) send(one.worker, one.at);
        // Who is not at home for as long as the window has none: this one is.
        if (now - homeAt > 60 || ("worker" in one && one.at === HOME)) {
          send(QUIET, HOME);
          homeAt = now;
        }
        if ("room" in one) leaveRoom(one.full, one.room);
        // Rings are read far more often than once a second.
        if ("drained" in one || "seconds" in one) for (const { at } of drain()) expect(at.id).toBe(HOME);
        if ("seconds" in one) pass(one.seconds);
      }
    }),
    { numRuns: 100 },
  );
});

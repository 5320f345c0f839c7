// Events reach control in order, and a ring that nobody empties loses them countably.

import { expect, it } from "vitest";
import { formatMac } from "../../../control/address.js";
import type { FdbEvent } from "../../../control/tables/events.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { address, createFixture, frame, portSpec, receiveFrom, spec } from "./fixture.js";

const OURS = "02:00:00:00:00:01";
const station = (n: number) =>
  `02:00:00:01:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;

it("says what was learned, and where it moved", async () => {
  const fixture = await createFixture();
  const { tables } = fixture;
  tables.setClock(77);
  const { id } = tables.networks.add(spec(100, { vteps: ["10.0.0.2", "10.0.0.3"] }));
  tables.ports.add(100, [portSpec("a", OURS)]);
  receiveFrom(fixture, "10.0.0.2", 100, frame(station(1), OURS));
  receiveFrom(fixture, "10.0.0.3", 100, frame(station(1), OURS));
  const events: FdbEvent[] = [];
  expect(tables.events.drain((event) => events.push(event))).toBe(2);
  const [two, three] = ["10.0.0.2", "10.0.0.3"].map((text) => tables.vteps.find(address(text)));
  expect(events.map(({ mac, ...event }) => ({ ...event, mac: formatMac(mac) }))).toEqual([
    { kind: "learned", network: id, mac: station(1), toKind: 2, to: two, fromKind: 0, from: 0, clock: 77, number: 0 },
    { kind: "moved", network: id, mac: station(1), toKind: 2, to: three, fromKind: 2, from: two, clock: 77, number: 0 },
  ]);
  expect(tables.events.drain((event) => events.push(event))).toBe(0);
});

it("loses what does not fit, counts it, and goes on", async () => {
  const fixture = await createFixture({ fdbCapacity: 65536 });
  const { tables, memory } = fixture;
  tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
  tables.ports.add(100, [portSpec("a", OURS)]);
  // As after months: the running indices are about to wrap.
  memory.u32[(L.EVENTS + L.EVENT_HEAD) / 4] = 0xffffff00;
  memory.u32[(L.EVENTS + L.EVENT_TAIL) / 4] = 0xffffff00;
  for (let n = 0; n < L.EVENT_RING_OTHERS + 100; n++) receiveFrom(fixture, "10.0.0.2", 100, frame(station(n), OURS));
  const macs: string[] = [];
  expect(tables.events.drain(({ mac }) => macs.push(formatMac(mac)))).toBe(L.EVENT_RING_OTHERS);
  expect(macs).toEqual(Array.from({ length: L.EVENT_RING_OTHERS }, (_, n) => station(n)));
  expect(tables.events.lost).toBe(100);
  receiveFrom(fixture, "10.0.0.2", 100, frame("02:00:00:00:00:99", OURS));
  expect(tables.events.drain()).toBe(1);
});

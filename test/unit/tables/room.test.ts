// A full FDB: what is learned keeps out nobody whom control puts in, and makes room for him.

import { beforeEach, expect, it } from "vitest";
import { formatMac, packFdbKey } from "../../../control/address.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { address, createFixture, type Fixture, mac, portSpec, spec } from "./fixture.js";

const VNI = 100;
const CAPACITY = 2048;
const FEW = 8; // entries that may go for one
const vtep = address("10.0.0.2");
const forged = (n: number) => mac(`02:00:00:01:${[n >> 8, n & 255].map(hex).join(":")}`);
const wanted = (n: number) => mac(`02:00:00:02:${[n >> 8, n & 255].map(hex).join(":")}`);
const hex = (byte: number) => byte.toString(16).padStart(2, "0");

let fixture: Fixture;
let network: number;

beforeEach(async () => {
  fixture = await createFixture({ fdbCapacity: CAPACITY });
  network = fixture.tables.networks.add(spec(VNI, { vteps: ["10.0.0.2"] })).id;
  flood();
  expect(fixture.tables.fdbCount).toBe(CAPACITY);
});

/** Frames from more MACs than there is room for. */
function flood(): void {
  const { dataplane } = fixture;
  for (let n = 0; n < CAPACITY + 100; n++) dataplane.fdbLearn(0, packFdbKey(forged(n), network), L.FDB_KIND_VTEP, 1);
}

const isThere = (bytes: Uint8Array) => fixture.tables.fdb.find(network, bytes) !== undefined;
const learnedCount = () => Array.from({ length: CAPACITY }, (_, n) => n).filter((n) => isThere(forged(n))).length;

it("takes a port, a network and a static entry, and few learned ones go", () => {
  const { tables } = fixture;
  tables.ports.add(VNI, [portSpec("a", "02:00:00:00:00:01")]);
  tables.networks.add(spec(200));
  tables.ports.add(200, [portSpec("b", "02:00:00:00:00:11")]);
  tables.statics.set(VNI, wanted(0), { vtep });
  expect(isThere(mac("02:00:00:00:00:01"))).toBe(true);
  expect(isThere(wanted(0))).toBe(true);
  expect(learnedCount()).toBeGreaterThanOrEqual(CAPACITY - 3 * FEW);
  flood();
  expect(tables.fdbCount).toBe(CAPACITY);
  expect(isThere(wanted(0))).toBe(true);
});

it("is full when all of it is static, or frozen, and says what to do", () => {
  const { tables } = fixture;
  const kept = Array.from({ length: CAPACITY }, (_, n) => forged(n)).find(isThere) ?? forged(0);
  expect(tables.fdb.freeze(network, kept, true)).toBe("done");
  for (let n = 0; n < CAPACITY - 1; n++) tables.statics.set(VNI, wanted(n), { vtep });
  expect(tables.fdbCount).toBe(CAPACITY);
  expect(isThere(kept)).toBe(true);
  const refused = (held: string) =>
    expect.objectContaining({
      code: "ERR_LIMIT",
      message: `no room in the FDB for ${formatMac(wanted(CAPACITY))}: it holds ${held} of at most 2048 entries; raise fdb.capacity`,
    });
  const another = () => tables.statics.set(VNI, wanted(CAPACITY), { vtep });
  expect(another).toThrow(refused("2047 static and 1 frozen"));
  tables.fdb.freeze(network, kept, false);
  another();
  expect(() => tables.statics.set(VNI, wanted(CAPACITY - 1), { vtep })).toThrow("it holds 2048 static of at most 2048");
  expect(tables.fdbCount).toBe(CAPACITY);
});

// Changes while a worker keeps locks of the FDB, as one that hangs does until it is ended: each is whole, or not at all.

import { beforeEach, expect, it } from "vitest";
import { VxlaneError } from "../../../control/errors.js";
import { FDB_LOCKS, SYSTEM_FDB_BUCKET_MASK } from "../../../dataplane-wasm/layout.js";
import { address, createFixture, type Fixture, mac, portSpec, settle, spec } from "./fixture.js";

const HOLDER = 1;
const VTEP = { vtep: address("10.0.0.2") };
const OTHER = { vtep: address("10.0.0.3") };
const MACS = Array.from({ length: 6 }, (_, i) => mac(`02:00:00:00:01:0${i}`));
const NEW = mac("02:00:00:00:02:01");

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture({ workers: 2 });
  const { tables } = fixture;
  tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
  tables.ports.add(100, [portSpec("a", "02:00:00:00:00:01"), portSpec("b", "02:00:00:00:00:02")]);
  for (const each of MACS) tables.statics.set(100, each, VTEP);
});

/** Every lock: which bucket an entry is in is the table's affair. */
function lockAll({ memory }: Fixture): void {
  const buckets = memory.u32[SYSTEM_FDB_BUCKET_MASK / 4] + 1;
  memory.u32.fill(HOLDER + 1, FDB_LOCKS / 4, FDB_LOCKS / 4 + buckets);
}

const release = () => fixture.dataplane.releaseLocks(HOLDER);
const targetOf = (each: Uint8Array) => {
  const { tables } = fixture;
  const entry = tables.fdb.find(tables.networks.get(100).id, each);
  return entry && tables.vteps.address(entry.id);
};
const vteps = () => [...fixture.tables.networks.get(100).staticVteps].map(([id, count]) => [id, count]);

it("static entries go, all of them", () => {
  const { tables } = fixture;
  lockAll(fixture);
  expect(
    tables.statics.apply(
      100,
      MACS.map((each) => ({ mac: each })),
    ),
  ).toMatchObject({ removed: MACS.length });
  expect(MACS.map(targetOf)).toEqual(MACS.map(() => undefined));
  expect(vteps()).toEqual([]);
  release();
  settle(fixture);
  for (const each of MACS) tables.statics.set(100, each, OTHER);
  expect(MACS.map(targetOf)).toEqual(MACS.map(() => OTHER.vtep));
});

it("static entries point elsewhere, all of them", () => {
  const { tables } = fixture;
  lockAll(fixture);
  const changes = MACS.map((each) => ({ mac: each, target: OTHER }));
  expect(tables.statics.apply(100, changes)).toMatchObject({ changed: MACS.length });
  expect(MACS.map(targetOf)).toEqual(MACS.map(() => OTHER.vtep));
});

it("a new entry among them is refused, and then nothing has changed", () => {
  const { tables } = fixture;
  const before = vteps();
  lockAll(fixture);
  const changes = [
    { mac: MACS[0] },
    ...MACS.slice(1).map((each) => ({ mac: each, target: OTHER })),
    { mac: NEW, target: OTHER },
  ];
  expect(() => tables.statics.apply(100, changes)).toThrow(
    expect.objectContaining({ constructor: VxlaneError, code: "ERR_TIMEOUT" }),
  );
  expect(MACS.map(targetOf)).toEqual(MACS.map(() => VTEP.vtep));
  expect(targetOf(NEW)).toBeUndefined();
  expect(vteps()).toEqual(before);
  release();
  expect(tables.statics.apply(100, changes)).toEqual({ created: 1, changed: 5, unchanged: 0, removed: 1 });
});

it("a port goes with its MAC, and a new one comes not at all", () => {
  const { tables } = fixture;
  lockAll(fixture);
  tables.ports.remove(100, "a");
  expect(tables.ports.find("a")).toBeUndefined();
  expect(tables.fdb.find(tables.networks.get(100).id, mac("02:00:00:00:00:01"))).toBeUndefined();
  expect(() => tables.ports.add(100, [portSpec("c", "02:00:00:00:00:03")])).toThrow(/busy/);
  expect([...tables.networks.get(100).ports.keys()]).toEqual(["b"]);
  release();
  settle(fixture);
  tables.ports.add(100, [portSpec("a", "02:00:00:00:00:01")]);
  expect([...tables.networks.get(100).ports.keys()]).toEqual(["b", "a"]);
});

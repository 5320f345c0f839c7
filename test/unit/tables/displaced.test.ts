// A change that is refused after it has written static entries over learned ones, or learned ones have made room for it: the learned ones
// are back, with all that belongs to them.

import { beforeEach, describe, expect, it } from "vitest";
import { formatMac, packFdbKey } from "../../../control/address.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { address, createFixture, type Fixture, mac, portSpec, spec } from "./fixture.js";

const VNI = 100;
const CAPACITY = 2048;
const START = 1000;
const [OWN, LEARNED, FROZEN, STATIC, OTHER] = [1, 2, 3, 4, 5].map((n) => mac(`02:00:00:00:00:0${n}`));
const VTEP = { vtep: address("10.0.0.2") };

let fixture: Fixture;
let network: number;

beforeEach(async () => {
  fixture = await createFixture({ fdbCapacity: CAPACITY });
  const { tables } = fixture;
  tables.setClock(START);
  network = tables.networks.add(spec(VNI, { vteps: ["10.0.0.2", "10.0.0.3"] })).id;
  tables.ports.add(VNI, [portSpec("own", "02:00:00:00:00:01")]);
  tables.statics.set(VNI, STATIC, VTEP);
  learn(LEARNED);
  learn(FROZEN);
  tables.fdb.freeze(network, FROZEN, true);
  tables.setClock(START + 77);
});

function learn(bytes: Uint8Array): void {
  const { dataplane, tables } = fixture;
  dataplane.fdbLearn(0, packFdbKey(bytes, network), L.FDB_KIND_VTEP, tables.vteps.find(address("10.0.0.3")) ?? 0);
}

/** Every entry of the network, whole. */
function entries(): string[] {
  const { fdb } = fixture.tables;
  return [...fdb.entries(0, fdb.bucketCount, network)]
    .map(({ mac: bytes, kind, id, flags, age }) => `${formatMac(bytes)} ${kind} ${id} ${flags} ${age}`)
    .sort();
}

const counts = () => {
  const { u32 } = fixture.memory;
  const at = (field: number) => u32[(L.NETWORKS + network * L.NETWORK_SIZE + field) / 4];
  return [at(L.NETWORK_LEARNED), at(L.NETWORK_STATIC), fixture.tables.fdbCount];
};

/** What a refused change leaves as it was. */
function refused(change: () => void, code: string): void {
  const before = [entries(), counts()];
  expect(change).toThrow(expect.objectContaining({ code }));
  expect([entries(), counts()]).toEqual(before);
}

describe("written over", () => {
  it("by static entries, of which one is for a port's own MAC", () => {
    const macs = [OTHER, LEARNED, FROZEN, STATIC, OWN];
    refused(
      () =>
        fixture.tables.statics.apply(
          VNI,
          macs.map((each) => ({ mac: each, target: { vtep: address("10.0.0.9") } })),
        ),
      "ERR_CONFLICT",
    );
  });

  it("by the MAC of a port, beside one whose name is taken", () => {
    const ports = [portSpec("new", "02:00:00:00:00:02"), portSpec("own", "02:00:00:00:00:06")];
    refused(() => fixture.tables.ports.add(VNI, ports), "ERR_CONFLICT");
  });
});

describe("gone to make room", () => {
  const many = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) =>
      mac(`02:00:00:01:${[(from + i) >> 8, (from + i) & 255].map(hex).join(":")}`),
    );
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");

  beforeEach(() => {
    for (const each of many(0, CAPACITY)) learn(each);
    expect(fixture.tables.fdbCount).toBe(CAPACITY);
  });

  it.each([
    ["more static entries than there is room for", many(CAPACITY, CAPACITY), "ERR_LIMIT"],
    ["a few, of which one is for a port's own MAC", [...many(CAPACITY, 5), OWN], "ERR_CONFLICT"],
    ["some that were learned, and went before", [...many(CAPACITY, 100), ...many(0, 200), OWN], "ERR_CONFLICT"],
  ])("for %s", (_what, macs, code) => {
    refused(
      () =>
        fixture.tables.statics.apply(
          VNI,
          macs.map((each) => ({ mac: each, target: VTEP })),
        ),
      code,
    );
  });
});

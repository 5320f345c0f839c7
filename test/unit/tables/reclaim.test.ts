// What a worker may still be reading is not reused: lists, ids, records; and what points to the dead goes with them.

import { beforeEach, describe, expect, it } from "vitest";
import { Epochs } from "../../../control/tables/epochs.js";
import * as L from "../../../dataplane-wasm/layout.js";
import {
  address,
  createFixture,
  type Fixture,
  floodList,
  frame,
  portSpec,
  receiveFrom,
  settle,
  setWorker,
  spec,
} from "./fixture.js";

const OURS = "02:00:00:00:00:01";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});

const listPointer = (network: number) =>
  fixture.memory.u32[(L.NETWORKS + network * L.NETWORK_SIZE + L.NETWORK_FLOOD_LIST) / 4];

describe("epochs", () => {
  it("pass when every worker has seen them, sleeps or is absent", () => {
    const epochs = new Epochs(fixture.memory, 2);
    expect(epochs.passed(epochs.bump())).toBe(true);
    setWorker(fixture, "running", 0);
    setWorker(fixture, "running", 1);
    const epoch = epochs.bump();
    expect(epochs.passed(epoch)).toBe(false);
    setWorker(fixture, "asleep", 0);
    expect(epochs.passed(epoch)).toBe(false);
    setWorker(fixture, "running", 1);
    expect(epochs.passed(epoch)).toBe(true);
    expect(epochs.passed(epochs.bump())).toBe(false);
  });

  it("wrap", () => {
    fixture.memory.u32[L.SYSTEM_EPOCH / 4] = 0xfffffffe;
    const epochs = new Epochs(fixture.memory, 1);
    setWorker(fixture, "running", 0);
    const last = epochs.bump();
    const first = epochs.bump();
    expect([last, first]).toEqual([0xffffffff, 0]);
    expect([epochs.passed(last), epochs.passed(first)]).toEqual([false, false]);
    setWorker(fixture, "running", 0);
    expect([epochs.passed(last), epochs.passed(first)]).toEqual([true, true]);
  });

  it("let things go in the order in which they were retired", () => {
    const epochs = new Epochs(fixture.memory, 1);
    setWorker(fixture, "running", 0);
    const gone: string[] = [];
    epochs.retire(() => gone.push("a"));
    setWorker(fixture, "running", 0);
    epochs.retire(() => gone.push("b"));
    expect(epochs.reclaim()).toBe(1);
    expect(gone).toEqual(["a"]);
    setWorker(fixture, "asleep", 0);
    expect(epochs.reclaim()).toBe(0);
    expect(gone).toEqual(["a", "b"]);
  });
});

it("quiescing waits for a running worker's next round, and reclaims", async () => {
  const { tables } = fixture;
  setWorker(fixture, "running");
  let isGone = false;
  tables.epochs.retire(() => {
    isGone = true;
  });
  const quiet = tables.epochs.quiesce();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isGone).toBe(false);
  setWorker(fixture, "running");
  await quiet;
  expect(isGone).toBe(true);
});

it("quiescing waits for what goes only after something else has gone", async () => {
  const { epochs } = fixture.tables;
  setWorker(fixture, "running");
  const gone: string[] = [];
  epochs.retire(() => {
    gone.push("device");
    epochs.retire(() => gone.push("its sockets"));
  });
  const round = setInterval(() => setWorker(fixture, "running"), 1);
  await epochs.quiesce();
  clearInterval(round);
  expect(gone).toEqual(["device", "its sockets"]);
});

describe("under a worker's eyes", () => {
  it("a flood list is replaced by another block, and given back later", () => {
    const { tables, memory } = fixture;
    const { id } = tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    setWorker(fixture, "running");
    const old = listPointer(id);
    const before = memory.u8.slice(old, old + 16);
    for (const last of [3, 4, 5, 6]) tables.networks.addVtep(100, address(`10.0.0.${last}`));
    settle(fixture);
    expect(memory.u8.slice(old, old + 16)).toEqual(before);
    expect(tables.lists.count).toBe(5);
    expect(floodList(fixture, id).vteps).toHaveLength(5);
    setWorker(fixture, "running");
    settle(fixture);
    expect(tables.lists.count).toBe(1);
  });

  it("ids of networks, ports and VTEPs come back only when the worker has passed", () => {
    const { tables } = fixture;
    const vteps = ["10.0.0.2"];
    const network = tables.networks.add(spec(100, { vteps }));
    const [port] = tables.ports.add(100, [portSpec("a", OURS)]);
    const vtep = tables.vteps.find(address("10.0.0.2"));
    setWorker(fixture, "running");
    tables.networks.remove(100);
    settle(fixture);
    expect(tables.undertaker.waiting).toBe(3);
    const other = tables.networks.add(spec(200, { vteps: ["10.0.0.3"] }));
    const [otherPort] = tables.ports.add(200, [portSpec("b", OURS)]);
    expect([other.id, otherPort.id]).not.toContain(network.id);
    expect(tables.vteps.find(address("10.0.0.3"))).not.toBe(vtep);
    expect(tables.vteps.find(address("10.0.0.2"))).toBe(vtep);
    for (let n = 0; n < 4; n++) {
      setWorker(fixture, "running");
      settle(fixture);
    }
    expect(tables.undertaker.waiting).toBe(0);
    expect(tables.vteps.find(address("10.0.0.2"))).toBe(0);
    expect(tables.networks.add(spec(300)).id).toBe(network.id);
    expect(tables.ports.add(300, [portSpec("c", OURS)])[0].id).toBe(port.id);
  });

  it("a VTEP that comes back in time keeps its id and its entries", () => {
    const { tables } = fixture;
    const network = tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    receiveFrom(fixture, "10.0.0.2", 100, frame("02:00:00:00:00:02", OURS));
    const vtep = tables.vteps.find(address("10.0.0.2"));
    setWorker(fixture, "running");
    tables.networks.removeVtep(100, address("10.0.0.2"));
    tables.tick(0);
    tables.networks.addVtep(100, address("10.0.0.2"));
    setWorker(fixture, "asleep");
    settle(fixture);
    expect(tables.vteps.find(address("10.0.0.2"))).toBe(vtep);
    expect(tables.undertaker.waiting).toBe(0);
    expect([...tables.fdb.entries(0, tables.fdb.bucketCount, network.id)]).toHaveLength(2);
    expect(receiveFrom(fixture, "10.0.0.2", 100, frame("02:00:00:00:00:02", OURS))).toHaveLength(1);
  });

  it("a VTEP's flags change at once, in the record that is in use", () => {
    const { tables, memory } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"], allow: [] }));
    const vtep = tables.vteps.find(address("10.0.0.2"));
    const pointer = () => memory.u32[(L.VTEP_POINTERS + vtep * 4) / 4];
    const first = pointer();
    setWorker(fixture, "running");
    for (const isAllowed of [true, false, true]) {
      tables.networks.replace(spec(100, { vteps: ["10.0.0.2"], ...(isAllowed ? {} : { allow: [] }) }));
      expect(tables.vteps.flags(vtep)).toBe(isAllowed ? L.VTEP_FLAG_SOURCE : 0);
      expect(pointer()).toBe(first);
    }
  });
});

it("a pair that a worker adds by a prefix that has just gone does not stay", () => {
  const { tables, dataplane } = fixture;
  const network = tables.networks.add(spec(100, { allow: ["10.0.1.0/24"] }));
  tables.networks.add(spec(200, { vteps: ["10.0.1.5"] }));
  tables.ports.add(100, [portSpec("a", OURS)]);
  const arrives = () => receiveFrom(fixture, "10.0.1.5", 100, frame("02:00:00:00:00:02", OURS)).length;
  expect(arrives()).toBe(1);
  setWorker(fixture, "running", 1);
  tables.networks.replace(spec(100, { allow: ["10.0.2.0/24"] }));
  expect(arrives()).toBe(0);
  dataplane.accessAllow(1, network.id, tables.vteps.find(address("10.0.1.5"))); // worker 1, in the old epoch
  setWorker(fixture, "running", 1);
  settle(fixture);
  expect(arrives()).toBe(0);
});

describe("burial", () => {
  it("takes the learned entries of a VTEP along, and no others", () => {
    const { tables } = fixture;
    const network = tables.networks.add(spec(100, { vteps: ["10.0.0.2", "10.0.0.3"] }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    for (let n = 0; n < 200; n++) {
      const mac = `02:00:00:00:01:${n.toString(16).padStart(2, "0")}`;
      receiveFrom(fixture, `10.0.0.${2 + (n % 2)}`, 100, frame(mac, OURS));
    }
    expect(tables.fdbCount).toBe(201);
    tables.networks.removeVtep(100, address("10.0.0.3"));
    settle(fixture);
    const entries = [...tables.fdb.entries(0, tables.fdb.bucketCount, network.id)];
    const kept = tables.vteps.find(address("10.0.0.2"));
    expect(entries.filter((entry) => entry.kind === L.FDB_KIND_VTEP).map((entry) => entry.id)).toEqual(
      new Array(100).fill(kept),
    );
    expect(tables.fdbCount).toBe(101);
  });

  it("walks a slice a call", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    tables.networks.remove(100);
    const calls = Math.ceil(tables.fdb.bucketCount / 256);
    for (let n = 0; n < calls; n++) {
      expect(tables.undertaker.waiting).toBe(2);
      tables.undertaker.work(256);
      tables.epochs.reclaim();
    }
    expect(tables.undertaker.waiting).toBe(0);
  });

  it("starts the counters of a reused id at zero", () => {
    const { tables } = fixture;
    const first = tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    receiveFrom(fixture, "10.0.0.2", 100, frame("02:00:00:00:00:02", OURS));
    const vtep = tables.vteps.find(address("10.0.0.2"));
    expect(tables.counters.network(first.id, L.COUNTER_RECEIVED_DECAP)).toBe(1);
    expect(tables.counters.vtep(vtep, L.VTEP_COUNTER_FRAMES_DECAP)).toBe(1);
    tables.networks.remove(100);
    settle(fixture);
    expect(tables.counters.vtep(vtep, L.VTEP_COUNTER_FRAMES_DECAP)).toBe(0);
    expect(tables.networks.add(spec(200)).id).toBe(first.id);
    expect(tables.counters.network(first.id, L.COUNTER_RECEIVED_DECAP)).toBe(0);
  });
});

it("a network's id waits until the pairs are out that a held lock kept in", () => {
  const { tables, memory } = fixture;
  const network = tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
  tables.networks.add(spec(200, { vteps: ["10.0.0.2"] }));
  tables.ports.add(100, [portSpec("a", OURS)]);
  memory.u32[L.SYSTEM_VTEP_LOCK / 4] = 2; // worker 1 has died with it
  tables.networks.remove(100);
  tables.tick(0);
  tables.tick(0);
  expect(tables.undertaker.waiting).toBe(2);
  memory.u32[L.SYSTEM_VTEP_LOCK / 4] = 0;
  settle(fixture);
  expect(tables.undertaker.waiting).toBe(0);
  expect(tables.networks.add(spec(300, { allow: [] })).id).toBe(network.id);
  tables.ports.add(300, [portSpec("b", OURS)]);
  expect(receiveFrom(fixture, "10.0.0.2", 300, frame("02:00:00:00:00:02", OURS))).toHaveLength(0);
});

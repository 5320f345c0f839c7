// What control writes is what frames meet: records, VNI table, flood lists, allow lists.

import { beforeEach, describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import {
  address,
  BROADCAST,
  createFixture,
  type Fixture,
  floodList,
  frame,
  mac,
  networkOf,
  portSpec,
  receiveFrom,
  sendInto,
  settle,
  spec,
} from "./fixture.js";

const [OURS, OURS2, THEIRS] = ["02:00:00:00:00:01", "02:00:00:00:00:11", "02:00:00:00:00:02"];

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});

describe("a network", () => {
  it("has its record whole when its VNI leads to it", () => {
    const network = fixture.tables.networks.add(spec(0xabcdef, { mtu: 1400, ageing: 60, dropVlan: true }));
    expect(networkOf(fixture, 0xabcdef)).toBe(network.id);
    const { u8, u32 } = fixture.memory;
    const record = L.NETWORKS + network.id * L.NETWORK_SIZE;
    expect(u32[(record + L.NETWORK_VNI) / 4]).toBe(0xabcdef);
    expect(u32[(record + L.NETWORK_MTU) / 4]).toBe(1400);
    expect(u32[(record + L.NETWORK_AGEING) / 4]).toBe(60);
    expect(u32[(record + L.NETWORK_FEATURES) / 4]).toBe(0);
    const flags = L.NETWORK_FLAG_LIVE | L.NETWORK_FLAG_LEARNING | L.NETWORK_FLAG_DROP_VLAN;
    expect(u32[(record + L.NETWORK_FLAGS) / 4]).toBe(flags);
    const header = record + L.NETWORK_TUNNEL_HEADER;
    expect([...u8.slice(header, header + 8)]).toEqual([8, 0, 0, 0, 0xab, 0xcd, 0xef, 0]);
  });

  it("may have VNI 0 and the last one", () => {
    for (const vni of [0, 0xffffff]) expect(networkOf(fixture, vni)).toBe(0);
    const ids = [0, 0xffffff].map((vni) => fixture.tables.networks.add(spec(vni)).id);
    expect([0, 0xffffff].map((vni) => networkOf(fixture, vni))).toEqual(ids);
  });

  it("is refused twice, and stays as it was", () => {
    fixture.tables.networks.add(spec(100, { mtu: 1400 }));
    expect(() => fixture.tables.networks.add(spec(100, { mtu: 1300 }))).toThrow(
      expect.objectContaining({ code: "ERR_CONFLICT" }),
    );
    expect(fixture.tables.networks.get(100).spec.mtu).toBe(1400);
  });

  it("changes without losing its entries", () => {
    const { tables } = fixture;
    const network = tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    const [port] = tables.ports.add(100, [portSpec("a", OURS)]);
    receiveFrom(fixture, "10.0.0.2", 100, frame(THEIRS, OURS));
    tables.networks.replace(spec(100, { vteps: ["10.0.0.2", "10.0.0.3"], learning: false, mtu: 1300 }));
    expect(sendInto(fixture, port.id, frame(OURS, THEIRS))).toEqual(["10.0.0.2"]);
    expect(sendInto(fixture, port.id, frame(OURS, BROADCAST))).toEqual(["10.0.0.2", "10.0.0.3"]);
    expect(tables.networks.get(100).id).toBe(network.id);
  });

  it("is gone with its ports and entries, and others stay", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    tables.networks.add(spec(200, { vteps: ["10.0.0.2"] }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    const [b] = tables.ports.add(200, [portSpec("b", OURS)]);
    tables.statics.set(100, mac(THEIRS), { vtep: address("10.0.0.9") });
    tables.networks.remove(100);
    settle(fixture);
    expect(networkOf(fixture, 100)).toBe(0);
    expect(tables.ports.find("a")).toBeUndefined();
    expect(tables.vteps.find(address("10.0.0.9"))).toBe(0);
    expect(tables.fdbCount).toBe(1);
    expect(receiveFrom(fixture, "10.0.0.2", 100, frame(THEIRS, OURS))).toEqual([]);
    expect(receiveFrom(fixture, "10.0.0.2", 200, frame(THEIRS, OURS))).toHaveLength(1);
    expect(sendInto(fixture, b.id, frame(OURS, BROADCAST))).toEqual(["10.0.0.2"]);
  });
});

describe("ports", () => {
  it("stand in the flood list and own their MAC", () => {
    const { tables } = fixture;
    const network = tables.networks.add(spec(100));
    const ports = tables.ports.add(100, [portSpec("a", OURS), portSpec("b", OURS2)]);
    expect(floodList(fixture, network.id).attachments).toEqual(ports.map((port) => port.attachment));
    for (const port of ports) {
      const value = tables.fdb.get(network.id, port.mac);
      expect(value).toMatchObject({
        kind: L.FDB_KIND_ATTACHMENT,
        id: port.attachment,
        flags: L.FDB_FLAG_STATIC | L.FDB_FLAG_OWN,
      });
    }
  });

  it("come all or none", () => {
    const { tables } = fixture;
    const network = tables.networks.add(spec(100));
    const attempt = () => tables.ports.add(100, [portSpec("a", OURS), portSpec("b", OURS)]);
    expect(attempt).toThrow(expect.objectContaining({ code: "ERR_CONFLICT" }));
    settle(fixture);
    expect(tables.ports.size).toBe(0);
    expect(tables.fdbCount).toBe(0);
    expect(floodList(fixture, network.id).attachments).toEqual([]);
    expect(tables.ports.add(100, [portSpec("a", OURS), portSpec("b", OURS2)])).toHaveLength(2);
  });

  it("have names of their own in all networks", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100));
    tables.networks.add(spec(200));
    tables.ports.add(100, [portSpec("a", OURS)]);
    expect(() => tables.ports.add(200, [portSpec("a", OURS)])).toThrow(/port a is there/);
    expect(() => tables.ports.remove(200, "a")).toThrow(expect.objectContaining({ code: "ERR_NOT_FOUND" }));
  });

  it("switch among themselves until one is removed", () => {
    const { tables, ports } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    const [a, b] = tables.ports.add(100, [portSpec("a", OURS), portSpec("b", OURS2)]);
    expect(sendInto(fixture, a.id, frame(OURS, OURS2))).toEqual([]);
    expect(ports.sent.map((sent) => sent.port)).toEqual([b.id]);
    tables.ports.remove(100, "b");
    settle(fixture);
    expect(sendInto(fixture, a.id, frame(OURS, OURS2))).toEqual(["10.0.0.2"]);
    expect(ports.sent).toHaveLength(1);
  });
});

describe("source VTEPs", () => {
  const arrives = (from: string, vni = 100) => receiveFrom(fixture, from, vni, frame(THEIRS, BROADCAST)).length > 0;

  it("are by default those of the flood list and of static entries", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    tables.statics.set(100, mac("02:00:00:00:00:77"), { vtep: address("10.0.0.3") });
    expect(["10.0.0.2", "10.0.0.3", "10.0.0.4"].map((from) => arrives(from))).toEqual([true, true, false]);
    tables.statics.remove(100, mac("02:00:00:00:00:77"));
    expect(["10.0.0.2", "10.0.0.3"].map((from) => arrives(from))).toEqual([true, false]);
  });

  it("follow the flood list", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100));
    tables.ports.add(100, [portSpec("a", OURS)]);
    expect(arrives("10.0.0.2")).toBe(false);
    expect(tables.networks.addVtep(100, address("10.0.0.2"))).toBe(true);
    expect(tables.networks.addVtep(100, address("10.0.0.2"))).toBe(false);
    expect(arrives("10.0.0.2")).toBe(true);
    tables.networks.removeVtep(100, address("10.0.0.2"));
    expect(arrives("10.0.0.2")).toBe(false);
    expect(() => tables.networks.removeVtep(100, address("10.0.0.2"))).toThrow(/does not flood/);
  });

  it("are exactly those of `allow` where it is given", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"], allow: ["10.0.1.0/24", "10.0.2.7"] }));
    tables.networks.add(spec(200, { vteps: ["10.0.0.2"] }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    tables.ports.add(200, [portSpec("b", OURS)]);
    const froms = ["10.0.0.2", "10.0.1.1", "10.0.1.255", "10.0.2.7", "10.0.2.8"];
    expect(froms.map((from) => arrives(from))).toEqual([false, true, true, true, false]);
    expect(froms.map((from) => arrives(from, 200))).toEqual([true, false, false, false, false]);
  });

  it("lose a prefix with all that it let in", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { allow: ["10.0.1.0/24", "10.0.0.2"] }));
    tables.networks.add(spec(200, { vteps: ["10.0.1.5"] }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    tables.ports.add(200, [portSpec("b", OURS)]);
    expect([arrives("10.0.1.1"), arrives("10.0.1.5"), arrives("10.0.1.5", 200)]).toEqual([true, true, true]);
    tables.networks.replace(spec(100, { allow: ["10.0.0.2"] }));
    settle(fixture);
    expect([arrives("10.0.1.1"), arrives("10.0.1.5"), arrives("10.0.1.5", 200)]).toEqual([false, false, true]);
    expect(tables.vteps.find(address("10.0.1.1"))).toBe(0);
  });

  it("keep flowing by a prefix when the flood list drops them", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { allow: ["10.0.1.0/24"] }));
    tables.networks.add(spec(200, { vteps: ["10.0.1.5"] }));
    tables.ports.add(100, [portSpec("a", OURS)]);
    const id = tables.vteps.find(address("10.0.1.5"));
    expect(arrives("10.0.1.5")).toBe(true);
    tables.networks.removeVtep(200, address("10.0.1.5"));
    expect(arrives("10.0.1.5")).toBe(true);
    settle(fixture);
    expect(arrives("10.0.1.5")).toBe(true);
    expect(tables.vteps.find(address("10.0.1.5"))).toBe(id);
    expect(tables.vteps.flags(id) & L.VTEP_FLAG_LEARNED).not.toBe(0);
  });
});

describe("multicast", () => {
  const group = { address: "239.1.1.1", ttl: 8 };

  it("floods one copy to the group, with its TTL", () => {
    const { tables, underlay } = fixture;
    tables.networks.add(spec(100, { group, allow: ["10.0.0.0/24"] }));
    const [port] = tables.ports.add(100, [portSpec("a", OURS)]);
    expect(sendInto(fixture, port.id, frame(OURS, BROADCAST))).toEqual(["239.1.1.1"]);
    expect(underlay.sent[0].header[22]).toBe(8);
    const id = tables.vteps.find(address("239.1.1.1"));
    expect(tables.vteps.flags(id)).toBe(L.VTEP_FLAG_GROUP);
  });

  it("refuses another TTL for a group in use, and leaves nothing behind", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { group, allow: ["10.0.0.0/24"] }));
    const before = tables.lists.count;
    const second = spec(200, { group: { ...group, ttl: 9 }, allow: ["10.0.1.0/24", "10.0.2.1"] });
    expect(() => tables.networks.add(second)).toThrow(/TTL 8 in another network/);
    settle(fixture);
    expect(networkOf(fixture, 200)).toBe(0);
    expect(tables.lists.count).toBe(before);
    expect(tables.vteps.find(address("10.0.2.1"))).toBe(0);
    expect(tables.networks.add(spec(300)).id).toBe(2);
  });
});

describe("static entries", () => {
  it("send to their VTEP, move, and go", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    const [port] = tables.ports.add(100, [portSpec("a", OURS)]);
    const target = () => sendInto(fixture, port.id, frame(OURS, THEIRS));
    tables.statics.set(100, mac(THEIRS), { vtep: address("10.0.0.3") });
    expect(target()).toEqual(["10.0.0.3"]);
    tables.statics.set(100, mac(THEIRS), { vtep: address("10.0.0.4") });
    expect(target()).toEqual(["10.0.0.4"]);
    settle(fixture);
    expect(tables.vteps.find(address("10.0.0.3"))).toBe(0);
    tables.statics.set(100, mac(THEIRS), { port: "a" });
    expect(target()).toEqual([]); // back where it came from
    settle(fixture);
    expect(tables.vteps.find(address("10.0.0.4"))).toBe(0);
    tables.statics.remove(100, mac(THEIRS));
    expect(target()).toEqual(["10.0.0.2"]);
    expect(() => tables.statics.remove(100, mac(THEIRS))).toThrow(expect.objectContaining({ code: "ERR_NOT_FOUND" }));
  });

  it("never take a port's own MAC", () => {
    const { tables } = fixture;
    tables.networks.add(spec(100));
    tables.ports.add(100, [portSpec("a", OURS)]);
    const set = () => tables.statics.set(100, mac(OURS), { vtep: address("10.0.0.3") });
    expect(set).toThrow(expect.objectContaining({ code: "ERR_CONFLICT" }));
    expect(() => tables.statics.remove(100, mac(OURS))).toThrow(expect.objectContaining({ code: "ERR_CONFLICT" }));
  });

  it("leave nothing behind when the FDB is full", async () => {
    fixture = await createFixture({ fdbCapacity: 2 });
    const { tables } = fixture;
    tables.networks.add(spec(100));
    tables.statics.set(100, mac(OURS), { vtep: address("10.0.0.3") });
    tables.statics.set(100, mac(OURS2), { vtep: address("10.0.0.3") });
    expect(() => tables.statics.set(100, mac(THEIRS), { vtep: address("10.0.0.4") })).toThrow(
      expect.objectContaining({ code: "ERR_LIMIT" }),
    );
    settle(fixture);
    expect(tables.vteps.find(address("10.0.0.4"))).toBe(0);
    expect(tables.networks.get(100).staticVteps).toEqual(new Map([[tables.vteps.find(address("10.0.0.3")), 2]]));
  });
});

// Who may send: the sets that decap asks, allow and deny, prefixes, and the table of VTEPs that fills as new senders
// inside a prefix appear.

import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { vxlan } from "../../oracle/decap.js";
import { network, type World, world } from "../../oracle/world.js";
import { ip, mapped } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import { frameOfLength } from "../../support/flows.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { BROADCAST, HOST_A, HOST_FAR } from "../../support/worlds.js";

const frame = frameOfLength(64, BROADCAST, HOST_FAR);

function withPrefixes(prefixes: readonly string[], fields: Partial<World> = {}): World {
  return world({
    networks: [
      network({ id: 1, vni: 100, flood: { attachments: [1], vteps: [] }, prefixes }),
      network({ id: 2, vni: 200, flood: { attachments: [2], vteps: [] }, prefixes: ["172.16.0.0/12"] }),
    ],
    attachments: [
      { id: 1, network: 1, port: 1, mtu: 1450 },
      { id: 2, network: 2, port: 2, mtu: 1450 },
    ],
    ...fields,
  });
}

describe("prefixes", () => {
  it.each([
    [["10.99.0.0/24"], ["10.99.0.0", "10.99.0.255"], ["10.98.255.255", "10.99.1.0", "0.0.0.0", "fd99::1"]],
    [["10.99.0.5/32"], ["10.99.0.5"], ["10.99.0.4", "10.99.0.6"]],
    [["0.0.0.0/0"], ["1.2.3.4", "255.255.255.254"], ["fd99::1", "::1"]],
    [["10.0.0.0/9", "10.128.0.0/31"], ["10.127.255.255", "10.128.0.1"], ["10.128.0.2"]],
    [["fd99::/16"], ["fd99::", "fd99:ffff::1"], ["fd98::1", "fd9a::1", "10.99.0.1"]],
    [["fd99::4/127"], ["fd99::4", "fd99::5"], ["fd99::3", "fd99::6"]],
    [["::/0"], ["fd99::1"], []],
  ])("%j let in %j and not %j", async (prefixes, inside, outside) => {
    const pair = await Pair.create(withPrefixes(prefixes, { local: inside[0].includes(":") ? "fd00::1" : "10.1.1.1" }));
    const outputs = pair.decap([...inside, ...outside].map((from) => ({ datagram: vxlan(100, frame), from })));
    expect(outputs.map((output) => output.origin)).toEqual(inside.map((_, i) => i));
    pair.settle();
  });

  it("of one network do not let into another", async () => {
    const pair = await Pair.create(withPrefixes(["10.99.0.0/24"]));
    const from = "10.99.0.7";
    expect(pair.decap([{ datagram: vxlan(200, frame), from }])).toEqual([]);
    expect(pair.decap([{ datagram: vxlan(100, frame), from }])).toHaveLength(1);
    expect(pair.decap([{ datagram: vxlan(200, frame), from }])).toEqual([]);
    pair.settle();
    expect(readCounters(pair.engine)["network 2 drop DecapVtepNotInNetwork"]).toBe(2);
  });

  it("make a VTEP of a new sender, to which frames go from then on", async () => {
    const pair = await Pair.create(withPrefixes(["10.99.0.0/24"]));
    pair.decap([{ datagram: vxlan(100, frame), from: "10.99.0.7" }]);
    const [output] = pair.encap([{ attachment: 1, frame: frameOfLength(64, HOST_FAR, HOST_A) }]);
    expect(output).toMatchObject({ kind: "vtep", target: 1 });
    pair.settle();
  });

  it("make one VTEP of a sender, however often it sends", async () => {
    const pair = await Pair.create(withPrefixes(["10.99.0.0/16"]));
    const senders = Array.from({ length: 200 }, (_, i) => `10.99.${i % 2}.${i % 50}`);
    pair.decap(senders.map((from) => ({ datagram: vxlan(100, frame), from })));
    pair.settle();
    // i % 2 and i % 50 go together: 50 addresses, ids 1 to 50.
    expect(pair.engine.view.getUint32(L.SYSTEM_VTEP_NEXT, true)).toBe(51);
  });
});

describe("the access set", () => {
  const NETWORKS = 40;
  const VTEPS = 300;

  it("answers for every pair of many networks and VTEPs as a plain set does", async () => {
    const engine = await Engine.create(world({}));
    const { dataplane, view, shared } = engine;
    const scratch = L.WORKERS + L.WORKER_CONTROL * L.WORKER_SIZE + L.CONTEXT_SCRATCH;
    const address = (id: number) => `10.5.${id >>> 8}.${id & 255}`;
    for (let id = 1; id <= VTEPS; id++) {
      shared.u8.set(mapped(ip(address(id))), scratch);
      expect(dataplane.vtepIntern(L.WORKER_CONTROL, scratch, L.VTEP_FLAG_SOURCE)).toBe(id);
      expect(dataplane.vtepFind(scratch)).toBe(id);
    }
    for (let id = 1; id <= NETWORKS; id++) {
      engine.loader.loadNetwork(network({ id, vni: id }));
    }
    const allowed = (net: number, vtep: number) => (net * 7 + vtep * 3) % 5 < 2;
    const denied = (net: number, vtep: number) => (net + vtep) % 6 === 0;
    for (let net = 1; net <= NETWORKS; net++) {
      for (let vtep = 1; vtep <= VTEPS; vtep++) {
        if (allowed(net, vtep)) expect(dataplane.accessAllow(0, net, vtep)).toBe(1);
      }
    }
    for (let net = 1; net <= NETWORKS; net++) {
      for (let vtep = 1; vtep <= VTEPS; vtep++) if (denied(net, vtep)) dataplane.accessDeny(0, net, vtep);
    }
    let wrong = 0;
    for (let net = 1; net <= NETWORKS; net++) {
      for (let from = 1; from <= VTEPS; from += 100) {
        for (let i = 0; i < 100; i++) engine.place(i, { bytes: vxlan(net, frame), from: address(from + i) }, 8);
        engine.run("decap", 100);
        for (let i = 0; i < 100; i++) {
          const dropped = view.getUint8(engine.input(i) + L.DESC_DROP);
          const expected = allowed(net, from + i) && !denied(net, from + i);
          // Nobody to deliver to: what passes the check ends as NoDestination, 18; what fails it as 9.
          if (dropped !== (expected ? 18 : 9)) wrong++;
        }
      }
    }
    expect(wrong).toBe(0);
  });

  it("finds pairs whose first bucket is full", async () => {
    // A million pairs in 131,072 buckets of 16: eight a bucket on average, so some hundred buckets overflow. They are
    // random, since a multiplicative hash spreads rows of numbers evenly.
    const { dataplane } = await Engine.create(world({}));
    const pairs = new Set<number>();
    for (let x = 88172645; pairs.size < 1_000_000; ) {
      x ^= x << 13; // Marsaglia's xorshift
      x ^= x >>> 17;
      x ^= x << 5;
      const [net, vtep] = [1 + ((x >>> 16) % 65535), 1 + ((x & 0xffff) % (L.VTEPS_MAX - 1))];
      pairs.add(net * 65536 + vtep);
    }
    const all = (call: (net: number, vtep: number) => number) => {
      let ones = 0;
      for (const pair of pairs) ones += call(Math.floor(pair / 65536), pair % 65536);
      return ones;
    };
    expect(all((net, vtep) => dataplane.accessAllow(0, net, vtep))).toBe(pairs.size);
    expect(all((net, vtep) => dataplane.accessDeny(0, net, vtep))).toBe(pairs.size);
    expect(all((net, vtep) => dataplane.accessDeny(0, net, vtep))).toBe(0);
  });

  it("forgets a VTEP that is removed, and uses its id again for another address", async () => {
    const settings = withPrefixes(["10.99.0.0/24"]);
    const { engine } = await Pair.create(settings);
    const { dataplane, shared } = engine;
    const scratch = L.WORKERS + L.WORKER_CONTROL * L.WORKER_SIZE + L.CONTEXT_SCRATCH;
    const put = (text: string) => shared.u8.set(mapped(ip(text)), scratch);
    put("10.99.0.1");
    expect(dataplane.vtepIntern(L.WORKER_CONTROL, scratch, 0)).toBe(1);
    expect(dataplane.vtepIntern(L.WORKER_CONTROL, scratch, 0)).toBe(1);
    put("10.99.0.2");
    expect(dataplane.vtepFind(scratch)).toBe(0);
    expect(dataplane.vtepIntern(L.WORKER_CONTROL, scratch, 0)).toBe(2);
    dataplane.vtepRemove(L.WORKER_CONTROL, 1);
    expect(dataplane.vtepFind(scratch)).toBe(2);
    put("10.99.0.1");
    expect(dataplane.vtepFind(scratch)).toBe(0);
  });
});

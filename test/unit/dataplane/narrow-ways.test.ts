// VTEPs whose way is narrower than the network: who of a flood goes without, what counts for whom, and who is answered.

import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { network, type World, type WorldNetwork, world } from "../../oracle/world.js";
import { filler } from "../../support/bytes.js";
import { decode } from "../../support/decode.js";
import { Engine } from "../../support/engine.js";
import { frameOfLength } from "../../support/flows.js";
import { ethernet, ipv4, ipv6, udp } from "../../support/frames.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { plainSuper } from "../../support/super.js";
import { BROADCAST, HOST_A, HOST_B } from "../../support/worlds.js";

const MTU = 1400;
const NARROW = 1014;
const PORTS = { srcPort: 1000, dstPort: 53 };

/** Every third VTEP is narrow, unless all are. */
function narrowWorld(vteps: number, ports: number, fields: Partial<World> = {}, net: Partial<WorldNetwork> = {}) {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  return world({
    networks: [
      network({
        id: 1,
        vni: 100,
        mtu: MTU,
        flood: { attachments: ids(ports), vteps: ids(vteps) },
        sources: [1],
        ...net,
      }),
    ],
    vteps: ids(vteps).map((id) => ({
      id,
      address: `10.99.${id >>> 8}.${id & 255}`,
      ttl: 64,
      ...(id % 3 === 0 ? { frameMax: NARROW } : {}),
    })),
    attachments: ids(ports).map((id) => ({ id, network: 1, port: id, mtu: MTU })),
    ...fields,
  });
}

const allNarrow = (...frameMax: number[]): Partial<World> => ({
  vteps: frameMax.map((most, i) => ({ id: i + 1, address: `10.99.0.${i + 1}`, ttl: 64, frameMax: most })),
});
const flooded = (length: number, dst = BROADCAST) => ({ attachment: 1, frame: frameOfLength(length, dst, HOST_A) });
const to = (outputs: readonly { kind: string; target: number }[]) =>
  outputs.map(({ kind, target }) => `${kind} ${target}`);
const counted = (pair: Pair) => {
  pair.settle();
  return readCounters(pair.engine);
};

describe("of a flood", () => {
  it("those whose way takes it get a copy, the others go without, and it counts for them alone", async () => {
    const pair = await Pair.create(narrowWorld(4, 2));
    expect(to(pair.encap([flooded(NARROW)]))).toEqual(["attachment 2", "vtep 1", "vtep 2", "vtep 3", "vtep 4"]);
    expect(to(pair.encap([flooded(NARROW + 1)]))).toEqual(["attachment 2", "vtep 1", "vtep 2", "vtep 4"]);
    expect(counted(pair)).toMatchObject({
      "network 1 framesEncap": 2,
      "vtep 3 framesEncap": 1,
      "vtep 3 dropsEncap": 1,
    });
    expect(Object.keys(readCounters(pair.engine)).filter((name) => name.includes("drop"))).toEqual([
      "vtep 3 dropsEncap",
    ]);
  });

  it("ports get what no VTEP can have", async () => {
    const pair = await Pair.create(narrowWorld(2, 2, allNarrow(NARROW, NARROW)));
    expect(to(pair.encap([flooded(NARROW + 1)]))).toEqual(["attachment 2"]);
    expect(counted(pair)).toMatchObject({ "network 1 local": 1, "vtep 1 dropsEncap": 1, "vtep 2 dropsEncap": 1 });
  });

  it("nobody gets it where all ways are too narrow: it is too big, and a group is not answered", async () => {
    const pair = await Pair.create(narrowWorld(2, 1, allNarrow(NARROW, NARROW)));
    const group = ethernet(
      { dst: BROADCAST, src: HOST_A },
      ipv4({ src: "10.0.0.1", dst: "10.0.0.255" }, udp(PORTS, filler(MTU - 28))),
    );
    expect(pair.encap([{ attachment: 1, frame: group }])).toEqual([]);
    expect(counted(pair)).toMatchObject({
      "network 1 drop EncapTooBig": 1,
      "vtep 1 dropsEncap": 1,
      "vtep 2 dropsEncap": 1,
    });
  });

  it.each([4, 6])("a host that sends to one host by IPv%i is told what would reach them all", async (family) => {
    const pair = await Pair.create(narrowWorld(3, 1, allNarrow(NARROW + 10, NARROW, NARROW + 20)));
    const packet =
      family === 4
        ? ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, udp(PORTS, filler(MTU - 28)))
        : ipv6({ src: "fd00::1", dst: "fd00::2" }, udp(PORTS, filler(MTU - 48)));
    const [answer] = pair.encap([{ attachment: 1, frame: ethernet({ dst: HOST_B, src: HOST_A }, packet) }]);
    expect(answer.kind).toBe("attachment");
    expect(decode(answer.payload).icmp).toMatchObject({ type: family === 4 ? 3 : 2, rest: NARROW - 14 });
    expect(counted(pair)).toMatchObject({ "network 1 drop EncapTooBig": 1, "vtep 2 dropsEncap": 1 });
  });

  it.each([false, true])("a super-frame goes to those whose way takes its segments, trains %s", async (trains) => {
    const pair = await Pair.create(narrowWorld(4, 1, { trains }));
    const inputs = [960, 961].map((size) => ({ attachment: 1, ...plainSuper(BROADCAST, HOST_A, 5000, size) }));
    const outputs = pair.encap(inputs).filter(({ origin, target }) => origin === 1 && target === 3);
    expect(outputs).toEqual([]);
    expect(counted(pair)).toMatchObject({ "vtep 3 framesEncap": 6, "vtep 3 dropsEncap": 6, "vtep 4 framesEncap": 12 });
  });

  it("none counts twice, wherever it pauses", async () => {
    for (const vteps of [L.OUTPUTS_MAX - 1, L.OUTPUTS_MAX + 1, 1000]) {
      const pair = await Pair.create(narrowWorld(vteps, 2));
      const parts = { attachment: 1, ...plainSuper(BROADCAST, HOST_A, 5000, 1100) };
      pair.encap([flooded(NARROW + 1), parts, flooded(NARROW), flooded(NARROW + 1)]);
      expect(counted(pair)["vtep 3 dropsEncap"]).toBe(2 + 5);
    }
  });

  it("what the network's MTU refuses counts for no VTEP", async () => {
    const pair = await Pair.create(narrowWorld(3, 1));
    pair.encap([flooded(MTU + 15), flooded(MTU + 15, HOST_B)]);
    expect(Object.keys(counted(pair)).filter((name) => name.startsWith("vtep"))).toEqual([]);
  });

  it("a trace counts nothing", async () => {
    const engine = await Engine.create(narrowWorld(3, 1), L.WORKER_TRACE);
    engine.view.setUint32(engine.context + L.CONTEXT_FLAGS, L.CONTEXT_FLAG_DRY_RUN, true);
    engine.place(0, { attachment: 1, bytes: flooded(NARROW + 1).frame }, 0);
    expect(to(engine.run("encap", 1))).toEqual(["vtep 1", "vtep 2"]);
    expect(readCounters(engine)).toEqual({});
  });
});

it("what has one destination counts for it when the way there is too narrow", async () => {
  const statics = [{ network: 1, mac: "020000000a02", target: "vtep" as const, id: 3 }];
  const pair = await Pair.create(narrowWorld(3, 1, { statics }));
  const parts = { attachment: 1, ...plainSuper(HOST_B, HOST_A, 5000, 1100) };
  pair.encap([flooded(NARROW, HOST_B), flooded(NARROW + 1, HOST_B), parts, flooded(MTU + 15, HOST_B)]);
  expect(counted(pair)).toMatchObject({
    "vtep 3 framesEncap": 1,
    "vtep 3 dropsEncap": 6,
    "network 1 drop EncapTooBig": 7,
  });
});

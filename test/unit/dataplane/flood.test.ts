// Flooding: more copies than there are output slots, split horizon, local switching, and the order of copies.

import { describe, expect, it } from "vitest";
import {
  ATTACHMENT_FLAGS,
  ATTACHMENT_SIZE,
  ATTACHMENTS,
  INPUTS_MAX,
  OUTPUTS_MAX,
  SEND_FULL,
  SEND_OK,
} from "../../../dataplane-wasm/layout.js";
import { vxlan } from "../../oracle/decap.js";
import type { EncapInput } from "../../oracle/encap.js";
import { Model } from "../../oracle/model.js";
import { network, type World, world } from "../../oracle/world.js";
import { concat, filler } from "../../support/bytes.js";
import { Engine, type EngineOutput } from "../../support/engine.js";
import { frameOfLength } from "../../support/flows.js";
import { anything, ETHERTYPE, ethernet } from "../../support/frames.js";
import { compare, Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR } from "../../support/worlds.js";

function many(vteps: number, ports: number, ipv6 = false): World {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  const address = (id: number) => (ipv6 ? `fd99::${id.toString(16)}` : `10.99.${id >>> 8}.${id & 255}`);
  return world({
    local: ipv6 ? "fd98::1" : "10.98.0.1",
    networks: [
      network({ id: 1, vni: 100, mtu: 9000, flood: { attachments: ids(ports), vteps: ids(vteps) }, sources: [1] }),
    ],
    vteps: ids(vteps).map((id) => ({ id, address: address(id), ttl: 64 })),
    attachments: ids(ports).map((id) => ({ id, network: 1, port: id, mtu: 9000 })),
  });
}

describe("256 broadcasts to 1,000 VTEPs through 512 output slots", () => {
  // 256,000 copies: the bytes of each are compared, but with one header computed per VTEP and length.
  it("loses none, and gets every byte right", async () => {
    const settings = many(1000, 3);
    const engine = await Engine.create(settings);
    const inputs: EncapInput[] = Array.from({ length: INPUTS_MAX }, (_, i) => ({
      attachment: 1,
      frame: frameOfLength(60 + (i % 4), BROADCAST, `02:00:00:00:0a:0${(i % 4) + 1}`),
    }));
    const kinds = inputs.slice(0, 4).map((input) => new Model(settings).encap([input]));
    for (const [i, input] of inputs.entries()) engine.place(i, { attachment: 1, bytes: input.frame }, 0);
    let seen = 0;
    let last = -1;
    const outputs = engine.run("encap", INPUTS_MAX);
    for (const output of outputs) {
      if (output.origin !== last && output.origin !== last + 1) expect.fail(`${output.origin} after ${last}`);
      if (output.origin !== last) seen = 0;
      last = output.origin;
      const expected = kinds[output.origin % 4][seen++];
      if (output.target !== expected.target) expect.fail(`to ${output.target}, not to ${expected.target}`);
      if (Buffer.compare(output.header, expected.header) || Buffer.compare(output.payload, expected.payload)) {
        compare([{ ...output, origin: 0 }], [expected]);
      }
    }
    expect(outputs.length).toBe(INPUTS_MAX * 1002);
    const counters = readCounters(engine);
    expect(counters["network 1 receivedEncap"]).toBe(INPUTS_MAX);
    expect(counters["network 1 framesEncap"]).toBe(INPUTS_MAX);
    expect(counters["network 1 floodedEncap"]).toBe(INPUTS_MAX);
    const bytes = inputs.reduce((sum, input) => sum + input.frame.length, 0);
    for (let id = 1; id <= 1000; id++) {
      expect(counters[`vtep ${id} framesEncap`]).toBe(INPUTS_MAX);
      expect(counters[`vtep ${id} bytesEncap`]).toBe(bytes);
    }
  });

  it.each([false, true])("pauses between any two copies, IPv6 %s", async (ipv6) => {
    // List lengths around the number of slots: the pause falls on the first, the last and every other copy.
    for (const vteps of [OUTPUTS_MAX - 1, OUTPUTS_MAX, OUTPUTS_MAX + 1, 2 * OUTPUTS_MAX, 700]) {
      const pair = await Pair.create(many(vteps, 2, ipv6));
      const unicast = { attachment: 2, frame: frameOfLength(90, HOST_A, HOST_B) };
      const broadcast = { attachment: 1, frame: frameOfLength(91, BROADCAST, HOST_A) };
      pair.encap([broadcast, unicast, broadcast, unicast, unicast, broadcast]);
      pair.settle();
    }
  });

  it("counts sends that fail for their VTEP and no other", async () => {
    const pair = await Pair.create(many(600, 2));
    const frames = Array.from({ length: 5 }, () => ({ attachment: 1, frame: frameOfLength(91, BROADCAST, HOST_A) }));
    pair.encap(frames, (output) => (output.kind === "vtep" && output.target % 3 === 0 ? SEND_FULL : SEND_OK));
    pair.settle();
    expect(readCounters(pair.engine)["vtep 3 dropsEncap"]).toBe(5);
  });
});

describe("many ports", () => {
  it("floods what comes from a VTEP to more ports than there are slots", async () => {
    const pair = await Pair.create(many(2, 600));
    const inputs = [70, 71, 72].map((length) => ({
      datagram: vxlan(100, frameOfLength(length, BROADCAST, HOST_FAR)),
      from: "10.99.0.1",
    }));
    expect(pair.decap(inputs).length).toBe(1800);
    pair.settle();
  });

  it("goes to ports first, in the order of the list, not to the one it came from; then to VTEPs", async () => {
    const settings = many(3, 4);
    const flood = { attachments: [3, 1, 4, 2], vteps: [2, 3, 1] };
    const pair = await Pair.create({ ...settings, networks: [{ ...settings.networks[0], flood }] });
    const outputs = pair.encap([{ attachment: 1, frame: frameOfLength(64, BROADCAST, HOST_A) }]);
    const order = outputs.map((output) => `${output.kind} ${output.target}`);
    expect(order).toEqual(["attachment 3", "attachment 4", "attachment 2", "vtep 2", "vtep 3", "vtep 1"]);
  });
});

describe("split horizon", () => {
  it("never floods to a VTEP what came from one", async () => {
    const pair = await Pair.create(many(5, 3));
    const outputs = pair.decap([{ datagram: vxlan(100, frameOfLength(64, BROADCAST, HOST_FAR)), from: "10.99.0.1" }]);
    expect(outputs.map((output) => output.kind)).toEqual(["attachment", "attachment", "attachment"]);
    pair.settle();
  });
});

describe("local switching", () => {
  it("carries frames between ports of a network without a tunnel, and learns both", async () => {
    const pair = await Pair.create(many(1, 2));
    const there = { attachment: 1, frame: frameOfLength(200, HOST_B, HOST_A) };
    const back = { attachment: 2, frame: frameOfLength(300, HOST_A, HOST_B) };
    const outputs = pair.encap([there, back, there]);
    // The first floods (a port and a VTEP); by then each side is known.
    expect(outputs.map((output) => `${output.origin} ${output.kind}`)).toEqual([
      "0 attachment",
      "0 vtep",
      "1 attachment",
      "2 attachment",
    ]);
    expect(readCounters(pair.engine)["network 1 local"]).toBe(2);
    pair.settle();
  });

  it("knows no MTU: what fits no tunnel still fits the neighbour", async () => {
    const settings = many(1, 2);
    const pair = await Pair.create({ ...settings, networks: [{ ...settings.networks[0], mtu: 500 }] });
    pair.encap([{ attachment: 2, frame: frameOfLength(64, HOST_A, HOST_B) }]);
    const outputs = pair.encap([{ attachment: 1, frame: frameOfLength(1200, HOST_B, HOST_A) }]);
    expect(outputs.map((output) => output.kind)).toEqual(["attachment"]);
    pair.settle();
  });

  it("keeps networks apart, though they share MACs", async () => {
    const settings = many(1, 4);
    const flood = { attachments: [3, 4], vteps: [] };
    const pair = await Pair.create({
      ...settings,
      networks: [
        { ...settings.networks[0], flood: { attachments: [1, 2], vteps: [1] } },
        network({ id: 2, vni: 200, flood }),
      ],
      attachments: settings.attachments.map((record) => ({ ...record, network: record.id > 2 ? 2 : 1 })),
    });
    const frame = frameOfLength(64, HOST_B, HOST_A);
    pair.encap([1, 3].map((attachment) => ({ attachment, frame })));
    const reply = frameOfLength(64, HOST_A, HOST_B);
    const outputs = pair.encap([2, 4].map((attachment) => ({ attachment, frame: reply })));
    expect(outputs.map((output) => output.target)).toEqual([1, 3]);
    pair.settle();
  });
});

describe("an attachment that is gone", () => {
  const gone = async (...ids: number[]) => {
    const engine = await Engine.create(many(1, 3));
    for (const id of ids) engine.view.setUint32(ATTACHMENTS + id * ATTACHMENT_SIZE + ATTACHMENT_FLAGS, 0, true);
    return engine;
  };
  const targets = (outputs: readonly EngineOutput[]) => outputs.map((output) => `${output.kind} ${output.target}`);
  const fromPort = (engine: Engine, frame: Uint8Array) => {
    engine.place(0, { attachment: 1, bytes: frame }, 0);
    return targets(engine.run("encap", 1));
  };
  const fromVtep = (engine: Engine, frame: Uint8Array) => {
    engine.place(0, { bytes: vxlan(100, frame), from: "10.99.0.1" }, 8);
    return targets(engine.run("decap", 1));
  };

  it("gets no copy of a flood", async () => {
    const engine = await gone(2);
    expect(fromPort(engine, frameOfLength(64, BROADCAST, HOST_A))).toEqual(["attachment 3", "vtep 1"]);
    expect(fromVtep(engine, frameOfLength(64, BROADCAST, HOST_FAR))).toEqual(["attachment 1", "attachment 3"]);
  });

  it("leaves nobody when all are", async () => {
    const engine = await gone(1, 2, 3);
    expect(fromVtep(engine, frameOfLength(64, BROADCAST, HOST_FAR))).toEqual([]);
    expect(readCounters(engine)["network 1 drop DecapNoDestination"]).toBe(1);
  });

  it("is no destination: frames to what was behind it are flooded", async () => {
    const engine = await gone();
    engine.place(0, { attachment: 2, bytes: frameOfLength(64, BROADCAST, HOST_B) }, 0);
    engine.run("encap", 1);
    expect(fromPort(engine, frameOfLength(64, HOST_B, HOST_A))).toEqual(["attachment 2"]);
    engine.view.setUint32(ATTACHMENTS + 2 * ATTACHMENT_SIZE + ATTACHMENT_FLAGS, 0, true);
    expect(fromPort(engine, frameOfLength(64, HOST_B, HOST_A))).toEqual(["attachment 3", "vtep 1"]);
    expect(fromVtep(engine, frameOfLength(64, HOST_B, HOST_FAR))).toEqual(["attachment 1", "attachment 3"]);
  });
});

describe("an output", () => {
  const contiguous = (output: EngineOutput) => output.headerPtr + output.header.length === output.payloadPtr;

  it("has its header directly before the frame when it is the only one", async () => {
    const pair = await Pair.create(many(1, 1));
    pair.decap([{ datagram: vxlan(100, frameOfLength(64, BROADCAST, HOST_FAR)), from: "10.99.0.1" }]);
    const [output] = pair.encap([{ attachment: 1, frame: frameOfLength(64, HOST_FAR, HOST_A) }]);
    expect(contiguous(output)).toBe(true);
  });

  it("names its buffer, shares the payload with its copies, and has the source port beside it", async () => {
    const pair = await Pair.create(many(3, 1));
    const frame = ethernet({ dst: BROADCAST, src: HOST_A }, anything(ETHERTYPE.local, filler(50)));
    const outputs = pair.encap([{ attachment: 1, frame }]);
    expect(new Set(outputs.map((output) => output.payloadPtr))).toEqual(new Set([pair.engine.frameAt(0)]));
    for (const output of outputs) {
      expect(output.bufferPtr).toBe(pair.engine.buffer(0));
      expect(concat(output.header).subarray(34, 36)).toEqual(
        Uint8Array.of(output.outerPort >>> 8, output.outerPort & 255),
      );
    }
    expect(new Set(outputs.map((output) => output.headerPtr)).size).toBe(3);
  });
});

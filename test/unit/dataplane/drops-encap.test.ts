// Every way a frame from a port can end, each with a test that gives just that label, and the order of the checks.

import { describe, expect, it } from "vitest";
import {
  ATTACHMENT_FLAGS,
  ATTACHMENT_SIZE,
  ATTACHMENTS,
  SEND_DOWN,
  SEND_ERROR,
  SEND_FULL,
  SEND_OK,
  SEND_TOO_BIG,
} from "../../../dataplane-wasm/layout.js";
import { imbalances } from "../../oracle/counters.js";
import type { Send } from "../../oracle/model.js";
import { filler } from "../../support/bytes.js";
import { anything, ETHERTYPE, ethernet, ipv4, type Tag, udp } from "../../support/frames.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, HOST_OWN, macKey, pointToPoint } from "../../support/worlds.js";

const FILTERED = "02:00:00:00:0d:01";
const UNKNOWN = "02:00:00:00:0e:01";

const STATICS = [
  { network: 1, mac: macKey(HOST_FAR), target: "vtep", id: 1 },
  { network: 1, mac: macKey(HOST_OWN), target: "attachment", id: 1, own: true },
  { network: 1, mac: macKey(HOST_B), target: "attachment", id: 2 },
  { network: 1, mac: macKey(FILTERED), target: "drop", id: 0 },
] as const;

function frame(dst: string, src: string, length = 46, tags: readonly Tag[] = []): Uint8Array {
  return ethernet({ dst, src, tags }, anything(ETHERTYPE.local, filler(length)));
}

/** The labels that one frame was counted under. */
async function labels(pair: Pair, bytes: Uint8Array, send?: Send): Promise<string[]> {
  pair.encap([{ attachment: 1, frame: bytes }], send);
  pair.settle();
  const counters = readCounters(pair.engine);
  expect(counters["network 1 receivedEncap"]).toBe(1);
  return Object.keys(counters)
    .filter((name) => name.startsWith("network 1 drop "))
    .map((name) => name.replace("network 1 drop Encap", ""));
}

const pairOf = (net = {}, fields = {}) =>
  Pair.create(pointToPoint({ statics: STATICS, ...fields }, { mtu: 100, ...net }));

describe("encap drops", () => {
  it.each([0, 1, 13])("InnerShort: %i bytes", async (length) => {
    expect(await labels(await pairOf(), filler(length))).toEqual(["InnerShort"]);
  });

  it.each(["00:00:00:00:00:00", "01:00:5e:00:00:01", BROADCAST])("SourceMacInvalid: %s", async (src) => {
    expect(await labels(await pairOf(), frame(HOST_FAR, src))).toEqual(["SourceMacInvalid"]);
  });

  it.each([[[{ vid: 1 }]], [[{ vid: 1 }, { vid: 2 }]]])("InnerVlan: %j", async (tags) => {
    expect(await labels(await pairOf({ dropVlan: true }), frame(HOST_FAR, HOST_A, 46, tags))).toEqual(["InnerVlan"]);
  });

  it("Filtered: the FDB says drop", async () => {
    expect(await labels(await pairOf(), frame(FILTERED, HOST_A))).toEqual(["Filtered"]);
  });

  it("SamePort: it is where it came from", async () => {
    expect(await labels(await pairOf(), frame(HOST_OWN, HOST_A))).toEqual(["SamePort"]);
  });

  it.each([
    ["unknown", UNKNOWN],
    ["broadcast", BROADCAST],
    ["multicast", "33:33:00:00:00:01"],
  ])("FloodNone: %s with nobody to flood to", async (_name, dst) => {
    const flood = { attachments: [1], vteps: [] };
    expect(await labels(await pairOf({ flood }), frame(dst, HOST_A))).toEqual(["FloodNone"]);
  });

  it.each([[[]], [[{ vid: 1 }]], [[{ vid: 1 }, { vid: 2 }]]])(
    "TooBig: one byte over the MTU, tags %j",
    async (tags) => {
      expect(await labels(await pairOf(), frame(HOST_FAR, HOST_A, 101, tags))).toEqual(["TooBig"]);
      expect(await labels(await pairOf(), frame(HOST_FAR, HOST_A, 100, tags))).toEqual([]);
    },
  );

  it("TooBig: flooded to VTEPs only", async () => {
    const flood = { attachments: [1], vteps: [1] };
    expect(await labels(await pairOf({ flood }), frame(BROADCAST, HOST_A, 101))).toEqual(["TooBig"]);
  });

  it("not TooBig: a port of the network took a copy", async () => {
    const pair = await pairOf();
    expect(await labels(pair, frame(BROADCAST, HOST_A, 101))).toEqual([]);
    expect(readCounters(pair.engine)["network 1 local"]).toBe(1);
  });

  it.each([
    ["UnderlayFull", SEND_FULL],
    ["SendError", SEND_ERROR],
    ["SendError", SEND_DOWN],
    ["TooBig", SEND_TOO_BIG],
  ])("%s: the underlay's send says %i", async (label, result) => {
    const pair = await pairOf();
    expect(await labels(pair, frame(HOST_FAR, HOST_A), () => result)).toEqual([label]);
    expect(readCounters(pair.engine)["vtep 1 dropsEncap"]).toBe(1);
  });

  it.each([
    ["PortFull", SEND_FULL],
    ["PortDown", SEND_DOWN],
    ["SendError", SEND_ERROR],
    ["TooBig", SEND_TOO_BIG],
  ])("%s: the port's send says %i", async (label, result) => {
    expect(await labels(await pairOf(), frame(HOST_B, HOST_A), () => result)).toEqual([label]);
  });

  it("PortDown in no network: the attachment is gone", async () => {
    const { engine } = await pairOf();
    engine.view.setUint32(ATTACHMENTS + ATTACHMENT_SIZE + ATTACHMENT_FLAGS, 0, true);
    engine.place(0, { attachment: 1, bytes: frame(HOST_FAR, HOST_A) }, 0);
    expect(engine.run("encap", 1)).toEqual([]);
    const counters = readCounters(engine);
    expect(counters).toEqual({ "network 0 receivedEncap": 1, "network 0 drop EncapPortDown": 1 });
    expect(imbalances(counters)).toEqual([]);
  });
});

describe("a frame with two faults counts the earlier", () => {
  it("SourceMacInvalid before InnerVlan", async () => {
    const pair = await pairOf({ dropVlan: true });
    expect(await labels(pair, frame(HOST_FAR, BROADCAST, 46, [{ vid: 1 }]))).toEqual(["SourceMacInvalid"]);
  });

  it("InnerVlan before Filtered", async () => {
    const pair = await pairOf({ dropVlan: true });
    expect(await labels(pair, frame(FILTERED, HOST_A, 46, [{ vid: 1 }]))).toEqual(["InnerVlan"]);
  });

  it("SamePort before TooBig", async () => {
    expect(await labels(await pairOf(), frame(HOST_OWN, HOST_A, 101))).toEqual(["SamePort"]);
  });

  it("FloodNone before TooBig", async () => {
    const flood = { attachments: [], vteps: [] };
    expect(await labels(await pairOf({ flood }), frame(BROADCAST, HOST_A, 101))).toEqual(["FloodNone"]);
  });

  it("TooBig before the send that never happens", async () => {
    const send = () => expect.unreachable("nothing to send");
    expect(await labels(await pairOf(), frame(HOST_FAR, HOST_A, 101), send)).toEqual(["TooBig"]);
  });
});

describe("a frame is counted once", () => {
  const flood = { attachments: [1, 2, 3], vteps: [1, 2] };
  const vteps = [
    { id: 1, address: "10.99.0.2", ttl: 64 },
    { id: 2, address: "10.99.0.3", ttl: 64 },
  ];
  const attachments = [1, 2, 3].map((id) => ({ id, network: 1, port: id, mtu: 9000 }));
  const bytes = ethernet(
    { dst: BROADCAST, src: HOST_A },
    ipv4({ src: "10.0.0.1", dst: "10.0.0.255" }, udp({ srcPort: 1, dstPort: 2 })),
  );

  it.each<[string, Send, string, string[]]>([
    ["all copies left", () => SEND_OK, "framesEncap", []],
    ["one VTEP got it", (copy) => (copy.kind === "vtep" && copy.target === 2 ? SEND_OK : SEND_FULL), "framesEncap", []],
    ["only ports got it", (copy) => (copy.kind === "vtep" ? SEND_FULL : SEND_OK), "local", []],
    ["nobody got it", () => SEND_FULL, "", ["UnderlayFull"]],
  ])("%s", async (_name, send, counter, expected) => {
    const pair = await pairOf({ flood }, { vteps, attachments });
    expect(await labels(pair, bytes, send)).toEqual(expected);
    const counters = readCounters(pair.engine);
    const counted = ["framesEncap", "local"].filter((name) => counters[`network 1 ${name}`] !== undefined);
    expect(counted).toEqual(counter === "" ? [] : [counter]);
    expect(counters["network 1 floodedEncap"]).toBe(counter === "" ? undefined : 1);
  });
});

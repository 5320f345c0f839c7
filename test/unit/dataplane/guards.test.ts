// Hostile input: random bytes, cut and mangled frames, lengths that lie. Nothing outside the frame and its headroom
// may be written, nothing may trap, every frame must be accounted for; and where a frame still parses, it goes where
// the oracle says.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { imbalances } from "../../oracle/counters.js";
import { vxlan } from "../../oracle/decap.js";
import type { World } from "../../oracle/world.js";
import { be16, concat, filler, mac } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import * as flows from "../../support/flows.js";
import { Pair } from "../../support/pair.js";
import { readCounters } from "../../support/readings.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, pointToPoint } from "../../support/worlds.js";

const FROM = "10.99.0.2";
const WORLD: World = pointToPoint({}, { mtu: 500 });
const HEADER_ROOM = 72;

/** What no worker writes: configuration, VTEP records, lists, another worker's slot and packet buffers. */
function frozen(engine: Engine): Uint8Array {
  const regions = [
    [L.SYSTEM, 128],
    [L.ATTACHMENTS, 4 * L.ATTACHMENT_SIZE],
    [L.VTEP_POINTERS, 64],
    [L.VTEP_RECORDS, 8 * L.VTEP_RECORD_SIZE],
    [L.LISTS, 1024],
    [L.WORKERS + L.WORKER_SIZE, L.WORKER_HEADERS],
    [L.BUFFERS + L.BUFFERS_SIZE, 2 * L.BUFFER_SIZE],
    [engine.context + L.WORKER_IO, 4096],
  ];
  return concat(...regions.map(([at, length]) => engine.shared.u8.slice(at, at + length)));
}

const macBytes = fc.constantFrom(HOST_A, HOST_B, HOST_FAR, BROADCAST).map(mac);

/** Bytes behind two MACs that lead somewhere. */
const random = fc
  .record({
    dst: macBytes,
    src: macBytes,
    type: fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806),
    rest: fc.uint8Array({ maxLength: 120 }),
  })
  .map(({ dst, src, type, rest }) => concat(dst, src, be16(type), rest));

/** A frame that was one, with some bytes changed behind the MACs, and perhaps its end missing or padded. */
const mangled = fc
  .record({
    frame: flows.frame(150, fc.constantFrom(HOST_A, HOST_FAR, BROADCAST), fc.constantFrom(HOST_A, HOST_FAR)),
    changes: fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }),
    cut: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(120)),
    padding: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(20)),
  })
  .map(({ frame, changes, cut, padding }) => {
    const bytes = concat(frame.subarray(0, Math.max(0, frame.length - cut)), filler(padding));
    for (const [at, value] of changes) if (12 + at < bytes.length) bytes[12 + at] = value;
    return bytes;
  });

const hostile = fc.oneof(random, mangled, fc.uint8Array({ maxLength: 64 }));

describe("hostile frames", () => {
  it("from a port write nothing outside their buffer, and are accounted for", async () => {
    const engine = await Engine.create(WORLD);
    const before = frozen(engine);
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 8 }), (frames) => {
        const items = frames.map((bytes) => ({ attachment: 1, bytes }));
        for (const [i, item] of items.entries()) engine.place(i, item, 0);
        engine.run("encap", items.length);
        for (const [i, item] of items.entries()) {
          expect(engine.brokenGuards(i, item, 0, HEADER_ROOM)).toEqual([]);
        }
      }),
      { numRuns: 1000 },
    );
    expect(Buffer.compare(frozen(engine), before)).toBe(0);
    expect(imbalances(readCounters(engine))).toEqual([]);
  });

  it("from the underlay write nothing outside their buffer, and are accounted for", async () => {
    const engine = await Engine.create(WORLD);
    const before = frozen(engine);
    const item = fc.record({
      frame: hostile,
      flags: fc.constantFrom(0, L.DESC_FLAG_OUTER, L.DESC_FLAG_TRUNCATED),
      bare: fc.boolean(),
      tos: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 8 }), (inputs) => {
        const items = inputs.map(({ frame, flags, bare, tos }) => {
          return { bytes: bare ? frame : vxlan(100, frame), flags, from: FROM, tos };
        });
        for (const [i, placed] of items.entries()) engine.place(i, placed, 8);
        engine.run("decap", items.length);
        for (const [i, placed] of items.entries()) {
          expect(engine.brokenGuards(i, placed, 8, 0)).toEqual([]);
        }
      }),
      { numRuns: 1000 },
    );
    expect(Buffer.compare(frozen(engine), before)).toBe(0);
    expect(imbalances(readCounters(engine))).toEqual([]);
  });

  it("that still parse go where the oracle says, from a port", async () => {
    const pair = await Pair.create(WORLD);
    let second = 0;
    fc.assert(
      fc.property(fc.array(fc.oneof(random, mangled), { minLength: 1, maxLength: 8 }), (frames) => {
        pair.clock = ++second; // so that the rate of ICMP answers is never the matter
        pair.encap(frames.map((frame) => ({ attachment: 1, frame })));
      }),
      { numRuns: 1000 },
    );
    pair.settle();
  });

  it("that still parse go where the oracle says, from the underlay", async () => {
    const pair = await Pair.create(WORLD);
    const inputs = fc.array(fc.tuple(fc.oneof(random, mangled), fc.nat(3)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(inputs, (frames) => {
        pair.decap(frames.map(([frame, tos]) => ({ datagram: vxlan(100, frame), from: FROM, tos })));
      }),
      { numRuns: 1000 },
    );
    pair.settle();
  });
});

describe("lengths at the ends of their range", () => {
  it.each([0, 1, 13, 14, 65535])("takes a frame of %i bytes from a port", async (length) => {
    const engine = await Engine.create(pointToPoint({}, { mtu: 9000 }));
    const bytes = filler(length);
    bytes.set(concat(mac(HOST_FAR), mac(HOST_A)).subarray(0, length));
    const item = { attachment: 1, bytes };
    engine.place(0, item, 0);
    engine.run("encap", 1);
    expect(engine.brokenGuards(0, item, 0, HEADER_ROOM)).toEqual([]);
    expect(imbalances(readCounters(engine))).toEqual([]);
  });

  it.each([0, 1, 7, 8, 21, 22, 65535])("takes a datagram of %i bytes from the underlay", async (length) => {
    const engine = await Engine.create(WORLD);
    const whole = vxlan(100, concat(mac(HOST_A), mac(HOST_FAR), filler(65600)));
    const item = { bytes: whole.slice(0, length), from: FROM };
    engine.place(0, item, 8);
    engine.run("decap", 1);
    expect(engine.brokenGuards(0, item, 8, 0)).toEqual([]);
    expect(imbalances(readCounters(engine))).toEqual([]);
  });

  it("takes batches of 0, 1 and 256 frames", async () => {
    const pair = await Pair.create(WORLD);
    for (const count of [0, 1, L.INPUTS_MAX, 0]) {
      const frame = flows.frameOfLength(64, BROADCAST, HOST_A);
      pair.encap(Array.from({ length: count }, () => ({ attachment: 1, frame })));
      pair.decap(Array.from({ length: count }, () => ({ datagram: vxlan(100, frame), from: FROM })));
    }
    pair.settle();
  });
});

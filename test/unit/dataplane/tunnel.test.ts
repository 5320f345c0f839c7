// Super-frames that leave whole, beside the oracle: the kernel's cutting of what the dataplane made gives the datagrams that the
// oracle cuts; and what comes back from a kernel with its virtio-net header reaches the port as it left the other one.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { superOf } from "../../oracle/cut.js";
import { parse } from "../../oracle/parse.js";
import { finish, PLAIN, type Virtio } from "../../oracle/virtio.js";
import type { World } from "../../oracle/world.js";
import { concat, filler } from "../../support/bytes.js";
import { decode, expectBytes } from "../../support/decode.js";
import { Engine } from "../../support/engine.js";
import { frameOfLength } from "../../support/flows.js";
import { ethernet, ipv4, udp } from "../../support/frames.js";
import { Pair } from "../../support/pair.js";
import { anySuper, plainSuper, type SuperFrame } from "../../support/super.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, macKey, pointToPoint, UNDERLAYS } from "../../support/worlds.js";

const input = ({ frame, virtio }: SuperFrame) => ({ attachment: 1, frame, virtio });
const source = fc.constant(HOST_A);
const single = ({ frame, virtio }: SuperFrame) => ({
  frame,
  virtio: { ...PLAIN, needsCsum: true, csumStart: virtio.csumStart, csumOffset: virtio.csumOffset },
});

describe.each(UNDERLAYS)("encap with tunnel GSO, over %s", (_name, fields) => {
  const world = (more: Partial<World> = {}) => pointToPoint({ ...fields, tunnelGso: true, ...more });

  it("makes what the kernel cuts into the oracle's datagrams, for random frames", async () => {
    const pair = await Pair.create(world());
    const dst = fc.constantFrom(HOST_FAR, HOST_FAR, HOST_FAR, BROADCAST);
    const large = anySuper(dst, source, [64, 8900]).map(input);
    const small = anySuper(dst, source, [64, 8000], 8000).map(single).map(input);
    const plain = fc
      .tuple(fc.integer({ min: 60, max: 1500 }), dst)
      .map(([length, to]) => ({ attachment: 1, frame: frameOfLength(length, to, HOST_A) }));
    fc.assert(
      fc.property(fc.array(fc.oneof(large, small, plain), { minLength: 1, maxLength: 4 }), (inputs) => {
        pair.encap(inputs);
      }),
      { numRuns: 40 },
    );
    pair.settle();
  });

  it("touches no byte of the payload", async () => {
    const engine = await Engine.create(world());
    const { frame, virtio } = plainSuper(HOST_FAR, HOST_A, 60_000, 1400);
    engine.place(0, { attachment: 1, bytes: frame, virtio }, 0);
    engine.run("encap", 1);
    const at = engine.frameAt(0);
    expect(engine.shared.u8.slice(at, at + frame.length)).toEqual(frame);
    expect(engine.view.getUint32(engine.output(0) + L.DESC_PAYLOAD_PTR, true)).toBe(at);
  });

  it("says how long the headers are, though the port calls data of the first piece headers", async () => {
    const pair = await Pair.create(world());
    const honest = plainSuper(HOST_FAR, HOST_A, 10_000, 1000);
    const linear = { ...honest, virtio: { ...honest.virtio, hdrLen: 256 } };
    pair.encap([input(honest), input(linear)]);
    const { engine } = pair;
    const headers = [0, 1].map((n) => engine.view.getUint16(engine.output(n) + L.DESC_VIRTIO + L.VIRTIO_HDR_LEN, true));
    expect(headers[1]).toBe(headers[0]);
    pair.settle();
  });

  it("counts a super-frame that could not be sent as its segments", async () => {
    const pair = await Pair.create(world());
    const [large, small] = [plainSuper(HOST_FAR, HOST_A, 10_000, 1000), plainSuper(HOST_FAR, HOST_A, 1000, 1400)];
    pair.encap([input(large), input(small)], ({ origin }) => (origin === 0 ? L.SEND_FULL : L.SEND_OK));
    pair.settle();
  });
});

/** Flags of an output that stayed whole. */
const WHOLE = L.VIRTIO_FLAG_NEEDS_CSUM | L.VIRTIO_FLAG_UDP_TUNNEL_CSUM;

describe("a super-frame is cut here", () => {
  const cutHere = async (change: (engine: Engine, record: number) => void, frame: SuperFrame) => {
    const pair = await Pair.create(pointToPoint({ tunnelGso: true }));
    const { view } = pair.engine;
    change(pair.engine, view.getUint32(L.VTEP_POINTERS + 4, true));
    pair.encap([input(frame)]);
    pair.settle();
    return view.getUint8(pair.engine.output(0) + L.DESC_VIRTIO);
  };
  const frame = plainSuper(HOST_FAR, HOST_A, 5000, 1000);

  it("for a VTEP whose way is a socket's", async () => {
    const setFlag = ({ view }: Engine, record: number) => {
      view.setUint32(record + L.VTEP_FLAGS, view.getUint32(record + L.VTEP_FLAGS, true) | L.VTEP_FLAG_SOCKET, true);
    };
    expect(await cutHere(setFlag, frame)).toBe(0);
    expect(await cutHere(() => {}, frame)).toBe(WHOLE);
  });

  it("when the offload has gone", async () => {
    expect(await cutHere(({ view }) => view.setUint32(L.SYSTEM_OFFLOADS, 0, true), frame)).toBe(0);
  });

  it("when its length does not fit the outer headers", async () => {
    expect(await cutHere(() => {}, plainSuper(HOST_FAR, HOST_A, 65_420, 1000))).toBe(WHOLE);
    expect(await cutHere(() => {}, plainSuper(HOST_FAR, HOST_A, 65_450, 1000))).toBe(0);
  });
});

/** What the other port is given: a super-frame of a single segment has become a frame, and is finished. */
function given(from: SuperFrame): SuperFrame {
  if (from.virtio.gsoType === 0 || superOf(from.frame, from.virtio) !== undefined) return from;
  return { frame: finish(from.frame, from.virtio), virtio: PLAIN };
}

/* What a virtio-net header says of an outer packet that is unfinished itself, or known to be right. */
const OUTER_UNFINISHED: Virtio = { ...PLAIN, needsCsum: true, csumStart: 34, csumOffset: 6 };

describe.each(UNDERLAYS)("decap of outer frames, over %s", (_name, fields) => {
  const isIpv6 = fields.local?.includes(":") ?? false;
  const [near, far] = isIpv6 ? ["fd99::1", "fd99::2"] : ["10.99.0.1", "10.99.0.2"];
  const sending = pointToPoint({ ...fields, tunnelGso: true });
  const receiving = pointToPoint({
    ...fields,
    local: far,
    vteps: [{ id: 1, address: near, ttl: 64 }],
    statics: [
      { network: 1, mac: macKey(HOST_FAR), target: "attachment", id: 2 },
      { network: 1, mac: macKey(HOST_A), target: "vtep", id: 1 },
    ],
  });

  /** Out of one engine, with the virtio-net header of its output, into another. */
  const across = (from: Engine, to: Engine, frames: readonly SuperFrame[]) => {
    for (const [i, { frame, virtio }] of frames.entries()) from.place(i, { attachment: 1, bytes: frame, virtio }, 0);
    const { dataplane } = from;
    const made = dataplane.encapBatch(from.worker, frames.length);
    expect(made).toBe(frames.length);
    for (let i = 0; i < made; i++) {
      const at = from.output(i);
      const word = (field: number) => from.view.getUint32(at + field, true);
      const bytes = concat(
        from.shared.u8.slice(word(L.DESC_HEADER_PTR), word(L.DESC_HEADER_PTR) + word(L.DESC_HEADER_LEN)),
        from.shared.u8.slice(word(L.DESC_PAYLOAD_PTR), word(L.DESC_PAYLOAD_PTR) + word(L.DESC_PAYLOAD_LEN)),
      );
      to.place(i, { bytes, from: near, flags: L.DESC_FLAG_OUTER }, word(L.DESC_HEADER_LEN));
      to.shared.u8.set(
        from.shared.u8.slice(at + L.DESC_VIRTIO, at + L.DESC_VIRTIO + L.VIRTIO_LEN),
        to.input(i) + L.DESC_VIRTIO,
      );
    }
    dataplane.encapSettle(from.worker, made);
    return to.run("decap", made);
  };

  it("gives the port what the other port gave, for random frames", async () => {
    const [from, to] = [await Engine.create(sending), await Engine.create(receiving)];
    const large = anySuper(fc.constant(HOST_FAR), source, [64, 8800], 60_000);
    const small = anySuper(fc.constant(HOST_FAR), source, [64, 8000], 8000).map(single);
    // What cannot be seen through (too many tags) is finished before it leaves.
    const parsed = ({ frame, virtio }: SuperFrame) => parse(frame)?.ip?.l4 === virtio.csumStart;
    fc.assert(
      fc.property(fc.array(fc.oneof(large, small).filter(parsed), { minLength: 1, maxLength: 4 }), (frames) => {
        // ECN is copied out and back, so the inner field stays.
        const outputs = across(from, to, frames);
        for (const [i, { payload }] of outputs.entries()) expectBytes(payload, given(frames[i]).frame, decode);
        expect(outputs.map(({ virtio }) => virtio)).toEqual(frames.map((frame) => given(frame).virtio));
      }),
      { numRuns: 40 },
    );
    // Frames are counted alike on both sides, super-frames as what they stand for.
    const framesOf = (engine: Engine, direction: number) =>
      Number(engine.view.getBigUint64(L.NETWORK_COUNTERS + L.NETWORK_COUNTERS_SIZE + direction, true));
    expect(framesOf(to, L.COUNTER_FRAMES_DECAP)).toBe(framesOf(from, L.COUNTER_FRAMES_ENCAP));
  });

  it("refuses segments that the port does not take", async () => {
    const small = { id: 2, network: 1, port: 2, mtu: 1400 };
    const attachments = [{ id: 1, network: 1, port: 1, mtu: 9000 }, small];
    const [from, to] = [await Engine.create(sending), await Engine.create({ ...receiving, attachments })];
    expect(across(from, to, [plainSuper(HOST_FAR, HOST_A, 9000, 1360)])).toHaveLength(1);
    expect(across(from, to, [plainSuper(HOST_FAR, HOST_A, 9000, 1361)])).toHaveLength(0);
  });

  it.each([0, 2, 3, 6])("tells the port of a checksum that is unfinished behind %i tags", async (count) => {
    const engine = await Engine.create(receiving);
    const tags = Array.from({ length: count }, (_, i) => ({ vid: i + 1 }));
    const frame = ethernet(
      { dst: HOST_FAR, src: HOST_A, tags },
      ipv4({ src: "10.0.0.1", dst: "10.0.0.2", checksum: "unfinished" }, udp({ srcPort: 1, dstPort: 2 }, filler(99))),
    );
    const sender = await Engine.create(sending);
    sender.place(0, { attachment: 1, bytes: frame }, 0);
    const [{ header, payload }] = sender.run("encap", 1);
    const said = { ...PLAIN, needsCsum: true, csumStart: 34 + 4 * count, csumOffset: 6 };
    const virtio = { ...said, csumStart: said.csumStart + header.length };
    engine.place(0, { bytes: concat(header, payload), from: near, flags: L.DESC_FLAG_OUTER, virtio }, header.length);
    const [made] = engine.run("decap", 1);
    expect(made.virtio).toEqual(said);
    expectBytes(made.payload, frame, decode);
  });

  it("looks at the outer checksum only where somebody has finished it and nobody has looked", async () => {
    if (fields.outerChecksum === false && !isIpv6) return;
    const engine = await Engine.create(receiving);
    const frame = ethernet(
      { dst: HOST_FAR, src: HOST_A },
      ipv4({ src: "10.0.0.1", dst: "10.0.0.2" }, udp({ srcPort: 1, dstPort: 2 }, filler(100))),
    );
    const sender = await Engine.create(sending);
    sender.place(0, { attachment: 1, bytes: frame }, 0);
    const [{ header, payload }] = sender.run("encap", 1);
    const wrong = concat(header, payload);
    wrong[wrong.length - 1] ^= 1;
    const start = header.length - 16;
    const cases: [Partial<Virtio>, number, number][] = [
      [PLAIN, 0, 0],
      [PLAIN, L.VIRTIO_FLAG_DATA_VALID, 1],
      [{ ...OUTER_UNFINISHED, csumStart: start }, 0, 1],
    ];
    for (const [virtio, flags, outputs] of cases) {
      engine.place(
        0,
        { bytes: wrong, from: near, flags: L.DESC_FLAG_OUTER, virtio: { ...PLAIN, ...virtio } },
        header.length,
      );
      engine.shared.u8[engine.input(0) + L.DESC_VIRTIO] |= flags;
      const made = engine.run("decap", 1);
      expect(made).toHaveLength(outputs);
      // What was said of the outer packet is not handed on.
      if (outputs > 0) expect(made[0].virtio).toEqual(PLAIN);
    }
  });
});

it("hosts of one network still talk whole", async () => {
  const statics = [{ network: 1, mac: macKey(HOST_B), target: "attachment" as const, id: 2 }];
  const pair = await Pair.create(pointToPoint({ tunnelGso: true, statics }));
  pair.encap([input(plainSuper(HOST_B, HOST_A, 20_000, 1400))]);
  pair.settle();
});

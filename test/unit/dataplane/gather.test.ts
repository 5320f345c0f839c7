// Trains of equal datagrams beside the oracle: what leaves, taken apart as the kernel would take it, is for each VTEP and
// source port what encapsulation gives frame by frame, in the same order; and whatever becomes of a train becomes of each of
// its frames.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { imbalances } from "../../oracle/counters.js";
import type { EncapInput } from "../../oracle/encap.js";
import { Model } from "../../oracle/model.js";
import { cutTunnel, isTunnel } from "../../oracle/tunnel-gso.js";
import { finish, PLAIN, type Virtio } from "../../oracle/virtio.js";
import { network, type World } from "../../oracle/world.js";
import { concat, filler, hex } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import { type ChecksumMode, ethernet, ipv4, udp } from "../../support/frames.js";
import { readCounters } from "../../support/readings.js";
import { plainSuper } from "../../support/super.js";
import { cutTrain } from "../../support/train.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, macKey, pointToPoint } from "../../support/worlds.js";

const FAR_2 = "02:00:00:00:0b:02";

function settings(fields: Partial<World> = {}): World {
  const address = (id: number) => (fields.local?.includes(":") ? `fd99::${id + 1}` : `10.99.0.${id + 1}`);
  return pointToPoint({
    trains: true,
    networks: [network({ id: 1, vni: 100, mtu: 9000, flood: { attachments: [1, 2], vteps: [1, 2] }, sources: [1] })],
    vteps: [1, 2].map((id) => ({ id, address: address(id), ttl: 64 })),
    statics: [
      { network: 1, mac: macKey(HOST_FAR), target: "vtep", id: 1 },
      { network: 1, mac: macKey(FAR_2), target: "vtep", id: 2 },
      { network: 1, mac: macKey(HOST_B), target: "attachment", id: 2 },
    ],
    ...fields,
  });
}

/** What a driver sends by one call: the outputs that leave with it, and their datagrams from the outer Ethernet header on. */
interface Call {
  readonly members: readonly number[];
  readonly target: number;
  readonly datagrams: readonly Uint8Array[];
}

function callsOf(engine: Engine, outputs: number): Call[] {
  const { view, shared } = engine;
  const word = (n: number, offset: number) => view.getUint32(engine.output(n) + offset, true);
  const half = (n: number, offset: number) => view.getUint16(engine.output(n) + offset, true);
  const bytes = (ptr: number, length: number) => shared.u8.slice(ptr, ptr + length);
  const calls: Call[] = [];
  const seen = new Set<number>();
  for (let n = 0; n < outputs; n++) {
    if (view.getUint8(engine.output(n) + L.DESC_TARGET_KIND) !== L.FDB_KIND_VTEP) {
      expect([half(n, L.DESC_CHAIN), word(n, L.DESC_PIECES), half(n, L.DESC_FLAGS)]).toEqual([0, 0, 0]);
      continue;
    }
    if (half(n, L.DESC_FLAGS) & L.DESC_FLAG_CHAINED) continue;
    const members: number[] = [];
    for (let next = n + 1; next !== 0; next = half(next - 1, L.DESC_CHAIN)) members.push(next - 1);
    for (const member of members) {
      expect(seen.has(member)).toBe(false);
      seen.add(member);
      expect(half(member, L.DESC_FLAGS)).toBe(member === n ? 0 : L.DESC_FLAG_CHAINED);
      expect([word(member, L.DESC_TARGET), half(member, L.DESC_OUTER_PORT)]).toEqual([
        word(n, L.DESC_TARGET),
        half(n, L.DESC_OUTER_PORT),
      ]);
    }
    const header = bytes(word(n, L.DESC_HEADER_PTR), word(n, L.DESC_HEADER_LEN));
    const payload = bytes(word(n, L.DESC_PAYLOAD_PTR), word(n, L.DESC_PAYLOAD_LEN));
    const [first, size] = [word(n, L.DESC_PIECES), half(n, L.DESC_TRAIN_SIZE)];
    const target = word(n, L.DESC_TARGET);
    if (size === 0) {
      expect([members, first]).toEqual([[n], 0]);
      const virtio = bytes(engine.output(n) + L.DESC_VIRTIO, L.VIRTIO_LEN);
      calls.push({ members, target, datagrams: whole(concat(header, payload), virtio) });
      continue;
    }
    expect(bytes(engine.output(n) + L.DESC_VIRTIO, L.VIRTIO_LEN)).toEqual(new Uint8Array(L.VIRTIO_LEN));
    const pieces = Array.from({ length: first === 0 ? 0 : half(n, L.DESC_PIECE_COUNT) }, (_, i) => {
      const piece = first + i * L.PIECE_SIZE;
      return bytes(Number(view.getBigUint64(piece, true)), Number(view.getBigUint64(piece + 8, true)));
    });
    const train = first === 0 ? payload : concat(...pieces);
    if (first !== 0) expect(word(n, L.DESC_PIECES_LEN)).toBe(train.length);
    if (first !== 0) expect(members.length).toBeGreaterThan(1);
    // The headers of a head that was one datagram end with its tunnel header; those of a train are in front of it.
    const isDatagram = half(n, L.DESC_SEGMENTS) === 1;
    const outer = isDatagram ? header.subarray(0, header.length - 8) : header;
    const datagrams = cutTrain(outer, train, size).map((each) => concat(each.header, each.payload));
    calls.push({ members, target, datagrams });
  }
  return calls;
}

/** What leaves as it is; or what the tap underlay's kernel makes of it. */
function whole(packet: Uint8Array, virtio: Uint8Array): Uint8Array[] {
  if (isTunnel(virtio)) return cutTunnel(packet, virtio);
  const [csumStart, csumOffset] = [6, 8].map((at) => virtio[at] | (virtio[at + 1] << 8));
  return [finish(packet, { ...PLAIN, needsCsum: virtio[0] === L.VIRTIO_FLAG_NEEDS_CSUM, csumStart, csumOffset })];
}

/** Source and destination address and ports: what makes a flow of the underlay. */
function flowOf(datagram: Uint8Array): string {
  const isIpv4 = datagram[14] >>> 4 === 4;
  return hex(isIpv4 ? datagram.subarray(26, 38) : datagram.subarray(22, 58));
}

function byFlow(datagrams: readonly Uint8Array[]): Record<string, string[]> {
  const flows: Record<string, string[]> = {};
  for (const datagram of datagrams) {
    flows[flowOf(datagram)] ??= [];
    flows[flowOf(datagram)].push(hex(datagram));
  }
  return flows;
}

/** Runs one batch with gathering. @returns how many datagrams each call had */
function gathered(
  engine: Engine,
  model: Model,
  inputs: readonly EncapInput[],
  failing: (target: number) => number,
): number[] {
  const { dataplane, worker, view } = engine;
  for (const [i, { attachment, frame, virtio }] of inputs.entries())
    engine.place(i, { attachment, bytes: frame, virtio }, 0);
  const sent: Uint8Array[] = [];
  const sizes: number[] = [];
  do {
    const outputs = dataplane.encapBatch(worker, inputs.length);
    dataplane.encapGather(worker, outputs);
    for (const { members, target, datagrams } of callsOf(engine, outputs)) {
      sent.push(...datagrams);
      sizes.push(datagrams.length);
      for (const member of members) view.setUint8(engine.output(member) + L.DESC_DROP, failing(target));
    }
    dataplane.encapSettle(worker, outputs);
  } while (view.getUint32(engine.context + L.CONTEXT_PENDING, true) !== 0);
  const expected = model.encap(inputs, ({ kind, target }) => (kind === "vtep" ? failing(target) : L.SEND_OK));
  const datagrams = expected.flatMap(({ kind, header, payload }) => (kind === "vtep" ? [concat(header, payload)] : []));
  expect(byFlow(sent)).toEqual(byFlow(datagrams));
  return sizes;
}

const frameOf = (dst: string, dataLen: number, srcPort: number, tos: number, checksum: ChecksumMode = "right") => {
  const segment = udp({ srcPort, dstPort: 80 }, filler(dataLen, dataLen + srcPort));
  return ethernet({ dst, src: HOST_A }, ipv4({ src: "10.0.0.1", dst: "10.0.0.2", tos, checksum }, segment));
};

/** As a host's own stack hands it over. */
const UNFINISHED: Virtio = { ...PLAIN, needsCsum: true, csumStart: 34, csumOffset: 6 };

const single = fc
  .record({
    dst: fc.constantFrom(HOST_FAR, HOST_FAR, HOST_FAR, FAR_2, HOST_B, BROADCAST),
    // Few lengths, so that trains come about.
    dataLen: fc.constantFrom(20, 20, 20, 20, 21, 700, 1000),
    srcPort: fc.constantFrom(1, 1, 1, 2, 3),
    tos: fc.constantFrom(0, 0, 0, 0, 2, 3),
    isFinished: fc.boolean(),
  })
  .map(({ dst, dataLen, srcPort, tos, isFinished }) => ({
    attachment: 1,
    frame: frameOf(dst, dataLen, srcPort, tos, isFinished ? "right" : "unfinished"),
    ...(isFinished ? {} : { virtio: UNFINISHED }),
  }));

const large = fc
  .record({
    dst: fc.constantFrom(HOST_FAR, HOST_FAR, BROADCAST),
    dataLen: fc.integer({ min: 1001, max: 7000 }),
    size: fc.constantFrom(1000, 100),
    port: fc.constantFrom(1, 2),
  })
  .map(({ dst, dataLen, size, port }) => ({ attachment: 1, ...plainSuper(dst, HOST_A, dataLen, size, port) }));

const OVER_IPV6 = { local: "fd99::1", outerChecksum: false };

describe.each([
  ["IPv4", {}],
  ["IPv6", OVER_IPV6],
  ["IPv4, an underlay with tunnel GSO", { tunnelGso: true }],
  ["IPv6, an underlay with tunnel GSO", { ...OVER_IPV6, tunnelGso: true }],
] as const)("gathering over %s", (_name, fields) => {
  it("sends for each flow what the oracle says, in its order, and the counters balance", async () => {
    const engine = await Engine.create(settings(fields));
    const model = new Model(engine.world);
    const input = fc.oneof({ weight: 12, arbitrary: single }, large);
    const batch = fc.array(input, { minLength: 1, maxLength: 90, size: "max" });
    fc.assert(
      fc.property(batch, fc.constantFrom(0, 1, 2), (inputs, failing) => {
        gathered(engine, model, inputs, (target) => (target === failing ? L.SEND_ERROR : L.SEND_OK));
      }),
      { numRuns: 150 },
    );
    expect(readCounters(engine)).toEqual(model.counters.all);
    expect(imbalances(readCounters(engine))).toEqual([]);
  });
});

describe("trains", () => {
  const sizesOf = async (inputs: readonly EncapInput[], fields: Partial<World> = {}) => {
    const engine = await Engine.create(settings(fields));
    return gathered(engine, new Model(engine.world), inputs, () => L.SEND_OK);
  };
  const to = (dst: string, dataLen: number, srcPort = 1, tos = 0) => ({
    attachment: 1,
    frame: frameOf(dst, dataLen, srcPort, tos),
  });

  it("have at most 64 datagrams and 65,000 bytes", async () => {
    const many = Array.from({ length: 200 }, () => to(HOST_FAR, 18));
    expect(await sizesOf(many)).toEqual([64, 64, 64, 8]);
    const long = Array.from({ length: 20 }, () => to(HOST_FAR, 8000 - 50));
    expect(await sizesOf(long)).toEqual([8, 8, 4]);
  });

  it("of two flows that take turns are two", async () => {
    const turns = Array.from({ length: 20 }, (_, i) => to(i % 2 === 0 ? HOST_FAR : FAR_2, 18));
    expect(await sizesOf(turns)).toEqual([10, 10]);
  });

  it("end with a shorter datagram, and before a longer one or another ECN field", async () => {
    expect(await sizesOf([50, 50, 20, 50, 50].map((len) => to(HOST_FAR, len)))).toEqual([3, 2]);
    expect(await sizesOf([50, 50, 60, 60, 50].map((len) => to(HOST_FAR, len)))).toEqual([2, 3]);
    expect(await sizesOf([0, 0, 3, 3, 0].map((tos) => to(HOST_FAR, 50, 1, tos)))).toEqual([2, 2, 1]);
  });

  it("of a super-frame and what follows it are one", async () => {
    const whole = { attachment: 1, ...plainSuper(HOST_FAR, HOST_A, 4 * 500, 500) };
    const rest = { attachment: 1, ...plainSuper(HOST_FAR, HOST_A, 3 * 500 - 7, 500) };
    expect(await sizesOf([whole, rest, whole])).toEqual([7, 4]);
  });

  it("of super-frames in a row are full, but for the last", async () => {
    const large = (dataLen: number, dst = HOST_FAR) => ({ attachment: 1, ...plainSuper(dst, HOST_A, dataLen, 1398) });
    const whole = large(46 * 1398);
    expect(await sizesOf([whole, whole, whole])).toEqual([44, 44, 44, 6]);
    expect(await sizesOf([large(5 * 1398), large(3 * 1398), whole])).toEqual([44, 10]);
    // What ends with a shorter segment ends its train, and so does another flow.
    expect(await sizesOf([large(46 * 1398 - 1), whole])).toEqual([44, 2, 44, 2]);
    expect(await sizesOf([whole, large(46 * 1398, FAR_2), whole])).toEqual([44, 2, 44, 2, 44, 2]);
    // More than the room to cut: the batch pauses between two trains.
    const many = await sizesOf(Array.from({ length: 12 }, () => whole));
    expect(many).toEqual([...Array.from({ length: 12 }, () => 44), 24]);
  });

  it("of a flooded super-frame are filled up by the next one for the last VTEP", async () => {
    const flooded = { attachment: 1, ...plainSuper(BROADCAST, HOST_A, 46 * 1398, 1398) };
    const whole = { attachment: 1, ...plainSuper(FAR_2, HOST_A, 46 * 1398, 1398) };
    expect(await sizesOf([flooded, whole])).toEqual([44, 44, 2, 44, 4]);
  });

  it("take in what is unfinished, and finish it", async () => {
    const frames = [0, 1, 2, 3, 4, 5].map((n): EncapInput => {
      if (n !== 2 && n !== 3) return to(HOST_FAR, 50);
      return { attachment: 1, frame: frameOf(HOST_FAR, 50, 1, 0, "unfinished"), virtio: UNFINISHED };
    });
    expect(await sizesOf(frames, { tunnelGso: true })).toEqual([6]);
    expect(await sizesOf(frames)).toEqual([6]);
  });

  it("take in no super-frame that leaves whole, and nothing overtakes it", async () => {
    const [whole, one] = [4 * 500, 500].map((len) => ({ attachment: 1, ...plainSuper(HOST_FAR, HOST_A, len, 500) }));
    const frames = [one, one, whole, one, one];
    expect(await sizesOf(frames, { tunnelGso: true })).toEqual([2, 4, 2]);
    expect(await sizesOf(frames)).toEqual([8]);
  });

  it("do not come about without outer checksums, which the kernel wants for them", async () => {
    const inputs = [1, 2, 3].map(() => to(HOST_FAR, 50));
    expect(await sizesOf(inputs, { outerChecksum: false })).toEqual([1, 1, 1]);
  });
});

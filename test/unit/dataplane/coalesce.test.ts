// Coalescing beside its oracle: random streams of a few flows, well-behaved and not, give the same super-frames, in the
// same order, made of the same frames; and each super-frame, cut again, gives its frames back.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { coalesce, type SuperFrame } from "../../oracle/coalesce.js";
import { vxlan } from "../../oracle/decap.js";
import { concat, filler } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import { tags } from "../../support/flows.js";
import {
  ethernet,
  ipv4,
  ipv6,
  options6,
  type Packet,
  type Segment,
  type Tag,
  TCP_FLAG,
  type TcpFields,
  tcp,
  udp,
} from "../../support/frames.js";
import { HOST_A, HOST_B, HOST_FAR, macKey, pointToPoint } from "../../support/worlds.js";

const MTU = 9000;
const FROM = "10.99.0.2";
const ALL = L.OFFLOAD_PORT_TSO | L.OFFLOAD_PORT_USO;
const { psh, fin, ack, syn, cwr, ece, urg } = TCP_FLAG;

const WORLD = pointToPoint(
  {
    attachments: [1, 2].map((id) => ({ id, network: 1, port: id, mtu: MTU })),
    statics: [
      { network: 1, mac: macKey(HOST_A), target: "attachment", id: 1 },
      { network: 1, mac: macKey(HOST_B), target: "attachment", id: 2 },
      { network: 1, mac: macKey(HOST_FAR), target: "vtep", id: 1 },
    ],
  },
  { mtu: MTU },
);

interface Made extends SuperFrame {
  readonly virtio: readonly number[];
}

/** Runs one batch through decap and coalescing. @returns what would leave, in order */
function through(engine: Engine, frames: readonly Uint8Array[], offloads = ALL): Made[] {
  const { view, shared, dataplane, worker } = engine;
  view.setUint32(L.SYSTEM_OFFLOADS, offloads, true);
  frames.forEach((frame, i) => {
    engine.place(i, { bytes: vxlan(100, frame), from: FROM }, 8);
  });
  const outputs = dataplane.decapBatch(worker, frames.length);
  expect(outputs).toBe(frames.length);
  dataplane.decapCoalesce(worker, outputs);
  const made: Made[] = [];
  for (let i = 0; i < outputs; i++) {
    const at = engine.output(i);
    if (view.getUint16(at + L.DESC_FLAGS, true) & L.DESC_FLAG_CHAINED) continue;
    const members: number[] = [];
    for (let next = i + 1; next !== 0; next = view.getUint16(engine.output(next - 1) + L.DESC_CHAIN, true)) {
      members.push(view.getUint16(engine.output(next - 1) + L.DESC_ORIGIN, true));
    }
    const virtio = [0, 1].map((n) => view.getUint8(at + L.DESC_VIRTIO + n));
    virtio.push(...[2, 4, 6, 8].map((n) => view.getUint16(at + L.DESC_VIRTIO + n, true)));
    made.push({ members, frame: payloadOf(engine, at), virtio, ...(virtio[3] === 0 ? {} : { gsoSize: virtio[3] }) });
  }
  dataplane.decapSettle(worker, outputs);
  // Whatever was chained, the frames themselves are as they came.
  frames.forEach((frame, i) => {
    const ptr = engine.frameAt(i);
    if (Buffer.compare(shared.u8.subarray(ptr, ptr + frame.length), frame) !== 0) expect.fail(`frame ${i} was written`);
  });
  return made;
}

function payloadOf({ view, shared }: Engine, output: number): Uint8Array {
  const first = view.getUint32(output + L.DESC_PIECES, true);
  if (first === 0) {
    const ptr = view.getUint32(output + L.DESC_PAYLOAD_PTR, true);
    return shared.u8.slice(ptr, ptr + view.getUint32(output + L.DESC_PAYLOAD_LEN, true));
  }
  const count = view.getUint16(output + L.DESC_PIECE_COUNT, true);
  const frame = concat(
    ...Array.from({ length: count }, (_, n) => {
      const piece = first + n * L.PIECE_SIZE;
      const ptr = Number(view.getBigUint64(piece, true));
      return shared.u8.slice(ptr, ptr + Number(view.getBigUint64(piece + 8, true)));
    }),
  );
  expect(frame.length).toBe(view.getUint32(output + L.DESC_PIECES_LEN, true));
  return frame;
}

/** Where a flow stands; `v6`, ports and MACs tell flows apart. */
interface Flow {
  readonly number: number;
  readonly v6: boolean;
  readonly isUdp: boolean;
  readonly size: number;
  readonly tags: readonly Tag[];
}

/** One frame of a flow: what differs from what should come next. */
interface Step {
  readonly flow: number;
  readonly kind: "next" | "short" | "empty" | "gap" | "again" | "push" | "fin" | "odd";
  readonly odd: number;
  readonly checksum: "right" | "unfinished" | "wrong" | "zero";
}

const flowArbitrary = fc.record({
  v6: fc.boolean(),
  isUdp: fc.boolean(),
  size: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 300 }) }, fc.integer({ min: 301, max: 8900 })),
  tags,
});
const stepArbitrary = fc.record({
  flow: fc.nat(3),
  kind: fc.oneof(
    { weight: 20, arbitrary: fc.constant("next" as const) },
    { weight: 4, arbitrary: fc.constantFrom("short", "empty", "gap", "again", "push", "fin", "odd") },
  ),
  odd: fc.nat(13),
  checksum: fc.oneof(
    { weight: 20, arbitrary: fc.constant("right" as const) },
    { weight: 2, arbitrary: fc.constantFrom("unfinished", "wrong", "zero") },
  ),
});

/** Frames of the flows, in the order of the steps. */
function stream(flows: readonly Flow[], steps: readonly Step[]): { frames: Uint8Array[]; ports: number[] } {
  const seqs = flows.map(({ number }) => 0xfffff000 + number * 77);
  const ids = flows.map(({ number }) => 0xfff0 + number);
  const ports: number[] = [];
  const frames = steps.map((step) => {
    const flow = flows[step.flow % flows.length];
    const f = flow.number;
    const length = { short: Math.max(1, flow.size >>> 1), empty: 0 }[step.kind as string] ?? flow.size;
    if (step.kind === "gap") seqs[f] += 3;
    if (step.kind === "again") seqs[f] -= flow.size;
    const frame = build(flow, step, { seq: seqs[f] >>> 0, id: ids[f] & 0xffff, length });
    seqs[f] += length;
    ids[f]++;
    ports.push(f % 2 === 0 ? 1 : 2);
    return frame;
  });
  return { frames, ports };
}

function build(flow: Flow, step: Step, next: { seq: number; id: number; length: number }): Uint8Array {
  const odd = step.kind === "odd" ? step.odd : -1;
  const data = filler(next.length, next.id);
  const endPorts = { srcPort: 1000 + flow.number, dstPort: 80 };
  const fields: TcpFields = {
    ...endPorts,
    seq: next.seq,
    ack: odd === 0 ? 9 : 8,
    flags: ack | ({ push: psh, fin }[step.kind as string] ?? [0, syn, cwr, ece, urg][odd] ?? 0),
    options: odd === 5 ? Uint8Array.of(1, 1, 1, 1) : Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, odd === 6 ? 3 : 2),
  };
  const inner: Segment = flow.isUdp ? udp(endPorts, data) : tcp(fields, data);
  const { checksum } = step;
  const packet: Packet = flow.v6
    ? ipv6(
        {
          src: "fd00::1",
          dst: "fd00::2",
          trafficClass: odd === 7 ? 3 : 0,
          hopLimit: odd === 8 ? 9 : 64,
          flowLabel: odd === 9 ? 1 : 5,
          checksum,
          ...(odd === 11 ? { extensions: [options6(0)] } : {}),
        },
        inner,
      )
    : ipv4(
        {
          src: "10.0.0.1",
          dst: "10.0.0.2",
          tos: odd === 7 ? 3 : 0,
          ttl: odd === 8 ? 9 : 64,
          id: odd === 9 ? 7 : next.id,
          df: odd !== 10,
          checksum,
          ...(odd === 11 ? { options: Uint8Array.of(1, 1, 1, 1) } : {}),
        },
        inner,
      );
  const tags = odd === 12 ? [...flow.tags.slice(0, -1), { vid: 77 }] : flow.tags;
  const frame = ethernet({ dst: flow.number % 2 === 0 ? HOST_A : HOST_B, src: HOST_FAR, tags }, packet);
  if (odd === 13 && !flow.v6) frame[14 + 4 * tags.length + 11] ^= 1; // the header's own checksum
  return frame;
}

const strip = ({ members, frame, gsoSize }: SuperFrame) => ({
  members,
  frame: Buffer.from(frame).toString("hex"),
  gsoSize,
});

describe("decapCoalesce", () => {
  it("does as the oracle, for random streams", async () => {
    const engine = await Engine.create(WORLD);
    fc.assert(
      fc.property(
        fc.array(flowArbitrary, { minLength: 1, maxLength: 4 }),
        fc.array(stepArbitrary, { minLength: 1, maxLength: 100, size: "max" }),
        (kinds, steps) => {
          const { frames, ports } = stream(
            kinds.map((kind, number) => ({ ...kind, number })),
            steps,
          );
          expect(through(engine, frames).map(strip)).toEqual(coalesce(frames, ports, MTU).map(strip));
        },
      ),
      { numRuns: 300 },
    );
  });

  const tcpFlow: Flow = { number: 0, v6: false, isUdp: false, size: 1396, tags: [] };
  const plain = (count: number, flow = tcpFlow, kind: Step["kind"] = "next") =>
    stream(
      Array.from({ length: flow.number + 1 }, () => flow),
      Array.from({ length: count }, () => ({ flow: flow.number, kind, odd: 0, checksum: "right" as const })),
    ).frames;

  const [v4, v6] = [{ v6: false }, { v6: true }];
  const tcpOnly = { isUdp: false };
  it.each<[string, Partial<Flow>, Partial<Step>]>([
    ["another acknowledgement", tcpOnly, { odd: 0 }],
    ["SYN", tcpOnly, { odd: 1 }],
    ["CWR", tcpOnly, { odd: 2 }],
    ["ECE", tcpOnly, { odd: 3 }],
    ["URG", tcpOnly, { odd: 4 }],
    ["other options", tcpOnly, { odd: 5 }],
    ["another timestamp", tcpOnly, { odd: 6 }],
    ["a gap before it", tcpOnly, { kind: "gap" }],
    ["data that came before", tcpOnly, { kind: "again" }],
    ["another ECN field", v4, { odd: 7 }],
    ["another TTL", v4, { odd: 8 }],
    ["another id", v4, { odd: 9 }],
    ["no DF", v4, { odd: 10 }],
    ["IPv4 options", v4, { odd: 11 }],
    ["a damaged header", v4, { odd: 13 }],
    ["another traffic class", v6, { odd: 7 }],
    ["another hop limit", v6, { odd: 8 }],
    ["another flow label", v6, { odd: 9 }],
    ["an extension header", v6, { odd: 11 }],
    ["a damaged segment", {}, { kind: "next", checksum: "wrong" }],
    ["no data", {}, { kind: "empty" }],
  ])("breaks a train before and behind a frame with %s", async (_name, flow, step) => {
    const engine = await Engine.create(WORLD);
    const plainStep: Step = { flow: 0, kind: "next", odd: 0, checksum: "right" };
    for (const v6 of [flow.v6 ?? false, flow.v6 ?? true]) {
      for (const isUdp of [flow.isUdp ?? false, flow.isUdp ?? true]) {
        const odd: Step = { ...plainStep, kind: "odd", ...step };
        const steps = [plainStep, plainStep, odd, plainStep, plainStep];
        const { frames } = stream([{ number: 0, size: 500, tags: [], v6, isUdp }], steps);
        const made = through(engine, frames).map(({ members }) => members);
        // What moves the sequence number along leads the frames behind it.
        const leads = step.kind === "gap" || step.kind === "again";
        expect(made).toEqual(
          leads
            ? [
                [0, 1],
                [2, 3, 4],
              ]
            : [[0, 1], [2], [3, 4]],
        );
      }
    }
  });

  it.each([
    ["PSH", "push"],
    ["FIN", "fin"],
    ["less data", "short"],
  ] as const)("ends a train with a frame that has %s", async (_name, kind) => {
    const engine = await Engine.create(WORLD);
    const steps = (["next", "next", kind, "next", "next"] as const).map((each): Step => {
      return { flow: 0, kind: each, odd: 0, checksum: "right" };
    });
    const { frames } = stream([{ ...tcpFlow, size: 500 }], steps);
    expect(through(engine, frames).map(({ members }) => members)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
  });

  it("says how to cut it", async () => {
    const engine = await Engine.create(WORLD);
    const [made] = through(engine, plain(40));
    expect(made.members).toHaveLength(40);
    expect(made.virtio).toEqual([L.VIRTIO_FLAG_NEEDS_CSUM, L.VIRTIO_GSO_TCPV4, 14 + 20 + 32, 1396, 34, 16]);
    const [v6] = through(engine, plain(40, { ...tcpFlow, v6: true, isUdp: true, size: 1000 }));
    expect(v6.virtio).toEqual([L.VIRTIO_FLAG_NEEDS_CSUM, L.VIRTIO_GSO_UDP_L4, 14 + 40 + 8, 1000, 54, 6]);
  });

  it("stops at 64 KiB, and at 64 datagrams of UDP", async () => {
    const engine = await Engine.create(WORLD);
    expect(through(engine, plain(100)).map(({ members }) => members.length)).toEqual([46, 46, 8]);
    const small = { ...tcpFlow, isUdp: true, size: 20 };
    expect(through(engine, plain(100, small)).map(({ members }) => members.length)).toEqual([64, 36]);
  });

  it("counts every frame as itself, sent or not", async () => {
    for (const send of [L.SEND_OK, L.SEND_FULL]) {
      const engine = await Engine.create(WORLD);
      const frames = plain(10);
      for (const [i, frame] of frames.entries()) engine.place(i, { bytes: vxlan(100, frame), from: FROM }, 8);
      engine.view.setUint32(L.SYSTEM_OFFLOADS, ALL, true);
      const outputs = engine.dataplane.decapBatch(0, frames.length);
      engine.dataplane.decapCoalesce(0, outputs);
      for (let i = 0; i < outputs; i++) engine.view.setUint8(engine.output(i) + L.DESC_DROP, send);
      engine.dataplane.decapSettle(0, outputs);
      const row = L.NETWORK_COUNTERS + L.NETWORK_COUNTERS_SIZE;
      const read = (offset: number) => Number(engine.view.getBigUint64(row + offset, true));
      expect(read(L.COUNTER_RECEIVED_DECAP)).toBe(10);
      expect(read(L.COUNTER_FRAMES_DECAP)).toBe(send === L.SEND_OK ? 10 : 0);
    }
  });

  it("lets no frame of a flow overtake one that is flooded", async () => {
    const engine = await Engine.create(WORLD);
    const frames = plain(6);
    for (const [i, frame] of frames.entries()) engine.place(i, { bytes: vxlan(100, frame), from: FROM }, 8);
    engine.view.setUint32(L.SYSTEM_OFFLOADS, ALL, true);
    const outputs = engine.dataplane.decapBatch(0, frames.length);
    // As if its destination had been forgotten while the batch was decided.
    engine.view.setUint8(engine.input(2) + L.DESC_VERDICT, L.VERDICT_FLOOD);
    engine.dataplane.decapCoalesce(0, outputs);
    const next = frames.map((_, i) => engine.view.getUint16(engine.output(i) + L.DESC_CHAIN, true));
    expect(next).toEqual([2, 0, 0, 5, 6, 0]);
  });

  it("makes no good frame of one whose IPv4 header was damaged", async () => {
    const engine = await Engine.create(WORLD);
    const frames = plain(5);
    frames[2][24] ^= 1; // its checksum
    expect(through(engine, frames).map(({ members }) => members)).toEqual([[0, 1], [2], [3, 4]]);
    frames[0][24] ^= 1;
    expect(through(engine, frames).map(({ members }) => members)).toEqual([[0], [1], [2], [3, 4]]);
  });

  it("does only what the ports take", async () => {
    const engine = await Engine.create(WORLD);
    const udpFlow = { ...tcpFlow, isUdp: true };
    expect(through(engine, plain(4), L.OFFLOAD_PORT_USO)).toHaveLength(4);
    expect(through(engine, plain(4, udpFlow), L.OFFLOAD_PORT_TSO)).toHaveLength(4);
    expect(through(engine, plain(4, udpFlow), L.OFFLOAD_PORT_USO)).toHaveLength(1);
  });

  it("keeps the head's own virtio-net header for a port that refuses the whole", async () => {
    const engine = await Engine.create(WORLD);
    const { frames } = stream(
      [tcpFlow],
      [
        { flow: 0, kind: "next", odd: 0, checksum: "unfinished" },
        { flow: 0, kind: "next", odd: 0, checksum: "right" },
      ],
    );
    expect(through(engine, frames)).toHaveLength(1);
    const kept = engine.output(0) + L.DESC_OUTER_ADDRESS;
    expect(engine.view.getUint8(kept)).toBe(L.VIRTIO_FLAG_NEEDS_CSUM);
    expect(engine.view.getUint8(kept + 1)).toBe(0);
    expect([6, 8].map((n) => engine.view.getUint16(kept + n, true))).toEqual([34, 16]);
  });

  it("handles more flows than it keeps open", async () => {
    const engine = await Engine.create(WORLD);
    const frames: Uint8Array[] = [];
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 20; n++) {
        const segment = tcp({ srcPort: 2000 + n, dstPort: 80, seq: 1 + round * 100 }, filler(100, n));
        const packet = ipv4({ src: "10.0.0.1", dst: "10.0.0.2", id: round }, segment);
        frames.push(ethernet({ dst: HOST_A, src: HOST_FAR }, packet));
      }
    }
    const made = through(engine, frames);
    const order = made.flatMap(({ members }) => members);
    expect([...order].sort((a, b) => a - b)).toEqual(frames.map((_, i) => i));
    for (let n = 0; n < 20; n++) {
      const own = order.filter((i) => i % 20 === n);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });
});

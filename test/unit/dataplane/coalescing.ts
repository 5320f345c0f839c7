// What the tests of coalescing share: streams of frames that follow one another, or not quite, and their way through
// decap and coalescing.

import { expect } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import type { SuperFrame } from "../../oracle/coalesce.js";
import { vxlan } from "../../oracle/decap.js";
import { concat, filler } from "../../support/bytes.js";
import type { Engine } from "../../support/engine.js";
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

export const MTU = 9000;
export const FROM = "10.99.0.2";
export const ALL = L.OFFLOAD_PORT_TSO | L.OFFLOAD_PORT_USO;
const { psh, fin, ack, syn, cwr, ece, urg } = TCP_FLAG;

export const WORLD = pointToPoint(
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

export interface Made extends SuperFrame {
  readonly virtio: readonly number[];
}

/** Runs one batch through decap and coalescing. @returns what would leave, in order */
export function through(engine: Engine, frames: readonly Uint8Array[], offloads = ALL): Made[] {
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
export interface Flow {
  readonly number: number;
  readonly v6: boolean;
  readonly isUdp: boolean;
  readonly size: number;
  readonly tags: readonly Tag[];
}

/** One frame of a flow: what differs from what should come next. */
export interface Step {
  readonly flow: number;
  readonly kind: "next" | "short" | "empty" | "gap" | "again" | "push" | "fin" | "odd";
  readonly odd: number;
  readonly checksum: "right" | "unfinished" | "wrong" | "zero";
}

/** Frames of the flows, in the order of the steps. */
export function stream(flows: readonly Flow[], steps: readonly Step[]): { frames: Uint8Array[]; ports: number[] } {
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

export const tcpFlow: Flow = { number: 0, v6: false, isUdp: false, size: 1396, tags: [] };

/** So many frames of one flow, none of which breaks a train unless `kind` does. */
export const plain = (count: number, flow = tcpFlow, kind: Step["kind"] = "next") =>
  stream(
    Array.from({ length: flow.number + 1 }, () => flow),
    Array.from({ length: count }, () => ({ flow: flow.number, kind, odd: 0, checksum: "right" as const })),
  ).frames;

// What coalescing hands to a port: how a super-frame is to be cut, how long it gets, what is left as it came, how it is
// counted, and that no flow changes its order.

import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { vxlan } from "../../oracle/decap.js";
import { filler } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import { ethernet, ipv4, tcp } from "../../support/frames.js";
import { HOST_A, HOST_FAR } from "../../support/worlds.js";
import { ALL, FROM, plain, stream, tcpFlow, through, WORLD } from "./coalescing.js";

describe("decapCoalesce", () => {
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

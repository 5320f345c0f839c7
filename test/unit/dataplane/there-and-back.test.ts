// From super-frame to super-frame: what one VTEP cuts, another one coalesces to the same frame, byte for byte, with the same
// words in its virtio-net header. TCP and UDP, over IPv4 and IPv6, tagged or not, trains and single datagrams.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { concat, filler } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import { tags } from "../../support/flows.js";
import { ipv4, ipv6, TCP_FLAG, tcp, udp } from "../../support/frames.js";
import { type SuperFrame, superFrame } from "../../support/super.js";
import { HOST_A, HOST_FAR, macKey, pointToPoint } from "../../support/worlds.js";

const MTU = 9000;
const FROM = "10.99.0.1";

const near = pointToPoint({ trains: true }, { mtu: MTU });
/** The other end: VTEP 1 is the near one, HOST_FAR is behind a port. */
const far = pointToPoint(
  {
    local: "10.99.0.2",
    vteps: [{ id: 1, address: FROM, ttl: 64 }],
    statics: [{ network: 1, mac: macKey(HOST_FAR), target: "attachment", id: 1 }],
  },
  { mtu: MTU },
);

const { ack, psh, fin, ece } = TCP_FLAG;
const port = fc.integer({ min: 1, max: 65535 });
const word = fc.integer({ min: 0, max: 0xffffffff });

/** What coalescing takes: no IP options, no flags but these; at least two segments, no more than a train of the receiver's. */
const anyFrame: fc.Arbitrary<SuperFrame> = fc
  .record({
    tags,
    isTcp: fc.boolean(),
    isIpv4: fc.boolean(),
    size: fc.integer({ min: 64, max: 8800 }),
    count: fc.integer({ min: 2, max: 60 }),
    rest: fc.nat(8799),
    ports: fc.record({ srcPort: port, dstPort: port }),
    tcp: fc.record({ seq: word, ack: word, flags: fc.constantFrom(ack, ack | psh, ack | fin | psh, ack | ece) }),
    options: fc.constantFrom(0, 4, 12, 40).map((length) => filler(length)),
    tos: fc.nat(255),
    ttl: fc.integer({ min: 1, max: 255 }),
    id: fc.nat(65535),
    flowLabel: fc.nat(0xfffff),
  })
  .map(({ isTcp, isIpv4, size, count, rest, ports, options, tos, ttl, id, flowLabel, ...fields }) => {
    const most = 65_535 - 120;
    const segments = Math.max(2, Math.min(count, Math.floor(most / size)));
    const dataLen = Math.min(most, (segments - 1) * size + 1 + (rest % size));
    const data = filler(dataLen, id);
    const segment = isTcp ? tcp({ ...ports, ...fields.tcp, options }, data) : udp(ports, data);
    const packet = isIpv4
      ? ipv4({ src: "10.0.0.1", dst: "10.0.0.2", tos, ttl, id, checksum: "unfinished" }, segment)
      : ipv6(
          { src: "fd00::1", dst: "fd00::2", trafficClass: tos, hopLimit: ttl, flowLabel, checksum: "unfinished" },
          segment,
        );
    const macs = { dst: HOST_FAR, src: HOST_A };
    return superFrame({
      ...macs,
      tags: fields.tags,
      packet,
      isTcp,
      isIpv4,
      size,
      dataLen,
      l4Len: segment.bytes.length,
    });
  });

/** The super-frames, or frames, that the far end's port gets. */
function receive(engine: Engine, datagrams: readonly { readonly bytes: Uint8Array; readonly tos: number }[]) {
  const { view, shared, dataplane, worker } = engine;
  view.setUint32(L.SYSTEM_OFFLOADS, L.OFFLOAD_PORT_TSO | L.OFFLOAD_PORT_USO, true);
  for (const [i, { bytes, tos }] of datagrams.entries()) engine.place(i, { bytes, from: FROM, tos }, 8);
  const outputs = dataplane.decapBatch(worker, datagrams.length);
  dataplane.decapCoalesce(worker, outputs);
  const made: { frame: Uint8Array; virtio: number[] }[] = [];
  for (let n = 0; n < outputs; n++) {
    const at = engine.output(n);
    if (view.getUint16(at + L.DESC_FLAGS, true) & L.DESC_FLAG_CHAINED) continue;
    const first = view.getUint32(at + L.DESC_PIECES, true);
    const pieces = Array.from(
      { length: first === 0 ? 0 : view.getUint16(at + L.DESC_PIECE_COUNT, true) },
      (_, piece) => {
        const ptr = Number(view.getBigUint64(first + piece * L.PIECE_SIZE, true));
        return shared.u8.slice(ptr, ptr + view.getUint32(first + piece * L.PIECE_SIZE + 8, true));
      },
    );
    const virtio = at + L.DESC_VIRTIO;
    const halves = [2, 4, 6, 8].map((offset) => view.getUint16(virtio + offset, true));
    made.push({ frame: concat(...pieces), virtio: [view.getUint8(virtio), view.getUint8(virtio + 1), ...halves] });
  }
  dataplane.decapSettle(worker, outputs);
  return made;
}

describe("coalesce(segment(x))", () => {
  it.each([true, false])("is x, trains: %s", async (trains) => {
    const [sender, receiver] = [await Engine.create({ ...near, trains }), await Engine.create(far)];
    fc.assert(
      fc.property(anyFrame, ({ frame, virtio }) => {
        sender.place(0, { attachment: 1, bytes: frame, virtio }, 0);
        const sent = sender.run("encap", 1);
        expect(sent.length).toBeGreaterThan(1);
        const datagrams = sent.map(({ header, payload }) => ({
          bytes: concat(header.subarray(header.length - 8), payload),
          tos: header[15],
        }));
        const received = receive(receiver, datagrams);
        const { gsoType, hdrLen, gsoSize, csumStart, csumOffset } = virtio;
        expect(received.map((each) => each.virtio)).toEqual([[1, gsoType, hdrLen, gsoSize, csumStart, csumOffset]]);
        expect(Buffer.compare(received[0].frame, frame)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});

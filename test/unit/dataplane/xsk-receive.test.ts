// The receiving half of a port's AF_XDP socket, with rings in memory that no kernel looks at: what a frame leaves unfinished, and the
// virtio-net header that it gets for it. Whatever it gets has to come out right when somebody finishes it.

import { beforeEach, describe, expect, it } from "vitest";
import type { Dataplane } from "../../../control/dataplane.js";
import { inputPtr } from "../../../control/drivers/io-tables.js";
import type { SharedMemory } from "../../../control/memory.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { checksum, crc32c, pseudoHeader } from "../../oracle/checksum.js";
import { vxlan } from "../../oracle/decap.js";
import { parse } from "../../oracle/parse.js";
import { finish, PLAIN, type Virtio } from "../../oracle/virtio.js";
import { concat, filler, readBe16 } from "../../support/bytes.js";
import {
  type ChecksumMode,
  ETHERTYPE,
  ethernet,
  ipv4,
  ipv6,
  type Packet,
  PROTOCOL,
  type Segment,
  sctp,
  tcp,
  transport,
  udp,
} from "../../support/frames.js";
import { HOST_A, HOST_B, HOST_FAR } from "../../support/worlds.js";
import { emptyRings, RINGS, SLOT, SOCKET, UMEM, WORKER } from "../../support/xsk-rings.js";

const PORT = 7;

let memory: SharedMemory;
let dataplane: Dataplane;

beforeEach(async () => {
  ({ memory, dataplane } = await emptyRings());
  const { u32 } = memory;
  u32[(SOCKET + L.XSK_SOCKET_PORT) / 4] = PORT;
  u32[(SOCKET + L.XSK_SOCKET_STATE) / 4] = L.XSK_SOCKET_OPEN;
});

interface Received {
  readonly frame: Uint8Array;
  readonly virtio: Virtio;
}

/** As the kernel hands a frame over. */
function receive(frame: Uint8Array): Received {
  const { u8, u32 } = memory;
  const address = L.XSK_KERNEL_HEADROOM;
  u8.set(frame, UMEM + address);
  const position = u32[RINGS / 4];
  const entry = (RINGS + 192 + (position % L.XSK_RING) * L.XDP_DESC_SIZE) / 4;
  u32.set([address, 0, frame.length, 0], entry);
  u32[RINGS / 4] = position + 1;
  expect(dataplane.xskReceive(WORKER, SLOT, 8)).toBe(1);
  const at = inputPtr(WORKER, 0) + L.DESC_VIRTIO;
  const view = new DataView(memory.memory.buffer);
  const [hdrLen, gsoSize, csumStart, csumOffset] = [2, 4, 6, 8].map((offset) => view.getUint16(at + offset, true));
  const needsCsum = (u8[at] & L.VIRTIO_FLAG_NEEDS_CSUM) !== 0;
  return {
    frame: u8.slice(UMEM + address, UMEM + address + frame.length),
    virtio: { needsCsum, gsoType: u8[at + 1], hdrLen, gsoSize, csumStart, csumOffset },
  };
}

const PORTS = { srcPort: 1000, dstPort: 80 };
const outer4 = (segment: Segment, checksum: ChecksumMode = "right") =>
  ipv4({ src: "10.0.0.1", dst: "10.0.0.2", checksum }, segment);
const outer6 = (segment: Segment, checksum: ChecksumMode = "right") =>
  ipv6({ src: "fd00::1", dst: "fd00::2", checksum }, segment);
const inner4 = (segment: Segment, checksum: ChecksumMode) =>
  ipv4({ src: "192.168.0.1", dst: "192.168.0.2", checksum }, segment);
const inner6 = (segment: Segment, checksum: ChecksumMode) =>
  ipv6({ src: "fd01::1", dst: "fd01::2", checksum }, segment);
const whole = (packet: Packet, tags: number[] = []) =>
  ethernet({ dst: HOST_FAR, src: HOST_A, tags: tags.map((vid) => ({ vid })) }, packet);
const within = (packet: Packet) => ethernet({ dst: HOST_B, src: HOST_A }, packet);

const TUNNEL_PORTS = { srcPort: 50_000, dstPort: 8472 };
/** What each tunnel puts around a packet, in front of the IP header of the tunnel. */
const TUNNELS: [string, (packet: Packet) => Segment][] = [
  ["VXLAN", (packet) => udp(TUNNEL_PORTS, vxlan(5, within(packet)))],
  ["GRE", (packet) => transport(PROTOCOL.gre, concat([0, 0], type(packet), packet.bytes))],
  ["GRE with a key", (packet) => transport(PROTOCOL.gre, concat([0x20, 0], type(packet), [1, 2, 3, 4], packet.bytes))],
  ["Ethernet over GRE", (packet) => transport(PROTOCOL.gre, concat([0, 0, 0x65, 0x58], within(packet)))],
  ["IP in IP", (packet) => transport(packet.ethertype === ETHERTYPE.ipv4 ? 4 : 41, packet.bytes)],
];
const type = ({ ethertype }: Packet) => [ethertype >>> 8, ethertype & 255];

const INSIDE: [string, (mode: ChecksumMode) => Packet][] = [
  ["TCP over IPv4", (mode) => inner4(tcp(PORTS, filler(101)), mode)],
  ["UDP over IPv4", (mode) => inner4(udp(PORTS, filler(40)), mode)],
  ["TCP over IPv6", (mode) => inner6(tcp(PORTS, filler(100)), mode)],
];

/** As a sender with checksum offload leaves it: the inner field unfinished, what covers it as if that were finished. */
function asOffloaded(
  tunnel: (packet: Packet) => Segment,
  outer: typeof outer4,
  inside: (mode: ChecksumMode) => Packet,
) {
  const finished = whole(outer(tunnel(inside("right"))));
  const unfinished = whole(outer(tunnel(inside("unfinished"))));
  if (finished[14] >>> 4 === 4 ? finished[23] === PROTOCOL.udp : finished[20] === PROTOCOL.udp) {
    const at = finished[14] >>> 4 === 4 ? 40 : 60;
    unfinished.set(finished.subarray(at, at + 2), at);
  }
  return { finished, unfinished };
}

describe("a frame from a port's ring", () => {
  it.each([[[]], [[5]], [[5, 6]]])("that is unfinished is said to be, behind tags %j", (tags) => {
    const frame = whole(outer4(tcp(PORTS, filler(77)), "unfinished"), tags);
    const got = receive(frame);
    expect(got.virtio).toEqual({ ...PLAIN, needsCsum: true, csumStart: 34 + 4 * tags.length, csumOffset: 16 });
    expect(got.frame).toEqual(frame);
  });

  it.each([
    ["TCP", outer4(tcp(PORTS, filler(50)))],
    ["UDP", outer6(udp(PORTS, filler(50)))],
    ["SCTP", outer4(sctp(PORTS, filler(50)))],
    ["UDP without a checksum", outer4(udp(PORTS, filler(50)), "zero")],
    ["ICMP", outer4(transport(PROTOCOL.icmp, filler(50)))],
  ])("that is finished is left alone: %s", (_name, packet) => {
    const frame = whole(packet);
    expect(receive(frame)).toEqual({ frame, virtio: PLAIN });
  });

  it.each([
    ["IPv4", outer4],
    ["IPv6", outer6],
  ])("gets its CRC32c if it is SCTP over %s without one", (_name, outer) => {
    for (const length of [0, 1, 4, 63, 1400]) {
      const finished = whole(outer(sctp({ ...PORTS, tag: 0x01020304 }, filler(length))));
      const at = (parse(finished)?.ip?.l4 ?? 0) + 8;
      const frame = finished.slice();
      frame.fill(0, at, at + 4);
      expect(receive(frame)).toEqual({ frame: finished, virtio: PLAIN });
      expect(crc32c(concat(finished.subarray(at - 8, at), [0, 0, 0, 0], finished.subarray(at + 4)))).toBe(
        new DataView(finished.buffer).getUint32(at, true),
      );
    }
  });
});

describe.each(TUNNELS)("a frame from a port's ring with %s in it", (_tunnel, tunnel) => {
  it.each(INSIDE)("around unfinished %s is finished where it says", (_inside, inside) => {
    for (const outer of [outer4, outer6]) {
      const { finished, unfinished } = asOffloaded(tunnel, outer, inside);
      const got = receive(unfinished);
      expect(got.virtio.needsCsum).toBe(true);
      expect(finish(got.frame, got.virtio)).toEqual(finished);
    }
  });

  it("around what is finished is left alone", () => {
    for (const [, inside] of INSIDE) {
      const frame = whole(outer4(tunnel(inside("right"))));
      expect(receive(frame)).toEqual({ frame, virtio: PLAIN });
    }
  });

  it("is read no further than its packet goes", () => {
    const { unfinished } = asOffloaded(tunnel, outer4, INSIDE[0][1]);
    for (let length = 14; length < unfinished.length; length++) {
      expect(receive(unfinished.slice(0, length)).virtio).toEqual(PLAIN);
      const short = unfinished.slice();
      new DataView(short.buffer).setUint16(16, length - 14);
      expect(receive(short).virtio).toEqual(PLAIN);
    }
  });
});

describe("data that looks like an unfinished packet in VXLAN", () => {
  const inside = INSIDE[0][1]("unfinished");

  it("stays as it is if the UDP checksum around it is right as it is", () => {
    const frame = whole(outer4(udp(TUNNEL_PORTS, vxlan(5, within(inside)))));
    const ip = parse(frame)?.ip;
    if (ip === undefined) throw new Error("no packet");
    const segment = frame.subarray(ip.l4, ip.end);
    expect(checksum(pseudoHeader(ip.src, ip.dst, ip.protocol, segment.length), segment)).toBe(0);
    expect(receive(frame)).toEqual({ frame, virtio: PLAIN });
  });

  it("is finished if no UDP checksum covers it", () => {
    const frame = whole(outer4(udp(TUNNEL_PORTS, vxlan(5, within(inside))), "zero"));
    expect(readBe16(frame, 40)).toBe(0);
    expect(receive(frame).virtio).toEqual({ ...PLAIN, needsCsum: true, csumStart: 84, csumOffset: 16 });
  });
});

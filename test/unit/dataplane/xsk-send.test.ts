// The sending half of an AF_XDP socket, with rings in memory that no kernel looks at: what goes into the ring, what is left for the
// driver's other way, and in which order.

import { beforeEach, expect, it } from "vitest";
import type { Dataplane } from "../../../control/dataplane.js";
import { inputPtr, outputPtr } from "../../../control/drivers/io-tables.js";
import { PacketSender } from "../../../control/drivers/packet-send.js";
import type { SharedMemory } from "../../../control/memory.js";
import * as L from "../../../dataplane-wasm/layout.js";
import {
  emptyRings,
  FRAME_SHIFT,
  RING_ROOM,
  RINGS,
  SLOT,
  SOCKET,
  STATE,
  UMEM,
  WORKER,
} from "../../support/xsk-rings.js";

const FRAME_LEN = 100;
const SUPER = L.VIRTIO_FLAG_NEEDS_CSUM | (L.VIRTIO_GSO_TCPV4 << 8);

let memory: SharedMemory;
let dataplane: Dataplane;

beforeEach(async () => {
  ({ memory, dataplane } = await emptyRings());
  const { u32 } = memory;
  u32[(SOCKET + L.XSK_SOCKET_LEN_MAX) / 4] = 1500;
  u32[(STATE + L.XSK_SHARE) / 4] = 64;
  open(L.XSK_SOCKET_OPEN);
});

function open(state: number): void {
  memory.u32[(SOCKET + L.XSK_SOCKET_STATE) / 4] = state;
}

interface Fields {
  readonly virtio?: number;
  readonly pieces?: number;
  readonly flags?: number;
}

/** Outputs for a port, as a batch function leaves them. */
function outputs(...fields: readonly Fields[]): void {
  const { u8, u16, u32 } = memory;
  fields.forEach(({ virtio = 0, pieces = 0, flags = 0 }, index) => {
    const at = outputPtr(WORKER, index);
    u8.fill(0, at, at + L.DESC_SIZE);
    u32[(at + L.DESC_PAYLOAD_PTR) / 4] = L.BUFFERS + index * L.BUFFER_SIZE;
    u32[(at + L.DESC_PAYLOAD_LEN) / 4] = FRAME_LEN;
    u32[(at + L.DESC_BUFFER_PTR) / 4] = L.BUFFERS + index * L.BUFFER_SIZE;
    u32[(at + L.DESC_VIRTIO) / 4] = virtio;
    u32[(at + L.DESC_PIECES) / 4] = pieces;
    u16[(at + L.DESC_FLAGS) / 2] = flags;
  });
}

const drops = (count: number) =>
  Array.from({ length: count }, (_, index) => memory.u8[outputPtr(WORKER, index) + L.DESC_DROP]);
const inRing = () => memory.u32[(RINGS + RING_ROOM) / 4];

it("takes plain frames", () => {
  outputs({}, {}, {});
  expect(dataplane.xskSend(WORKER, SLOT, 0, 3)).toBe(0);
  expect(drops(3)).toEqual([L.SEND_OK, L.SEND_OK, L.SEND_OK]);
  expect(inRing()).toBe(3);
});

it("has room for what is sent before the worker has looked at its sockets", async () => {
  ({ memory, dataplane } = await emptyRings());
  memory.u32[(SOCKET + L.XSK_SOCKET_LEN_MAX) / 4] = 1500;
  open(L.XSK_SOCKET_OPEN);
  outputs({}, {}, {});
  expect(dataplane.xskSend(WORKER, SLOT, 0, 3)).toBe(0);
  expect(drops(3)).toEqual([L.SEND_OK, L.SEND_OK, L.SEND_OK]);
});

it("lets no frame overtake a super-frame or a chain, which leaves by another way", () => {
  outputs({}, { virtio: SUPER }, {});
  expect(dataplane.xskSend(WORKER, SLOT, 0, 3)).toBe(2);
  expect(drops(3)).toEqual([L.SEND_OK, L.SEND_ELSEWHERE, L.SEND_ELSEWHERE]);
  outputs({ pieces: 64 }, { flags: L.DESC_FLAG_CHAINED }, {});
  expect(dataplane.xskSend(WORKER, SLOT, 0, 3)).toBe(2);
  expect(drops(3)).toEqual([L.SEND_ELSEWHERE, L.SEND_OK, L.SEND_ELSEWHERE]);
  expect(inRing()).toBe(1);
});

it("leaves what became of a chain's member as its head had it, while it closes", () => {
  open(L.XSK_SOCKET_CLOSING);
  outputs({}, { flags: L.DESC_FLAG_CHAINED });
  expect(dataplane.xskSend(WORKER, SLOT, 0, 2)).toBe(2);
  expect(drops(2)).toEqual([L.SEND_ELSEWHERE, L.SEND_OK]);
});

it("gives the frames another size and leaves the message of the packet socket as it is", () => {
  new PacketSender(memory, WORKER, -1);
  const message = () => memory.u8.slice(STATE + L.XSK_MESSAGE, STATE + L.XSK_MESSAGE + L.XSK_MESSAGE_SIZE);
  const before = message();
  expect(before.some((byte) => byte !== 0)).toBe(true);
  open(L.XSK_SOCKET_FREE);
  dataplane.xskInitialise(WORKER, FRAME_SHIFT + 1);
  expect(message()).toEqual(before);
  expect(memory.u32[(STATE + L.XSK_FREE_COUNT) / 4]).toBe(L.UMEM_SIZE / 4096);
});

it("has not sent what the kernel would not look at, and the frames are where they were", () => {
  const free = () => memory.u32[(STATE + L.XSK_FREE_COUNT) / 4];
  const before = free();
  outputs({}, {}, {});
  dataplane.xskSend(WORKER, SLOT, 0, 2);
  memory.u32[(RINGS + RING_ROOM + 64) / 4] = 1; // the kernel has taken the first
  outputs({}, { flags: L.DESC_FLAG_CHAINED }, {});
  const at = outputPtr(WORKER, 0);
  // From a ring of this worker: it lies where it may leave from, with its headers in front.
  const frame = 7;
  const owner = () => memory.u8[STATE + L.XSK_OWNERS + frame];
  memory.u8[STATE + L.XSK_OWNERS + frame] = L.XSK_OWNER_BATCH;
  memory.u32[(at + L.DESC_BUFFER_PTR) / 4] = UMEM + (frame << FRAME_SHIFT);
  memory.u32[(at + L.DESC_PAYLOAD_PTR) / 4] = UMEM + (frame << FRAME_SHIFT) + L.XSK_KERNEL_HEADROOM;
  memory.u8[inputPtr(WORKER, 0) + L.DESC_COPIES] = 1;
  dataplane.xskSend(WORKER, SLOT, 0, 3);
  expect([inRing(), owner()]).toEqual([4, SLOT + 1]);
  memory.u32[(SOCKET + L.XSK_SOCKET_DOWN) / 4] = 1;
  dataplane.xskTakeBack(WORKER, SLOT, 0, 3);
  expect(drops(3)).toEqual([L.SEND_DOWN, L.SEND_OK, L.SEND_DOWN]);
  // The one of the call before stays, and as long as it does nothing is sent behind it.
  expect([inRing(), owner(), before - free()]).toEqual([2, L.XSK_OWNER_BATCH, 2]);
  expect(memory.u32[(SOCKET + L.XSK_SOCKET_DOWN) / 4]).toBe(1);
});

it("may try the next ones when nothing is left in the ring of an interface that is down", () => {
  outputs({}, {});
  dataplane.xskSend(WORKER, SLOT, 0, 2);
  memory.u32[(SOCKET + L.XSK_SOCKET_DOWN) / 4] = 1;
  dataplane.xskTakeBack(WORKER, SLOT, 0, 2);
  expect([inRing(), memory.u32[(SOCKET + L.XSK_SOCKET_DOWN) / 4]]).toEqual([0, 0]);
});

it("leaves in the ring what a driver may read at any time", () => {
  memory.u32[(SOCKET + L.XSK_SOCKET_ZERO_COPY) / 4] = 1;
  outputs({}, {});
  dataplane.xskSend(WORKER, SLOT, 0, 2);
  dataplane.xskTakeBack(WORKER, SLOT, 0, 2);
  expect([inRing(), ...drops(2)]).toEqual([2, L.SEND_OK, L.SEND_OK]);
});

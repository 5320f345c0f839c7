// Gathering: datagrams that go to one VTEP from one source port, each as long as the first, become a train, which leaves by
// one call (UDP_SEGMENT) and goes down the kernel's stack as one packet. Small datagrams gain most by it.
//
// No byte is moved: a train's head gets a list of pieces, and the members after it stay outputs of their own, each booked as
// itself. A datagram that does not fit the train of its flow (longer, or with another ECN field) closes it and opens the next
// one, a shorter one is its last; so a flow is never reordered. Trains that a super-frame was cut into (segment.ts) join in as they
// are. What makes a flow here is VTEP and source port, which is what makes one for the underlay, too.
//
// A frame that goes out unfinished (tunnel.ts) takes no part, since no socket could finish it, and closes the train of its flow.

import { Descriptor, outputAt, workerContext } from "./descriptor";
import {
  DESC_CHAIN_TAIL,
  DESC_DATAGRAMS,
  DESC_FLAG_CHAINED,
  DESC_PIECE_COUNT,
  DESC_PIECES,
  DESC_PIECES_LEN,
  TRAIN_BYTES_MAX,
  TRAIN_DATAGRAMS_MAX,
} from "./layout/descriptor";
import { FDB_KIND_VTEP } from "./layout/fdb";
import { SYSTEM_BASE } from "./layout/system";
import { GATHER_SLOTS, PIECE_SIZE, WORKER_CHAINS, WORKER_PIECES } from "./layout/worker";
import { trainsLeave } from "./segments";
import { ETH_LEN } from "./wire/ethernet";
import { VXLAN_LEN } from "./wire/vxlan";

const SLOT_SIZE: u32 = 2;
const SLOT_SHIFT: u32 = 26; // leaves the six highest bits, one of 64 slots
const MULTIPLIER: u32 = 0x9e3779b1;

/**
 * Chains outputs 0 to outputs - 1 of an encap batch, where trains leave (OFFLOAD_UDP_SEGMENT). To be called before they are
 * sent. The contract of a chain is in layout/descriptor.ts.
 */
export function encapGather(worker: u32, outputs: u32): void {
  if (outputs < 2 || !trainsLeave()) return;
  const slots = workerContext(worker) + WORKER_CHAINS;
  memory.fill(slots, 0, GATHER_SLOTS * SLOT_SIZE);
  let chained: u32 = 0;
  for (let n: u32 = 0; n < outputs; n++) {
    const output = outputAt(worker, n);
    if (output.targetKind !== FDB_KIND_VTEP) continue;
    const flow = output.target ^ ((<u32>output.outerPort) << 16);
    const slot = slots + ((flow * MULTIPLIER) >> SLOT_SHIFT) * SLOT_SIZE;
    const newest = <u32>load<u16>(slot);
    if (newest !== 0) {
      const head = outputAt(worker, newest - 1);
      if (output.target === head.target) {
        if (output.outerPort === head.outerPort) {
          if (append(worker, head, output, n)) {
            chained++;
            continue;
          }
        }
      }
    }
    open(output, n);
    store<u16>(slot, <u16>(n + 1));
  }
  if (chained !== 0) seal(worker, outputs);
}

/** Begins a train that consists of one output so far. */
function open(output: Descriptor, index: u32): void {
  const head = changetype<usize>(output);
  store<u16>(head, <u16>index, DESC_CHAIN_TAIL);
  store<u16>(head, output.segments, DESC_DATAGRAMS);
  store<u32>(head, bytesOf(output), DESC_PIECES_LEN);
}

/** Adds an output to a train, if it may follow. */
function append(worker: u32, head: Descriptor, output: Descriptor, index: u32): bool {
  const at = changetype<usize>(head);
  const size = sizeOf(head);
  const bytes = bytesOf(output);
  const before = load<u32>(at, DESC_PIECES_LEN);
  const datagrams = <u32>load<u16>(at, DESC_DATAGRAMS);
  const total = datagrams + output.segments;
  // Another size may only be that of one last, shorter datagram; and behind a shorter one comes nothing.
  if (sizeOf(output) !== size) {
    if (output.segments !== 1) return false;
    if (bytes > size) return false;
  }
  if (before !== datagrams * size) return false;
  if (total > TRAIN_DATAGRAMS_MAX) return false;
  if (before + bytes > TRAIN_BYTES_MAX) return false;
  if (outerField(output) !== outerField(head)) return false;
  if ((output.virtio0 | head.virtio0) !== 0) return false;
  outputAt(worker, load<u16>(at, DESC_CHAIN_TAIL)).chain = <u16>(index + 1);
  output.flags = <u16>DESC_FLAG_CHAINED;
  store<u16>(at, <u16>index, DESC_CHAIN_TAIL);
  store<u16>(at, <u16>total, DESC_DATAGRAMS);
  store<u32>(at, before + bytes, DESC_PIECES_LEN);
  return true;
}

/** Bytes of each datagram of an output, from the tunnel header on. */
export function sizeOf(output: Descriptor): u32 {
  return output.trainSize !== 0 ? <u32>output.trainSize : output.payloadLen + VXLAN_LEN;
}

/** Bytes of all its datagrams. */
function bytesOf(output: Descriptor): u32 {
  return output.payloadLen + tunnelLen(output);
}

/** Bytes of the tunnel header that end its header; those of a train lie in its payload. */
function tunnelLen(output: Descriptor): u32 {
  return output.trainSize !== 0 ? 0 : VXLAN_LEN;
}

/** Version and TOS or traffic class of the outer header. */
function outerField(output: Descriptor): u32 {
  return <u32>load<u16>(<usize>output.headerPtr + ETH_LEN);
}

/** Writes what every train consists of. */
function seal(worker: u32, outputs: u32): void {
  let piece = workerContext(worker) + WORKER_PIECES;
  for (let n: u32 = 0; n < outputs; n++) {
    const head = outputAt(worker, n);
    if (head.chain === 0) continue;
    if (head.flags & DESC_FLAG_CHAINED) continue;
    const first = piece + PIECE_SIZE; // the slot in front is the driver's
    const size = sizeOf(head);
    piece = first;
    for (let next = n + 1; next !== 0; ) {
      const member = outputAt(worker, next - 1);
      piece = writePieces(piece, member); // the only caller, so that it is inlined
      next = member.chain;
    }
    const at = changetype<usize>(head);
    head.trainSize = <u16>size;
    store<u32>(at, <u32>first, DESC_PIECES);
    store<u16>(at, <u16>((piece - first) / PIECE_SIZE), DESC_PIECE_COUNT);
  }
}

/** Tunnel header and frame, where they do not lie together two pieces. Returns where the next piece goes. */
function writePieces(piece: usize, output: Descriptor): usize {
  const payload: usize = output.payloadPtr;
  const tunnel = tunnelLen(output);
  const headerEnd = <usize>(output.headerPtr + output.headerLen);
  if (headerEnd === payload || tunnel === 0) {
    writePiece(piece, payload - tunnel, output.payloadLen + tunnel);
    return piece + PIECE_SIZE;
  }
  writePiece(piece, headerEnd - tunnel, tunnel);
  writePiece(piece + PIECE_SIZE, payload, output.payloadLen);
  return piece + 2 * PIECE_SIZE;
}

function writePiece(piece: usize, ptr: usize, len: u32): void {
  store<u64>(piece, load<u64>(SYSTEM_BASE) + <u64>ptr);
  store<u64>(piece, <u64>len, 8);
}

// Ends the chains of a pass: each head gets the header of the super-frame, in its header slot, the virtio-net header
// that says how to cut it, and the list of its pieces.

import { checksumOffset, pseudoSum } from "../checksums";
import { Descriptor, headerSlotEnd, inputAt, outputAt, workerContext } from "../descriptor";
import {
  DESC_FLAG_CHAINED,
  DESC_OUTER_ADDRESS,
  DESC_PIECE_COUNT,
  DESC_PIECES,
  DESC_PIECES_LEN,
} from "../layout/descriptor";
import { SYSTEM_BASE } from "../layout/system";
import { VIRTIO_FLAG_NEEDS_CSUM, VIRTIO_GSO_TCPV4, VIRTIO_GSO_TCPV6, VIRTIO_GSO_UDP_L4 } from "../layout/virtio";
import { PIECE_SIZE, WORKER_PIECES } from "../layout/worker";
import { asWire16 } from "../wire/bytes";
import { checksumOf, fold, sumBytes } from "../wire/checksum";
import { innerKind, innerL3, innerL4, innerL4Len, innerProtocol, L3_IPV4 } from "../wire/inner";
import { IPV4_CHECKSUM, IPV4_LEN, IPV4_TOTAL_LEN } from "../wire/ipv4";
import { IPV6_PAYLOAD_LEN } from "../wire/ipv6";
import { PROTOCOL_TCP, TCP_FLAG_FIN, TCP_FLAG_PSH, TCP_FLAGS, UDP_LENGTH } from "../wire/transport";
import { transportLen } from "./frame";

const GSO_TYPE_SHIFT: u32 = 8;
const HDR_LEN_SHIFT: u32 = 16;
const GSO_SIZE_SHIFT: u64 = 32;
const CSUM_START_SHIFT: u64 = 48;
const L4_LEN_SHIFT: u64 = 48; // of what parseInner found
const WITHOUT_L4_LEN: u64 = 0x0000ffffffffffff;

/** Writes what every chain among outputs 0 to outputs - 1 consists of. */
export function sealChains(worker: u32, outputs: u32): void {
  let next = workerContext(worker) + WORKER_PIECES;
  for (let n: u32 = 0; n < outputs; n++) {
    const head = outputAt(worker, n);
    if (head.chain !== 0 && !(head.flags & DESC_FLAG_CHAINED)) next = sealChain(worker, n, head, next);
  }
}

/** Returns where the next chain's pieces begin. */
function sealChain(worker: u32, index: u32, head: Descriptor, piecesPtr: usize): usize {
  const input = inputAt(worker, head.origin);
  const inner = input.inner;
  const frame: usize = input.payloadPtr;
  const headerLen = innerL4(inner) + transportLen(frame, inner);
  const header = headerSlotEnd(worker, index) - headerLen;
  const dataLen = input.payloadLen - headerLen;
  const base = load<u64>(SYSTEM_BASE);
  const first = piecesPtr + PIECE_SIZE; // the slot in front is the driver's
  writePiece(first, base, header, headerLen);
  writePiece(first + PIECE_SIZE, base, frame + headerLen, dataLen);
  let piece = first + 2 * PIECE_SIZE;
  let total = dataLen;
  let last = input;
  for (let next = <u32>head.chain; next !== 0; ) {
    const member = outputAt(worker, next - 1);
    last = inputAt(worker, member.origin);
    const len = last.payloadLen - headerLen;
    writePiece(piece, base, <usize>last.payloadPtr + headerLen, len);
    piece += PIECE_SIZE;
    total += len;
    next = member.chain;
  }
  memory.copy(header, frame, headerLen);
  writeHeader(header, inner, total - dataLen + innerL4Len(inner), <usize>last.payloadPtr);

  const output = changetype<usize>(head);
  store<u64>(output, head.virtio0, DESC_OUTER_ADDRESS);
  store<u64>(output, head.virtio1, DESC_OUTER_ADDRESS + 8);
  head.virtio0 = chainVirtio(inner, headerLen, dataLen);
  head.virtio1 = checksumOffset(inner);
  store<u32>(output, <u32>first, DESC_PIECES);
  store<u16>(output, <u16>((piece - first) / PIECE_SIZE), DESC_PIECE_COUNT);
  store<u32>(output, headerLen + total, DESC_PIECES_LEN);
  return piece;
}

function writePiece(piece: usize, base: u64, ptr: usize, len: u32): void {
  store<u64>(piece, base + <u64>ptr);
  store<u64>(piece, <u64>len, 8);
}

/** Lengths, the flags of the last segment, the IPv4 checksum, and the pseudo-header sum that the receiver finishes. */
function writeHeader(header: usize, inner: u64, l4Len: u32, last: usize): void {
  const l4 = innerL4(inner);
  const transport = header + l4;
  const ip = header + innerL3(inner);
  if (innerProtocol(inner) === PROTOCOL_TCP) {
    const ending = load<u8>(last + l4, TCP_FLAGS) & <u8>(TCP_FLAG_FIN | TCP_FLAG_PSH);
    store<u8>(transport, load<u8>(transport, TCP_FLAGS) | ending, TCP_FLAGS);
  } else {
    store<u16>(transport, <u16>asWire16(l4Len), UDP_LENGTH);
  }
  if (innerKind(inner) === L3_IPV4) {
    store<u16>(ip, <u16>asWire16(IPV4_LEN + l4Len), IPV4_TOTAL_LEN);
    store<u16>(ip, 0, IPV4_CHECKSUM);
    store<u16>(ip, <u16>checksumOf(sumBytes(ip, IPV4_LEN, 0)), IPV4_CHECKSUM);
  } else {
    store<u16>(ip, <u16>asWire16(l4Len), IPV6_PAYLOAD_LEN);
  }
  const whole = (inner & WITHOUT_L4_LEN) | ((<u64>l4Len) << L4_LEN_SHIFT);
  store<u16>(transport + checksumOffset(whole), <u16>fold(pseudoSum(header, whole)));
}

function chainVirtio(inner: u64, headerLen: u32, segmentLen: u32): u64 {
  const isIpv4 = innerKind(inner) === L3_IPV4;
  const tcp = isIpv4 ? VIRTIO_GSO_TCPV4 : VIRTIO_GSO_TCPV6;
  const type = innerProtocol(inner) === PROTOCOL_TCP ? tcp : VIRTIO_GSO_UDP_L4;
  return (
    <u64>(VIRTIO_FLAG_NEEDS_CSUM | (type << GSO_TYPE_SHIFT) | (headerLen << HDR_LEN_SHIFT)) |
    ((<u64>segmentLen) << GSO_SIZE_SHIFT) |
    ((<u64>innerL4(inner)) << CSUM_START_SHIFT)
  );
}

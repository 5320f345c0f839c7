// Inner transport checksums: finished for the wire, recognised when a peer left them unfinished.
//
// A frame from a TAP may say in its virtio-net header that the checksum field holds only the pseudo-header sum; a kernel peer on a
// veth sends such frames through a plain socket with nothing to say so. There, a field that equals the folded pseudo-header sum is
// taken for one: a finished checksum equals it once in 65,536 frames, and completing it again gives the right value.

import { Descriptor } from "./descriptor";
import { VIRTIO_FLAG_NEEDS_CSUM } from "./layout/virtio";
import { asWire16 } from "./wire/bytes";
import { checksumOf, fold, halves, sumBytes } from "./wire/checksum";
import { innerKind, innerL3, innerL4, innerL4Len, innerProtocol, L3_IPV4 } from "./wire/inner";
import { IPV4_SRC } from "./wire/ipv4";
import { IPV6_DST, IPV6_SRC } from "./wire/ipv6";
import { PROTOCOL_TCP, PROTOCOL_UDP, TCP_CHECKSUM, TCP_LEN, UDP_CHECKSUM, UDP_LEN } from "./wire/transport";

const CSUM_START_SHIFT: u64 = 48; // of virtio0
const CHECKSUM_LEN: u32 = 2;

/** Finishes the checksum that the virtio-net header of an input calls unfinished; clears the header. */
export function completeChecksum(input: Descriptor): void {
  const virtio0 = input.virtio0;
  if (!(<u32>virtio0 & VIRTIO_FLAG_NEEDS_CSUM)) return;
  const start = <u32>(virtio0 >> CSUM_START_SHIFT);
  const field = start + (<u32>input.virtio1 & 0xffff);
  const frame: usize = input.payloadPtr;
  const len = input.payloadLen;
  if (field + CHECKSUM_LEN <= len) {
    const checksum = checksumOf(sumBytes(frame + start, len - start, 0));
    store<u16>(frame + field, <u16>(checksum !== 0 ? checksum : 0xffff));
  }
  input.virtio0 = 0;
  input.virtio1 = 0;
}

/** Offset of the checksum in the transport header of a whole TCP or UDP packet, 0 for anything else. */
export function checksumOffset(inner: u64): u32 {
  const protocol = innerProtocol(inner);
  const len = innerL4Len(inner);
  const isTcp = protocol === PROTOCOL_TCP;
  const isUdp = protocol === PROTOCOL_UDP;
  // Without a branch: which of them it is changes from frame to frame.
  const offset = select<u32>(<u32>TCP_CHECKSUM, <u32>UDP_CHECKSUM, isTcp);
  const headerLen = select<u32>(TCP_LEN, UDP_LEN, isTcp);
  return select<u32>(offset, 0, <bool>((<u32>isTcp | <u32>isUdp) & <u32>(len >= headerLen)));
}

/** Sum of the pseudo-header, not folded. RFC 9293 section 3.1, RFC 8200 section 8.1. */
export function pseudoSum(frame: usize, inner: u64): u64 {
  const ip = frame + innerL3(inner);
  const initial = <u64>(asWire16(innerProtocol(inner)) + asWire16(innerL4Len(inner)));
  if (innerKind(inner) === L3_IPV4) return initial + halves(load<u64>(ip, IPV4_SRC));
  return (
    initial +
    halves(load<u64>(ip, IPV6_SRC)) +
    halves(load<u64>(ip, IPV6_SRC + 8)) +
    halves(load<u64>(ip, IPV6_DST)) +
    halves(load<u64>(ip, IPV6_DST + 8))
  );
}

/** True if the checksum field of the TCP or UDP packet holds the pseudo-header sum. */
export function checksumUnfinished(frame: usize, inner: u64): bool {
  const offset = checksumOffset(inner);
  if (offset === 0) return false;
  const field = <u32>load<u16>(frame + innerL4(inner) + offset);
  if (field === 0) return false;
  const sum = inline.always(pseudoSum(frame, inner));
  return field === fold(sum);
}

/** Turns a finished checksum into the pseudo-header sum that segmentation starts from. False if it was wrong. */
export function unfinishChecksum(frame: usize, inner: u64): bool {
  const offset = checksumOffset(inner);
  if (offset === 0) return false;
  const l4 = frame + innerL4(inner);
  const pseudo = pseudoSum(frame, inner);
  if (fold(sumBytes(l4, innerL4Len(inner), pseudo)) !== 0xffff) return false;
  store<u16>(l4 + offset, <u16>fold(pseudo));
  return true;
}

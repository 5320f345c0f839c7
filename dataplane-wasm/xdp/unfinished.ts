// What the sender behind a port's AF_XDP ring left to its hardware. A container or a VM sends frames over a veth or a tap with their
// transport checksum unfinished, and AF_XDP brings no metadata that would say so. So the frame itself has to:
//
//   TCP, UDP         the field holds the folded sum of the pseudo-header (checksums.ts)
//   the same inside  VXLAN, GRE or IP in IP, one deep. Where a UDP checksum covers it, that is finished already, for the bytes as they will
//                    be (Linux Documentation/networking/checksum-offloads.rst, "LCO"), and has to come out right then
//   SCTP             the field is zero; a finished one is so once in 2^32 frames, and finishing it again gives the same
//
// The sums get the virtio-net header that a TAP would have sent with the frame. SCTP's CRC32c has no word in it and is finished here.

import { checksumOffset, checksumUnfinished, pseudoSum } from "../checksums";
import { Descriptor } from "../descriptor";
import { VIRTIO_FLAG_NEEDS_CSUM } from "../layout/virtio";
import { fold, sumBytes } from "../wire/checksum";
import { crc32c } from "../wire/crc32c";
import { ETH_LEN } from "../wire/ethernet";
import { innerKind, innerL4, innerL4Len, innerProtocol, L3_NONE, parseInner } from "../wire/inner";
import { parseNested } from "../wire/nested";
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP, SCTP_CHECKSUM, SCTP_LEN, UDP_CHECKSUM } from "../wire/transport";

const CSUM_START_SHIFT: u64 = 48; // of virtio0
const ALL_ONES: u32 = 0xffff;

export function noteUnfinished(input: Descriptor): void {
  const len = input.payloadLen;
  if (len < ETH_LEN) return;
  const frame: usize = input.payloadPtr;
  const inner = parseInner(frame, len);
  if (innerKind(inner) === L3_NONE) return;
  if (checksumUnfinished(frame, inner)) {
    tell(input, inner);
  } else if (innerProtocol(inner) !== PROTOCOL_TCP) {
    noteOther(input, frame, inner);
  }
}

function noteOther(input: Descriptor, frame: usize, inner: u64): void {
  if (innerL4Len(inner) === 0) return; // a fragment, or shorter than it says
  if (innerProtocol(inner) === PROTOCOL_SCTP) {
    finishSctp(frame + innerL4(inner), innerL4Len(inner));
    return;
  }
  const nested = parseNested(frame, inner);
  if (innerKind(nested) === L3_NONE || !checksumUnfinished(frame, nested)) return;
  if (innerProtocol(inner) !== PROTOCOL_UDP || coverHolds(frame, inner, nested)) tell(input, nested);
}

/** True if the UDP checksum around an unfinished packet will be right when that is finished, or is none. */
function coverHolds(frame: usize, inner: u64, nested: u64): bool {
  const l4 = innerL4(inner);
  if (load<u16>(frame + l4, UDP_CHECKSUM) === 0) return true;
  const start = innerL4(nested);
  const field = <u32>load<u16>(frame + start + checksumOffset(nested));
  return fold(sumBytes(frame + l4, start - l4, pseudoSum(frame, inner) + <u64>(field ^ ALL_ONES))) === ALL_ONES;
}

function tell(input: Descriptor, inner: u64): void {
  input.virtio0 = <u64>VIRTIO_FLAG_NEEDS_CSUM | ((<u64>innerL4(inner)) << CSUM_START_SHIFT);
  input.virtio1 = <u64>checksumOffset(inner);
}

function finishSctp(sctp: usize, len: u32): void {
  if (len < SCTP_LEN || load<u32>(sctp, SCTP_CHECKSUM) !== 0) return;
  store<u32>(sctp, crc32c(sctp, len), SCTP_CHECKSUM);
}

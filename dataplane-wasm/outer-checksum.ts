// The outer UDP checksum of a datagram that no socket has looked at: RFC 768, RFC 6935, and what a peer on the same host leaves
// undone because no wire is in between.
//
// Such a peer has not finished one of two checksums. Either the outer one, whose field then holds the pseudo-header sum, as an inner one does
// (checksums.ts). Or the inner one: then the outer one has been computed as if it were finished (the kernel's "local checksum offload":
// a finished segment and its pseudo-header sum up to nothing, so the segment counts as the complement of its pseudo-header).

import { checksumUnfinished, pseudoSum } from "./checksums";
import { fold, sumBytes } from "./wire/checksum";
import { ETH_LEN } from "./wire/ethernet";
import { innerKind, innerL4, L3_NONE, parseInner } from "./wire/inner";
import { UDP_CHECKSUM, UDP_LEN } from "./wire/transport";
import { VXLAN_LEN } from "./wire/vxlan";

const WHOLE: u32 = 0xffff;

/**
 * False if the checksum is wrong; a zero one is none, and right (RFC 7348 section 4.1.2, RFC 6935).
 * @param udpLen bytes from the UDP header on, at least UDP_LEN + VXLAN_LEN
 * @param pseudo sum of the pseudo-header, not folded
 */
export function outerChecksumHolds(udp: usize, udpLen: u32, pseudo: u64): bool {
  const field = <u32>load<u16>(udp, UDP_CHECKSUM);
  if (field === 0 || field === fold(pseudo)) return true;
  return fold(sumBytes(udp, udpLen, pseudo)) === WHOLE || holdsWithInnerFinished(udp, udpLen, pseudo);
}

function holdsWithInnerFinished(udp: usize, udpLen: u32, pseudo: u64): bool {
  const headers = UDP_LEN + VXLAN_LEN;
  const frame = udp + headers;
  const len = udpLen - headers;
  if (len < ETH_LEN) return false;
  const inner = parseInner(frame, len);
  if (innerKind(inner) === L3_NONE || !checksumUnfinished(frame, inner)) return false;
  const segment = <u64>(fold(pseudoSum(frame, inner)) ^ WHOLE);
  return fold(sumBytes(udp, headers + innerL4(inner), pseudo + segment)) === WHOLE;
}

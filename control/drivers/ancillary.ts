// The control messages beside a datagram that was received: TOS, TTL, "came in fragments", and the size of the datagrams where
// many of one flow came as a train.

import {
  IP_RECVFRAGSIZE,
  IP_TOS,
  IP_TTL,
  IPV6_HOPLIMIT,
  IPV6_RECVFRAGSIZE,
  IPV6_TCLASS,
  UDP_GRO,
} from "../linux/constants.js";
import { CMSG_ALIGN, CMSG_DATA, CMSG_LEN, CMSG_TYPE } from "../linux/structs.js";

const WORD_CMSG_LEN = CMSG_LEN >>> 2;
const WORD_CMSG_TYPE = CMSG_TYPE >>> 2;
const WORD_CMSG_DATA = CMSG_DATA >>> 2;

/** What the messages say, packed so that nothing is allocated: TOS, TTL << 8, train size << 16. */
export const ANCILLARY_TTL_SHIFT = 8;
export const ANCILLARY_SIZE_SHIFT = 16;
/** In place of a train size, which never gets that large: the datagram came in fragments. */
export const ANCILLARY_FRAGMENT = 0xffff;

/**
 * Reads the control messages of one datagram.
 * @param word index of the first one's first word
 * @param length bytes that the kernel wrote
 * @returns TOS | TTL << 8 | train size or ANCILLARY_FRAGMENT << 16, unsigned; what was not there is 0
 */
export function parseAncillary(u32: Uint32Array, word: number, length: number, isIpv6: boolean): number {
  // The socket asks for messages of one level and of one type more, so the type alone tells them apart.
  const tosType = isIpv6 ? IPV6_TCLASS : IP_TOS;
  const ttlType = isIpv6 ? IPV6_HOPLIMIT : IP_TTL;
  const fragmentType = isIpv6 ? IPV6_RECVFRAGSIZE : IP_RECVFRAGSIZE;
  const end = word + (length >>> 2);
  let ancillary = 0;
  for (let at = word; at + WORD_CMSG_DATA < end; ) {
    const messageLen = u32[at + WORD_CMSG_LEN];
    const type = u32[at + WORD_CMSG_TYPE];
    const value = u32[at + WORD_CMSG_DATA];
    // IP_TOS is one byte, the others are ints; all lie in the first bytes, or are non-zero only where it counts.
    if (type === tosType) ancillary |= value & 0xff;
    else if (type === ttlType) ancillary |= (value & 0xff) << ANCILLARY_TTL_SHIFT;
    else if (type === UDP_GRO) ancillary |= (value & 0xffff) << ANCILLARY_SIZE_SHIFT;
    else if (type === fragmentType && value !== 0) ancillary |= ANCILLARY_FRAGMENT << ANCILLARY_SIZE_SHIFT;
    if (messageLen < CMSG_DATA) break;
    at += ((messageLen + CMSG_ALIGN - 1) & -CMSG_ALIGN) >>> 2;
  }
  return ancillary >>> 0;
}

// What coalescing asks of one frame: how much data it brings, whether it may lead a chain, whether it ends one.

import { Descriptor } from "../descriptor";
import { loadBe16, loadBe32 } from "../wire/bytes";
import { ETH_LEN, ETH_TYPE, VLAN_TAG_LEN } from "../wire/ethernet";
import { innerKind, innerL3, innerL4, innerL4Len, innerProtocol, L3_IPV4 } from "../wire/inner";
import { IPV4_LEN, IPV4_SRC } from "../wire/ipv4";
import { IPV6_DST, IPV6_LEN, IPV6_SRC } from "../wire/ipv6";
import {
  PROTOCOL_TCP,
  TCP_FLAG_CWR,
  TCP_FLAG_FIN,
  TCP_FLAG_PSH,
  TCP_FLAG_RST,
  TCP_FLAG_SYN,
  TCP_FLAG_URG,
  TCP_FLAGS,
  TCP_SEQ,
  tcpHeaderLen,
  UDP_CHECKSUM,
  UDP_LEN,
  UDP_LENGTH,
} from "../wire/transport";

const GSO_TYPE_MASK: u64 = 0xff00; // of virtio0

/** Bytes of the transport header of a packet whose transport part is whole. */
export function transportLen(frame: usize, inner: u64): u32 {
  return innerProtocol(inner) === PROTOCOL_TCP ? tcpHeaderLen(frame + innerL4(inner)) : UDP_LEN;
}

/**
 * Bytes of data, or 0 if the frame takes no part: no data, padding behind the packet, IP options or extension headers, a flag
 * that has to be seen at its own place, a UDP checksum of zero, or a super-frame already.
 */
export function dataLenOf(input: Descriptor, output: Descriptor): u32 {
  const inner = input.inner;
  const frame: usize = input.payloadPtr;
  const l4 = innerL4(inner);
  const l4Len = innerL4Len(inner);
  const ipLen = innerKind(inner) === L3_IPV4 ? IPV4_LEN : IPV6_LEN;
  if (output.virtio0 & GSO_TYPE_MASK || input.payloadLen !== l4 + l4Len || l4 - innerL3(inner) !== ipLen) return 0;
  const transport = frame + l4;
  if (innerProtocol(inner) === PROTOCOL_TCP) {
    const headerLen = tcpHeaderLen(transport);
    const flags = <u32>load<u8>(transport, TCP_FLAGS);
    const alone = flags & (TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_URG | TCP_FLAG_CWR);
    return alone !== 0 || headerLen === 0 || headerLen >= l4Len ? 0 : l4Len - headerLen;
  }
  const whole = l4Len > UDP_LEN && loadBe16(transport + UDP_LENGTH) === l4Len;
  return whole && load<u16>(transport, UDP_CHECKSUM) !== 0 ? l4Len - UDP_LEN : 0;
}

/** False for a segment that says "hand over now": it has nothing to wait for. */
export function leadsChain(frame: usize, inner: u64): bool {
  return !closesChain(frame, inner);
}

export function closesChain(frame: usize, inner: u64): bool {
  if (innerProtocol(inner) !== PROTOCOL_TCP) return false;
  return (<u32>load<u8>(frame + innerL4(inner), TCP_FLAGS) & (TCP_FLAG_PSH | TCP_FLAG_FIN)) !== 0;
}

/** The sequence number behind a segment; of no meaning for UDP. */
export function nextSeqOf(frame: usize, inner: u64, dataLen: u32): u32 {
  return loadBe32(frame + innerL4(inner) + TCP_SEQ) + dataLen;
}

/** True if both go from the same station and address and port to the same ones, with the same tags. */
export function sameFlow(a: usize, innerA: u64, b: usize, innerB: u64): bool {
  // L3 offset, kind and protocol are the low three bytes.
  if ((<u32>innerA ^ <u32>innerB) & 0xffffff) return false;
  if (load<u64>(a) !== load<u64>(b) || load<u32>(a, 8) !== load<u32>(b, 8)) return false;
  if (load<u16>(a, ETH_TYPE) !== load<u16>(b, ETH_TYPE)) return false;
  const l3 = innerL3(innerA);
  for (let at = ETH_LEN; at < l3; at += VLAN_TAG_LEN) if (load<u32>(a + at) !== load<u32>(b + at)) return false;
  if (load<u32>(a + innerL4(innerA)) !== load<u32>(b + innerL4(innerB))) return false;
  const ipA = a + l3;
  const ipB = b + l3;
  if (innerKind(innerA) === L3_IPV4) return load<u64>(ipA, IPV4_SRC) === load<u64>(ipB, IPV4_SRC);
  return (
    load<u64>(ipA, IPV6_SRC) === load<u64>(ipB, IPV6_SRC) &&
    load<u64>(ipA, IPV6_SRC + 8) === load<u64>(ipB, IPV6_SRC + 8) &&
    load<u64>(ipA, IPV6_DST) === load<u64>(ipB, IPV6_DST) &&
    load<u64>(ipA, IPV6_DST + 8) === load<u64>(ipB, IPV6_DST + 8)
  );
}

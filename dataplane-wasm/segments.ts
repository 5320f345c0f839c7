// What a super-frame counts as: the frames that it stands for. A host or a peer hands over up to 64 KiB of one flow as
// one frame, and on a wire it would be many; the counters say what the wire would show, each segment with its own copy of the
// headers. So the figures do not depend on who cuts, and a thousand frames are a thousand on either path.
//
// A port says in its virtio-net header what it handed over, and so does the tap underlay; a header that contradicts the frame, or
// itself (virtio 1.2 section 5.1.6.2: a super-frame's checksum is always unfinished), is not believed, and the frame is taken for
// what it is. Nothing comes with a datagram from a socket: there a TCP packet above the network's MTU is taken for one, as the
// ports will take it (offload.ts). The network's MTU counts even where a port has another one, because a flood has many ports
// and is counted once. What is no such packet counts as one frame.

import { Descriptor } from "./descriptor";
import { DESC_FLAG_SUPER, TRAIN_BYTES_MAX, TRAIN_DATAGRAMS_MAX } from "./layout/descriptor";
import { OFFLOAD_UDP_SEGMENT, SYSTEM_LOCAL, SYSTEM_OFFLOADS, SYSTEM_OUTER_CHECKSUM } from "./layout/system";
import {
  VIRTIO_FLAG_NEEDS_CSUM,
  VIRTIO_GSO_ECN,
  VIRTIO_GSO_NONE,
  VIRTIO_GSO_TCPV4,
  VIRTIO_GSO_TCPV6,
  VIRTIO_GSO_UDP_L4,
} from "./layout/virtio";
import { addressIsIpv4 } from "./tables/vtep";
import { ETH_LEN } from "./wire/ethernet";
import { innerKind, innerL3, innerL4, innerL4Len, innerProtocol, L3_IPV4, L3_IPV6, parseInner } from "./wire/inner";
import { PROTOCOL_TCP, PROTOCOL_UDP, TCP_LEN, tcpHeaderLen, UDP_LEN } from "./wire/transport";
import { VXLAN_LEN } from "./wire/vxlan";

/**
 * Our choice: more than any sane sender hands over (Linux makes at least 36 bytes of TCP a segment where timestamps are on,
 * TCP_MIN_SND_MSS less 12, and at most 128 datagrams of UDP, UDP_MAX_SEGMENTS), and a batch of such frames from a hostile
 * one must not keep a worker for seconds.
 */
const SUPER_SEGMENTS_MAX: u32 = 2048;

const GSO_TYPE_SHIFT: u32 = 8;
const GSO_SIZE_SHIFT: u64 = 32;

/** True if the virtio-net header of a port's frame says that it is a super-frame. */
export function isSuper(input: Descriptor): bool {
  return superType(input) !== VIRTIO_GSO_NONE;
}

/** Transport protocol of a port's super-frame; 0 for a type that nobody has asked for, or without what belongs to it. */
export function superProtocol(input: Descriptor): u32 {
  const type = superType(input);
  if (!(<u32>input.virtio0 & VIRTIO_FLAG_NEEDS_CSUM)) return 0;
  if (type === VIRTIO_GSO_TCPV4 || type === VIRTIO_GSO_TCPV6) return PROTOCOL_TCP;
  return type === VIRTIO_GSO_UDP_L4 ? PROTOCOL_UDP : 0;
}

/** Data bytes of each segment, as a port's super-frame says. */
export function superSize(input: Descriptor): u32 {
  return <u32>(input.virtio0 >> GSO_SIZE_SHIFT) & 0xffff;
}

function superType(input: Descriptor): u32 {
  return (<u32>input.virtio0 >> GSO_TYPE_SHIFT) & 0xff & ~VIRTIO_GSO_ECN;
}

/**
 * Notes what a frame counts as. One function for both directions: with two callers it stays out of their loops.
 * @param protocol of the packet; 0: it counts as one frame
 * @param size data bytes of each segment; 0: what `mtu` leaves, if the packet is larger than that
 */
export function noteSegments(input: Descriptor, protocol: u32, size: u32, mtu: u32): void {
  const len = input.payloadLen;
  if (len < ETH_LEN || protocol === 0) return;
  const inner = parseInner(input.payloadPtr, len);
  const headers = headersLen(input, inner, protocol);
  const l3Headers = headers - innerL3(inner);
  if (headers === 0 || headers >= len) return;
  if (mtu !== 0) {
    if (len <= mtu + innerL3(inner) || l3Headers >= mtu) return;
    size = mtu - l3Headers;
  } else if (!isAsClaimed(input, inner)) return;
  if (size === 0 || len - headers <= size) return;
  input.flags |= <u16>DESC_FLAG_SUPER;
  input.segments = <u16>((len - headers + size - 1) / size);
  input.segmentHeaders = <u16>headers;
  input.trainSegments = <u16>trainSegments(headers + size);
  input.failed = 0;
  input.payloadSum = 0; // and FAILED_BYTES
}

/** True if a port's super-frame is of its type's family, of a sane number of segments, and ends where its packet does. */
function isAsClaimed(input: Descriptor, inner: u64): bool {
  const type = superType(input);
  const kind = innerKind(inner);
  if (type === VIRTIO_GSO_TCPV4 ? kind !== L3_IPV4 : type === VIRTIO_GSO_TCPV6 && kind !== L3_IPV6) return false;
  if (<u32>input.payloadLen > SUPER_SEGMENTS_MAX * superSize(input)) return false;
  return innerL4(inner) + innerL4Len(inner) === input.payloadLen;
}

/** How many segments of `len` bytes leave as one train. Decided once for a frame, whatever a driver finds out meanwhile. */
function trainSegments(len: u32): u32 {
  if (!trainsLeave()) return 1;
  return max<u32>(1, min<u32>(TRAIN_DATAGRAMS_MAX, TRAIN_BYTES_MAX / (len + VXLAN_LEN)));
}

/** True if datagrams leave as trains. The kernel wants them with outer checksums. */
export function trainsLeave(): bool {
  if (!(load<u32>(SYSTEM_OFFLOADS) & OFFLOAD_UDP_SEGMENT)) return false;
  return load<u32>(SYSTEM_OUTER_CHECKSUM) !== 0 || !addressIsIpv4(SYSTEM_LOCAL);
}

/** Frames that an input counts as. */
export function segmentsOf(input: Descriptor): u32 {
  return input.flags & DESC_FLAG_SUPER ? <u32>input.segments : 1;
}

/** Bytes of `segments` frames: what `segmentsOf` gave. */
export function segmentBytes(input: Descriptor, segments: u32): u64 {
  return segments === 1
    ? <u64>input.payloadLen
    : <u64>input.payloadLen + <u64>(segments - 1) * <u64>input.segmentHeaders;
}

/** Ethernet to transport header, bytes; 0 if this is no whole packet of that protocol. */
function headersLen(input: Descriptor, inner: u64, protocol: u32): u32 {
  if (innerProtocol(inner) !== protocol) return 0;
  const len = innerL4Len(inner);
  if (protocol === PROTOCOL_UDP) return len >= UDP_LEN ? innerL4(inner) + UDP_LEN : 0;
  if (len < TCP_LEN) return 0;
  const tcpLen = tcpHeaderLen(<usize>input.payloadPtr + innerL4(inner));
  return tcpLen !== 0 && tcpLen <= len ? innerL4(inner) + tcpLen : 0;
}

// The virtio-net header of a decapsulated frame: what the receiver behind a port has to know of it.
//
// Where the underlay handed one over with the frame (the tap driver), that one holds. A socket has none: a kernel peer on a veth
// hands over TCP super-frames, up to 64 KiB, with no segment size beside them. An inner packet larger than the port's MTU is taken
// for one, and its segment size is what the MTU and its own headers leave.

import { checksumOffset } from "./checksums";
import { Descriptor } from "./descriptor";
import { DESC_FLAG_SUPER, DESC_FLAG_UNFINISHED } from "./layout/descriptor";
import { VIRTIO_FLAG_NEEDS_CSUM, VIRTIO_GSO_ECN, VIRTIO_GSO_TCPV4, VIRTIO_GSO_TCPV6 } from "./layout/virtio";
import { isSuper, superSize } from "./segments";
import { innerKind, innerL3, innerL4, innerL4Len, innerProtocol, L3_IPV4 } from "./wire/inner";
import { PROTOCOL_TCP, TCP_FLAG_CWR, TCP_FLAGS, tcpHeaderLen } from "./wire/transport";

/** What `portVirtio` returns for a frame that the port cannot take. */
export const VIRTIO_TOO_BIG: u64 = 0xffffffffffffffff;

const GSO_TYPE_SHIFT: u32 = 8;
const HDR_LEN_SHIFT: u32 = 16;
const GSO_SIZE_SHIFT: u64 = 32;
const CSUM_START_SHIFT: u64 = 48;
const HDR_LEN_MASK: u64 = 0xffff0000;
const CSUM_START_MASK: u64 = 0xffff000000000000;

/** Bytes 0 to 7 of the virtio-net header for a port with this MTU, or VIRTIO_TOO_BIG. */
export function portVirtio(input: Descriptor, mtu: u32): u64 {
  const inner = input.inner;
  const l3 = innerL3(inner);
  if (isSuper(input)) return superVirtio(input, mtu);
  const oversize = input.payloadLen > mtu + l3;
  if (<u32>input.virtio0 & VIRTIO_FLAG_NEEDS_CSUM) return oversize ? VIRTIO_TOO_BIG : input.virtio0;
  if (!(input.flags & DESC_FLAG_UNFINISHED)) return oversize ? VIRTIO_TOO_BIG : 0;
  const l4 = innerL4(inner);
  const needsChecksum = <u64>VIRTIO_FLAG_NEEDS_CSUM | ((<u64>l4) << CSUM_START_SHIFT);
  if (!oversize) return needsChecksum;

  if (innerProtocol(inner) !== PROTOCOL_TCP) return VIRTIO_TOO_BIG;
  const tcp = <usize>input.payloadPtr + l4;
  const tcpLen = tcpHeaderLen(tcp);
  const headers = l4 - l3 + tcpLen;
  if (tcpLen === 0 || tcpLen > innerL4Len(inner) || headers >= mtu) return VIRTIO_TOO_BIG;
  let type = innerKind(inner) === L3_IPV4 ? VIRTIO_GSO_TCPV4 : VIRTIO_GSO_TCPV6;
  if (load<u8>(tcp, TCP_FLAGS) & TCP_FLAG_CWR) type |= VIRTIO_GSO_ECN;
  const hdrLen = l4 + tcpLen;
  return (
    needsChecksum |
    <u64>((type << GSO_TYPE_SHIFT) | (hdrLen << HDR_LEN_SHIFT)) |
    ((<u64>(mtu - headers)) << GSO_SIZE_SHIFT)
  );
}

/** The same for a super-frame whose segments the underlay has told: they have to fit. */
function superVirtio(input: Descriptor, mtu: u32): u64 {
  const hdrLen = input.segmentHeaders;
  const size = superSize(input);
  // A single segment, or nothing that can be cut.
  if (!(input.flags & DESC_FLAG_SUPER))
    return input.payloadLen > mtu + innerL3(input.inner) ? VIRTIO_TOO_BIG : checksumOnly(input);
  if (<u32>(input.virtio0 >> CSUM_START_SHIFT) !== innerL4(input.inner)) return VIRTIO_TOO_BIG;
  if (hdrLen + size > mtu + innerL3(input.inner)) return VIRTIO_TOO_BIG;
  return (input.virtio0 & ~HDR_LEN_MASK) | ((<u64>hdrLen) << HDR_LEN_SHIFT);
}

/** Of a virtio-net header, what it says of the checksum. */
function checksumOnly(input: Descriptor): u64 {
  return input.virtio0 & (CSUM_START_MASK | <u64>VIRTIO_FLAG_NEEDS_CSUM);
}

/** Bytes 8 to 15 of that header. */
export function portVirtioTail(input: Descriptor): u64 {
  if (<u32>input.virtio0 & VIRTIO_FLAG_NEEDS_CSUM) return input.virtio1;
  return input.flags & DESC_FLAG_UNFINISHED ? <u64>checksumOffset(input.inner) : 0;
}

// Super-frames that stay whole: over an underlay that takes tunnel GSO (the tap driver), the outer headers go in front of the
// frame as it came from its port, and the kernel or the NIC cuts it and finishes its checksums. No byte of payload is read.
//
// The virtio-net header then speaks of two packets. What it said of the inner one is shifted by the length of the headers; the
// type names the outer IP version, and two more offsets say where the outer UDP and the inner IP header are.
//
// The outer UDP checksum, where there is one: of a super-frame the field holds the pseudo-header sum with the whole length, which
// the cutter completes for each datagram. Of a single frame whose own checksum is unfinished it is finished here, without
// the payload: whoever finishes the inner one makes the bytes from csum_start on sum up to the complement of what its
// field holds now (Linux Documentation/networking/checksum-offloads.rst, "LCO: Local Checksum Offload").

import { Descriptor, inputAt, outputAt } from "./descriptor";
import { emitUnderlay } from "./emit";
import { flowHashOf, outerSrcPortOf } from "./flow";
import { DESC_FLAG_SUPER } from "./layout/descriptor";
import { NETWORK_TUNNEL_HEADER } from "./layout/networks";
import { OFFLOAD_TUNNEL_GSO, SYSTEM_OFFLOADS, SYSTEM_UDP_PORT } from "./layout/system";
import {
  VIRTIO_FLAG_NEEDS_CSUM,
  VIRTIO_FLAG_UDP_TUNNEL_CSUM,
  VIRTIO_GSO_NONE,
  VIRTIO_GSO_UDP_TUNNEL_IPV4,
  VIRTIO_GSO_UDP_TUNNEL_IPV6,
} from "./layout/virtio";
import { VTEP_FLAG_GROUP, VTEP_FLAG_IPV6, VTEP_FLAG_SOCKET, VTEP_FLAGS, VTEP_PSEUDO_SUM } from "./layout/vteps";
import { wantsChecksum, writeOuter } from "./outer";
import { segmentsOf, trainsLeave } from "./segments";
import { asWire16 } from "./wire/bytes";
import { fold, sumBytes } from "./wire/checksum";
import { innerEcn, innerKind, innerL3, innerL4, L3_NONE } from "./wire/inner";
import { UDP_CHECKSUM, UDP_LEN } from "./wire/transport";
import { VXLAN_LEN } from "./wire/vxlan";

const GSO_TYPE_SHIFT: u32 = 8;
const HDR_LEN_SHIFT: u64 = 16;
const GSO_SIZE_SHIFT: u64 = 32;
const CSUM_START_SHIFT: u64 = 48;
const OUTER_TRANSPORT_SHIFT: u64 = 32; // of bytes 16 to 23
const INNER_NETWORK_SHIFT: u64 = 48;
const CHECKSUM_LEN: u32 = 2;

/** A packet's length field has 16 bits, and the cutter wants the whole super-frame's in it. IPv6 headers are the longest. */
const INNER_MAX: u32 = 65535 - 40 - <u32>UDP_LEN - <u32>VXLAN_LEN;

/** True if an input goes out unfinished: the underlay can finish it, and its virtio-net header makes sense. */
export function tunnelTakes(input: Descriptor, record: usize): bool {
  const virtio0 = input.virtio0;
  if (!(<u32>virtio0 & VIRTIO_FLAG_NEEDS_CSUM) || !(load<u32>(SYSTEM_OFFLOADS) & OFFLOAD_TUNNEL_GSO)) return false;
  if (load<u32>(record, VTEP_FLAGS) & (VTEP_FLAG_GROUP | VTEP_FLAG_SOCKET)) return false;
  const len = input.payloadLen;
  const start = <u32>(virtio0 >> CSUM_START_SHIFT);
  const field = start + (<u32>input.virtio1 & 0xffff);
  // Where we find the transport header too: so the sums start on a whole word, and the headers lie in front of it.
  if (start === 0 || start !== innerL4(input.inner) || innerKind(input.inner) === L3_NONE) return false;
  return field + CHECKSUM_LEN <= len && len <= INNER_MAX && typeFits(input);
}

/**
 * A super-frame that `noteSegments` found to be as its type says. A single frame only where it could not leave with others as a
 * train: that is finished here, which costs less than a system call for each.
 */
function typeFits(input: Descriptor): bool {
  if (input.flags & DESC_FLAG_SUPER) return true;
  return !trainsLeave() && ((<u32>input.virtio0 >> GSO_TYPE_SHIFT) & 0xff) === VIRTIO_GSO_NONE;
}

/** Makes output `at` of input `index`, whole; `tunnelTakes` has said that it may. */
export function sendTunnel(worker: u32, at: u32, index: u32, vtep: u32, record: usize, net: usize): void {
  const input = inputAt(worker, index);
  const frame: usize = input.payloadPtr;
  const len = input.payloadLen;
  const inner = input.inner;
  const virtio0 = input.virtio0;
  const isSuper = (input.flags & DESC_FLAG_SUPER) !== 0; // one that is a single segment leaves as a single frame
  const checked = wantsChecksum(record);
  const sum = checked && !isSuper ? completedSum(frame, virtio0, input.virtio1) : 0;
  const srcPort = outerSrcPortOf(flowHashOf(frame, inner));
  const tunnelHeader = load<u64>(net, NETWORK_TUNNEL_HEADER);
  const headerLen = writeOuter(frame, record, tunnelHeader, len, sum, innerEcn(frame, inner), srcPort);
  if (checked && isSuper) writePseudoSum(frame - VXLAN_LEN - UDP_LEN, record, len);
  emitUnderlay(worker, at, index, vtep, frame, headerLen, srcPort);

  const output = outputAt(worker, at);
  output.segments = <u16>segmentsOf(input);
  output.virtio1 = input.virtio1 & 0xffff;
  const start = (<u64>(headerLen + innerL4(inner))) << CSUM_START_SHIFT;
  if (!isSuper) {
    output.virtio0 = <u64>VIRTIO_FLAG_NEEDS_CSUM | start;
    return;
  }
  const flags = checked ? VIRTIO_FLAG_NEEDS_CSUM | VIRTIO_FLAG_UDP_TUNNEL_CSUM : VIRTIO_FLAG_NEEDS_CSUM;
  const isIpv6 = (load<u32>(record, VTEP_FLAGS) & VTEP_FLAG_IPV6) !== 0;
  const type =
    ((<u32>virtio0 >> GSO_TYPE_SHIFT) & 0xff) | (isIpv6 ? VIRTIO_GSO_UDP_TUNNEL_IPV6 : VIRTIO_GSO_UDP_TUNNEL_IPV4);
  // Not what the port says: a host counts all that lies in one piece, data too, and the sender goes by the length.
  const innerHdrLen = <u32>input.segmentHeaders;
  output.virtio0 =
    <u64>(flags | (type << GSO_TYPE_SHIFT)) |
    ((<u64>(innerHdrLen + headerLen)) << HDR_LEN_SHIFT) |
    (((virtio0 >> GSO_SIZE_SHIFT) & 0xffff) << GSO_SIZE_SHIFT) |
    start;
  output.virtio2 =
    ((<u64>(headerLen - VXLAN_LEN - UDP_LEN)) << OUTER_TRANSPORT_SHIFT) |
    ((<u64>(headerLen + innerL3(inner))) << INNER_NETWORK_SHIFT);
}

/** The sum of a frame as it will be when its checksum is finished. */
function completedSum(frame: usize, virtio0: u64, virtio1: u64): u64 {
  const start = <u32>(virtio0 >> CSUM_START_SHIFT);
  const field = <u32>load<u16>(frame + start + (<u32>virtio1 & 0xffff));
  return sumBytes(frame, start, <u64>(field ^ 0xffff));
}

/** What the cutter starts from: the sum of addresses, protocol and length. */
function writePseudoSum(udp: usize, record: usize, innerLen: u32): void {
  // The template's sum has the destination port in it, which belongs to the datagrams.
  const port = asWire16(load<u32>(SYSTEM_UDP_PORT)) ^ 0xffff;
  const length = asWire16(UDP_LEN + VXLAN_LEN + innerLen);
  store<u16>(udp, <u16>fold(<u64>load<u32>(record, VTEP_PSEUDO_SUM) + <u64>(port + length)), UDP_CHECKSUM);
}

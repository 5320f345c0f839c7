// For drivers that hand over whole outer frames (AF_XDP, packet rings, the tap underlay): reads the outer headers into the
// descriptor, as a socket driver fills it, and moves the payload to the tunnel header.
//
// The virtio-net header that came with the frame (all zero where a driver has none) tells what was left unfinished, of the
// outer packet or of the inner one. Afterwards it speaks of the inner frame alone, as if a port had handed that over.

import { Descriptor, dropInput } from "./descriptor";
import { Drop } from "./drop";
import {
  VIRTIO_FLAG_DATA_VALID,
  VIRTIO_FLAG_NEEDS_CSUM,
  VIRTIO_GSO_UDP_TUNNEL_IPV4,
  VIRTIO_GSO_UDP_TUNNEL_IPV6,
} from "./layout/virtio";
import { loadBe16 } from "./wire/bytes";
import { IPV4_SRC, IPV4_TOS, IPV4_TTL } from "./wire/ipv4";
import { IPV6_HOP_LIMIT, IPV6_SRC, ipv6TrafficClass } from "./wire/ipv6";
import { outerFailure, outerL3, outerTunnel, outerTunnelLen, parseOuter } from "./wire/outer";
import { UDP_LEN, UDP_SRC_PORT } from "./wire/transport";
import { VXLAN_LEN } from "./wire/vxlan";

const VERSION_6: u32 = 6;
/** ::ffff:0:0 in front of an IPv4 address, RFC 4291 section 2.5.5.2; bytes 8 to 11 as loaded. */
const MAPPED_PREFIX: u64 = 0xffff0000;

const VIRTIO_GSO_UDP_TUNNEL: u32 = VIRTIO_GSO_UDP_TUNNEL_IPV4 | VIRTIO_GSO_UDP_TUNNEL_IPV6;
const GSO_TYPE_SHIFT: u32 = 8;
const HDR_LEN_SHIFT: u64 = 16;
const GSO_SIZE_MASK: u64 = 0x0000ffff00000000;
const CSUM_START_SHIFT: u64 = 48;

/** False with the input dropped if the outer headers do not hold. */
export function readOuter(input: Descriptor): bool {
  const frame: usize = input.payloadPtr;
  const l3 = outerL3(frame, input.payloadLen);
  if (l3 === 0) {
    dropInput(input, Drop.DecapTruncated);
    return false;
  }
  const virtio0 = input.virtio0;
  const type = (<u32>virtio0 >> GSO_TYPE_SHIFT) & 0xff;
  const isSuper = (type & VIRTIO_GSO_UDP_TUNNEL) !== 0;
  // What is unfinished has not left this host, and what is valid somebody else has looked at.
  const isChecked = (<u32>virtio0 & (VIRTIO_FLAG_NEEDS_CSUM | VIRTIO_FLAG_DATA_VALID)) !== 0;
  const outer = parseOuter(frame, input.payloadLen, l3, isChecked, isSuper);
  const reason = outerFailure(outer);
  if (reason !== 0) {
    dropInput(input, reason);
    return false;
  }
  const ip = frame + l3;
  if (load<u8>(ip) >> 4 === VERSION_6) {
    input.outerTos = <u8>ipv6TrafficClass(ip);
    input.outerTtl = load<u8>(ip, IPV6_HOP_LIMIT);
    input.outerAddressLow = load<u64>(ip, IPV6_SRC);
    input.outerAddressHigh = load<u64>(ip, IPV6_SRC + 8);
  } else {
    input.outerTos = load<u8>(ip, IPV4_TOS);
    input.outerTtl = load<u8>(ip, IPV4_TTL);
    input.outerAddressLow = 0;
    input.outerAddressHigh = MAPPED_PREFIX | ((<u64>load<u32>(ip, IPV4_SRC)) << 32);
  }
  const tunnel = outerTunnel(outer);
  input.outerPort = <u16>loadBe16(frame + tunnel - UDP_LEN + UDP_SRC_PORT);
  input.payloadPtr += tunnel;
  input.payloadLen = outerTunnelLen(outer);
  if (virtio0 !== 0) keepInnerVirtio(input, tunnel + VXLAN_LEN);
  return true;
}

/** Leaves of the virtio-net header what it says of the inner frame, which begins at `shift`. */
function keepInnerVirtio(input: Descriptor, shift: u32): void {
  const virtio0 = input.virtio0;
  const start = <u32>(virtio0 >> CSUM_START_SHIFT);
  const hdrLen = <u32>(virtio0 >> HDR_LEN_SHIFT) & 0xffff;
  input.virtio2 = 0;
  // A checksum that starts in front of the inner frame is the outer one.
  if (!(<u32>virtio0 & VIRTIO_FLAG_NEEDS_CSUM) || start <= shift) {
    input.virtio0 = 0;
    input.virtio1 = 0;
    return;
  }
  const type = (<u32>virtio0 >> GSO_TYPE_SHIFT) & 0xff;
  const innerHdrLen = hdrLen > shift ? hdrLen - shift : 0;
  const innerStart = (<u64>(start - shift)) << CSUM_START_SHIFT;
  input.virtio1 &= 0xffff;
  input.virtio0 =
    type & VIRTIO_GSO_UDP_TUNNEL
      ? <u64>(VIRTIO_FLAG_NEEDS_CSUM | ((type & ~VIRTIO_GSO_UDP_TUNNEL) << GSO_TYPE_SHIFT)) |
        ((<u64>innerHdrLen) << HDR_LEN_SHIFT) |
        (virtio0 & GSO_SIZE_MASK) |
        innerStart
      : <u64>VIRTIO_FLAG_NEEDS_CSUM | innerStart;
}

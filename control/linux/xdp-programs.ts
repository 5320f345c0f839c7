// The two XDP programs. Both hand a frame to the AF_XDP socket of the queue that it came in on, if there is one.
//
// The underlay's takes only what is surely a VXLAN datagram for this VTEP: UDP to its address and port, no IPv4 options, no fragment,
// no IPv6 extension, and not longer than a frame of the UMEM. Everything else goes on to the host, whose UDP socket takes what is
// ours nevertheless. A port's program takes all; what finds no socket is dropped, because it is no business of this host.

import { isMapped } from "../address.js";
import { BPF_MAP_TYPE_XSKMAP, BPF_PROG_TYPE_XDP, createMap, loadProgram } from "./bpf.js";
import {
  add,
  alu,
  assemble,
  call,
  exit,
  jumpIf,
  jumpIf32,
  type Line,
  label,
  load,
  loadMap,
  move,
  R0,
  R1,
  R2,
  R3,
  R4,
  R5,
} from "./bpf-assembler.js";
import { closeFd } from "./libc.js";
import { nativeAddress } from "./sockaddr.js";

/* From linux/bpf.h */

const BPF_FUNC_REDIRECT_MAP = 51;
const XDP_DROP = 1;
const XDP_PASS = 2;
/* struct xdp_md:  0 data (4) | 4 data end (4) | 16 RX queue (4) */
const XDP_MD_DATA = 0;
const XDP_MD_DATA_END = 4;
const XDP_MD_QUEUE = 16;

/* From IEEE 802.3, RFC 791, RFC 8200 and RFC 768: offsets from the frame's start */

const ETHER_TYPE = 12;
const IP = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const IPV4_VERSION_IHL = IP;
const IPV4_WITHOUT_OPTIONS = 0x45;
const IPV4_FRAGMENT = IP + 6;
const IPV4_FRAGMENT_MASK = 0x3fff; // more fragments, offset
const IPV4_PROTOCOL = IP + 9;
const IPV4_DST = IP + 16;
const IPV4_UDP = IP + 20;
const IPV6_NEXT_HEADER = IP + 6;
const IPV6_DST = IP + 24;
const IPV6_UDP = IP + 40;
const UDP_DST_PORT = 2;
const UDP_AND_VXLAN = 16;
const PROTOCOL_UDP = 17;

/* Our choice: more queues than any NIC has. */
const QUEUES_MAX = 1024;

/** The datagrams that an underlay takes. */
export interface UnderlayMatch {
  /** 16 B, wire order, IPv4 mapped. */
  readonly local: Uint8Array;
  /** UDP port, host order. */
  readonly port: number;
  /** Longest frame that a socket can take, bytes. */
  readonly frameMax: number;
}

/** A loaded program and the map of sockets, by queue, that it redirects to. */
export interface RedirectProgram {
  readonly programFd: number;
  readonly mapFd: number;
}

/** @param match undefined: a port's program. @throws SyscallError */
export function loadRedirect(match: UnderlayMatch | undefined): RedirectProgram {
  const mapFd = createMap({
    type: BPF_MAP_TYPE_XSKMAP,
    name: "vxlane_xsk",
    keySize: 4,
    valueSize: 4,
    entries: QUEUES_MAX,
  });
  try {
    const lines = match === undefined ? redirect(mapFd, XDP_DROP) : underlayProgram(match, mapFd);
    const name = match === undefined ? "vxlane_port" : "vxlane_underlay";
    return { programFd: loadProgram({ type: BPF_PROG_TYPE_XDP, name, code: assemble(lines) }), mapFd };
  } catch (error) {
    closeFd(mapFd);
    throw error;
  }
}

/** Exported for tests of its text. R2 data, R3 data end. */
export function underlayProgram({ local, port, frameMax }: UnderlayMatch, mapFd: number): Line[] {
  const isIpv4 = isMapped(local);
  const udp = isIpv4 ? IPV4_UDP : IPV6_UDP;
  return [
    load(32, R2, R1, XDP_MD_DATA),
    load(32, R3, R1, XDP_MD_DATA_END),
    // The verifier wants the end checked before anything is read.
    move(R4, R2),
    add(R4, udp + UDP_AND_VXLAN),
    jumpIf(R4, ">", R3, "pass"),
    move(R4, R3),
    alu("sub", R4, R2),
    jumpIf(R4, ">", frameMax, "pass"),
    load(16, R4, R2, ETHER_TYPE),
    jumpIf(R4, "!=", wire16(isIpv4 ? TYPE_IPV4 : TYPE_IPV6), "pass"),
    ...(isIpv4 ? matchIpv4() : [load(8, R4, R2, IPV6_NEXT_HEADER), jumpIf(R4, "!=", PROTOCOL_UDP, "pass")]),
    ...matchAddress(local, isIpv4 ? IPV4_DST : IPV6_DST),
    load(16, R4, R2, udp + UDP_DST_PORT),
    jumpIf(R4, "!=", wire16(port), "pass"),
    ...redirect(mapFd, XDP_PASS),
    label("pass"),
    move(R0, XDP_PASS),
    exit(),
  ];
}

function matchIpv4(): Line[] {
  return [
    load(8, R4, R2, IPV4_VERSION_IHL),
    jumpIf(R4, "!=", IPV4_WITHOUT_OPTIONS, "pass"),
    load(16, R4, R2, IPV4_FRAGMENT),
    jumpIf(R4, "&", wire16(IPV4_FRAGMENT_MASK), "pass"),
    load(8, R4, R2, IPV4_PROTOCOL),
    jumpIf(R4, "!=", PROTOCOL_UDP, "pass"),
  ];
}

function matchAddress(address: Uint8Array, at: number): Line[] {
  const native = Buffer.from(nativeAddress(address));
  const lines: Line[] = [];
  for (let word = 0; word < native.length; word += 4) {
    lines.push(load(32, R5, R2, at + word), jumpIf32(R5, "!=", native.readInt32LE(word), "pass"));
  }
  return lines;
}

/** @param otherwise what becomes of a frame whose queue has no socket. R1 is the context still. */
function redirect(mapFd: number, otherwise: number): Line[] {
  return [load(32, R2, R1, XDP_MD_QUEUE), loadMap(R1, mapFd), move(R3, otherwise), call(BPF_FUNC_REDIRECT_MAP), exit()];
}

/** A 16-bit number as a load from the wire gives it. */
function wire16(value: number): number {
  return ((value << 8) | (value >>> 8)) & 0xffff;
}

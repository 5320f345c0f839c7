// The eBPF programs that join the underlay TAP to the interface that the underlay uses. They touch no route, no neighbour and
// no setting of the host, and are gone with the descriptors of their links.
//
//   NIC, ingress    VXLAN datagrams for this VTEP go to the TAP; everything else on its usual way
//   TAP, ingress    what the workers write goes out of the NIC; the kernel finds next hop and MAC
//   TAP, egress     only what came from the NIC: the host's own chatter (router solicitations, say) is none of a worker's
//   TAP, steering   flows keep their worker: the queue follows the outer source port
//
// What the first one does not take reaches the UDP sockets, as without it: fragments, IP options, extension headers, tagged
// frames (they belong to a VLAN device), and frames for other hosts that a promiscuous interface hands up.

import {
  add,
  assemble,
  call,
  exit,
  jumpIf,
  jumpIf32,
  type Line,
  label,
  load,
  move,
  R0,
  R1,
  R2,
  R3,
  R4,
  R6,
  R10,
  toWireOrder,
} from "./bpf-assembler.js";
import { nativeAddress } from "./sockaddr.js";

/* From linux/bpf.h: struct __sk_buff, helpers, verdicts */

const SKB_PKT_TYPE = 4;
const SKB_PROTOCOL = 16; // wire order
const SKB_VLAN_PRESENT = 20;
const SKB_INGRESS_IFINDEX = 36;
const BPF_FUNC_REDIRECT = 23;
const BPF_FUNC_SKB_LOAD_BYTES = 26;
const BPF_FUNC_REDIRECT_NEIGH = 152;
const TCX_NEXT = -1;
const TCX_DROP = 2;
const PACKET_HOST = 0; // linux/if_packet.h

/* From IEEE 802.3, RFC 791, RFC 8200 and RFC 768 */

const ETHERNET_LEN = 14;
const ETH_P_IP_WIRE = 0x0008;
const ETH_P_IPV6_WIRE = 0xdd86;
const IPPROTO_UDP = 17;
const IPV4_LEN = 20;
const IPV4_VERSION_IHL = 0x45; // without options
const IPV4_FRAGMENT = 6;
const IPV4_FRAGMENT_MASK_WIRE = 0xff3f; // MF and offset
const IPV4_PROTOCOL = 9;
const IPV4_DST = 16;
const IPV6_LEN = 40;
const IPV6_NEXT_HEADER = 6;
const IPV6_DST = 24;
const UDP_SRC_PORT = 0;
const UDP_DST_PORT = 2;
const PORTS_LEN = 4;

/** R0 = 0 if bytes `offset` on of the packet in R6 lie at `stack` (negative, from the end of the stack). */
const loadBytes = (offset: number, stack: number, length: number): Line[] => [
  move(R1, R6),
  move(R2, offset),
  move(R3, R10),
  add(R3, stack),
  move(R4, length),
  call(BPF_FUNC_SKB_LOAD_BYTES),
];

/** Takes datagrams for `local` (16 B, IPv4 mapped) and UDP port `port` from the interface that it is attached to. */
export function takeDatagrams(local: Uint8Array, port: number, tapIndex: number): Buffer {
  const address = nativeAddress(local);
  const isIpv6 = address.length === 16;
  const ipLen = isIpv6 ? IPV6_LEN : IPV4_LEN;
  // Words on the stack lie aligned, so the headers end where it ends.
  const ip = -(ipLen + PORTS_LEN);
  const portWire = ((port & 0xff) << 8) | (port >>> 8);
  const checks = isIpv6
    ? [load(8, R1, R10, ip + IPV6_NEXT_HEADER), jumpIf(R1, "!=", IPPROTO_UDP, "next")]
    : [
        load(8, R1, R10, ip),
        jumpIf(R1, "!=", IPV4_VERSION_IHL, "next"),
        load(16, R1, R10, ip + IPV4_FRAGMENT),
        jumpIf(R1, "&", IPV4_FRAGMENT_MASK_WIRE, "next"),
        load(8, R1, R10, ip + IPV4_PROTOCOL),
        jumpIf(R1, "!=", IPPROTO_UDP, "next"),
      ];
  const words = Buffer.from(address);
  for (let at = 0; at < words.length; at += 4) {
    const dst = ip + (isIpv6 ? IPV6_DST : IPV4_DST) + at;
    checks.push(load(32, R1, R10, dst), jumpIf32(R1, "!=", words.readInt32LE(at), "next"));
  }
  return assemble([
    move(R6, R1),
    load(32, R2, R6, SKB_PKT_TYPE),
    jumpIf(R2, "!=", PACKET_HOST, "next"),
    load(32, R2, R6, SKB_VLAN_PRESENT),
    jumpIf(R2, "!=", 0, "next"),
    load(32, R2, R6, SKB_PROTOCOL),
    jumpIf(R2, "!=", isIpv6 ? ETH_P_IPV6_WIRE : ETH_P_IP_WIRE, "next"),
    ...loadBytes(ETHERNET_LEN, ip, ipLen + PORTS_LEN),
    jumpIf(R0, "!=", 0, "next"),
    load(16, R1, R10, ip + ipLen + UDP_DST_PORT),
    jumpIf(R1, "!=", portWire, "next"),
    ...checks,
    move(R1, tapIndex),
    move(R2, 0),
    call(BPF_FUNC_REDIRECT),
    exit(),
    label("next"),
    move(R0, TCX_NEXT),
    exit(),
  ]);
}

/** Sends everything out of another interface, to the next hop that the kernel's tables say. */
export function sendOut(nicIndex: number): Buffer {
  return assemble([move(R1, nicIndex), move(R2, 0), move(R3, 0), move(R4, 0), call(BPF_FUNC_REDIRECT_NEIGH), exit()]);
}

/** Lets pass what some interface has received, and drops what this host made. */
export function onlyReceived(): Buffer {
  return assemble([
    load(32, R2, R1, SKB_INGRESS_IFINDEX),
    move(R0, TCX_NEXT),
    jumpIf(R2, "!=", 0, "end"),
    move(R0, TCX_DROP),
    label("end"),
    exit(),
  ]);
}

/** The outer source port; the device takes it modulo its queues. */
export function steerByPort(isIpv6: boolean): Buffer {
  const port = ETHERNET_LEN + (isIpv6 ? IPV6_LEN : IPV4_LEN) + UDP_SRC_PORT;
  return assemble([
    move(R6, R1),
    ...loadBytes(port, -8, 2),
    jumpIf(R0, "!=", 0, "short"),
    load(16, R0, R10, -8),
    toWireOrder(16, R0),
    exit(),
    label("short"),
    move(R0, 0),
    exit(),
  ]);
}

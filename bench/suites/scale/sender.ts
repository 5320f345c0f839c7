// A program: sends VXLAN datagrams from a namespace as fast as it can, sixty-four a system call (UDP_SEGMENT), each with
// the source MAC after the one before, over and over. It runs until somebody stops it.
//
//   node sender.js '{"address": "10.99.0.1", "port": 4789, "vni": 100, "mac": "02:…", "macs": 65536}'

import { fileURLToPath } from "node:url";
import { parseAddress } from "../../../control/address.js";
import { AF_INET, SOCK_DGRAM, SOL_UDP } from "../../../control/linux/constants.js";
import { check, connect, send, setsockopt, socket } from "../../../control/linux/libc.js";
import { socketAddress } from "../../../control/linux/sockaddr.js";

/* From linux/udp.h. */
const UDP_SEGMENT = 103;
const SEGMENTS = 64;
/* From RFC 7348, IEEE 802.3, RFC 791 and RFC 768. */
const VXLAN_LEN = 8;
const VXLAN_FLAG_I = 0x08;
const MAC_LEN = 6;
const ETH_LEN = 14;
const ETHERTYPE_IPV4 = 0x0800;
const IPV4_LEN = 20;
const PROTOCOL_UDP = 17;
/* Our choices. */
export const FRAME_LEN = 64;
export const DATAGRAM_LEN = VXLAN_LEN + FRAME_LEN;
/** Nobody has it, so the receiver counts the frame and forgets it. */
const NOBODY = [10, 60, 0, 99];

export interface SenderOrder {
  readonly address: string;
  readonly port: number;
  readonly vni: number;
  /** Destination of the inner frames. */
  readonly mac: string;
  /** Source MACs. */
  readonly macs: number;
}

export const SENDER = fileURLToPath(import.meta.url);

/** Source MAC number `n`: locally administered, all different below 2^32. */
export function writeMac(bytes: Buffer, at: number, n: number): void {
  bytes.writeUInt16BE(0x0256, at);
  bytes.writeUInt32BE(n >>> 0, at + 2);
}

/** Sixty-four datagrams in a row, whose source MACs are still to be written. */
export function datagrams({ vni, mac }: SenderOrder): Buffer {
  const bytes = Buffer.alloc(SEGMENTS * DATAGRAM_LEN, 0x5a);
  for (let n = 0; n < SEGMENTS; n++) {
    const at = n * DATAGRAM_LEN;
    const frame = at + VXLAN_LEN;
    bytes.fill(0, at, frame);
    bytes[at] = VXLAN_FLAG_I;
    bytes.writeUInt32BE(vni << 8, at + 4);
    bytes.set(Buffer.from(mac.replaceAll(":", ""), "hex"), frame);
    bytes.writeUInt16BE(ETHERTYPE_IPV4, frame + 2 * MAC_LEN);
    const packet = frame + ETH_LEN;
    bytes.fill(0, packet, packet + IPV4_LEN + 8);
    bytes[packet] = 0x45;
    bytes.writeUInt16BE(FRAME_LEN - ETH_LEN, packet + 2);
    bytes.set([64, PROTOCOL_UDP], packet + 8);
    bytes.set([10, 60, 0, 98, ...NOBODY], packet + 12);
    bytes.writeUInt16BE(FRAME_LEN - ETH_LEN - IPV4_LEN, packet + IPV4_LEN + 4);
  }
  return bytes;
}

function run(order: SenderOrder): never {
  const address = parseAddress(order.address);
  if (address === undefined) throw new Error(`${order.address} is no address`);
  const fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  const to = socketAddress(address, order.port);
  check(connect(fd, to, to.length), "connect");
  const segment = Buffer.alloc(4);
  segment.writeInt32LE(DATAGRAM_LEN);
  check(setsockopt(fd, SOL_UDP, UDP_SEGMENT, segment, segment.length), "setsockopt UDP_SEGMENT");
  const bytes = datagrams(order);
  let mac = 0;
  for (;;) {
    for (let n = 0; n < SEGMENTS; n++) {
      writeMac(bytes, n * DATAGRAM_LEN + VXLAN_LEN + MAC_LEN, mac);
      mac = mac + 1 === order.macs ? 0 : mac + 1;
    }
    // What the other side refuses while it starts or stops is sent again in a moment.
    send(fd, bytes, bytes.length, 0);
  }
}

if (process.argv[1] === SENDER) run(JSON.parse(process.argv[2] ?? "{}") as SenderOrder);

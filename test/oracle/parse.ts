// What a frame is, read the slow way: Ethernet, up to two VLAN tags, then IPv4 or IPv6 and where its transport begins.
//
// A field that does not fit the frame is absent (`undefined`), never guessed. RFC 791, RFC 8200 section 4, RFC 4302.

import { hex, readBe16 } from "../support/bytes.js";
import { ETHERTYPE, PROTOCOL } from "../support/frames.js";

export interface ParsedIp {
  readonly version: 4 | 6;
  /** IPv4's TOS or IPv6's traffic class. */
  readonly tos: number;
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  /** Any fragment, the first included; IPv6: there is a fragment header. */
  readonly fragment: boolean;
  /** Not the first fragment: no transport header here. */
  readonly laterFragment: boolean;
  readonly dontFragment: boolean;
  /** Behind all extension headers; of a fragment the next header of its fragment header, as every fragment shows it. */
  readonly protocol: number;
  /** Offset in the frame of what `protocol` names. */
  readonly l4: number;
  /** Offset in the frame of the first byte behind the packet, by its own length field. */
  readonly end: number;
}

export interface Parsed {
  readonly dst: string;
  readonly src: string;
  /** Whole VLAN tags. */
  readonly tags: number;
  /** There is a tag, though the frame may end inside it. */
  readonly tagged: boolean;
  readonly ethertype: number;
  /** Offset of the layer 3 header: 14, 18 or 22. */
  readonly l3: number;
  readonly ip: ParsedIp | undefined;
}

/** `undefined`: shorter than an Ethernet header. */
export function parse(frame: Uint8Array): Parsed | undefined {
  if (frame.length < 14) return undefined;
  let tags = 0;
  let l3 = 14;
  let ethertype = readBe16(frame, 12);
  const isTag = () => ethertype === ETHERTYPE.vlan || ethertype === ETHERTYPE.qinq;
  const tagged = isTag();
  while (tags < 2 && isTag() && frame.length >= l3 + 4) {
    ethertype = readBe16(frame, l3 + 2);
    l3 += 4;
    tags++;
  }
  return {
    dst: hex(frame.subarray(0, 6)),
    src: hex(frame.subarray(6, 12)),
    tags,
    tagged,
    ethertype,
    l3,
    ip: ethertype === ETHERTYPE.ipv4 ? parse4(frame, l3) : ethertype === ETHERTYPE.ipv6 ? parse6(frame, l3) : undefined,
  };
}

function parse4(frame: Uint8Array, l3: number): ParsedIp | undefined {
  if (frame.length < l3 + 20 || frame[l3] >>> 4 !== 4) return undefined;
  const headerLen = (frame[l3] & 15) * 4;
  if (headerLen < 20 || frame.length < l3 + headerLen) return undefined;
  const word = readBe16(frame, l3 + 6);
  return {
    version: 4,
    tos: frame[l3 + 1],
    src: frame.subarray(l3 + 12, l3 + 16),
    dst: frame.subarray(l3 + 16, l3 + 20),
    fragment: (word & 0x3fff) !== 0,
    laterFragment: (word & 0x1fff) !== 0,
    dontFragment: (word & 0x4000) !== 0,
    protocol: frame[l3 + 9],
    l4: l3 + headerLen,
    end: l3 + readBe16(frame, l3 + 2),
  };
}

/** Extension headers whose second byte counts units of 8 bytes: IANA's list without fragment, AH and ESP. */
const OPTIONS = new Set<number>([
  PROTOCOL.hopByHop,
  PROTOCOL.routing,
  PROTOCOL.destination,
  PROTOCOL.mobility,
  PROTOCOL.hip,
  PROTOCOL.shim6,
]);

/** Our choice: who chains more has no ports to be told apart by. */
const EXTENSIONS_MAX = 8;

function parse6(frame: Uint8Array, l3: number): ParsedIp | undefined {
  if (frame.length < l3 + 40 || frame[l3] >>> 4 !== 6) return undefined;
  let protocol = frame[l3 + 6];
  let l4 = l3 + 40;
  let fragment = false;
  let laterFragment = false;
  for (let headers = 0; headers < EXTENSIONS_MAX; headers++) {
    const options = OPTIONS.has(protocol);
    if (frame.length < l4 + 8 || fragment) break;
    if (protocol === PROTOCOL.fragment) {
      fragment = true;
      laterFragment = (readBe16(frame, l4 + 2) & 0xfff8) !== 0;
      protocol = frame[l4];
      l4 += 8;
    } else if (options || protocol === PROTOCOL.auth) {
      protocol = frame[l4];
      l4 += options ? (frame[l4 + 1] + 1) * 8 : (frame[l4 + 1] + 2) * 4;
    } else {
      break;
    }
  }
  return {
    version: 6,
    tos: (frame[l3] & 15) * 16 + (frame[l3 + 1] >>> 4),
    src: frame.subarray(l3 + 8, l3 + 24),
    dst: frame.subarray(l3 + 24, l3 + 40),
    fragment,
    laterFragment,
    dontFragment: true,
    protocol,
    l4,
    end: l3 + 40 + readBe16(frame, l3 + 4),
  };
}

/** Length of what the frame carries behind Ethernet and its VLAN tags: what an MTU limits. */
export function l3Length(frame: Uint8Array): number {
  return frame.length - (parse(frame)?.l3 ?? frame.length);
}

/** Offset of the Internet checksum in the transport header of TCP and UDP. */
export function checksumOffset(protocol: number): number | undefined {
  if (protocol === PROTOCOL.tcp) return 16;
  return protocol === PROTOCOL.udp ? 6 : undefined;
}

// Hears which of our datagrams were too big for a router on their way (ICMP "fragmentation needed", RFC 792 and RFC 1191; ICMPv6
// "packet too big", RFC 4443 section 3.2). The kernel learns the MTU of a path from them, but only where a UDP socket has the
// source port that they quote; a raw socket's packets, and a TAP's, have none.

import { AF_INET, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from "./constants.js";
import { check, close, recv, setsockopt, socket } from "./libc.js";
import { familyOf, mapAddress, nativeAddress } from "./sockaddr.js";

/* From linux/in.h, linux/icmp.h and linux/icmpv6.h */

const IPPROTO_ICMP = 1;
const IPPROTO_UDP = 17;
const IPPROTO_ICMPV6 = 58;
const SOL_RAW = 255;
const ICMP_FILTER = 1; // a bit set: that type is not wanted
const ICMPV6_FILTER = 1; // likewise, 256 bits
const ICMPV6_FILTER_SIZE = 32;
const ICMP_UNREACHABLE = 3;
const ICMP_FRAGMENTATION_NEEDED = 4;
const ICMPV6_TOO_BIG = 2;

/* From RFC 791, RFC 8200 and RFC 768 */

const IHL_MASK = 15;
const IPV4_LEN = 20;
const IPV4_PROTOCOL = 9;
const IPV4_SRC = 12;
const IPV6_LEN = 40;
const IPV6_NEXT_HEADER = 6;
const IPV6_SRC = 8;
const ICMP_LEN = 8;
const UDP_DST_PORT = 2;
const PORTS_LEN = 4;

/* Our choices */

const RECEIVE_SIZE = 256; // headers are enough
const LOOKS_MAX = 64; // at what is not ours, a call

/** A datagram of ours that was too big. */
export interface TooBig {
  readonly port: number;
  /** 16 B: the VTEP that it was for. */
  readonly destination: Uint8Array;
}

export class IcmpErrors {
  readonly #fd: number;
  readonly #local: Uint8Array;
  readonly #port: number;
  readonly #received = Buffer.alloc(RECEIVE_SIZE);

  /** @param local 16 B: our address @param port UDP port that our datagrams go to @throws SyscallError EPERM without CAP_NET_RAW */
  constructor(local: Uint8Array, port: number) {
    const family = familyOf(local);
    const isIpv4 = family === AF_INET;
    this.#local = nativeAddress(local);
    this.#port = port;
    const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.#fd = check(socket(family, type, isIpv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6), "socket ICMP");
    const filter = Buffer.alloc(isIpv4 ? 4 : ICMPV6_FILTER_SIZE, 0xff);
    if (isIpv4) filter.writeInt32LE(~(1 << ICMP_UNREACHABLE));
    else filter.writeInt32LE(~(1 << ICMPV6_TOO_BIG));
    const [level, option] = isIpv4 ? [SOL_RAW, ICMP_FILTER] : [IPPROTO_ICMPV6, ICMPV6_FILTER];
    try {
      check(setsockopt(this.#fd, level, option, filter, filter.length), "setsockopt ICMP filter");
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  /** What was too big; undefined: none was told since. Never waits. */
  next(): TooBig | undefined {
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const length = recv(this.#fd, this.#received, RECEIVE_SIZE, MSG_DONTWAIT);
      if (length < 0) return undefined; // nothing, or a signal: later
      const told = this.#local.length === 4 ? this.#quotedIpv4(length) : this.#quotedIpv6(length);
      if (told !== undefined) return told;
    }
    return undefined;
  }

  close(): void {
    close(this.#fd);
  }

  /** From the IP header on. */
  #quotedIpv4(length: number): TooBig | undefined {
    const bytes = this.#received;
    const icmp = (bytes[0] & IHL_MASK) * 4;
    const ip = icmp + ICMP_LEN;
    if (ip + IPV4_LEN > length) return undefined;
    if (bytes[icmp] !== ICMP_UNREACHABLE || bytes[icmp + 1] !== ICMP_FRAGMENTATION_NEEDED) return undefined;
    const udp = ip + (bytes[ip] & IHL_MASK) * 4;
    return bytes[ip + IPV4_PROTOCOL] === IPPROTO_UDP ? this.#ours(ip + IPV4_SRC, udp, length) : undefined;
  }

  /** From the ICMPv6 header on. */
  #quotedIpv6(length: number): TooBig | undefined {
    const bytes = this.#received;
    const ip = ICMP_LEN;
    if (ip + IPV6_LEN > length || bytes[0] !== ICMPV6_TOO_BIG) return undefined;
    const isUdp = bytes[ip + IPV6_NEXT_HEADER] === IPPROTO_UDP;
    return isUdp ? this.#ours(ip + IPV6_SRC, ip + IPV6_LEN, length) : undefined;
  }

  #ours(source: number, udp: number, length: number): TooBig | undefined {
    const bytes = this.#received;
    const addressLen = this.#local.length;
    if (udp + PORTS_LEN > length || bytes.readUInt16BE(udp + UDP_DST_PORT) !== this.#port) return undefined;
    if (!this.#local.every((byte, index) => bytes[source + index] === byte)) return undefined;
    const destination = mapAddress(bytes.subarray(source + addressLen, source + 2 * addressLen));
    return { port: bytes.readUInt16BE(udp), destination };
  }
}

// Frames that nobody would send by accident: valid ones of every kind, with bytes changed where it hurts, cut, prolonged,
// spliced with another one; and some that are nothing but noise. The same seed gives the same frames, so that a run
// that fails can be had again.

import { filler } from "./bytes.js";
import {
  anything,
  arp,
  auth6,
  ETHERTYPE,
  ethernet,
  fragment6,
  icmp,
  icmpv6,
  igmp,
  ipv4,
  ipv6,
  options6,
  type Packet,
  PROTOCOL,
  type Tag,
  tcp,
  transport,
  udp,
} from "./frames.js";

const INTERESTING = [0, 1, 7, 8, 0x7f, 0x80, 0xff, 0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x7fff, 0x8000, 0xffff];
/** Headers lie in front, and that is where parsers read. */
const HEADERS_LEN = 110;

/** xorshift32: fast, and good enough to be unkind. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) ^ 0x9e3779b9 || 1;
  }

  /** 31 bits. The state stays a signed 32-bit number, which engines keep in a register. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 1;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

/** Valid frames of many kinds, between all of these MACs. @param oversize length of data of the super-frames; 0: none */
export function templates(macs: readonly string[], oversize = 0): Uint8Array[] {
  const ports = { srcPort: 4000, dstPort: 53 };
  const v4 = { src: "192.168.0.1", dst: "192.168.0.2" };
  const v6 = { src: "fd00:0::1", dst: "fd00:0::2" };
  const data = filler(60);
  const packets: Packet[] = [
    arp({ op: 1, senderMac: macs[0], senderIp: v4.src, targetMac: "00:00:00:00:00:00", targetIp: v4.dst }),
    ipv4(v4, tcp(ports, data)),
    ipv4({ ...v4, checksum: "unfinished", tos: 2 }, tcp({ ...ports, options: filler(12) }, data)),
    ipv4({ ...v4, checksum: "zero" }, udp(ports, data)),
    ipv4({ ...v4, options: filler(20) }, udp(ports, filler(1000))),
    ipv4({ ...v4, mf: true }, udp(ports, data)),
    ipv4({ ...v4, fragmentOffset: 80 }, udp(ports, data)),
    ipv4(v4, icmp(8, 0, filler(4), data)),
    ipv4({ ...v4, dst: "224.0.0.1" }, igmp("239.1.1.1")),
    ipv4(v4, transport(PROTOCOL.gre, data)),
    ipv6(v6, tcp(ports, data)),
    ipv6({ ...v6, checksum: "unfinished", trafficClass: 3 }, udp(ports, data)),
    ipv6({ ...v6, extensions: [options6(0, 2), options6(60), fragment6({ more: true })] }, udp(ports, data)),
    ipv6({ ...v6, extensions: [options6(0), options6(43), auth6(), options6(60, 3)] }, tcp(ports, data)),
    ipv6(v6, icmpv6(135, 0, filler(4), data)),
    anything(ETHERTYPE.local, filler(300)),
    ...(oversize === 0 ? [] : [ipv4(v4, tcp(ports, filler(oversize))), ipv6(v6, tcp(ports, filler(oversize)))]),
  ];
  const tags: readonly Tag[][] = [[], [], [{ vid: 5 }], [{ vid: 5, tpid: ETHERTYPE.qinq }, { vid: 6 }]];
  return packets.flatMap((packet, i) =>
    macs.map((src, n) => ethernet({ dst: macs[(n + 1 + i) % macs.length], src, tags: tags[(i + n) % 4] }, packet)),
  );
}

export class Mutator {
  readonly random: Random;
  readonly #templates: readonly Uint8Array[];

  constructor(seed: number, frames: readonly Uint8Array[]) {
    this.random = new Random(seed);
    this.#templates = frames;
  }

  /** Writes the next one to `at`, at most `max` bytes. Returns its length, which may be 0. */
  fill(into: Uint8Array, at: number, max: number): number {
    const { random } = this;
    if (random.below(8) === 0) return this.#noise(into, at, random.below(4) === 0 ? max : Math.min(max, 160));
    const template = random.pick(this.#templates);
    let length = Math.min(template.length, max);
    into.set(length === template.length ? template : template.subarray(0, length), at);
    for (let changes = random.below(6); changes > 0 && length > 0; changes--) {
      length = this.#change(into, at, length, max);
    }
    return length;
  }

  #noise(into: Uint8Array, at: number, max: number): number {
    const length = this.random.below(max + 1);
    for (let i = 0; i < length; i++) into[at + i] = this.random.next() >>> 11;
    return length;
  }

  /** Returns the new length. */
  #change(into: Uint8Array, at: number, length: number, max: number): number {
    const { random } = this;
    const where = random.below(Math.min(length, HEADERS_LEN));
    switch (random.below(8)) {
      case 0: {
        const value = random.pick(INTERESTING);
        into[at + where] = value >>> 8;
        if (where + 1 < length) into[at + where + 1] = value;
        return length;
      }
      case 1:
        return where; // cut
      case 2:
        return random.below(length + 1);
      case 3: {
        const more = Math.min(max, length + random.below(64));
        for (let i = length; i < more; i++) into[at + i] = random.next() >>> 11;
        return more;
      }
      case 4: {
        const other = random.pick(this.#templates);
        const count = Math.min(length - where, Math.max(0, other.length - where), 1 + random.below(40));
        if (count > 0) into.set(other.subarray(where, where + count), at + where);
        return length;
      }
      case 5:
        into[at + where] ^= 1 << random.below(8);
        return length;
      default:
        into[at + where] = random.next() >>> 11;
        return length;
    }
  }
}

// A bad stretch of road between two hosts: takes each frame off one packet socket, and puts it into the other, sometimes
// later, twice or not at all. What it does to datagrams it does by chance, from a seed, and keeps an account of; everything else
// (ARP, neighbour discovery) passes.
//
// The sockets are opened in a namespace in the middle and served from the test's process. The hosts' interfaces give up their offloads,
// so that each frame on the way is one datagram with finished checksums.

import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../control/demo/lab/netns.js";
import {
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from "../../control/linux/constants.js";
import { bind, check, close, recv, send, setsockopt, socket } from "../../control/linux/libc.js";
import { findLink, withNetlink } from "../../control/linux/links.js";
import { inNamespace } from "../../control/linux/netns.js";
import { AF_PACKET, SLL_FAMILY, SLL_IFINDEX, SOCKADDR_LL_SIZE } from "../../control/linux/packet.js";
import { Random } from "./mutate.js";
import { type Host, host, UNDERLAY, underlayAddress } from "./netns.js";

const SLL_PROTOCOL = 2;
const ETH_P_ALL = 3;
const SOL_PACKET = 263;
const PACKET_IGNORE_OUTGOING = 23;
const ETHERTYPE_IPV4 = 0x0800;
const IPV4_PROTOCOL = 14 + 9;
const PROTOCOL_UDP = 17;

/* Our choices. */
const FRAME_ROOM = 65_536;
const BUFFER = 16 << 20;
/** Frames of one direction before the other has its turn. */
const TURN = 64;
/** Frames that pass one that was held back. */
const HELD_FOR = 4;
const SHARES = 10_000;
const QUIET_MS = 300;

/** Shares of all datagrams. */
export interface Impairment {
  loss?: number;
  duplication?: number;
  /** Come a few frames too late. */
  reordering?: number;
}

interface Way {
  readonly from: number;
  readonly to: number;
  held: { frame: Buffer; passed: number }[];
}

export class Forwarder {
  impairment: Impairment = {};
  /** While somebody wants to know: each datagram's frame that has left, in order. */
  log: Buffer[] | undefined;
  /** What became of datagrams. */
  readonly count = { forwarded: 0, lost: 0, duplicated: 0, reordered: 0 };
  readonly #random = new Random(5);
  readonly #frame = Buffer.alloc(FRAME_ROOM);
  readonly #ways: Way[];
  readonly #fds: [number, number];
  #isOpen = true;
  #end: Promise<void> = Promise.resolve();

  private constructor(fds: [number, number]) {
    this.#fds = fds;
    this.#ways = [
      { from: fds[0], to: fds[1], held: [] },
      { from: fds[1], to: fds[0], held: [] },
    ];
  }

  /** Between two interfaces of a namespace. */
  static start(netns: string, names: readonly [string, string]): Forwarder {
    const fds = inNamespace(netns, () => names.map((name) => openFor(netns, name)));
    const forwarder = new Forwarder([fds[0] ?? -1, fds[1] ?? -1]);
    forwarder.#end = forwarder.#run();
    return forwarder;
  }

  async stop(): Promise<void> {
    this.#isOpen = false;
    await this.#end;
    for (const fd of this.#fds) close(fd);
  }

  /** Until nothing comes any more and nothing is held back. */
  async rest(): Promise<void> {
    for (let seen = -1; seen !== this.count.forwarded; await sleep(QUIET_MS)) seen = this.count.forwarded;
    while (this.#ways.some(({ held }) => held.length > 0)) await sleep(1);
  }

  async #run(): Promise<void> {
    while (this.#isOpen) {
      const moved = this.#ways.map((way) => this.#serve(way));
      const isBusy = moved.some((count) => count > 0);
      // What is held back does not wait for ever for others to pass.
      if (!isBusy) for (const way of this.#ways) this.#release(way, Number.POSITIVE_INFINITY);
      await (isBusy ? new Promise((resolve) => setImmediate(resolve)) : sleep(1));
    }
  }

  #serve(way: Way): number {
    for (let count = 0; count < TURN; count++) {
      const length = recv(way.from, this.#frame, FRAME_ROOM, 0);
      if (length < 0) return count;
      this.#forward(way, this.#frame.subarray(0, length));
    }
    return TURN;
  }

  #forward(way: Way, frame: Buffer): void {
    if (!isUdp(frame)) {
      put(way.to, frame);
      return;
    }
    const { loss = 0, duplication = 0, reordering = 0 } = this.impairment;
    this.count.forwarded++;
    const happens = (share: number) => this.#random.below(SHARES) < share * SHARES;
    if (happens(loss)) {
      this.count.lost++;
      return;
    }
    if (happens(reordering)) {
      this.count.reordered++;
      way.held.push({ frame: Buffer.from(frame), passed: 0 });
      return;
    }
    this.#put(way.to, frame);
    if (happens(duplication)) {
      this.count.duplicated++;
      this.#put(way.to, frame);
    }
    this.#release(way, 1);
  }

  /** So many frames have passed those that are held back. */
  #release(way: Way, passed: number): void {
    for (const held of way.held) held.passed += passed;
    while ((way.held[0]?.passed ?? 0) >= HELD_FOR) this.#put(way.to, way.held.shift()?.frame ?? Buffer.alloc(0));
  }

  #put(fd: number, frame: Buffer): void {
    this.log?.push(Buffer.from(frame));
    put(fd, frame);
  }
}

/** Two hosts on one network and a forwarder between them. */
export async function hostsApart(lab: Lab, family: 4 | 6 = 4): Promise<[Host, Host, Forwarder]> {
  const middle = await lab.host("middle");
  const [a, b] = await Promise.all([
    host(lab, "a", underlayAddress(1, family)),
    host(lab, "b", underlayAddress(2, family)),
  ]);
  const prefix = family === 4 ? 24 : 64;
  for (const [end, name] of [
    [a, "left"],
    [b, "right"],
  ] as const) {
    await lab.link({ host: middle, name }, { host: end.ns, name: UNDERLAY, addresses: [`${end.address}/${prefix}`] });
    // Frames of one datagram, checksums finished.
    await end.ns.run("ethtool", ["-K", UNDERLAY, "tx", "off", "tso", "off", "gso", "off"]);
  }
  return [a, b, Forwarder.start(`/run/netns/${middle.name}`, ["left", "right"])];
}

function openFor(netns: string, name: string): number {
  const index = withNetlink(netns, (netlink) => findLink(netlink, name)?.index);
  if (index === undefined) throw new Error(`there is no interface ${name}`);
  const fd = check(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket AF_PACKET");
  const set = (level: number, option: number, value: number) =>
    check(setsockopt(fd, level, option, Buffer.from(Int32Array.of(value).buffer), 4), `setsockopt ${option}`);
  set(SOL_SOCKET, SO_RCVBUFFORCE, BUFFER);
  set(SOL_SOCKET, SO_SNDBUFFORCE, BUFFER);
  set(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  const address = Buffer.alloc(SOCKADDR_LL_SIZE);
  address.writeUInt16LE(AF_PACKET, SLL_FAMILY);
  address.writeUInt16BE(ETH_P_ALL, SLL_PROTOCOL);
  address.writeInt32LE(index, SLL_IFINDEX);
  check(bind(fd, address, address.length), `bind ${name}`);
  return fd;
}

/** The one datagrams protocol of the hosts' underlay. Headers have no options here. */
function isUdp(frame: Buffer): boolean {
  if (frame.readUInt16BE(12) === ETHERTYPE_IPV4) return frame[IPV4_PROTOCOL] === PROTOCOL_UDP;
  return frame[14 + 6] === PROTOCOL_UDP;
}

/** A full queue is one more way to lose a frame. */
function put(fd: number, frame: Buffer): void {
  send(fd, frame, frame.length, 0);
}

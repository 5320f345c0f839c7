// Input batches: inner frames of four kinds in a random order (IPv4 and IPv6, TCP and UDP), between MACs that the FDB
// knows, drawn evenly from all of its entries. (IPv6 with TCP takes 74 bytes at the least; the others have 64.)
// A batch for encap comes from one port, as a worker reads one queue at a time, and goes to all VTEPs at random. In
// batches for decap the sender (VTEP and network) changes at random, on average after RUN datagrams.
//
// `fill` puts a batch where a driver's receive would have put it, descriptors included, with the drivers' own functions.
// It costs every contender the same, and the same seed gives the same batches. Bodies are written once, headers each time.

import { clearVirtio, writeInput, writeOuter, writeOuterAddress } from "../../../../control/drivers/descriptors.js";
import {
  BUFFER_SIZE,
  BUFFERS,
  BUFFERS_SIZE,
  DESC_SIZE,
  HEADROOM,
  WORKER_INPUTS,
  WORKER_SIZE,
  WORKERS,
} from "../../../../dataplane-wasm/layout.js";
import {
  localEntries,
  MAPPED,
  macHigh,
  macLow,
  NETWORK_COUNT,
  tunnelHeader,
  VTEP_COUNT,
  vniOf,
  vtepAddress,
  vtepOf,
  type World,
} from "./world.js";

export type Direction = "encap" | "decap";

const VXLAN_LEN = 8;
const VXLAN_FLAGS = 0x08;
const OUTER_SRC_PORT = 50000;
const OUTER_TTL = 64;
/** Our choice: receive coalescing hands datagrams over in runs, often longer ones than this. */
export const RUN = 8;

interface Kind {
  /** The frame's beginning, as words loaded little-endian. */
  readonly words: Uint32Array;
  readonly length: number;
  /** Word whose upper half is the source port. */
  readonly portWord: number;
}

/** Bytes that every fill writes: the headers of the longest kind. */
const WRITTEN = 76;
const BODY = 0x5a;
/** What each kind needs at the least. */
export const FRAME_MIN = 64;

const ETH_LEN = 14;
const IPV4_LEN = 20;
const IPV6_LEN = 40;
const TCP_LEN = 20;

const IPV4 = "0800" + "4500ffff00000000400612340a3c00010a3c0002";
const IPV6 = "86dd" + "60000000ffff064020010db800000000000000000000000120010db8000000000000000000000002";
const TCP = "1f9001bb00000001000000025018ffff5a5a0000";
const UDP = "1f9001bbffff5a5a";

export const KIND_NAMES: readonly string[] = ["IPv4 TCP", "IPv4 UDP", "IPv6 TCP", "IPv6 UDP"];

/** The four kinds of `length` bytes from the Ethernet header on, without FCS. */
function kindsOf(length: number, name?: string): readonly Kind[] {
  const kinds = [
    ipv4(TCP, length),
    ipv4(UDP, length),
    ipv6(TCP, Math.max(length, ETH_LEN + IPV6_LEN + TCP_LEN)),
    ipv6(UDP, length),
  ];
  return name === undefined ? kinds : kinds.map((kind) => kinds[KIND_NAMES.indexOf(name)] ?? kind);
}

function ipv4(transport: string, length: number): Kind {
  const header = transport === UDP ? IPV4.replace("4006", "4011") : IPV4;
  const made = kind(header + transport, length, 8);
  const bytes = Buffer.from(made.words.buffer);
  bytes.writeUInt16BE(length - ETH_LEN, ETH_LEN + 2);
  if (transport === UDP) bytes.writeUInt16BE(length - ETH_LEN - IPV4_LEN, ETH_LEN + IPV4_LEN + 4);
  return made;
}

function ipv6(transport: string, length: number): Kind {
  const header = transport === UDP ? IPV6.replace("0640", "1140") : IPV6;
  const made = kind(header + transport, length, 13);
  const bytes = Buffer.from(made.words.buffer);
  bytes.writeUInt16BE(length - ETH_LEN - IPV6_LEN, ETH_LEN + 4);
  if (transport === UDP) bytes.writeUInt16BE(length - ETH_LEN - IPV6_LEN, ETH_LEN + IPV6_LEN + 4);
  return made;
}

function kind(hex: string, length: number, portWord: number): Kind {
  const bytes = new Uint8Array(WRITTEN).fill(BODY);
  bytes.set(Buffer.from(hex, "hex"), 12);
  return { words: new Uint32Array(bytes.buffer), length, portWord };
}

/** What a measurement takes its batches from. */
export interface Source {
  readonly worker: number;
  readonly direction: Direction;
  /** Frames in a batch. */
  readonly count: number;
  /** Fills inputs 0 to count - 1. */
  fill(): void;
}

export interface FrameOptions {
  readonly worker?: number;
  readonly seed?: number;
  /** Frames in a batch. */
  readonly count?: number;
  /** Bytes of a frame, from the Ethernet header on, without FCS. */
  readonly length?: number;
  /** One of KIND_NAMES, instead of all by turns. */
  readonly kind?: string;
  /** The entry that the next frame comes from, instead of a random one. */
  readonly nextSource?: () => number;
  /** Decap: the VTEP that sends for an entry, instead of the one that the entry is behind. */
  readonly senderOf?: (entry: number) => number;
  /** Encap: the entry that the next frame goes to, instead of a random one. It is in the frame's network only if it says so. */
  readonly nextDestination?: (network: number) => number;
}

/** Our choice: what a driver's receive hands over under load. */
export const BATCH = 64;

export class FrameSource implements Source {
  readonly worker: number;
  readonly count: number;
  /** Bytes a frame, on average. */
  readonly meanLength: number;
  readonly #options: FrameOptions;
  readonly #kinds: readonly Kind[];
  readonly #u32: Uint32Array;
  readonly #inputs: number;
  readonly #buffers: number;
  readonly #locals: number;
  readonly #remotes: number;
  readonly #tunnelHeaders: Uint32Array;
  #state: number;
  #network = 1;
  #vtep = 1;

  constructor(
    readonly world: World,
    readonly direction: Direction,
    options: FrameOptions = {},
  ) {
    const { worker = 0, seed = 1, count = BATCH, length = FRAME_MIN } = options;
    this.worker = worker;
    this.count = count;
    this.#options = options;
    this.#kinds = kindsOf(length, options.kind);
    this.meanLength = this.#kinds.reduce((sum, kind) => sum + kind.length, 0) / this.#kinds.length;
    this.#u32 = world.shared.u32;
    this.#inputs = WORKERS + worker * WORKER_SIZE + WORKER_INPUTS;
    this.#buffers = BUFFERS + worker * BUFFERS_SIZE;
    this.#locals = localEntries(world.entries);
    this.#remotes = world.entries - this.#locals;
    this.#state = Math.imul(seed, 0x9e3779b1) | 1;
    this.#tunnelHeaders = new Uint32Array(NETWORK_COUNT + 1).map((_, network) =>
      Number(tunnelHeader(vniOf(network)) >> 32n),
    );
    for (let i = 0; i < count; i++) {
      const frame = this.#buffers + i * BUFFER_SIZE + HEADROOM;
      world.shared.u8.fill(BODY, frame, frame + Math.max(length, WRITTEN));
    }
  }

  fill(): void {
    this.#newSender();
    for (let i = 0; i < this.count; i++) this.#one(i);
  }

  #newSender(): void {
    const random = this.#random();
    this.#network = 1 + (random & (NETWORK_COUNT - 1));
    this.#vtep = 1 + ((random >>> 8) & (VTEP_COUNT - 1));
  }

  #one(i: number): void {
    const decap = this.direction === "decap";
    const random = this.#random();
    if (decap && ((random >>> 10) & (RUN - 1)) === 0) this.#newSender();
    const { nextSource, nextDestination, senderOf = vtepOf } = this.#options;
    const fresh = nextSource?.();
    const network = fresh === undefined ? this.#network : 1 + (fresh & (NETWORK_COUNT - 1));
    const kind = this.#kinds[(random >>> 8) & 3];
    if (kind === undefined) return;
    const source = fresh ?? (decap ? this.#remoteOf(network, this.#vtep) : this.#local(network));
    const destination = decap ? this.#local(network) : (nextDestination?.(network) ?? this.#remote(network));
    const buffer = this.#buffers + i * BUFFER_SIZE;
    this.#frame(buffer + HEADROOM, kind, source, destination, random);
    if (decap) this.#fromUnderlay(i, buffer, kind.length, network, senderOf(source));
    else this.#fromPort(i, buffer, kind.length, network);
  }

  #local(network: number): number {
    return network - 1 + this.#below(this.#locals / NETWORK_COUNT) * NETWORK_COUNT;
  }

  #remote(network: number): number {
    return this.#locals + network - 1 + this.#below(this.#remotes / NETWORK_COUNT) * NETWORK_COUNT;
  }

  /** One behind that VTEP: every NETWORK_COUNT * VTEP_COUNT-th entry is. */
  #remoteOf(network: number, vtep: number): number {
    const step = NETWORK_COUNT * VTEP_COUNT;
    const place = (vtep - 1) * NETWORK_COUNT + network - 1;
    const skipped = Math.ceil(Math.max(0, this.#locals - place) / step);
    return place + (skipped + this.#below(this.world.entries / step - skipped)) * step;
  }

  #frame(at: number, kind: Kind, source: number, destination: number, random: number): void {
    const u32 = this.#u32;
    const { words, portWord } = kind;
    const start = at >>> 2;
    const sourceLow = macLow(source);
    u32[start] = macLow(destination);
    u32[start + 1] = macHigh(destination) | (sourceLow << 16);
    u32[start + 2] = (sourceLow >>> 16) | (macHigh(source) << 16);
    for (let word = 3; word < words.length; word++) u32[start + word] = words[word] ?? 0;
    u32[start + portWord] = (words[portWord] ?? 0) ^ (random & 0xffff0000);
  }

  /** As the port driver does it. */
  #fromPort(i: number, buffer: number, length: number, network: number): void {
    const word = (this.#inputs + i * DESC_SIZE) >>> 2;
    writeInput(this.#u32, word, buffer, buffer + HEADROOM, length, network, 0);
    clearVirtio(this.#u32, word);
  }

  /** As the underlay driver does it, with the tunnel header that the sender would have put in front. */
  #fromUnderlay(i: number, buffer: number, length: number, network: number, vtep: number): void {
    const u32 = this.#u32;
    const word = (this.#inputs + i * DESC_SIZE) >>> 2;
    const tunnel = buffer + HEADROOM - VXLAN_LEN;
    u32[tunnel >>> 2] = VXLAN_FLAGS;
    u32[(tunnel >>> 2) + 1] = this.#tunnelHeaders[network] ?? 0;
    writeInput(u32, word, buffer, tunnel, length + VXLAN_LEN, 0, 0);
    clearVirtio(u32, word);
    writeOuter(u32, word, OUTER_SRC_PORT, 0, OUTER_TTL);
    writeOuterAddress(u32, word, 0, 0, MAPPED, vtepAddress(vtep));
  }

  #below(limit: number): number {
    return Math.floor((this.#random() / 2 ** 32) * limit);
  }

  /** xorshift32. */
  #random(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }
}

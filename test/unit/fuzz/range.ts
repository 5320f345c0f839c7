// A shooting range for the compiled module: mutated bytes in its packet buffers, descriptors that lie about lengths, flags
// and offloads, sends that fail at random; and a watch over all memory around it.
//
// Every buffer has a shadow, a copy of what was last put there. After a batch each buffer must equal its shadow outside of
// its frame and the headroom that encap may use; far behind the frame that is looked at now and then only, for speed.
// What no batch may write is compared with a snapshot now and then (frozen.ts); what a batch returns is judged each time
// (outputs.ts).

import * as L from "../../../dataplane-wasm/layout.js";
import type { World } from "../../oracle/world.js";
import { ip, mapped } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import type { Random } from "../../support/mutate.js";
import type { FrameSource } from "../../support/streams.js";
import { Frozen } from "./frozen.js";
import { HEADER_ROOM, Outputs } from "./outputs.js";

const COUNT = 32;
const MUTATED_MAX = 2000;
const GUARD = 0xa5;
/** Behind a frame, what is compared each time: nothing far away gets written without something near. */
const NEAR = 512;
const THOROUGH_EVERY = 31;
const ROUNDS_MAX = 10_000;
const ODD_OF_STEADY = 32;

/** In an untagged frame. */
const ETHERTYPE = 12;
const IPV4_PROTOCOL = 23;
const IPV6_PROTOCOL = 20;
const GSO_TYPES = [L.VIRTIO_GSO_TCPV4, L.VIRTIO_GSO_TCPV4 | L.VIRTIO_GSO_ECN, L.VIRTIO_GSO_TCPV6, L.VIRTIO_GSO_UDP_L4];

export interface Shot {
  readonly direction: "encap" | "decap";
  /** How many bytes of what is placed precede the inner frame. */
  readonly lead: number;
  /** DESC_FLAG_* of all inputs. */
  readonly flags: number;
  readonly source: FrameSource;
  /** Most of the frames come as a host or a peer would hand them over, from one port and the first sender. */
  readonly isSteady?: boolean;
  /** And as super-frames. */
  readonly isSuper?: boolean;
}

export class Range {
  frames = 0;
  outputs = 0;
  readonly #judge: Outputs;
  readonly #frozen: Frozen;
  readonly #u8: Uint8Array;
  readonly #u32: Uint32Array;
  readonly #shadows: Buffer;
  readonly #buffers: Buffer;
  readonly #scratch = new Uint8Array(MUTATED_MAX);
  readonly #ends = new Int32Array(COUNT);

  private constructor(
    readonly engine: Engine,
    readonly random: Random,
    readonly senders: readonly Uint8Array[],
  ) {
    this.#u8 = engine.shared.u8;
    this.#u32 = engine.shared.u32;
    const start = engine.buffer(0);
    const length = (COUNT + 1) * L.BUFFER_SIZE;
    this.#u8.fill(GUARD, start, start + length);
    this.#buffers = Buffer.from(engine.shared.memory.buffer as unknown as ArrayBuffer, start, length);
    this.#shadows = Buffer.from(this.#buffers);
    const inputs = engine.input(COUNT);
    this.#u8.fill(GUARD, inputs, engine.input(L.INPUTS_MAX));
    this.#u8.fill(GUARD, engine.context + L.WORKER_IO, engine.context + L.WORKER_SIZE);
    this.#judge = new Outputs(engine, COUNT);
    this.#frozen = new Frozen(engine, COUNT);
  }

  /** @param senders underlay addresses, as text */
  static async create(world: World, random: Random, senders: readonly string[]): Promise<Range> {
    const engine = await Engine.create(world, 1); // with neighbours on both sides
    return new Range(
      engine,
      random,
      senders.map((sender) => mapped(ip(sender))),
    );
  }

  /** Frames in trains and super-frames so far. */
  get seen(): Outputs["seen"] {
    return this.#judge.seen;
  }

  /** Every so many batches buffers are compared to their ends. */
  get #isThorough(): boolean {
    return this.frames % (THOROUGH_EVERY * COUNT) === 0;
  }

  /** One batch of 32. @throws naming what was touched that must not be */
  shoot(shot: Shot): void {
    for (let i = 0; i < COUNT; i++) this.#load(i, shot);
    this.#run(shot.direction);
    for (let i = 0; i < COUNT; i++) this.#inspect(i, shot);
    this.frames += COUNT;
  }

  /** Compares all that no batch may write. @throws naming the region */
  checkFrozen(): void {
    this.#frozen.check();
  }

  #load(i: number, { lead, flags, source, isSteady, isSuper }: Shot): void {
    const { random } = this;
    const isPlain = isSteady === true && random.below(ODD_OF_STEADY) !== 0;
    const offset = i * L.BUFFER_SIZE + L.HEADROOM - lead;
    const placed = source.fill(this.#scratch, 0, MUTATED_MAX);
    const bytes = this.#scratch.subarray(0, placed);
    this.#buffers.set(bytes, offset);
    this.#shadows.set(bytes, offset);
    // Sometimes the length is not that of what was placed: anything that a buffer holds.
    const isLength = isPlain || random.below(64) !== 0;
    const length = isLength ? placed : random.below(L.FRAME_MAX + 1 - HEADER_ROOM);
    this.#ends[i] = offset + length;
    const input = this.engine.input(i) / 4;
    for (let word = 0; word < L.DESC_SIZE / 4; word++) this.#u32[input + word] = random.next();
    this.#u32[input + L.DESC_PAYLOAD_PTR / 4] = this.engine.buffer(i) + L.HEADROOM - lead;
    this.#u32[input + L.DESC_PAYLOAD_LEN / 4] = length;
    this.#u32[input + L.DESC_BUFFER_PTR / 4] = this.engine.buffer(i);
    this.#u32[input + L.DESC_ATTACHMENT / 4] = isPlain ? 1 : random.below(10);
    const received = isPlain ? 0 : random.pick([0, 0, 0, 0, 0, 0, L.DESC_FLAG_FRAGMENT, L.DESC_FLAG_TRUNCATED]);
    this.#u32[input + L.DESC_VERDICT / 4] = (flags | received) << 16;
    const sender = isPlain ? this.senders[0] : random.pick(this.senders);
    this.#u8.set(sender, this.engine.input(i) + L.DESC_OUTER_ADDRESS);
    if (isPlain) this.#u8[this.engine.input(i) + L.DESC_OUTER_TOS] = 0;
    const virtio = input * 4 + L.DESC_VIRTIO;
    const claim = isPlain ? (isSuper === true ? 2 : 0) : random.below(4); // of the rest: whatever stood there
    if (claim < 2) this.#u8.fill(0, virtio, virtio + L.VIRTIO_LEN);
    else if (claim === 2) this.#offload(virtio, i);
    this.#u32[this.engine.buffer(i) / 4] = 0;
  }

  /** A super-frame, if the frame is one of its kind: the kernel's own choice of words, or nearly, and any size. */
  #offload(virtio: number, i: number): void {
    const { random } = this;
    const frame = this.engine.frameAt(i);
    const isIpv6 = this.#u8[frame + ETHERTYPE] === 0x86;
    const isUdp = this.#u8[frame + (isIpv6 ? IPV6_PROTOCOL : IPV4_PROTOCOL)] === 17;
    const type = isUdp ? L.VIRTIO_GSO_UDP_L4 : isIpv6 ? L.VIRTIO_GSO_TCPV6 : L.VIRTIO_GSO_TCPV4;
    this.#u8[virtio + L.VIRTIO_FLAGS] = L.VIRTIO_FLAG_NEEDS_CSUM;
    this.#u8[virtio + L.VIRTIO_GSO_TYPE] = random.below(4) === 0 ? random.pick(GSO_TYPES) : type;
    this.#put16(virtio + L.VIRTIO_GSO_SIZE, random.below(random.pick([8, 100, 600, 2000])));
    if (random.below(4) === 0) return;
    this.#put16(virtio + L.VIRTIO_CSUM_START, isIpv6 ? 54 : 34);
    this.#put16(virtio + L.VIRTIO_CSUM_OFFSET, isUdp ? 6 : 16);
  }

  #put16(at: number, value: number): void {
    this.#u8[at] = value & 0xff;
    this.#u8[at + 1] = value >>> 8;
  }

  #run(direction: "encap" | "decap"): void {
    const { engine, random } = this;
    const { dataplane, worker } = engine;
    const pending = (engine.context + L.CONTEXT_PENDING) / 4;
    const fail = random.below(4) === 0;
    for (let rounds = 0; ; rounds++) {
      if (rounds === ROUNDS_MAX) throw new Error("the batch does not end");
      const batch = direction === "encap" ? dataplane.encapBatch : dataplane.decapBatch;
      const ready = batch(worker, COUNT) >>> 0;
      if (direction === "encap") dataplane.encapGather(worker, ready);
      else dataplane.decapCoalesce(worker, ready);
      this.#judge.check(ready);
      for (let n = 0; fail && n < ready; n++) this.#u8[engine.output(n) + L.DESC_DROP] = random.below(5);
      this.outputs += ready;
      if (direction === "encap") dataplane.encapSettle(worker, ready);
      else dataplane.decapSettle(worker, ready);
      if (this.#u32[pending] === 0) return;
    }
  }

  /** Outside of frame and headroom the buffer is as it was; then the shadow learns what the module did inside. */
  #inspect(i: number, { direction, lead }: Shot): void {
    const start = i * L.BUFFER_SIZE;
    // An answer to a frame that does not fit is written over it and in front of it.
    const from = start + L.HEADROOM - (direction === "encap" ? HEADER_ROOM : lead);
    const end = this.#ends[i];
    this.#compare(i, start + 4, from);
    const all = start + L.BUFFER_SIZE;
    this.#compare(i, end, this.#isThorough ? all : Math.min(all, end + NEAR));
    this.#buffers.copy(this.#shadows, from, from, end);
  }

  #compare(i: number, from: number, to: number): void {
    if (this.#buffers.compare(this.#shadows, from, to, from, to) === 0) return;
    let at = from;
    while (this.#buffers[at] === this.#shadows[at]) at++;
    const where = at - i * L.BUFFER_SIZE - L.HEADROOM;
    throw new Error(`input ${i}: byte ${where} of its buffer was written, the frame ends at ${this.#ends[i]}`);
  }
}

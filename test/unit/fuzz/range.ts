// A shooting range for the compiled module: mutated bytes in its packet buffers, descriptors that lie about lengths, flags
// and offloads, sends that fail at random; and a watch over all memory around it.
//
// Every buffer has a shadow, a copy of what was last put there. After a batch each buffer must equal its shadow outside of
// its frame and the headroom that encap may use; far behind the frame that is looked at now and then only, for speed.
// Tables, lists, other workers' slots and the descriptors that the batch did not use are compared with a snapshot now
// and then. What a batch returns has to point into its own slots.

import * as L from "../../../dataplane-wasm/layout.js";
import type { World } from "../../oracle/world.js";
import { ip, mapped } from "../../support/bytes.js";
import { Engine } from "../../support/engine.js";
import type { Mutator, Random } from "../../support/mutate.js";

const COUNT = 32;
const MUTATED_MAX = 2000;
/** Encap writes its template in front of the frame: 64 bytes and the tunnel header. */
const HEADER_ROOM = 72;

const GUARD = 0xa5;
/** Behind a frame, what is compared each time: nothing far away gets written without something near. */
const NEAR = 512;
const THOROUGH_EVERY = 31;
const ROUNDS_MAX = 10_000;

const GSO_TYPES = [L.VIRTIO_GSO_TCPV4, L.VIRTIO_GSO_TCPV4 | L.VIRTIO_GSO_ECN, L.VIRTIO_GSO_TCPV6, L.VIRTIO_GSO_UDP_L4];

export interface Shot {
  readonly direction: "encap" | "decap";
  /** How many bytes of what is placed precede the inner frame. */
  readonly lead: number;
  /** DESC_FLAG_* of all inputs. */
  readonly flags: number;
  readonly mutator: Mutator;
}

export class Range {
  frames = 0;
  outputs = 0;
  readonly #u8: Uint8Array;
  readonly #u32: Uint32Array;
  readonly #shadows: Buffer;
  readonly #buffers: Buffer;
  readonly #scratch = new Uint8Array(MUTATED_MAX);
  readonly #ends = new Int32Array(COUNT);
  readonly #frozen: { readonly name: string; readonly live: Buffer; readonly copy: Buffer }[];

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
    this.#frozen = this.#freeze();
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
    for (const { name, live, copy } of this.#frozen) {
      if (live.compare(copy) === 0) continue;
      const at = copy.findIndex((byte, i) => live[i] !== byte);
      throw new Error(`${name}: byte ${at} was ${copy[at]} and is ${live[at]}`);
    }
  }

  #load(i: number, { lead, flags, mutator }: Shot): void {
    const { random } = this;
    const offset = i * L.BUFFER_SIZE + L.HEADROOM - lead;
    const placed = mutator.fill(this.#scratch, 0, MUTATED_MAX);
    const bytes = this.#scratch.subarray(0, placed);
    this.#buffers.set(bytes, offset);
    this.#shadows.set(bytes, offset);
    // Sometimes the length is not that of what was placed: anything that a buffer holds.
    const length = random.below(64) === 0 ? random.below(L.FRAME_MAX + 1 - HEADER_ROOM) : placed;
    this.#ends[i] = offset + length;
    const input = this.engine.input(i) / 4;
    for (let word = 0; word < L.DESC_SIZE / 4; word++) this.#u32[input + word] = random.next();
    this.#u32[input + L.DESC_PAYLOAD_PTR / 4] = this.engine.buffer(i) + L.HEADROOM - lead;
    this.#u32[input + L.DESC_PAYLOAD_LEN / 4] = length;
    this.#u32[input + L.DESC_BUFFER_PTR / 4] = this.engine.buffer(i);
    this.#u32[input + L.DESC_ATTACHMENT / 4] = random.below(10);
    const received = random.pick([0, 0, 0, 0, 0, 0, L.DESC_FLAG_FRAGMENT, L.DESC_FLAG_TRUNCATED]);
    this.#u32[input + L.DESC_VERDICT / 4] = (flags | received) << 16;
    this.#u8.set(random.pick(this.senders), this.engine.input(i) + L.DESC_OUTER_ADDRESS);
    const virtio = input * 4 + L.DESC_VIRTIO;
    const claim = random.below(4); // of the rest: whatever stood there
    if (claim < 2) this.#u8.fill(0, virtio, virtio + L.VIRTIO_LEN);
    else if (claim === 2) this.#offload(virtio);
    this.#u32[this.engine.buffer(i) / 4] = 0;
  }

  /** A super-frame, if the frame is one of its kind: the kernel's own choice of words, any size. */
  #offload(virtio: number): void {
    const { random } = this;
    this.#u8[virtio + L.VIRTIO_FLAGS] = L.VIRTIO_FLAG_NEEDS_CSUM;
    this.#u8[virtio + L.VIRTIO_GSO_TYPE] = random.pick(GSO_TYPES);
    const size = random.below(random.pick([8, 100, 600, 2000]));
    this.#u8[virtio + L.VIRTIO_GSO_SIZE] = size & 0xff;
    this.#u8[virtio + L.VIRTIO_GSO_SIZE + 1] = size >>> 8;
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
      if (ready > L.OUTPUTS_MAX) throw new Error(`${ready} outputs`);
      if (direction === "encap") dataplane.encapGather(worker, ready);
      for (let n = 0; n < ready; n++) {
        this.#inspectOutput(n, ready);
        if (fail) this.#u8[engine.output(n) + L.DESC_DROP] = random.below(5);
      }
      this.outputs += ready;
      if (direction === "encap") dataplane.encapSettle(worker, ready);
      else dataplane.decapSettle(worker, ready);
      if (this.#u32[pending] === 0) return;
    }
  }

  /**
   * Header and payload lie in slots of this worker, the payload in the buffer of its input or in the worker's room for
   * segments. A chain leads on to outputs of this batch, and its pieces lie in the same places.
   */
  #inspectOutput(n: number, ready: number): void {
    const { engine } = this;
    const at = engine.output(n);
    const word = (offset: number) => this.#u32[(at + offset) / 4];
    const origin = this.#u32[(at + L.DESC_TARGET_KIND) / 4] >>> 16;
    const [payload, length] = [word(L.DESC_PAYLOAD_PTR), word(L.DESC_PAYLOAD_LEN)];
    if (origin >= COUNT) throw new Error(`output ${n} comes from input ${origin}`);
    const buffer = engine.buffer(origin);
    const inRoom = this.#inRoom(payload, length);
    if (!inRoom && (payload < buffer + 4 || payload + length > buffer + L.BUFFER_SIZE)) {
      throw new Error(`output ${n}: its payload is not in the buffer of input ${origin}`);
    }
    const chain = this.#u32[(at + L.DESC_CHAIN) / 4] & 0xffff;
    if (chain !== 0 && (chain <= n + 1 || chain > ready)) throw new Error(`output ${n} leads to ${chain - 1}`);
    if (word(L.DESC_PIECES) !== 0) this.#inspectPieces(n, word(L.DESC_PIECES), word(L.DESC_PIECE_COUNT) & 0xffff);
    const [header, headerLen] = [word(L.DESC_HEADER_PTR), word(L.DESC_HEADER_LEN)];
    if (headerLen === 0 && header === 0) return;
    const slots = engine.context + L.WORKER_HEADERS;
    const inSlots = header >= slots && header + headerLen <= slots + L.HEADER_SLOT_SIZE * L.OUTPUTS_MAX;
    const inFront = (inRoom ? this.#inRoom(header, headerLen) : header >= buffer + 4) && header + headerLen === payload;
    if (headerLen > HEADER_ROOM || !(inSlots || inFront)) throw new Error(`output ${n}: its header is nowhere`);
  }

  #inRoom(ptr: number, length: number): boolean {
    const room = L.SEGMENTS + this.engine.worker * L.SEGMENTS_SIZE;
    return ptr >= room && ptr + length <= room + L.SEGMENTS_SIZE - L.SEGMENTS_SLACK;
  }

  /** Process addresses are those of the memory here, which says that it begins at 0. */
  #inspectPieces(n: number, first: number, count: number): void {
    const pieces = this.engine.context + L.WORKER_PIECES;
    if (first < pieces + L.PIECE_SIZE || first + count * L.PIECE_SIZE > pieces + L.PIECE_SIZE * L.PIECES_MAX) {
      throw new Error(`output ${n}: its pieces are nowhere`);
    }
    const slots = this.engine.context + L.WORKER_HEADERS;
    const buffers = this.engine.buffer(0);
    for (let piece = first; piece < first + count * L.PIECE_SIZE; piece += L.PIECE_SIZE) {
      const [ptr, length] = [this.#u32[piece / 4], this.#u32[piece / 4 + 2]];
      const inBuffers = ptr >= buffers && ptr + length <= this.engine.buffer(COUNT);
      const inSlots = ptr >= slots && ptr + length <= slots + L.HEADER_SLOT_SIZE * L.OUTPUTS_MAX;
      if (!inBuffers && !inSlots && !this.#inRoom(ptr, length)) throw new Error(`output ${n}: a piece is nowhere`);
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

  #freeze() {
    const { engine } = this;
    const neighbours = [engine.worker - 1, engine.worker + 1].flatMap((worker): [string, number, number][] => [
      [`context of worker ${worker}`, L.WORKERS + worker * L.WORKER_SIZE, L.WORKER_IO + 4096],
      [`end of worker ${worker}`, L.WORKERS + (worker + 1) * L.WORKER_SIZE - 4096, 4096],
      [`buffers of worker ${worker}`, L.BUFFERS + worker * L.BUFFERS_SIZE, 2 * L.BUFFER_SIZE],
      [`segments of worker ${worker}`, L.SEGMENTS + worker * L.SEGMENTS_SIZE, L.SEGMENTS_SIZE],
      [`last buffer of worker ${worker}`, L.BUFFERS + (worker + 1) * L.BUFFERS_SIZE - L.BUFFER_SIZE, L.BUFFER_SIZE],
    ]);
    const regions: [string, number, number][] = [
      ["page 0", 0, L.PAGE],
      ["configuration", L.SYSTEM, 128],
      ["constants", L.CONSTANTS, L.CONSTANTS_SIZE],
      ["attachments", L.ATTACHMENTS, 64 * L.ATTACHMENT_SIZE],
      ["port queues", L.PORT_QUEUES, 64 * L.PORT_QUEUES_SIZE],
      ["lists", L.LISTS, 65_536],
      ["VNI table", L.VNI_TABLE, 65_536],
      ["inputs behind the batch", engine.input(COUNT), (L.INPUTS_MAX - COUNT) * L.DESC_SIZE],
      ["drivers' tables", engine.context + L.WORKER_IO, L.WORKER_IO_SIZE],
      ["end of the room for segments", L.SEGMENTS + (engine.worker + 1) * L.SEGMENTS_SIZE - 32, 32],
      ["first buffer behind the batch", engine.buffer(COUNT), L.BUFFER_SIZE],
      ...neighbours,
    ];
    return regions.map(([name, at, length]) => {
      const live = Buffer.from(engine.shared.memory.buffer as unknown as ArrayBuffer, at, length);
      return { name, live, copy: Buffer.from(live) };
    });
  }
}

// Before anything is timed, both contenders have to do the same work: each gets a world of its own, equal to the byte, the
// same batches run through both, and then everything that a batch function may write is compared.
//
// The batches are first the benchmark's own, then the same ones damaged: bytes flipped, frames cut, tags put in, unknown
// and multicast addresses. So drops, floods, learning, moves and kicks are compared, too.

import {
  BUFFER_SIZE,
  BUFFERS,
  BUFFERS_SIZE,
  COUNTER_HELD,
  COUNTER_MOVED,
  DESC_OUTER_TOS,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_SIZE,
  EVENT_RING_SIZE,
  EVENTS,
  FDB,
  FDB_BUCKET_SIZE,
  FDB_LOCKS,
  NETWORK_COUNTERS,
  NETWORK_COUNTERS_SIZE,
  NETWORK_COUNTERS_WORKER,
  NETWORK_SIZE,
  NETWORKS,
  PAGE,
  SYSTEM,
  SYSTEM_CLOCK,
  VTEP_COUNTERS,
  VTEP_COUNTERS_SIZE,
  VTEP_COUNTERS_WORKER,
  WORKER_CONTROL,
  WORKER_INPUTS,
  WORKER_IO,
  WORKER_SIZE,
  WORKERS,
} from "../../../../dataplane-wasm/layout.js";
import type { Contender } from "./contender.js";
import { type Direction, FRAME_MIN, FrameSource } from "./frames.js";
import {
  AGEING_SECONDS,
  bucketsOf,
  CLOCK,
  counterOf,
  keyOf,
  localEntries,
  NETWORK_COUNT,
  VTEP_COUNT,
  vtepOf,
  type World,
} from "./world.js";

const WORKER = 0;
const COUNT = 64;
/** Batches of frames of each length. */
const CLEAN_BATCHES = 60;
const LENGTHS = [1500, 9000, FRAME_MIN] as const;
/** Of the last length. */
const DAMAGED_BATCHES = 1000;
const FROZEN_BATCHES = 60;
/** Of a packet buffer: headroom and the frame. */
const BUFFER_COMPARED = 512;

export interface Side {
  readonly world: World;
  readonly contender: Contender;
}

/** @throws naming the first difference. @returns how many frames were compared */
export function assertIdentical(one: Side, other: Side): number {
  const frames = (["encap", "decap"] as const).map((direction) => compareDirection(one, other, direction));
  compareFrozen(one, other);
  compareHashes(one, other);
  compareWalks(one, other);
  return frames.reduce((sum, count) => sum + count, 0);
}

function compareHashes(one: Side, other: Side): void {
  const hashes = [one, other].map(({ world, contender }) => {
    sourceOf(world, "encap", FRAME_MIN).fill();
    return contender.hash.batch(WORKER, COUNT) >>> 0;
  });
  if (hashes[0] !== hashes[1]) throw new Error(`the flow hashes differ: ${hashes.join(", ")}`);
}

/** Every entry from the VTEP after its own, when every other entry is frozen. */
function compareFrozen(one: Side, other: Side): void {
  const made = [one, other].map(({ world, contender }) => {
    for (let entry = localEntries(world.entries); entry < world.entries; entry += 2) {
      world.dataplane.fdbFreeze(WORKER_CONTROL, keyOf(entry), 1);
    }
    const senderOf = (entry: number): number => 1 + (vtepOf(entry) & (VTEP_COUNT - 1));
    const source = new FrameSource(world, "decap", { worker: WORKER, seed: 3, count: COUNT, senderOf });
    for (let n = 0; n < FROZEN_BATCHES; n++) {
      source.fill();
      contender.forward.decap.batch(WORKER, COUNT);
    }
    return [COUNTER_MOVED, COUNTER_HELD].map((counter) => counterOf(world.shared, WORKER, counter));
  });
  if (made[0]?.some((count) => count === 0)) throw new Error(`moved and held: ${made[0]}`);
  compareRegions(one, other, "frozen", [...BATCH_REGIONS, ...tableRegions(one.world)]);
}

/** Ages and then flushes half of the table each. */
function compareWalks(one: Side, other: Side): void {
  for (const walk of ["sweep", "flush"] as const) {
    const gone = [one, other].map(({ world: { shared }, contender }) => {
      if (walk === "sweep") shared.u32[SYSTEM_CLOCK / 4] = CLOCK + AGEING_SECONDS + 1;
      const half = bucketsOf(shared) / 2;
      return contender[walk](walk === "sweep" ? 0 : half, half);
    });
    if (gone[0] !== gone[1]) throw new Error(`${walk}: ${gone[0]} entries went, and ${gone[1]}`);
    compareRegions(one, other, walk, tableRegions(one.world));
  }
}

function compareDirection(one: Side, other: Side, direction: Direction): number {
  const damages = [one, other].map(({ world }) => new Damage(world, 11));
  let frames = 0;
  for (const length of LENGTHS) {
    const batches = CLEAN_BATCHES + (length === FRAME_MIN ? DAMAGED_BATCHES : 0);
    const sources = [one, other].map(({ world }) => sourceOf(world, direction, length));
    for (let n = 0; n < batches; n++) {
      const made = [one, other].map(({ contender }, side) => {
        sources[side]?.fill();
        if (n >= CLEAN_BATCHES) damages[side]?.inflict(COUNT);
        return contender.forward[direction].batch(WORKER, COUNT);
      });
      const where = `${direction}, ${length} B, batch ${n}`;
      if (made[0] !== made[1]) {
        throw new Error(`${where}: ${one.contender.name} made ${made[0]} outputs, not ${made[1]}`);
      }
      compareRegions(one, other, where, BATCH_REGIONS);
      frames += COUNT;
    }
  }
  compareRegions(one, other, direction, tableRegions(one.world));
  return frames;
}

function sourceOf(world: World, direction: Direction, length: number): FrameSource {
  return new FrameSource(world, direction, { worker: WORKER, seed: 7, count: COUNT, length });
}

interface Region {
  readonly name: string;
  readonly start: number;
  readonly length: number;
}

/** What changes with every batch: descriptors and headers, packets. */
const BATCH_REGIONS: readonly Region[] = [
  { name: "worker", start: WORKERS + WORKER * WORKER_SIZE, length: WORKER_IO },
  ...Array.from({ length: COUNT }, (_, n) => ({
    name: `buffer ${n}`,
    start: BUFFERS + WORKER * BUFFERS_SIZE + n * BUFFER_SIZE,
    length: BUFFER_COMPARED,
  })),
];

/** What batches leave behind: tables, counters, events. */
function tableRegions({ shared }: World): Region[] {
  const buckets = bucketsOf(shared);
  return [
    { name: "system", start: SYSTEM, length: PAGE },
    { name: "fdb", start: FDB, length: buckets * FDB_BUCKET_SIZE },
    { name: "fdb locks", start: FDB_LOCKS, length: buckets * 4 },
    { name: "networks", start: NETWORKS, length: (NETWORK_COUNT + 1) * NETWORK_SIZE },
    { name: "events", start: EVENTS + WORKER * EVENT_RING_SIZE, length: EVENT_RING_SIZE },
    {
      name: "network counters",
      start: NETWORK_COUNTERS + WORKER * NETWORK_COUNTERS_WORKER,
      length: (NETWORK_COUNT + 1) * NETWORK_COUNTERS_SIZE,
    },
    {
      name: "VTEP counters",
      start: VTEP_COUNTERS + WORKER * VTEP_COUNTERS_WORKER,
      length: (VTEP_COUNT + 1) * VTEP_COUNTERS_SIZE,
    },
  ];
}

function compareRegions(one: Side, other: Side, where: string, regions: readonly Region[]): void {
  for (const { name, start, length } of regions) {
    const [a, b] = [one, other].map(({ world }) => Buffer.from(world.shared.memory.buffer, start, length));
    if (a === undefined || b === undefined || a.equals(b)) continue;
    const offset = a.findIndex((byte, index) => byte !== b[index]);
    const show = (bytes: Buffer): string => bytes.subarray(offset & ~7, (offset & ~7) + 16).toString("hex");
    throw new Error(
      `${where}: ${name} differs at byte ${offset}: ${show(a)} (${one.contender.name}), ${show(b)} (${other.contender.name})`,
    );
  }
}

/** Deterministic damage to the inputs of the worker. */
class Damage {
  readonly #world: World;
  #state: number;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#state = seed;
  }

  inflict(count: number): void {
    for (let n = 0; n < count; n++) {
      if (this.#below(3) !== 0) this.#one(WORKERS + WORKER * WORKER_SIZE + WORKER_INPUTS + n * DESC_SIZE);
    }
  }

  #one(descriptor: number): void {
    const { u8, u32 } = this.#world.shared;
    const payload = u32[(descriptor + DESC_PAYLOAD_PTR) / 4] ?? 0;
    const length = u32[(descriptor + DESC_PAYLOAD_LEN) / 4] ?? 0;
    const at = payload + this.#below(length);
    switch (this.#below(6)) {
      case 0:
        u8[at] = this.#below(256);
        break;
      case 1:
        u8[at] = (u8[at] ?? 0) ^ (1 << this.#below(8));
        break;
      case 2:
        u32[(descriptor + DESC_PAYLOAD_LEN) / 4] = this.#below(length + 1);
        break;
      case 3:
        u8[descriptor + DESC_OUTER_TOS] = this.#below(4);
        break;
      case 4:
        this.#tag(payload + length - 64);
        break;
      default:
        // A MAC, or the tunnel header and half of one.
        for (let byte = 0; byte < 3; byte++) u8[payload + 3 + this.#below(12)] = this.#below(256);
    }
  }

  /** Puts an 802.1Q tag into the frame at `frame`, over what was there. */
  #tag(frame: number): void {
    const { u8 } = this.#world.shared;
    u8.copyWithin(frame + 16, frame + 12, frame + 60);
    u8.set([0x81, 0x00, 0x00, 0x05], frame + 12);
  }

  #below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
    return Math.floor(((this.#state >>> 0) / 2 ** 32) * limit);
  }
}

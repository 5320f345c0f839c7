// A table to test on: the built module over a memory of its own, set up by hand and read back by hand, so that
// nothing of control stands between a test and the bytes. Also the slow twin of the hash.

import { compileDataplane, type Dataplane, FDB_NONE, instantiateDataplane } from "../../../control/dataplane.js";
import { createMemory, type SharedMemory } from "../../../control/memory.js";
import {
  FDB,
  FDB_BUCKET_SIZE,
  FDB_BUCKET_SLOTS,
  FDB_BUCKET_VALUES,
  FDB_FLAG_STATIC,
  FDB_LOCKS,
  FDB_VALUE_FLAGS_SHIFT,
  NETWORK_AGEING,
  NETWORK_COUNTERS,
  NETWORK_COUNTERS_SIZE,
  NETWORK_COUNTERS_WORKER,
  NETWORK_FLAG_LEARNING,
  NETWORK_FLAG_LIVE,
  NETWORK_FLAGS,
  NETWORK_GENERATION,
  NETWORK_LEARN_LIMIT,
  NETWORK_LEARNED,
  NETWORK_SIZE,
  NETWORK_STATIC,
  NETWORKS,
  SYSTEM_CLOCK,
  SYSTEM_FDB_BUCKET_MASK,
  SYSTEM_FDB_CAPACITY,
  SYSTEM_FDB_COUNT,
  SYSTEM_FDB_SEED,
  SYSTEM_MOVES,
  WORKER_CONTROL,
  WORKER_TRACE,
} from "../../../dataplane-wasm/layout.js";
import { type FdbEvent, Ring } from "./ring.js";

const U64 = 0xffffffffffffffffn;
const SEED = 0xd1342543de82ef95n;
const STATIC = BigInt(FDB_FLAG_STATIC) << BigInt(FDB_VALUE_FLAGS_SHIFT);
/** Worker slots whose counters and rings `Table` clears. */
const TEST_WORKERS = [0, 1, 2, 3, 5, WORKER_CONTROL, WORKER_TRACE];

export interface NetworkOptions {
  readonly ageing?: number;
  readonly limit?: number;
  readonly learning?: boolean;
}

export interface TableOptions extends NetworkOptions {
  /** A power of two. */
  readonly buckets: number;
  readonly capacity?: number;
  /** Networks 1 to this are set up, all alike. */
  readonly networks?: number;
}

export interface Entry {
  readonly key: bigint;
  readonly value: bigint;
  readonly bucket: number;
}

/** Key of a MAC that ends in `host`, counted up as vendors do. */
export function keyOf(network: number, host: number): bigint {
  const mac = 0x02n | (BigInt((host >>> 16) & 0xff) << 24n) | (BigInt((host >>> 8) & 0xff) << 32n);
  return (BigInt(network) << 48n) | (BigInt(host & 0xff) << 40n) | mac;
}

export const networkOf = (key: bigint): number => Number(key >> 48n);
export const isStatic = (value: bigint): boolean => (value & STATIC) !== 0n;

export class Table {
  buckets = 0;
  networks = 0;
  readonly memory: SharedMemory;
  readonly module: WebAssembly.Module;
  readonly dataplane: Dataplane;

  private constructor(memory: SharedMemory, module: WebAssembly.Module, dataplane: Dataplane) {
    this.memory = memory;
    this.module = module;
    this.dataplane = dataplane;
  }

  static async create(options: TableOptions): Promise<Table> {
    const memory = createMemory();
    const module = await compileDataplane();
    const dataplane = await instantiateDataplane(module, memory.memory);
    dataplane.initialise();
    const table = new Table(memory, module, dataplane);
    table.reset(options);
    return table;
  }

  /** Empties everything that a test can have touched, and sets up all test networks alike. */
  reset(options: TableOptions): void {
    const { u32, u64, u8 } = this.memory;
    u8.fill(0, FDB, FDB + this.buckets * FDB_BUCKET_SIZE);
    u8.fill(0, FDB_LOCKS, FDB_LOCKS + this.buckets * 4);
    this.buckets = options.buckets;
    u32[SYSTEM_FDB_BUCKET_MASK / 4] = options.buckets - 1;
    u32[SYSTEM_FDB_CAPACITY / 4] = options.capacity ?? options.buckets * FDB_BUCKET_SLOTS;
    u64[SYSTEM_FDB_SEED / 8] = SEED;
    u32[SYSTEM_FDB_COUNT / 4] = 0;
    u32[SYSTEM_MOVES / 4] = 0;
    this.clock = 1000;
    this.networks = Math.max(this.networks, options.networks ?? 16);
    for (let network = 1; network <= this.networks; network++) {
      const at = NETWORKS + network * NETWORK_SIZE;
      u8.fill(0, at, at + NETWORK_SIZE);
      this.network(network, options);
    }
    for (const worker of TEST_WORKERS) {
      this.ring(worker).reset();
      u8.fill(0, counterPtr(worker, 0, 0), counterPtr(worker, this.networks + 1, 0));
    }
  }

  network(network: number, options: NetworkOptions): void {
    const at = (NETWORKS + network * NETWORK_SIZE) / 4;
    const learning = options.learning === false ? 0 : NETWORK_FLAG_LEARNING;
    this.memory.u32[at + NETWORK_FLAGS / 4] = NETWORK_FLAG_LIVE | learning;
    this.memory.u32[at + NETWORK_AGEING / 4] = options.ageing ?? 0;
    this.memory.u32[at + NETWORK_LEARN_LIMIT / 4] = options.limit ?? 0;
  }

  get clock(): number {
    return this.memory.u32[SYSTEM_CLOCK / 4];
  }
  set clock(seconds: number) {
    this.memory.u32[SYSTEM_CLOCK / 4] = seconds;
  }

  generation(network: number): number {
    return this.#networkWord(network, NETWORK_GENERATION);
  }
  flushGeneration(network: number): void {
    this.memory.u32[(NETWORKS + network * NETWORK_SIZE + NETWORK_GENERATION) / 4]++;
  }

  get count(): number {
    return this.memory.u32[SYSTEM_FDB_COUNT / 4];
  }
  learned(network: number): number {
    return this.#networkWord(network, NETWORK_LEARNED);
  }
  static(network: number): number {
    return this.#networkWord(network, NETWORK_STATIC);
  }

  learn(worker: number, key: bigint, kind: number, id: number): number {
    return this.dataplane.fdbLearn(worker, key, kind, id);
  }
  get(key: bigint): bigint | undefined {
    const value = BigInt.asUintN(64, this.dataplane.fdbGet(key));
    return value === FDB_NONE ? undefined : value;
  }
  sweep(worker = 0): number {
    return this.dataplane.fdbSweep(worker, 0, this.buckets);
  }

  counter(worker: number, network: number, counter: number): number {
    return Number(this.memory.u64[counterPtr(worker, network, counter) / 8]);
  }

  ring(worker: number): Ring {
    return new Ring(this.memory, worker);
  }

  /** What a worker's event ring holds; it is empty afterwards. */
  events(worker: number): FdbEvent[] {
    return this.ring(worker).take();
  }

  /** Every entry that the slots hold, read one by one. */
  entries(): Entry[] {
    const { u64 } = this.memory;
    const found: Entry[] = [];
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const at = (FDB + bucket * FDB_BUCKET_SIZE) / 8;
      for (let slot = at; slot < at + FDB_BUCKET_SLOTS; slot++) {
        if (u64[slot] !== 0n) found.push({ key: u64[slot], value: u64[slot + FDB_BUCKET_VALUES / 8], bucket });
      }
    }
    return found;
  }

  lockOf(bucket: number): number {
    return this.memory.u32[FDB_LOCKS / 4 + bucket];
  }
  lock(bucket: number, worker: number): void {
    this.memory.u32[FDB_LOCKS / 4 + bucket] = worker + 1;
  }

  /** Puts an entry into a slot without any of the rules. */
  poke(bucket: number, slot: number, key: bigint, value: bigint): void {
    const at = (FDB + bucket * FDB_BUCKET_SIZE) / 8 + slot;
    this.memory.u64[at + FDB_BUCKET_VALUES / 8] = value;
    this.memory.u64[at] = key;
  }

  /** What has to be true of a table that nobody is writing. Returns what is not. */
  faults(): string[] {
    const faults: string[] = [];
    const keys = new Set<bigint>();
    const counts = new Map<string, number>();
    for (const { key, value, bucket } of this.entries()) {
      const home = this.homeOf(key);
      if (keys.has(key)) faults.push(`${key.toString(16)} is there twice`);
      keys.add(key);
      if (Number(value & 0xffn) !== home.tag) faults.push(`${key.toString(16)} has the tag of another key`);
      if (bucket !== home.first && bucket !== home.second) faults.push(`${key.toString(16)} is in a strange bucket`);
      const which = `${isStatic(value) ? "static" : "learned"} ${networkOf(key)}`;
      counts.set(which, (counts.get(which) ?? 0) + 1);
    }
    const expectCount = (name: string, counted: number, there: number) => {
      if (counted !== there) faults.push(`${name}: counted ${counted}, there are ${there}`);
    };
    expectCount("entries", this.count, keys.size);
    for (let network = 1; network <= this.networks; network++) {
      expectCount(`learned ${network}`, this.learned(network), counts.get(`learned ${network}`) ?? 0);
      expectCount(`static ${network}`, this.static(network), counts.get(`static ${network}`) ?? 0);
    }
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      if (this.lockOf(bucket) !== 0) faults.push(`bucket ${bucket} is locked by ${this.lockOf(bucket) - 1}`);
    }
    return faults;
  }

  /** The slow twin of dataplane-wasm/fdb/hash.ts. */
  homeOf(key: bigint): { first: number; second: number; tag: number } {
    const mask = this.buckets - 1;
    let h = ((key ^ (key >> 32n)) * SEED) & U64;
    h = ((h ^ (h >> 32n)) * 0x9e3779b97f4a7c15n) & U64;
    const first = Number(h >> 32n) / 2 ** Math.clz32(mask);
    const tag = Number((h >> 24n) & 0xffn);
    const distance = Math.imul((tag << 1) | 1, 0x9e3779b1) & mask;
    return { first: first & mask, second: (first & mask) ^ distance, tag };
  }

  #networkWord(network: number, offset: number): number {
    return this.memory.u32[(NETWORKS + network * NETWORK_SIZE + offset) / 4];
  }
}

function counterPtr(worker: number, network: number, counter: number): number {
  return NETWORK_COUNTERS + worker * NETWORK_COUNTERS_WORKER + network * NETWORK_COUNTERS_SIZE + counter;
}

// All that control writes into the shared tables, put together: one object that owns who is reachable, and the small
// jobs that keep it tidy. Only the main thread has one; workers read what it writes.
//
// `tick` is the heartbeat: it reclaims what every worker has let go of, clears away what points to the dead, sweeps
// the FDB. Each of these does a slice a call, so that the main thread answers its callers in between.

import { randomBytes } from "node:crypto";
import {
  FDB_BUCKETS_MAX,
  SYSTEM_BASE,
  SYSTEM_CLOCK,
  SYSTEM_FDB_BUCKET_MASK,
  SYSTEM_FDB_CAPACITY,
  SYSTEM_FDB_COUNT,
  SYSTEM_FDB_SEED,
  SYSTEM_LOCAL,
  SYSTEM_OUTER_CHECKSUM,
  SYSTEM_RESERVED_MASK,
  SYSTEM_SRC_PORT_COUNT,
  SYSTEM_SRC_PORT_MIN,
  SYSTEM_UDP_PORT,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import type { Views } from "../memory.js";
import { Access } from "./access.js";
import { Ageing } from "./ageing.js";
import { Counters } from "./counters.js";
import { DAMPING, Damping, type DampingOptions } from "./damping.js";
import { Epochs } from "./epochs.js";
import { Events } from "./events.js";
import { Fdb } from "./fdb.js";
import { LearnedVteps } from "./learned-vteps.js";
import { Lists } from "./lists.js";
import { Networks } from "./networks.js";
import { Ports } from "./ports.js";
import { SystemPrefixes } from "./prefixes.js";
import { Reaches } from "./reach.js";
import { Registry } from "./registry.js";
import { Statics } from "./statics.js";
import { Undertaker } from "./undertaker.js";
import { Vteps } from "./vteps.js";

/* Our choices. */
/** As many as a four-slot bucket half full makes; fewer would leave kicks no room. */
const FDB_BUCKETS_MIN = 1024;
/** Five milliseconds of walking a table that is half full. */
const UNDERTAKER_BUCKETS = 32768;

export interface TablesOptions {
  /** This VTEP's address: 16 bytes, IPv4 mapped. */
  readonly local: Uint8Array;
  /** UDP destination port. */
  readonly port: number;
  /** Outer source ports, both inclusive. */
  readonly sourcePorts: { readonly min: number; readonly max: number };
  /** Outer UDP checksums over IPv4. */
  readonly outerChecksum: boolean;
  /** VXLAN header bits that must be 0 on receipt, as the header's 8 bytes; 0n ignores them. */
  readonly reservedMask: bigint;
  /** FDB entries, learned and static. */
  readonly fdbCapacity: number;
  /** Of MACs that move to and fro; absent: RFC 7432's. */
  readonly damping?: DampingOptions;
  /** Worker slots that may run. */
  readonly workers: number;
  /** Process address of the memory, for the iovecs that the hot path makes; 0 when nothing goes to the kernel. */
  readonly base?: number;
  /** Odd; random when absent. Tests give it. */
  readonly fdbSeed?: bigint;
}

export class Tables {
  readonly epochs: Epochs;
  readonly vteps: Vteps;
  readonly fdb: Fdb;
  readonly networks: Networks;
  readonly ports: Ports;
  readonly statics: Statics;
  readonly events: Events;
  readonly damping: Damping;
  readonly counters: Counters;
  readonly lists: Lists;
  readonly undertaker: Undertaker;
  readonly learnedVteps: LearnedVteps;
  readonly #access: Access;
  readonly #prefixes: SystemPrefixes;
  readonly #ageing: Ageing;
  readonly #views: Views;

  /** Fills the system page and readies the module. The memory must be new. */
  constructor(views: Views, dataplane: Dataplane, options: TablesOptions) {
    writeSystem(views, options);
    dataplane.initialise();
    this.#views = views;
    this.epochs = new Epochs(views, options.workers);
    this.lists = new Lists(views);
    this.#access = new Access(dataplane);
    this.undertaker = new Undertaker(views, dataplane, this.epochs, this.#access);
    const prefixes = new SystemPrefixes(views, this.lists, this.epochs);
    this.#prefixes = prefixes;
    this.vteps = new Vteps(views, dataplane, this.undertaker, prefixes, this.#access);
    const reaches = new Reaches(views, this.#access, this.epochs, this.lists, this.vteps, prefixes);
    const registry = new Registry(reaches);
    this.fdb = new Fdb(views, dataplane);
    this.ports = new Ports(views, registry, this.fdb, this.undertaker);
    this.networks = new Networks(views, registry, this.ports, this.vteps, this.undertaker);
    this.statics = new Statics(registry, this.fdb, this.vteps);
    this.events = new Events(views);
    this.damping = new Damping(this.fdb, options.damping ?? DAMPING);
    this.counters = new Counters(views, options.workers);
    this.learnedVteps = new LearnedVteps(views, this.#access, this.vteps, this.counters, this.networks);
    this.#ageing = new Ageing(views, dataplane);
  }

  /** As it was set last. */
  get clock(): number {
    return this.#views.u32[SYSTEM_CLOCK / 4];
  }

  /** Seconds; only the low 16 bits of differences count. */
  setClock(seconds: number): void {
    Atomics.store(this.#views.u32, SYSTEM_CLOCK / 4, seconds >>> 0);
  }

  /** Entries in the FDB, learned and static, dead ones included until they are swept. */
  get fdbCount(): number {
    return Atomics.load(this.#views.u32, SYSTEM_FDB_COUNT / 4);
  }

  get fdbCapacity(): number {
    return this.#views.u32[SYSTEM_FDB_CAPACITY / 4];
  }

  /** Tidies up: to be called a few times a second. @param elapsedMs since the last call */
  tick(elapsedMs: number): void {
    this.#access.settle();
    this.epochs.reclaim();
    this.#prefixes.settle();
    this.undertaker.work(UNDERTAKER_BUCKETS);
    this.learnedVteps.tick();
    this.#ageing.sweep(elapsedMs, this.networks);
  }

  /** Forgets every learned entry of a network at once. @throws ERR_NOT_FOUND */
  flush(vni: number): void {
    this.#ageing.flush(this.networks.get(vni).id);
  }
}

/** Buckets for a capacity: four slots each, half full at most, a power of two. */
export function fdbBucketCount(capacity: number): number {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, capacity / 2)));
  return Math.min(FDB_BUCKETS_MAX, Math.max(FDB_BUCKETS_MIN, buckets));
}

function writeSystem({ u8, u32, u64 }: Views, options: TablesOptions): void {
  u32[SYSTEM_FDB_BUCKET_MASK / 4] = fdbBucketCount(options.fdbCapacity) - 1;
  u32[SYSTEM_FDB_CAPACITY / 4] = options.fdbCapacity;
  u64[SYSTEM_FDB_SEED / 8] = options.fdbSeed ?? randomBytes(8).readBigUInt64LE() | 1n;
  u32[SYSTEM_SRC_PORT_MIN / 4] = options.sourcePorts.min;
  u32[SYSTEM_SRC_PORT_COUNT / 4] = options.sourcePorts.max - options.sourcePorts.min + 1;
  u32[SYSTEM_OUTER_CHECKSUM / 4] = options.outerChecksum ? 1 : 0;
  u64[SYSTEM_RESERVED_MASK / 8] = options.reservedMask;
  u8.set(options.local, SYSTEM_LOCAL);
  u32[SYSTEM_UDP_PORT / 4] = options.port;
  u64[SYSTEM_BASE / 8] = BigInt(options.base ?? 0);
}

// The world that the packet work is measured in: a shared memory with networks, ports, VTEPs and a filled FDB, made
// by the compiled module's own functions, the way control makes it. Deterministic: two worlds of the same size are
// equal to the byte, so a contender may run on either.
//
// FDB entries are numbered. Entry e belongs to network 1 + e % NETWORKS; the first ones are MACs on local ports, the
// many others live behind the VTEPs in turn, as in a real fabric.

import { type Dataplane, instantiateDataplane } from "../../../../control/dataplane.js";
import { attachMemory, createMemory, type SharedMemory } from "../../../../control/memory.js";
import {
  ATTACHMENT_FLAG_LIVE,
  ATTACHMENT_FLAGS,
  ATTACHMENT_MTU,
  ATTACHMENT_NETWORK,
  ATTACHMENT_PORT,
  ATTACHMENT_SIZE,
  ATTACHMENTS,
  CONTEXT_SCRATCH,
  EVENT_HEAD,
  EVENT_RING_SIZE,
  EVENT_TAIL,
  EVENTS,
  FDB,
  FDB_BUCKET_SIZE,
  FDB_KIND_ATTACHMENT,
  FDB_KIND_VTEP,
  FDB_VALUE_ID_SHIFT,
  FDB_VALUE_KIND_SHIFT,
  FDB_VALUE_STAMP_SHIFT,
  LISTS,
  NETWORK_AGEING,
  NETWORK_COUNTERS,
  NETWORK_COUNTERS_SIZE,
  NETWORK_COUNTERS_WORKER,
  NETWORK_FLAG_LEARNING,
  NETWORK_FLAG_LIVE,
  NETWORK_FLAGS,
  NETWORK_FLOOD_LIST,
  NETWORK_LEARNED,
  NETWORK_MTU,
  NETWORK_PLAIN_MTU,
  NETWORK_SIZE,
  NETWORK_TUNNEL_HEADER,
  NETWORK_VNI,
  NETWORKS,
  SYSTEM_CLOCK,
  SYSTEM_FDB_BUCKET_MASK,
  SYSTEM_FDB_CAPACITY,
  SYSTEM_FDB_COUNT,
  SYSTEM_FDB_SEED,
  SYSTEM_LOCAL,
  SYSTEM_OUTER_CHECKSUM,
  SYSTEM_SRC_PORT_COUNT,
  SYSTEM_SRC_PORT_MIN,
  SYSTEM_UDP_PORT,
  VNI_TABLE,
  VTEP_FLAG_SOURCE,
  WORKER_CONTROL,
  WORKER_SIZE,
  WORKERS,
} from "../../../../dataplane-wasm/layout.js";

export const NETWORK_COUNT = 8; // a power of two
export const VTEP_COUNT = 64; // a power of two
const FIRST_VNI = 100;
const LOCAL_MAX = 4096;
export const CLOCK = 1000;
export const AGEING_SECONDS = 300;
const INNER_MTU = 9000;
const SEED = 0x9e3779b97f4a7c15n;
/** Bytes 0 to 2 of every MAC (locally administered), as loaded little-endian. */
const MAC_PREFIX = 0x585602;
/** Bytes 8 to 11 of an IPv4-mapped address, as loaded little-endian. */
export const MAPPED = 0xffff0000;

export interface World {
  readonly shared: SharedMemory;
  readonly dataplane: Dataplane;
  readonly entries: number;
}

/** How many of `entries` are MACs on local ports: a quarter, as long as that is a plausible number. */
export function localEntries(entries: number): number {
  return Math.min(entries / 4, LOCAL_MAX);
}

/** Four-byte and two-byte halves of the MAC of entry `e`, as loaded little-endian. Every e below 2^24 has its own. */
export function macLow(e: number): number {
  return (MAC_PREFIX | (Math.imul(e, 0x9e3779b1) << 24)) >>> 0;
}
export function macHigh(e: number): number {
  return (Math.imul(e, 0x9e3779b1) >>> 8) & 0xffff;
}

/** The FDB key of entry `e`. */
export function keyOf(e: number): bigint {
  const network = 1 + (e & (NETWORK_COUNT - 1));
  return BigInt(macLow(e)) | (BigInt(macHigh(e)) << 32n) | (BigInt(network) << 48n);
}

/** IPv4 address of VTEP id `vtep` (1 and up), as loaded little-endian: 10.99.1.vtep. */
export function vtepAddress(vtep: number): number {
  return (10 | (99 << 8) | (1 << 16) | (vtep << 24)) >>> 0;
}

export function vtepOf(entry: number): number {
  return 1 + (((entry / NETWORK_COUNT) >>> 0) & (VTEP_COUNT - 1));
}

export function vniOf(network: number): number {
  return FIRST_VNI + network;
}

/** @param entries a power of two, 1024 to FDB_ENTRIES_MAX; `capacity` what the table is dimensioned for, if more */
export async function createWorld(
  module: WebAssembly.Module,
  entries: number,
  capacity: number = entries,
): Promise<World> {
  const shared = createMemory();
  const dataplane = await instantiateDataplane(module, shared.memory);
  dataplane.initialise();
  writeSystem(shared, capacity);
  for (let network = 1; network <= NETWORK_COUNT; network++) writeNetwork(shared, network);
  internVteps(shared, dataplane);
  fillFdb(dataplane, entries);
  return { shared, dataplane, entries };
}

/** The same world seen from another thread. */
export async function joinWorld(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  entries: number,
): Promise<World> {
  return { shared: attachMemory(memory), dataplane: await instantiateDataplane(module, memory), entries };
}

/** Buckets for a capacity, at half load, as control dimensions the table. */
function bucketsFor(capacity: number): number {
  return capacity / 2;
}

function writeSystem({ u32, u64 }: SharedMemory, capacity: number): void {
  u32[SYSTEM_FDB_BUCKET_MASK / 4] = bucketsFor(capacity) - 1;
  u32[SYSTEM_FDB_CAPACITY / 4] = capacity;
  u64[SYSTEM_FDB_SEED / 8] = SEED;
  u32[SYSTEM_SRC_PORT_MIN / 4] = 49152;
  u32[SYSTEM_SRC_PORT_COUNT / 4] = 65536 - 49152;
  u32[SYSTEM_OUTER_CHECKSUM / 4] = 1;
  u32[SYSTEM_LOCAL / 4 + 2] = MAPPED;
  u32[SYSTEM_LOCAL / 4 + 3] = 10 | (99 << 8) | (1 << 24);
  u32[SYSTEM_UDP_PORT / 4] = 4789;
  u32[SYSTEM_CLOCK / 4] = CLOCK;
}

/** Network n, its one attachment n on port n, and a flood list of one VTEP. */
function writeNetwork({ u16, u32, u64 }: SharedMemory, network: number): void {
  const record = NETWORKS + network * NETWORK_SIZE;
  const vni = vniOf(network);
  const list = LISTS + network * 64;
  u32.set([1, 1, network, network], list / 4);
  u32[(record + NETWORK_FLOOD_LIST) / 4] = list;
  u32[(record + NETWORK_VNI) / 4] = vni;
  u32[(record + NETWORK_MTU) / 4] = INNER_MTU;
  u32[(record + NETWORK_PLAIN_MTU) / 4] = INNER_MTU;
  u32[(record + NETWORK_AGEING) / 4] = AGEING_SECONDS;
  u64[(record + NETWORK_TUNNEL_HEADER) / 8] = tunnelHeader(vni);
  u32[(record + NETWORK_FLAGS) / 4] = NETWORK_FLAG_LIVE | NETWORK_FLAG_LEARNING;
  const attachment = ATTACHMENTS + network * ATTACHMENT_SIZE;
  u32[(attachment + ATTACHMENT_NETWORK) / 4] = network;
  u32[(attachment + ATTACHMENT_PORT) / 4] = network;
  u32[(attachment + ATTACHMENT_MTU) / 4] = INNER_MTU;
  u32[(attachment + ATTACHMENT_FLAGS) / 4] = ATTACHMENT_FLAG_LIVE;
  u16[VNI_TABLE / 2 + vni] = network;
}

/** The VXLAN header of a VNI (RFC 7348), as loaded little-endian. */
export function tunnelHeader(vni: number): bigint {
  const wire = ((vni >>> 16) | (vni & 0xff00) | ((vni & 0xff) << 16)) >>> 0;
  return 0x08n | (BigInt(wire) << 32n);
}

function internVteps({ u32 }: SharedMemory, dataplane: Dataplane): void {
  const address = WORKERS + WORKER_CONTROL * WORKER_SIZE + CONTEXT_SCRATCH;
  for (let vtep = 1; vtep <= VTEP_COUNT; vtep++) {
    u32.set([0, 0, MAPPED, vtepAddress(vtep)], address / 4);
    const id = dataplane.vtepIntern(WORKER_CONTROL, address, VTEP_FLAG_SOURCE);
    if (id !== vtep) throw new Error(`vtepIntern gave id ${id} to VTEP ${vtep}`);
    for (let network = 1; network <= NETWORK_COUNT; network++) {
      if (dataplane.accessAllow(WORKER_CONTROL, network, vtep) !== 1) throw new Error("the access set is full");
    }
  }
}

/** Buckets of the FDB. */
export function bucketsOf({ u32 }: SharedMemory): number {
  return (u32[SYSTEM_FDB_BUCKET_MASK / 4] ?? 0) + 1;
}

/** A counter of a worker, summed over the networks. @param counter COUNTER_* */
export function counterOf({ u64 }: SharedMemory, worker: number, counter: number): number {
  let sum = 0n;
  for (let network = 0; network <= NETWORK_COUNT; network++) {
    const row = NETWORK_COUNTERS + worker * NETWORK_COUNTERS_WORKER + network * NETWORK_COUNTERS_SIZE;
    sum += u64[(row + counter) / 8] ?? 0n;
  }
  return Number(sum);
}

/** Empties the rings of events, as control does when it has read them. */
export function readEvents({ u32 }: SharedMemory, worker: number): void {
  const ring = EVENTS + worker * EVENT_RING_SIZE;
  u32[(ring + EVENT_TAIL) / 4] = u32[(ring + EVENT_HEAD) / 4] ?? 0;
}

/** The FDB as it stands, to be put back after it was emptied: far faster than filling it again. */
export function keepFdb(shared: SharedMemory): () => void {
  const { u8, u32 } = shared;
  const buckets = bucketsOf(shared);
  const table = u8.slice(FDB, FDB + buckets * FDB_BUCKET_SIZE);
  const count = u32[SYSTEM_FDB_COUNT / 4] ?? 0;
  const learned = Array.from({ length: NETWORK_COUNT + 1 }, (_, network) => u32[learnedIndex(network)] ?? 0);
  return () => {
    u8.set(table, FDB);
    u32[SYSTEM_FDB_COUNT / 4] = count;
    for (const [network, value] of learned.entries()) u32[learnedIndex(network)] = value;
  };
}

function learnedIndex(network: number): number {
  return (NETWORKS + network * NETWORK_SIZE + NETWORK_LEARNED) / 4;
}

/** Puts the world's entries into an empty FDB. */
export function fillFdb(dataplane: Dataplane, entries: number): void {
  const locals = localEntries(entries);
  for (let e = 0; e < entries; e++) {
    const network = 1 + (e & (NETWORK_COUNT - 1));
    const local = e < locals;
    const kind = BigInt(local ? FDB_KIND_ATTACHMENT : FDB_KIND_VTEP) << BigInt(FDB_VALUE_KIND_SHIFT);
    const id = BigInt(local ? network : vtepOf(e)) << BigInt(FDB_VALUE_ID_SHIFT);
    const outcome = dataplane.fdbSet(
      WORKER_CONTROL,
      keyOf(e),
      kind | id | (BigInt(CLOCK) << BigInt(FDB_VALUE_STAMP_SHIFT)),
    );
    if (outcome !== 1) throw new Error(`fdbSet gave ${outcome} to entry ${e} of ${entries}`);
  }
}

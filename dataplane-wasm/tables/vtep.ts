// Remote VTEPs: found by address on every datagram received, and their outer header ready for every frame sent.
//
// The index is open-addressed by a hash of the 16-byte address; readers take no lock. Writers (control, and a worker
// that meets a new address inside an allowed prefix) hold SYSTEM_VTEP_LOCK, fill the record, switch the pointer, and
// store the id into the index last. A record hardly changes once the pointer names it (layout/vteps.ts says what does): the other of the id's two
// records is filled, and the pointer switched.

import { VTEPS_LEARNED_MAX, VTEPS_MAX } from "../layout/maxima";
import { SYSTEM_LOCAL, SYSTEM_UDP_PORT, SYSTEM_VTEP_LOCK, SYSTEM_VTEP_NEXT } from "../layout/system";
import {
  VTEP_ADDRESS,
  VTEP_FLAG_IPV6,
  VTEP_FLAG_LEARNED,
  VTEP_FLAGS,
  VTEP_FRAME_MAX,
  VTEP_FRAME_MAX_NONE,
  VTEP_ID,
  VTEP_INDEX,
  VTEP_INDEX_DELETED,
  VTEP_INDEX_SLOTS,
  VTEP_NEXT_HOP,
  VTEP_OUTER_LEN,
  VTEP_POINTERS,
  VTEP_RECORD_SIZE,
  VTEP_RECORDS,
} from "../layout/vteps";
import { writeOuterMacs, writeOuterTemplate } from "./outer-template";

/* Our choices. */
const HASH_LOW: u64 = 0x9e3779b97f4a7c15;
const HASH_HIGH: u64 = 0xc2b2ae3d27d4eb4f;
const MAPPED_PREFIX: u64 = 0xffff0000; // bytes 8 to 11 of ::ffff:a.b.c.d, loaded little-endian
const TTL_DEFAULT: u32 = 64;
const LOCK_TRIES: u32 = 1 << 20;

/** True for the IPv4-mapped form of an IPv4 address, RFC 4291 section 2.5.5.2. */
export function addressIsIpv4(address: usize): bool {
  return load<u64>(address) === 0 && <u64>load<u32>(address, 8) === MAPPED_PREFIX;
}

export function addressEquals(a: usize, b: usize): bool {
  return !v128.any_true(v128.xor(v128.load(a), v128.load(b)));
}

function indexSlot(address: usize): u32 {
  const x = load<u64>(address) * HASH_HIGH + load<u64>(address, 8) * HASH_LOW;
  return <u32>(x >> 40) & (VTEP_INDEX_SLOTS - 1);
}

/** The record of an id, 0 if there is none. A plain load: an aligned word is never torn, and the record is reached through it. */
export function vtepRecord(vtep: u32): usize {
  return load<u32>(VTEP_POINTERS + (vtep << 2));
}

/** The id of the 16-byte address at `address`, or 0. */
export function vtepFind(address: usize): u32 {
  let slot = indexSlot(address);
  for (let n: u32 = 0; n < VTEP_INDEX_SLOTS; n++) {
    const vtep = load<u32>(VTEP_INDEX + (slot << 2));
    if (vtep === 0) return 0;
    if (vtep !== VTEP_INDEX_DELETED) {
      const record = vtepRecord(vtep);
      if (record !== 0 && addressEquals(record + VTEP_ADDRESS, address)) return vtep;
    }
    slot = (slot + 1) & (VTEP_INDEX_SLOTS - 1);
  }
  return 0;
}

/** Takes the lock of the VTEP and access tables for a worker slot. False if it stays taken. */
export function vtepLock(worker: u32): bool {
  for (let n: u32 = 0; n < LOCK_TRIES; n++) {
    if (atomic.cmpxchg<u32>(SYSTEM_VTEP_LOCK, 0, worker + 1) === 0) return true;
  }
  return false;
}

export function vtepUnlock(): void {
  atomic.store<u32>(SYSTEM_VTEP_LOCK, 0);
}

/**
 * The id of the address at `address`, made if it is new. `flags` are VTEP_FLAG_*; IPv6 is told from the address.
 * Returns 0 when the table is full or its lock is held by a thread that does not let go.
 */
export function vtepIntern(worker: u32, address: usize, flags: u32): u32 {
  const known = vtepFind(address);
  if (known !== 0) return known;
  if (!vtepLock(worker)) return 0;
  let vtep = vtepFind(address);
  if (vtep === 0) {
    vtep = freeId(flags);
    if (vtep !== 0) {
      const record = VTEP_RECORDS + <usize>vtep * 2 * VTEP_RECORD_SIZE;
      // Of whoever had the id before.
      store<u64>(record, 0, VTEP_NEXT_HOP);
      store<u32>(record, VTEP_FRAME_MAX_NONE, VTEP_FRAME_MAX);
      writeRecord(record, vtep, address, flags, TTL_DEFAULT);
      atomic.store<u32>(VTEP_POINTERS + (vtep << 2), <u32>record);
      insertIndex(address, vtep);
    }
  }
  vtepUnlock();
  return vtep;
}

function freeId(flags: u32): u32 {
  const limit = flags & VTEP_FLAG_LEARNED ? VTEPS_LEARNED_MAX : VTEPS_MAX;
  const next = max<u32>(load<u32>(SYSTEM_VTEP_NEXT), 1);
  if (next < limit) {
    store<u32>(SYSTEM_VTEP_NEXT, next + 1);
    return next;
  }
  for (let vtep: u32 = 1; vtep < limit; vtep++) if (vtepRecord(vtep) === 0) return vtep;
  return 0;
}

/** The index has four times as many slots as there are ids, so a free one or a tombstone is always met. */
function insertIndex(address: usize, vtep: u32): void {
  let slot = indexSlot(address);
  for (;;) {
    const there = load<u32>(VTEP_INDEX + (slot << 2));
    if (there === 0 || there === VTEP_INDEX_DELETED) break;
    slot = (slot + 1) & (VTEP_INDEX_SLOTS - 1);
  }
  atomic.store<u32>(VTEP_INDEX + (slot << 2), vtep);
}

/** Forgets a VTEP. Returns 0 if the lock stayed taken, else 1. */
export function vtepRemove(worker: u32, vtep: u32): u32 {
  if (!vtepUnlink(worker, vtep)) return 0;
  atomic.store<u32>(VTEP_POINTERS + (vtep << 2), 0);
  return 1;
}

/**
 * Takes a VTEP out of the index, and keeps its record: nothing finds the id by its address any more. Its tombstone turns
 * free when nothing follows it, so that churn does not lengthen the probes. Returns 0 if the lock stayed taken, else 1.
 */
export function vtepUnlink(worker: u32, vtep: u32): u32 {
  const record = vtepRecord(vtep);
  if (record === 0) return 1;
  if (!vtepLock(worker)) return 0;
  let slot = indexSlot(record + VTEP_ADDRESS);
  for (let n: u32 = 0; n < VTEP_INDEX_SLOTS; n++) {
    const there = load<u32>(VTEP_INDEX + (slot << 2));
    if (there === 0) break;
    if (there === vtep) {
      clearIndex(slot);
      break;
    }
    slot = (slot + 1) & (VTEP_INDEX_SLOTS - 1);
  }
  vtepUnlock();
  return 1;
}

function clearIndex(at: u32): void {
  let slot = at;
  atomic.store<u32>(VTEP_INDEX + (slot << 2), VTEP_INDEX_DELETED);
  if (load<u32>(VTEP_INDEX + (((slot + 1) & (VTEP_INDEX_SLOTS - 1)) << 2)) !== 0) return;
  while (load<u32>(VTEP_INDEX + (slot << 2)) === VTEP_INDEX_DELETED) {
    atomic.store<u32>(VTEP_INDEX + (slot << 2), 0);
    slot = (slot - 1) & (VTEP_INDEX_SLOTS - 1);
  }
}

/** Replaces flags and TTL: writes the spare record of the id, then switches the pointer. */
export function vtepRewrite(worker: u32, vtep: u32, flags: u32, ttl: u32): void {
  if (!vtepLock(worker)) return;
  const current = vtepRecord(vtep);
  if (current !== 0) {
    const spare = spareRecord(vtep, current);
    store<u64>(spare, load<u64>(current, VTEP_NEXT_HOP), VTEP_NEXT_HOP);
    store<u32>(spare, load<u32>(current, VTEP_FRAME_MAX), VTEP_FRAME_MAX);
    writeRecord(spare, vtep, current + VTEP_ADDRESS, flags, ttl);
    atomic.store<u32>(VTEP_POINTERS + (vtep << 2), <u32>spare);
  }
  vtepUnlock();
}

/** Gives a VTEP another next hop and the underlay's MAC as it is now: the spare record again, otherwise a copy. */
export function vtepSetNextHop(worker: u32, vtep: u32, mac: u64): void {
  if (!vtepLock(worker)) return;
  const current = vtepRecord(vtep);
  if (current !== 0) {
    const spare = spareRecord(vtep, current);
    memory.copy(spare, current, VTEP_RECORD_SIZE);
    store<u64>(spare, mac, VTEP_NEXT_HOP);
    writeOuterMacs(spare, load<u32>(spare, VTEP_OUTER_LEN));
    atomic.store<u32>(VTEP_POINTERS + (vtep << 2), <u32>spare);
  }
  vtepUnlock();
}

/** Each id has two records; the one that is not in use. */
function spareRecord(vtep: u32, current: usize): usize {
  const first = VTEP_RECORDS + <usize>vtep * 2 * VTEP_RECORD_SIZE;
  return current === first ? first + VTEP_RECORD_SIZE : first;
}

function writeRecord(record: usize, vtep: u32, address: usize, flags: u32, ttl: u32): void {
  const ipv6: u32 = addressIsIpv4(address) ? 0 : VTEP_FLAG_IPV6;
  memory.copy(record + VTEP_ADDRESS, address, 16);
  store<u32>(record, vtep, VTEP_ID);
  store<u32>(record, (flags & ~VTEP_FLAG_IPV6) | ipv6, VTEP_FLAGS);
  const len = writeOuterTemplate(record, SYSTEM_LOCAL, load<u32>(SYSTEM_UDP_PORT), ipv6 !== 0, ttl);
  store<u32>(record, len, VTEP_OUTER_LEN);
}

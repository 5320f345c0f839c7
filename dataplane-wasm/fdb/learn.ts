// Learning source MACs inline, on ports (encap) and tunnels (decap). Nearly every call finds the entry as it
// should be, which one comparison of the whole value shows; the rest is kept out of the way below.
//
// What changes an entry's destination takes its bucket's lock; what only refreshes its stamp swaps the value, once a
// second an entry. Static entries win, as behaviour.md has it. A frozen entry is refreshed by its own place and does not
// follow its MAC to another: only the way of a move looks at the flag. A trace (dry run) hears the outcome that a frame
// would have had, and nothing is written.

import { countRare, emit, emitLimit } from "../events";
import { COUNTER_HELD, COUNTER_LEARNED, COUNTER_MOVED } from "../layout/counters";
import { EVENT_LEARNED, EVENT_MOVED } from "../layout/events";
import {
  FDB_BUCKET_VALUES,
  FDB_FLAG_FROZEN,
  FDB_FLAG_OWN,
  FDB_FLAG_STATIC,
  FDB_VALUE_FLAGS_SHIFT,
  FDB_VALUE_GENERATION_SHIFT,
  FDB_VALUE_ID_MASK,
  FDB_VALUE_ID_SHIFT,
  FDB_VALUE_KIND_SHIFT,
  FDB_VALUE_STAMP_SHIFT,
} from "../layout/fdb";
import { NETWORK_FLAG_LEARNING, NETWORK_FLAGS, NETWORK_GENERATION, NETWORK_SIZE, NETWORKS } from "../layout/networks";
import { SYSTEM_CLOCK, SYSTEM_MOVES } from "../layout/system";
import { CONTEXT_FLAG_DRY_RUN, CONTEXT_FLAGS, WORKER_SIZE, WORKERS } from "../layout/worker";
import { fdbLive, findSlot, NO_SLOT } from "./find";
import { fdbHash, fdbNetwork, fdbTag } from "./hash";
import { INSERT_DONE, INSERT_FULL, INSERT_PRESENT, insert } from "./insert";
import { tryLock, unlock } from "./lock";
import {
  LEARN_BUSY,
  LEARN_FROZEN,
  LEARN_LIMIT,
  LEARN_MOVED,
  LEARN_NEW,
  LEARN_OFF,
  LEARN_OWN,
  LEARN_SAME,
  LEARN_STATIC_CONFLICT,
  LEARN_STATIC_SAME,
} from "./outcome";
import { bucketOf, isFull, isStatic, valueId, valueKind } from "./slot";

/* Our choices. */
const RETRIES: u32 = 4; // other writers were at the same entry each time: the next frame learns

const DESTINATION: u64 = 0xffffff0000000000; // kind and id
const STAMP: u64 = (<u64>0xffff) << FDB_VALUE_STAMP_SHIFT;
const FLAGS: u64 = (<u64>0xff) << FDB_VALUE_FLAGS_SHIFT;
const STATIC: u64 = (<u64>FDB_FLAG_STATIC) << FDB_VALUE_FLAGS_SHIFT;
const OWN: u64 = (<u64>FDB_FLAG_OWN) << FDB_VALUE_FLAGS_SHIFT;
const FROZEN: u64 = (<u64>FDB_FLAG_FROZEN) << FDB_VALUE_FLAGS_SHIFT;

/**
 * Learns that `key` is behind (`kind`, `id`). Returns LEARN_*.
 * @param network id, at `networkPtr`, and the key's too
 * @param h hash of the key
 */
export function learn(worker: u32, networkPtr: usize, network: u32, key: u64, h: u64, kind: u32, id: u32): u32 {
  const wanted =
    ((<u64>kind) << FDB_VALUE_KIND_SHIFT) |
    ((<u64>(id & FDB_VALUE_ID_MASK)) << FDB_VALUE_ID_SHIFT) |
    ((<u64>(load<u32>(networkPtr, NETWORK_GENERATION) & 0xff)) << FDB_VALUE_GENERATION_SHIFT) |
    ((<u64>(atomic.load<u32>(SYSTEM_CLOCK) & 0xffff)) << FDB_VALUE_STAMP_SHIFT) |
    <u64>fdbTag(h);
  const slot = inline.always(findSlot(key, h));
  if (slot !== NO_SLOT) {
    const value = atomic.load<u64>(slot, FDB_BUCKET_VALUES);
    // Static entries differ from what is wanted in their flag.
    if (((value ^ wanted) & ~(FLAGS ^ STATIC)) === 0) {
      if (atomic.load<u64>(slot) === key) return LEARN_SAME;
    }
  }
  return learnChange(worker, networkPtr, network, key, h, wanted);
}

/** `learn` from outside the batch functions: control planes and tests. */
export function fdbLearn(worker: u32, key: u64, kind: u32, id: u32): u32 {
  const network = fdbNetwork(key);
  return learn(worker, NETWORKS + network * NETWORK_SIZE, network, key, fdbHash(key), kind, id);
}

function learnChange(worker: u32, networkPtr: usize, network: u32, key: u64, h: u64, wanted: u64): u32 {
  const dry = (load<u32>(WORKERS + worker * WORKER_SIZE, CONTEXT_FLAGS) & CONTEXT_FLAG_DRY_RUN) !== 0;
  const learning = (load<u32>(networkPtr, NETWORK_FLAGS) & NETWORK_FLAG_LEARNING) !== 0;
  for (let i: u32 = 0; i < RETRIES; i++) {
    const slot = findSlot(key, h);
    if (slot === NO_SLOT) {
      if (!learning) return LEARN_OFF;
      const outcome = learnNew(worker, networkPtr, network, key, h, wanted, dry);
      if (outcome === LEARN_SAME) continue; // somebody else was first
      return outcome;
    }
    const value = atomic.load<u64>(slot, FDB_BUCKET_VALUES);
    if (atomic.load<u64>(slot) !== key) continue;
    const same = ((value ^ wanted) & DESTINATION) === 0;
    if (isStatic(value)) {
      if (same) return LEARN_STATIC_SAME;
      return (value & OWN) !== 0 ? LEARN_OWN : LEARN_STATIC_CONFLICT;
    }
    const live = fdbLive(value, networkPtr);
    if (same && live) {
      if (!dry) atomic.cmpxchg<u64>(slot, value, (value & ~STAMP) | (wanted & STAMP), FDB_BUCKET_VALUES);
      return LEARN_SAME;
    }
    if (!learning) return LEARN_OFF;
    if (live && (value & FROZEN) !== 0) {
      if (!dry) countRare(worker, network, COUNTER_HELD);
      return LEARN_FROZEN;
    }
    if (dry) return live ? LEARN_MOVED : LEARN_NEW;
    const bucket = bucketOf(slot);
    if (!tryLock(worker, bucket)) return LEARN_BUSY;
    const unchanged =
      atomic.load<u64>(slot) === key && ((atomic.load<u64>(slot, FDB_BUCKET_VALUES) ^ value) & ~STAMP) === 0;
    if (unchanged) atomic.store<u64>(slot, wanted, FDB_BUCKET_VALUES);
    const number: u32 = unchanged && live ? atomic.add<u32>(SYSTEM_MOVES, 1) : 0;
    unlock(bucket);
    if (!unchanged) continue;
    if (!live) {
      learned(worker, network, key, wanted);
      return LEARN_NEW;
    }
    countRare(worker, network, COUNTER_MOVED);
    emit(worker, EVENT_MOVED, key, valueKind(wanted), valueId(wanted), valueKind(value), valueId(value), number);
    return LEARN_MOVED;
  }
  return LEARN_BUSY;
}

/** LEARN_SAME: the key is there after all. */
function learnNew(worker: u32, networkPtr: usize, network: u32, key: u64, h: u64, wanted: u64, dry: bool): u32 {
  if (dry) return isFull(networkPtr, true) ? LEARN_LIMIT : LEARN_NEW;
  const outcome = insert(worker, networkPtr, key, h, wanted);
  if (outcome === INSERT_PRESENT) return LEARN_SAME;
  if (outcome === INSERT_FULL) {
    emitLimit(worker, network, key, valueKind(wanted), valueId(wanted));
    return LEARN_LIMIT;
  }
  if (outcome !== INSERT_DONE) return LEARN_BUSY;
  learned(worker, network, key, wanted);
  return LEARN_NEW;
}

function learned(worker: u32, network: u32, key: u64, value: u64): void {
  countRare(worker, network, COUNTER_LEARNED);
  emit(worker, EVENT_LEARNED, key, valueKind(value), valueId(value));
}

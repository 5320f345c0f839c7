// The events of the forwarding database: learned, moved, aged, limit. A ring a worker slot, which that worker
// fills and control empties.
//
// A worker never waits for control: when the ring is full the event is counted as lost, and control's picture
// is made whole again by reading the table. The record is written before HEAD says that it is there.

import { COUNTER_LIMIT, NETWORK_COUNTERS, NETWORK_COUNTERS_SIZE, NETWORK_COUNTERS_WORKER } from "./layout/counters";
import {
  EVENT_CLOCK,
  EVENT_FROM,
  EVENT_FROM_KIND,
  EVENT_HEAD,
  EVENT_KIND,
  EVENT_LIMIT,
  EVENT_LIMIT_CLOCK,
  EVENT_LOST,
  EVENT_LOST_MOVE,
  EVENT_LOST_MOVE_HEAD,
  EVENT_LOST_MOVES,
  EVENT_MAC,
  EVENT_MOVED,
  EVENT_NETWORK,
  EVENT_NUMBER,
  EVENT_RECORDS,
  EVENT_RING,
  EVENT_RING_OTHERS,
  EVENT_RING_SIZE,
  EVENT_SIZE,
  EVENT_TAIL,
  EVENT_TO,
  EVENT_TO_KIND,
  EVENTS,
} from "./layout/events";
import { SYSTEM_CLOCK } from "./layout/system";

/** Puts an event into the worker's ring, or counts it as lost. `key` is an FDB key: MAC and network; `number` is a move's. */
export function emit(
  worker: u32,
  kind: u32,
  key: u64,
  toKind: u32,
  toId: u32,
  fromKind: u32 = 0,
  fromId: u32 = 0,
  number: u32 = 0,
): void {
  const ring = EVENTS + worker * EVENT_RING_SIZE;
  const head = load<u32>(ring, EVENT_HEAD);
  const room = kind === EVENT_MOVED ? EVENT_RING : EVENT_RING_OTHERS;
  if (head - atomic.load<u32>(ring, EVENT_TAIL) >= room) {
    atomic.store<u64>(ring, load<u64>(ring, EVENT_LOST) + 1, EVENT_LOST);
    if (kind === EVENT_MOVED) loseMove(ring, head, number);
    return;
  }
  const record = ring + EVENT_RECORDS + (head & (EVENT_RING - 1)) * EVENT_SIZE;
  store<u8>(record, kind, EVENT_KIND);
  store<u8>(record, toKind, EVENT_TO_KIND);
  store<u8>(record, fromKind, EVENT_FROM_KIND);
  store<u16>(record, <u16>(key >>> 48), EVENT_NETWORK);
  store<u32>(record, <u32>key, EVENT_MAC);
  store<u16>(record, <u16>(key >>> 32), EVENT_MAC + 4);
  store<u32>(record, toId, EVENT_TO);
  store<u32>(record, fromId, EVENT_FROM);
  store<u32>(record, atomic.load<u32>(SYSTEM_CLOCK), EVENT_CLOCK);
  store<u32>(record, number, EVENT_NUMBER);
  atomic.store<u32>(ring, head + 1, EVENT_HEAD);
}

/** Says which move was the first that found this ring full. */
function loseMove(ring: usize, head: u32, number: u32): void {
  const lost = load<u32>(ring, EVENT_LOST_MOVES);
  if (lost === 0 || load<u32>(ring, EVENT_LOST_MOVE_HEAD) !== head) {
    store<u32>(ring, head, EVENT_LOST_MOVE_HEAD);
    atomic.store<u32>(ring, number, EVENT_LOST_MOVE);
  }
  atomic.store<u32>(ring, lost + 1, EVENT_LOST_MOVES);
}

/** Counts a frame whose source could not be learned, and says so once a second. */
export function emitLimit(worker: u32, network: u32, key: u64, kind: u32, id: u32): void {
  countRare(worker, network, COUNTER_LIMIT);
  const ring = EVENTS + worker * EVENT_RING_SIZE;
  const now = atomic.load<u32>(SYSTEM_CLOCK) + 1;
  if (load<u32>(ring, EVENT_LIMIT_CLOCK) === now) return;
  store<u32>(ring, now, EVENT_LIMIT_CLOCK);
  emit(worker, EVENT_LIMIT, key, kind, id);
}

/** Adds one to a network counter of the worker: for what is too rare to be gathered in a batch. */
export function countRare(worker: u32, network: u32, counter: usize): void {
  const ptr = NETWORK_COUNTERS + worker * NETWORK_COUNTERS_WORKER + network * NETWORK_COUNTERS_SIZE + counter;
  atomic.store<u64>(ptr, load<u64>(ptr) + 1);
}

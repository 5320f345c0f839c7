// The consumer's end of the event rings: what workers learned, moved, aged or could not learn. A ring has one
// producer (its worker slot) and this one consumer; reading HEAD before the records and storing TAIL after them is
// all the order that there is.
//
// Nobody waits for anybody: a ring that control empties too late loses events and counts them, and whoever needs the
// whole truth reads the FDB. Of moves it says which was the first that it lost: what came before is all there.

import {
  EVENT_AGED,
  EVENT_CLOCK,
  EVENT_FROM,
  EVENT_FROM_KIND,
  EVENT_HEAD,
  EVENT_KIND,
  EVENT_LEARNED,
  EVENT_LIMIT,
  EVENT_LOST,
  EVENT_LOST_MOVE,
  EVENT_LOST_MOVES,
  EVENT_MAC,
  EVENT_MOVED,
  EVENT_NETWORK,
  EVENT_NUMBER,
  EVENT_RECORDS,
  EVENT_RING,
  EVENT_RING_SIZE,
  EVENT_SIZE,
  EVENT_TAIL,
  EVENT_TO,
  EVENT_TO_KIND,
  EVENTS,
  WORKER_SLOTS,
} from "../../dataplane-wasm/layout.js";
import { MAC_LEN } from "../address.js";
import type { Views } from "../memory.js";
import { readU64 } from "../u64.js";

export type FdbEventKind = "learned" | "moved" | "aged" | "limit";

export interface FdbEvent {
  readonly kind: FdbEventKind;
  readonly network: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** FDB_KIND_* and id of where the MAC is now (or was, when it aged). */
  readonly toKind: number;
  readonly to: number;
  /** Where it was before it moved. */
  readonly fromKind: number;
  readonly from: number;
  /** Seconds of the clock. */
  readonly clock: number;
  /** Of a move: its place in the order of all moves, 32 bits that wrap. */
  readonly number: number;
}

/** Whether the move of one number was before that of another. */
export const isEarlier = (one: number, other: number) => ((one - other) | 0) < 0;

const KINDS = new Map<number, FdbEventKind>([
  [EVENT_LEARNED, "learned"],
  [EVENT_MOVED, "moved"],
  [EVENT_AGED, "aged"],
  [EVENT_LIMIT, "limit"],
]);

export class Events {
  readonly #views: Views;
  /** By slot: moves lost when that was asked last. */
  readonly #lostMoves = new Uint32Array(WORKER_SLOTS);

  constructor(views: Views) {
    this.#views = views;
  }

  /**
   * Empties the rings; without `take` the events are passed over. Returns how many there were.
   * @param only of this kind, which spares reading the others
   */
  drain(take?: (event: FdbEvent) => void, only?: FdbEventKind): number {
    const { u32 } = this.#views;
    let count = 0;
    for (let slot = 0; slot < WORKER_SLOTS; slot++) {
      const ring = EVENTS + slot * EVENT_RING_SIZE;
      const head = Atomics.load(u32, (ring + EVENT_HEAD) / 4);
      const tail = Atomics.load(u32, (ring + EVENT_TAIL) / 4);
      const ready = (head - tail) >>> 0;
      if (ready === 0) continue;
      for (let n = 0; take !== undefined && n < ready; n++) {
        const event = this.#read(ring + EVENT_RECORDS + (((tail + n) >>> 0) % EVENT_RING) * EVENT_SIZE, only);
        if (event !== undefined) take(event);
      }
      Atomics.store(u32, (ring + EVENT_TAIL) / 4, head);
      count += ready;
    }
    return count;
  }

  /** Events that did not fit into their ring. */
  get lost(): number {
    let lost = 0;
    for (let slot = 0; slot < WORKER_SLOTS; slot++) {
      lost += readU64(this.#views, EVENTS + slot * EVENT_RING_SIZE + EVENT_LOST);
    }
    return lost;
  }

  /**
   * The number of the first move that found its ring full since this was asked last, if any. To be asked when the rings have
   * been emptied: every move before it has been read by then, or is from a ring that was read a moment too early for it.
   */
  takeLostMove(): number | undefined {
    const { u32 } = this.#views;
    let first: number | undefined;
    for (let slot = 0; slot < WORKER_SLOTS; slot++) {
      const ring = EVENTS + slot * EVENT_RING_SIZE;
      const count = Atomics.load(u32, (ring + EVENT_LOST_MOVES) / 4);
      if (count === this.#lostMoves[slot]) continue;
      this.#lostMoves[slot] = count;
      const number = Atomics.load(u32, (ring + EVENT_LOST_MOVE) / 4);
      if (first === undefined || isEarlier(number, first)) first = number;
    }
    return first;
  }

  #read(record: number, only?: FdbEventKind): FdbEvent | undefined {
    const { u8, u16, u32 } = this.#views;
    const kind = KINDS.get(u8[record + EVENT_KIND]);
    if (kind === undefined || (only ?? kind) !== kind) return undefined;
    return {
      kind,
      network: u16[(record + EVENT_NETWORK) / 2],
      mac: u8.slice(record + EVENT_MAC, record + EVENT_MAC + MAC_LEN),
      toKind: u8[record + EVENT_TO_KIND],
      to: u32[(record + EVENT_TO) / 4],
      fromKind: u8[record + EVENT_FROM_KIND],
      from: u32[(record + EVENT_FROM) / 4],
      clock: u32[(record + EVENT_CLOCK) / 4],
      number: u32[(record + EVENT_NUMBER) / 4],
    };
  }
}

// The event ring of a worker slot, read by hand: control's part of it, without control's code.

import type { SharedMemory } from "../../../control/memory.js";
import {
  EVENT_FROM,
  EVENT_FROM_KIND,
  EVENT_HEAD,
  EVENT_KIND,
  EVENT_LIMIT_CLOCK,
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
} from "../../../dataplane-wasm/layout.js";

export interface FdbEvent {
  readonly kind: number;
  readonly key: bigint;
  readonly to: readonly [kind: number, id: number];
  readonly from: readonly [kind: number, id: number];
  /** Of a move. */
  readonly number?: number;
}

export class Ring {
  readonly #memory: SharedMemory;
  readonly #at: number;

  constructor(memory: SharedMemory, worker: number) {
    this.#memory = memory;
    this.#at = EVENTS + worker * EVENT_RING_SIZE;
  }

  get lost(): number {
    return Number(this.#memory.u64[(this.#at + EVENT_LOST) / 8]);
  }

  get lostMoves(): { count: number; first: number } {
    const { u32 } = this.#memory;
    return { count: u32[(this.#at + EVENT_LOST_MOVES) / 4], first: u32[(this.#at + EVENT_LOST_MOVE) / 4] };
  }

  /** What it holds, oldest first; it is empty afterwards. */
  take(): FdbEvent[] {
    const { u8, u16, u32 } = this.#memory;
    const head = Atomics.load(u32, (this.#at + EVENT_HEAD) / 4);
    const events: FdbEvent[] = [];
    for (let at = u32[(this.#at + EVENT_TAIL) / 4]; at !== head; at = (at + 1) >>> 0) {
      const record = this.#at + EVENT_RECORDS + (at & (EVENT_RING - 1)) * EVENT_SIZE;
      let key = BigInt(u16[(record + EVENT_NETWORK) / 2]) << 48n;
      for (let i = 0; i < 6; i++) key |= BigInt(u8[record + EVENT_MAC + i]) << BigInt(8 * i);
      const kind = u8[record + EVENT_KIND];
      events.push({
        kind,
        key,
        to: [u8[record + EVENT_TO_KIND], u32[(record + EVENT_TO) / 4]],
        from: [u8[record + EVENT_FROM_KIND], u32[(record + EVENT_FROM) / 4]],
        ...(kind === EVENT_MOVED ? { number: u32[(record + EVENT_NUMBER) / 4] } : {}),
      });
    }
    Atomics.store(u32, (this.#at + EVENT_TAIL) / 4, head);
    return events;
  }

  /** As before the first event. */
  reset(): void {
    this.#memory.u8.fill(0, this.#at, this.#at + EVENT_RECORDS);
  }

  /** Lets the indices run from `index` on; it is empty. */
  startAt(index: number): void {
    const ring = this.#at / 4;
    this.#memory.u32[ring + EVENT_HEAD / 4] = index;
    this.#memory.u32[ring + EVENT_TAIL / 4] = index;
    this.#memory.u32[ring + EVENT_LIMIT_CLOCK / 4] = 0;
  }
}

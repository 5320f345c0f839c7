// Damping of MACs that move to and fro: two hosts of one MAC, or a loop of the overlay. One that has moved too often
// within the window is frozen where it is, until a time has passed or somebody thaws it. A mark in its FDB entry does it
// (layout/fdb.ts): frames from elsewhere are forwarded as ever, only the entry does not follow them.
//
// Workers tell of moves by their event rings, so the moves are counted here, at nobody's cost; a MAC goes on moving for
// the quarter second until the ring is read. Both memories are bounded, because anybody can forge moves: of the MACs that
// move, the one that has been still for the longest is forgotten for a new one; when too many are frozen no more are,
// and what is frozen stays.
//
// Entries come and go without a word to this file (aged, flushed, overwritten), so the ones that are remembered as frozen
// are compared with the table, some a tick. The window slides, where RFC 7432 starts a timer with the first move: five
// moves in 180 seconds freeze an entry wherever they begin.

import { FDB_FLAG_FROZEN, FDB_FLAG_STATIC } from "../../dataplane-wasm/layout.js";
import { packFdbKey, unpackFdbKey } from "../address.js";
import type { FdbEvent } from "./events.js";
import type { Fdb } from "./fdb.js";

export interface DampingOptions {
  /** Within the window, the last of which freezes the entry; 0: no number of them does. */
  readonly moves: number;
  /** Seconds after which a frozen entry thaws; 0: only when it is told to. */
  readonly thaw: number;
}

/* From RFC 7432 section 15.1, seconds. */
const WINDOW_S = 180;

/* Our choices. */
/** RFC 7432's number of moves. It leaves thawing to the operator; here an entry thaws when its moves are out of the window. */
export const DAMPING: DampingOptions = { moves: 5, thaw: WINDOW_S };
/** MACs each; a few megabytes in all. */
export const MOVING_MAX = 16_384;
export const FROZEN_MAX = 16_384;
/** Each compared with the table once in 16 seconds. */
const CHECKED_A_TICK = 256;

/** Where a MAC is: FDB_KIND_* and id. */
export interface Place {
  readonly kind: number;
  readonly id: number;
}

export interface Freeze {
  readonly network: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** Where it stays. */
  readonly at: Place;
  /** Where it was seen too. */
  readonly elsewhere: Place;
}

export class Damping {
  readonly #fdb: Fdb;
  readonly #options: DampingOptions;
  /** By FDB key: the seconds of its last moves, oldest first. The MAC that moved last is the last. */
  readonly #moving = new Map<bigint, number[]>();
  /** By FDB key: the second when it froze. Oldest first. */
  readonly #frozen = new Map<bigint, number>();
  #unchecked: Iterator<[bigint, number]> = this.#frozen.entries();
  #isFull = false;

  constructor(fdb: Fdb, options: DampingOptions) {
    this.#fdb = fdb;
    this.#options = options;
  }

  get frozenCount(): number {
    return this.#frozen.size;
  }

  /** MACs whose moves are remembered. */
  get movingCount(): number {
    return this.#moving.size;
  }

  /** True while no more entries are frozen because too many are. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Takes note of a move. Returns what it froze. */
  moved({ network, mac, toKind, to, fromKind, from, clock }: FdbEvent): Freeze | undefined {
    const { moves } = this.#options;
    const key = packFdbKey(mac, network);
    if (moves === 0 || this.#frozen.has(key)) return undefined;
    const times = this.#note(key, clock);
    if (times.length < moves) return undefined;
    this.#isFull = this.#frozen.size >= FROZEN_MAX;
    if (this.#isFull) return undefined;
    const outcome = this.#fdb.freeze(network, mac, true);
    if (outcome === "busy") return undefined; // the next move tries again
    this.#moving.delete(key);
    if (outcome === "absent") return undefined;
    this.#frozen.set(key, clock);
    // It may have gone on since.
    const at = this.#fdb.get(network, mac);
    const places = [
      { kind: toKind, id: to },
      { kind: fromKind, id: from },
    ] as const;
    const isBack = at?.kind === fromKind && at.id === from;
    return { network, mac, at: at ?? places[0], elsewhere: places[isBack ? 0 : 1] };
  }

  /** Thaws what has been frozen for long enough, and forgets what is gone. Returns how many thawed. @param clock seconds */
  tick(clock: number): number {
    const { thaw } = this.#options;
    let thawed = 0;
    for (const [key, since] of this.#frozen) {
      if (thaw === 0 || secondsBetween(since, clock) < thaw) break;
      const { network, mac } = unpackFdbKey(key);
      const outcome = this.#fdb.freeze(network, mac, false);
      if (outcome === "busy") break;
      this.#frozen.delete(key);
      if (outcome === "done") thawed++;
    }
    this.#checkSome();
    if (this.#frozen.size < FROZEN_MAX) this.#isFull = false;
    return thawed;
  }

  /** Thaws an entry, and forgets its moves. False: it was not frozen, or is not there. @throws ERR_TIMEOUT when a worker keeps its bucket locked */
  thaw(network: number, mac: Uint8Array): boolean {
    const outcome = this.#fdb.freeze(network, mac, false);
    if (outcome === "busy") throw this.#fdb.busy(mac);
    const key = packFdbKey(mac, network);
    this.#moving.delete(key);
    this.#frozen.delete(key);
    return outcome === "done";
  }

  /** The moves of a MAC within the window, this one included. */
  #note(key: bigint, clock: number): readonly number[] {
    const known = this.#moving.get(key) ?? [];
    const recent = known.filter((second) => secondsBetween(second, clock) < WINDOW_S);
    const times = [...recent, clock].slice(-this.#options.moves);
    this.#moving.delete(key);
    if (this.#moving.size >= MOVING_MAX)
      for (const [stillest] of this.#moving) {
        this.#moving.delete(stillest);
        break;
      }
    this.#moving.set(key, times);
    return times;
  }

  /** Goes on with the lap over what is remembered as frozen. */
  #checkSome(): void {
    for (let n = 0; n < CHECKED_A_TICK; n++) {
      const next = this.#unchecked.next();
      if (next.done) {
        this.#unchecked = this.#frozen.entries();
        return;
      }
      const [key] = next.value;
      const { network, mac } = unpackFdbKey(key);
      const flags = this.#fdb.get(network, mac)?.flags ?? 0;
      if ((flags & FDB_FLAG_FROZEN) !== 0 && (flags & FDB_FLAG_STATIC) === 0) continue;
      // None may stay frozen that nobody remembers, were it only that the lookup missed it.
      if (this.#fdb.freeze(network, mac, false) !== "busy") this.#frozen.delete(key);
    }
  }
}

/** Of the 32-bit clock; 0 if the workers' rings disagree by a second about what came first. */
function secondsBetween(before: number, after: number): number {
  return Math.max(0, (after - before) | 0);
}

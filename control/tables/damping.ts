// Damping of MACs that move to and fro: two hosts of one MAC, or a loop of the overlay. One that has moved too often
// within the window is frozen, until a time has passed or somebody thaws it. A mark in its FDB entry does it
// (layout/fdb.ts): frames from elsewhere are forwarded as ever, only the entry does not follow them.
//
// It freezes at home, where it was before the moves began, as soon as it is there again: else who forges a few frames
// would be given the MAC of somebody else to keep. A home that nothing comes from for as long as the window is none.
//
// Workers tell of moves by their event rings, so the moves are counted here, at nobody's cost; a MAC goes on moving for
// the quarter second until the rings are read. Those are read one after the other, so moves of one MAC come out of their
// order, but they are numbered: home is where the first one came from. Rings lose moves when many MACs move at once, and
// who says so tells which was the first that was lost. A MAC whose moves began later may have moved unseen before, so
// its home is not known, and nothing freezes it until it has been still for as long as the window.
//
// Both memories are bounded, because anybody can forge moves: of the MACs that move, the one that has been still for the
// longest is forgotten for a new one; when too many are frozen no more are, and what is frozen stays.
//
// Entries come and go without a word to this file (aged, flushed, overwritten), so the ones that are remembered as frozen
// are compared with the table, some a tick. The window slides, where RFC 7432 starts a timer with the first move: five
// moves in 180 seconds count wherever they begin.

import { FDB_FLAG_FROZEN, FDB_FLAG_STATIC } from "../../dataplane-wasm/layout.js";
import { type FdbTarget, packFdbKey, unpackFdbKey } from "../address.js";
import { type FdbEvent, isEarlier } from "./events.js";
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

/** A MAC that moves. */
interface Mover {
  /** Seconds of the last moves, oldest first. */
  times: readonly number[];
  last: FdbEvent;
  /** The first of those seen: where that came from is home. */
  first: FdbEvent;
  /** Second of the last move from home or to it. */
  homeAt: number;
  /** Whether none can have been lost before the first; undefined until the rings have been read. */
  isWhole: boolean | undefined;
}

/** Moves that found their ring full. */
export interface Loss {
  /** That of the first of them. */
  readonly number: number;
  /** Second in which it was noticed. */
  readonly clock: number;
}

export interface Freeze {
  readonly network: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** Where it stays. */
  readonly at: FdbTarget;
  /** Where it was seen too. */
  readonly elsewhere: FdbTarget;
}

export class Damping {
  readonly #fdb: Fdb;
  readonly #options: DampingOptions;
  /** By FDB key. The MAC that moved last is the last. */
  readonly #moving = new Map<bigint, Mover>();
  /** By FDB key: what has moved since `freeze` was called last. */
  readonly #moved = new Set<bigint>();
  /** By FDB key: the second when it froze. Oldest first. */
  readonly #frozen = new Map<bigint, number>();
  #unchecked: Iterator<[bigint, number]> = this.#frozen.entries();
  #isFull = false;
  /** Second in which moves were lost or forgotten last. */
  #lostAt: number | undefined;

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

  /** Takes note of a move. */
  moved(event: FdbEvent): void {
    const key = packFdbKey(event.mac, event.network);
    if (this.#options.moves === 0 || this.#frozen.has(key)) return;
    this.#note(key, event);
    this.#moved.add(key);
  }

  /** Freezes what has moved too often and is home. To be called when every ring has been read. @param loss since the last time */
  freeze(loss?: Loss): Freeze[] {
    for (const key of this.#moved) {
      const mover = this.#moving.get(key);
      if (mover !== undefined) mover.isWhole ??= this.#isWhole(mover.first, loss);
    }
    if (loss !== undefined) this.#lostAt = loss.clock;
    const freezes = [...this.#moved].flatMap((key) => this.#freeze(key) ?? []);
    this.#moved.clear();
    return freezes;
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

  #note(key: bigint, event: FdbEvent): void {
    const { clock } = event;
    const fresh: Mover = { times: [], last: event, first: event, homeAt: clock, isWhole: undefined };
    const known = this.#moving.get(key) ?? fresh;
    const since = known.isWhole === false ? known.last.clock : known.homeAt;
    const mover = secondsBetween(since, clock) < WINDOW_S ? known : fresh;
    const recent = mover.times.filter((second) => secondsBetween(second, clock) < WINDOW_S);
    mover.times = [...recent, clock].slice(-this.#options.moves);
    mover.last = event;
    if (isEarlier(event.number, mover.first.number)) mover.first = event;
    const home = homeOf(mover);
    const { from, to } = placesOf(event);
    const isHome = isSame(from, home) || isSame(to, home);
    if (isHome && secondsBetween(mover.homeAt, clock) > 0) mover.homeAt = clock;
    this.#moving.delete(key);
    if (this.#moving.size >= MOVING_MAX) this.#forgetStillest(clock);
    this.#moving.set(key, mover);
  }

  #forgetStillest(clock: number): void {
    for (const [key, { last }] of this.#moving) {
      this.#moving.delete(key);
      if (secondsBetween(last.clock, clock) < WINDOW_S) this.#lostAt = clock;
      return;
    }
  }

  /** Whether no move of a MAC can have been lost before this one, that is the first that was seen. */
  #isWhole({ clock, number }: FdbEvent, loss: Loss | undefined): boolean {
    if (this.#lostAt !== undefined && secondsBetween(this.#lostAt, clock) < WINDOW_S) return false;
    return loss === undefined || isEarlier(number, loss.number);
  }

  #freeze(key: bigint): Freeze | undefined {
    const mover = this.#moving.get(key);
    if (mover === undefined) return undefined; // forgotten for others
    const { network, mac, clock } = mover.last;
    if (mover.isWhole !== true || mover.times.length < this.#options.moves) return undefined;
    this.#isFull = this.#frozen.size >= FROZEN_MAX;
    if (this.#isFull) return undefined;
    const { from, to } = placesOf(mover.last);
    const home = homeOf(mover);
    const before = this.#fdb.get(network, mac);
    if (before !== undefined && !isSame(before, home)) return undefined;
    const outcome = this.#fdb.freeze(network, mac, true);
    if (outcome === "busy") return undefined; // the next move tries again
    const at = this.#fdb.get(network, mac);
    // It may have moved between the look and the mark.
    const isAway = at !== undefined && !isSame(at, home);
    if (outcome !== "absent" && isAway && this.#fdb.freeze(network, mac, false) !== "busy") return undefined;
    this.#moving.delete(key);
    if (outcome === "absent" || at === undefined) return undefined;
    this.#frozen.set(key, clock);
    return { network, mac, at, elsewhere: isSame(at, from) ? to : from };
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

function placesOf({ fromKind, from, toKind, to }: FdbEvent): { from: FdbTarget; to: FdbTarget } {
  return { from: { kind: fromKind, id: from }, to: { kind: toKind, id: to } };
}

const isSame = (one: FdbTarget, other: FdbTarget) => one.kind === other.kind && one.id === other.id;

const homeOf = ({ first }: Mover) => placesOf(first).from;

/** Of the 32-bit clock; 0 if the workers' rings disagree by a second about what came first. */
function secondsBetween(before: number, after: number): number {
  return Math.max(0, (after - before) | 0);
}

// The LISTS region: flood lists and prefix lists, immutable once a pointer names them.
//
// Sizes are rounded up to powers of two, with a free list for each, because a network's list comes back in nearly
// the size that it left. Free lists live in JavaScript: a freed block is not touched, so a dataplane that still
// reads it (it may not) would read old data rather than a pointer.

import {
  FLOOD_ATTACHMENT_COUNT,
  FLOOD_IDS,
  FLOOD_VTEP_COUNT,
  LISTS,
  LISTS_END,
  LISTS_SIZE,
  PREFIX_COUNT,
  PREFIX_ENTRIES,
  PREFIX_ENTRY_SIZE,
  PREFIX_MASK,
} from "../../dataplane-wasm/layout.js";
import type { Prefix } from "../address.js";
import { VxlaneError } from "../errors.js";
import type { Views } from "../memory.js";

/* Our choice: small enough to waste little, and a v128 load of a prefix stays aligned. */
const BLOCK_MIN = 16;

export class Lists {
  readonly #views: Views;
  readonly #freeBySize = new Map<number, number[]>();
  readonly #sizes = new Map<number, number>();
  #next: number = LISTS;

  constructor(views: Views) {
    this.#views = views;
  }

  /** Writes a flood list and returns its address; 0 if it is empty. @throws ERR_LIMIT */
  flood(attachments: readonly number[], vteps: readonly number[]): number {
    if (attachments.length + vteps.length === 0) return 0;
    const pointer = this.#allocate(FLOOD_IDS + 4 * (attachments.length + vteps.length));
    const { u32 } = this.#views;
    u32[(pointer + FLOOD_ATTACHMENT_COUNT) / 4] = attachments.length;
    u32[(pointer + FLOOD_VTEP_COUNT) / 4] = vteps.length;
    u32.set(attachments, (pointer + FLOOD_IDS) / 4);
    u32.set(vteps, (pointer + FLOOD_IDS) / 4 + attachments.length);
    return pointer;
  }

  /** Writes a prefix list and returns its address; 0 if it is empty. @throws ERR_LIMIT */
  prefixes(prefixes: readonly Prefix[]): number {
    if (prefixes.length === 0) return 0;
    const pointer = this.#allocate(PREFIX_ENTRIES + PREFIX_ENTRY_SIZE * prefixes.length);
    const { u8, u32 } = this.#views;
    u32[(pointer + PREFIX_COUNT) / 4] = prefixes.length;
    prefixes.forEach((prefix, index) => {
      const entry = pointer + PREFIX_ENTRIES + index * PREFIX_ENTRY_SIZE;
      u8.set(prefix.address, entry);
      u8.set(prefix.mask, entry + PREFIX_MASK);
    });
    return pointer;
  }

  /** Gives a list back; call it an epoch after the last pointer to it went. 0 is allowed. */
  free(pointer: number): void {
    const size = this.#sizes.get(pointer);
    if (size === undefined) return;
    this.#sizes.delete(pointer);
    this.#freeOf(size).push(pointer);
  }

  /**
   * Keeps room for lists of so many ids and so many prefixes, for steps that must not fail.
   * @returns what gives it back. @throws ERR_LIMIT
   */
  keep(idCounts: readonly number[], prefixCounts: readonly number[]): () => void {
    const kept: number[] = [];
    const giveBack = () => {
      for (const pointer of kept.splice(0)) this.free(pointer);
    };
    try {
      for (const count of idCounts) kept.push(this.#allocate(FLOOD_IDS + 4 * count));
      for (const count of prefixCounts) kept.push(this.#allocate(PREFIX_ENTRIES + PREFIX_ENTRY_SIZE * count));
    } catch (error) {
      giveBack();
      throw error;
    }
    return giveBack;
  }

  /** Lists in use. */
  get count(): number {
    return this.#sizes.size;
  }

  #allocate(bytes: number): number {
    const size = Math.max(BLOCK_MIN, 2 ** Math.ceil(Math.log2(bytes)));
    let pointer = this.#freeOf(size).pop();
    if (pointer === undefined) {
      if (this.#next + size > LISTS_END) return this.#allocateLarger(size);
      pointer = this.#next;
      this.#next += size;
    }
    this.#sizes.set(pointer, size);
    return pointer;
  }

  /** When nothing else is left: it keeps its size. */
  #allocateLarger(least: number): number {
    for (let size = least * 2; size <= LISTS_SIZE; size *= 2) {
      const pointer = this.#freeBySize.get(size)?.pop();
      if (pointer === undefined) continue;
      this.#sizes.set(pointer, size);
      return pointer;
    }
    throw new VxlaneError("ERR_LIMIT", "no room for another flood or prefix list");
  }

  #freeOf(size: number): number[] {
    const free = this.#freeBySize.get(size) ?? [];
    this.#freeBySize.set(size, free);
    return free;
  }
}

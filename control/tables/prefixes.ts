// SYSTEM_PREFIXES: the prefixes of all networks' allow lists together. A worker asks it about a source address that
// no VTEP record knows, before it knows the network; so it holds each prefix once, however many networks name it.
//
// To take a prefix out must not fail, and takes another list, for which there may be no room. Then the larger list stays until there
// is: whom it lets in besides, his network refuses.

import { SYSTEM_PREFIXES } from "../../dataplane-wasm/layout.js";
import { formatPrefix, type Prefix, prefixContains } from "../address.js";
import { VxlaneError } from "../errors.js";
import type { Views } from "../memory.js";
import type { Epochs } from "./epochs.js";
import type { Lists } from "./lists.js";

export class SystemPrefixes {
  readonly #views: Views;
  readonly #lists: Lists;
  readonly #epochs: Epochs;
  readonly #uses = new Map<string, { prefix: Prefix; count: number }>();
  #pointer = 0;
  /** The list holds more than it should. */
  #isStale = false;

  constructor(views: Views, lists: Lists, epochs: Epochs) {
    this.#views = views;
    this.#lists = lists;
    this.#epochs = epochs;
  }

  get size(): number {
    return this.#uses.size;
  }

  contains(address: Uint8Array): boolean {
    for (const { prefix } of this.#uses.values()) if (prefixContains(prefix, address)) return true;
    return false;
  }

  /** Counts one more network that names these. Returns true if the set grew. @throws ERR_LIMIT, and changes nothing */
  add(prefixes: readonly Prefix[]): boolean {
    const before = this.#uses.size;
    this.#count(prefixes, 1);
    if (this.#uses.size === before) return false;
    try {
      this.#publish();
    } catch (error) {
      this.#count(prefixes, -1);
      throw error;
    }
    return true;
  }

  /** Counts one network less. Returns true if the set shrank. */
  remove(prefixes: readonly Prefix[]): boolean {
    const before = this.#uses.size;
    this.#count(prefixes, -1);
    if (this.#uses.size === before) return false;
    this.#isStale = true;
    this.settle();
    return true;
  }

  /** Brings the list up to date, if there is room now. */
  settle(): void {
    if (!this.#isStale) return;
    try {
      this.#publish();
    } catch (error) {
      if (!(error instanceof VxlaneError && error.code === "ERR_LIMIT")) throw error;
    }
  }

  #count(prefixes: readonly Prefix[], by: 1 | -1): void {
    for (const prefix of prefixes) {
      const text = formatPrefix(prefix);
      const count = (this.#uses.get(text)?.count ?? 0) + by;
      if (count > 0) this.#uses.set(text, { prefix, count });
      else this.#uses.delete(text);
    }
  }

  #publish(): void {
    const pointer = this.#lists.prefixes([...this.#uses.values()].map((use) => use.prefix));
    const old = this.#pointer;
    this.#pointer = pointer;
    this.#isStale = false;
    Atomics.store(this.#views.u32, SYSTEM_PREFIXES / 4, pointer);
    this.#epochs.retire(() => this.#lists.free(old));
  }
}

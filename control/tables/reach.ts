// Whom a network floods to and whom it hears: flood list, access set, prefix lists. Every change of a network, its
// ports or its static entries builds a whole new reach beside the old one, installs it, and drops the old one; so
// there is one way to get it right, and a failure on the way leaves the old one as it was.
//
// Order for the workers: what is newly allowed is allowed before the flood list names it; what is no longer allowed is
// denied after. A prefix lets workers add pairs to the access set; these are taken out when it goes, and again
// an epoch later, because until then a worker may add one by the old list.

import { NETWORK_FLOOD_LIST, NETWORK_PREFIXES, NETWORK_SIZE, NETWORKS } from "../../dataplane-wasm/layout.js";
import { isHostPrefix, type Prefix, prefixContains } from "../address.js";
import { VxlaneError } from "../errors.js";
import type { Views } from "../memory.js";
import type { Access } from "./access.js";
import type { Epochs } from "./epochs.js";
import type { Lists } from "./lists.js";
import type { SystemPrefixes } from "./prefixes.js";
import { atomically, type Transaction } from "./transaction.js";
import type { NetworkSpec, Reach } from "./types.js";
import type { Vteps } from "./vteps.js";

export const NO_REACH: Reach = { floodVteps: [], sources: new Set(), prefixes: [], floodList: 0, prefixList: 0 };

export class Reaches {
  readonly #views: Views;
  readonly #access: Access;
  readonly #epochs: Epochs;
  readonly #lists: Lists;
  readonly #vteps: Vteps;
  readonly #prefixes: SystemPrefixes;

  constructor(views: Views, access: Access, epochs: Epochs, lists: Lists, vteps: Vteps, prefixes: SystemPrefixes) {
    this.#views = views;
    this.#access = access;
    this.#epochs = epochs;
    this.#lists = lists;
    this.#vteps = vteps;
    this.#prefixes = prefixes;
  }

  /**
   * Puts a new reach in the place of `old` when the transaction commits, and returns it.
   * @param attachments of the network's ports
   * @param staticVteps VTEP ids of its static FDB entries
   * @param current reads the network's reach of the day, undefined once it is gone
   * @throws ERR_LIMIT, ERR_CONFLICT
   */
  replace(
    transaction: Transaction,
    network: number,
    spec: NetworkSpec,
    attachments: readonly number[],
    staticVteps: Iterable<number>,
    old: Reach,
    current: () => Reach | undefined,
  ): Reach {
    const reach = atomically((steps) => this.#build(steps, spec, attachments, staticVteps));
    transaction.onUndo(() => this.#release(reach));
    this.#allow(transaction, network, reach, old);
    transaction.onCommit(() => {
      this.#store(network, NETWORK_PREFIXES, reach.prefixList);
      this.#store(network, NETWORK_FLOOD_LIST, reach.floodList);
      for (const id of old.sources) if (!reach.sources.has(id)) this.#access.deny(network, id);
      this.#release(old);
      if (old.prefixes.length === 0) return;
      this.#prune(network, reach);
      this.#epochs.retire(() => this.#prune(network, current()));
    });
    return reach;
  }

  /**
   * Keeps room for taking back a change between two specs, and for ending it: two reaches, and the system's prefixes thrice.
   * @param attachments at most, meanwhile
   * @returns what gives it back. @throws ERR_LIMIT
   */
  keepRoom(specs: readonly NetworkSpec[], attachments: number): () => void {
    const vteps = Math.max(...specs.map(({ flood }) => (flood.mode === "headend" ? flood.vteps.length : 1)));
    const prefixes = specs.map(({ allow }) => allow?.length ?? 0);
    const most = Math.max(...prefixes);
    const system = prefixes.reduce((sum, count) => sum + count, this.#prefixes.size);
    const ids = attachments + vteps;
    return this.#lists.keep([ids, ids], [most, most, system, system, system]);
  }

  #build(steps: Transaction, spec: NetworkSpec, attachments: readonly number[], staticVteps: Iterable<number>): Reach {
    const { flood, allow } = spec;
    const hold = (held: Set<number>, address: Uint8Array, group?: { ttl: number }) => {
      const id = this.#vteps.acquire(address, group);
      if (held.has(id)) this.#vteps.release(id);
      else steps.onUndo(() => this.#vteps.release(id));
      held.add(id);
    };
    const floodVteps = new Set<number>();
    const headend = flood.mode === "headend" ? flood.vteps : [];
    for (const address of headend) hold(floodVteps, address);
    if (flood.mode === "multicast") hold(floodVteps, flood.group, flood);

    const known = [...headend, ...[...staticVteps].flatMap((id) => this.#vteps.address(id) ?? [])];
    const sources = new Set<number>();
    const prefixes = (allow ?? []).filter((prefix) => !isHostPrefix(prefix));
    for (const prefix of allow ?? []) if (isHostPrefix(prefix)) hold(sources, prefix.address);
    for (const address of known) {
      if (allow === undefined || covers(prefixes, address)) hold(sources, address);
    }

    if (this.#prefixes.add(prefixes)) steps.onCommit(() => this.#vteps.prefixesChanged());
    steps.onUndo(() => this.#prefixes.remove(prefixes));
    for (const id of sources) {
      this.#vteps.countSource(id, 1);
      steps.onUndo(() => this.#vteps.countSource(id, -1));
    }
    const floodList = this.#lists.flood(attachments, [...floodVteps]);
    steps.onUndo(() => this.#lists.free(floodList));
    return { floodVteps: [...floodVteps], sources, prefixes, floodList, prefixList: this.#lists.prefixes(prefixes) };
  }

  #allow(transaction: Transaction, network: number, reach: Reach, old: Reach): void {
    for (const id of reach.sources) {
      if (old.sources.has(id)) continue;
      if (!this.#access.allow(network, id)) {
        throw new VxlaneError("ERR_LIMIT", "no room for another allowed source VTEP");
      }
      transaction.onUndo(() => this.#access.deny(network, id));
    }
  }

  #store(network: number, field: number, pointer: number): void {
    Atomics.store(this.#views.u32, (NETWORKS + network * NETWORK_SIZE + field) / 4, pointer);
  }

  /** Lets go of what a reach holds. The dataplane may read its lists for an epoch more. */
  #release(reach: Reach): void {
    for (const id of reach.sources) {
      this.#vteps.countSource(id, -1);
      this.#vteps.release(id);
    }
    for (const id of reach.floodVteps) this.#vteps.release(id);
    if (this.#prefixes.remove(reach.prefixes)) this.#vteps.prefixesChanged();
    if (reach.floodList !== 0) this.#epochs.retire(() => this.#lists.free(reach.floodList));
    if (reach.prefixList !== 0) this.#epochs.retire(() => this.#lists.free(reach.prefixList));
  }

  /** Takes out the pairs that workers added by a prefix that is gone. */
  #prune(network: number, reach: Reach | undefined): void {
    for (const id of this.#vteps.everyId()) {
      const address = this.#vteps.address(id);
      if (reach?.sources.has(id) || (address !== undefined && covers(reach?.prefixes ?? [], address))) continue;
      this.#access.deny(network, id);
    }
  }
}

function covers(prefixes: readonly Prefix[], address: Uint8Array): boolean {
  return prefixes.some((prefix) => prefixContains(prefix, address));
}

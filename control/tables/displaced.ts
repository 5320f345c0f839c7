// What stood in the FDB where one change has written since, so that a change that is refused half way is taken back without loss: static
// entries, and learned ones with their age, frozen or not. Learned entries that went to make room count too.
//
// A worker may have been faster and learned a MAC anew that had gone, which is then better known; or taken the room.

import { WORKER_CONTROL } from "../../dataplane-wasm/layout.js";
import { type Dataplane, FDB_NONE } from "../dataplane.js";

export class Displaced {
  readonly #dataplane: Dataplane;
  readonly #overwritten: { readonly key: bigint; readonly before: bigint }[] = [];
  readonly #evicted: { readonly key: bigint; readonly before: bigint }[] = [];

  constructor(dataplane: Dataplane) {
    this.#dataplane = dataplane;
  }

  /** To be called before a key, of an entry or of none, gets another value. */
  overwrites(key: bigint): void {
    this.#overwritten.push({ key, before: this.#valueOf(key) });
  }

  /** To be called before an entry is removed for the sake of others. */
  evicts(key: bigint): void {
    this.#evicted.push({ key, before: this.#valueOf(key) });
  }

  /** Puts everything back, once. What was written goes first, because the evicted want its room. */
  putBack(): void {
    for (const { key, before } of this.#overwritten.splice(0).reverse()) {
      if (before === FDB_NONE) this.#dataplane.fdbRemove(WORKER_CONTROL, key);
      else this.#dataplane.fdbSet(WORKER_CONTROL, key, before);
    }
    for (const { key, before } of this.#evicted.splice(0).reverse()) {
      if (this.#valueOf(key) === FDB_NONE) this.#dataplane.fdbSet(WORKER_CONTROL, key, before);
    }
  }

  #valueOf(key: bigint): bigint {
    return BigInt.asUintN(64, this.#dataplane.fdbGet(key));
  }
}

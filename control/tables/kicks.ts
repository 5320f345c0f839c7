// Has a walk over the FDB met every entry? Inserting workers kick entries from one bucket to another, perhaps from before
// the walk to behind it. Each kick steps the KICK_SEQ word of its entry's stripe while the entry is in both places; so an
// entry that a walk did not meet is of a stripe whose word changed between the walk's beginning and its end.
//
// One walk during which nothing is kicked would prove it, but on a busy table there may never be one. An entry that
// several walks missed was kicked in each of them: so what is kept is the set of stripes that changed in every walk, and
// the walks are whole when it is empty.

import { KICK_SEQ, KICK_SEQ_STRIPES } from "../../dataplane-wasm/layout.js";
import type { Views } from "../memory.js";

export class Kicks {
  readonly #u32: Uint32Array;
  readonly #before = new Uint32Array(KICK_SEQ_STRIPES);
  /** Stripes that changed in every walk so far. */
  #suspects: number[];

  constructor({ u32 }: Views) {
    this.#u32 = u32;
    this.#suspects = Array.from(this.#before.keys());
  }

  /** To be called before the first bucket of a walk is read. */
  beginWalk(): void {
    for (const stripe of this.#suspects) this.#before[stripe] = this.#word(stripe);
  }

  /** To be called after the last bucket was read. True: each entry that was there before the first walk was met by one of them. */
  endWalk(): boolean {
    this.#suspects = this.#suspects.filter((stripe) => this.#word(stripe) !== this.#before[stripe]);
    return this.#suspects.length === 0;
  }

  #word(stripe: number): number {
    return Atomics.load(this.#u32, KICK_SEQ / 4 + stripe);
  }
}

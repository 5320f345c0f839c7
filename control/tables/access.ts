// Which VTEP may send into which network, as control writes it. To allow one may fail, and the caller is told. To deny
// one must not: a pair left behind would let whoever gets the two ids next into that network. So a denial that met the
// lock of the set in other hands (a worker's that died with it) is owed, and no id is freed while any is.

import { WORKER_CONTROL } from "../../dataplane-wasm/layout.js";
import { type Dataplane, FDB_SET_BUSY } from "../dataplane.js";

interface Pair {
  readonly network: number;
  readonly vtep: number;
}

const pairKey = (network: number, vtep: number) => network * 0x10000 + vtep;

export class Access {
  readonly #dataplane: Dataplane;
  readonly #owed = new Map<number, Pair>();

  constructor(dataplane: Dataplane) {
    this.#dataplane = dataplane;
  }

  /** False: no room, or the lock stayed taken. */
  allow(network: number, vtep: number): boolean {
    if (this.#dataplane.accessAllow(WORKER_CONTROL, network, vtep) === 0) return false;
    this.#owed.delete(pairKey(network, vtep));
    return true;
  }

  deny(network: number, vtep: number): void {
    // One wait for a lock that is held is enough; the rest waits for `settle`.
    const isBusy = this.#owed.size > 0 || this.#dataplane.accessDeny(WORKER_CONTROL, network, vtep) === FDB_SET_BUSY;
    if (isBusy) this.#owed.set(pairKey(network, vtep), { network, vtep });
  }

  /** Tries again what is owed. True: nothing is any more. */
  settle(): boolean {
    for (const [key, { network, vtep }] of this.#owed) {
      if (this.#dataplane.accessDeny(WORKER_CONTROL, network, vtep) === FDB_SET_BUSY) return false;
      this.#owed.delete(key);
    }
    return true;
  }
}

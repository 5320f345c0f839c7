// Tells the hot path which VTEPs have a way that is narrower than the networks. It answers the inner sender then, as for a network's
// own MTU (dataplane-wasm/icmp.ts), before a frame is lost on the way or refused by the kernel.
//
// To look up the route to every VTEP all the time would be dear, and seldom of use. So those are looked up that lose frames on our
// side (the kernel refuses what is larger than the path MTU that it knows), whose routers answer (path-mtu.ts), or that are known as
// narrow; and all of them while the underlay's own interface is narrower than the networks.

import { VTEP_COUNTER_DROPS_ENCAP, VTEP_FLAG_GROUP } from "../../dataplane-wasm/layout.js";
import { formatAddress, isMapped } from "../address.js";
import { SyscallError } from "../linux/index.js";
import { overheadOf } from "../overhead.js";
import type { Tables } from "../tables/tables.js";

/* Our choices. */
const IDS_A_TICK = 1024;
/** Some 5 ms. */
const LOOKS_A_TICK = 128;
/** The kernel forgets a path MTU after ten minutes, and tells nobody. */
const RECHECK_MS = 30_000;

interface Narrow {
  readonly address: string;
  /** Largest packet, bytes of L3. */
  readonly mtu: number;
}

export class NarrowPaths {
  readonly #tables: Pick<Tables, "vteps" | "counters" | "networks">;
  readonly #mtuOf: (address: Uint8Array) => number;
  readonly #narrow = new Map<number, Narrow>();
  /** Frames not sent, by id, when last seen. */
  readonly #drops = new Map<number, number>();
  readonly #due = new Set<number>();
  #nextId = 1;
  #nextMs = 0;
  #isInterfaceNarrow = false;

  /** @param mtuOf bytes of L3 that the way to an address takes, as the kernel knows it. Throws SyscallError where there is none */
  constructor(tables: Pick<Tables, "vteps" | "counters" | "networks">, mtuOf: (address: Uint8Array) => number) {
    this.#tables = tables;
    this.#mtuOf = mtuOf;
  }

  /** Says whether the underlay's interface leaves less than the networks take. */
  setInterfaceNarrow(isNarrow: boolean): void {
    if (isNarrow !== this.#isInterfaceNarrow) this.#nextMs = 0;
    this.#isInterfaceNarrow = isNarrow;
  }

  /** To be called a few times a second. @param told addresses of VTEPs whose routers have answered of late */
  tick(nowMs: number, told: Iterable<Uint8Array>): void {
    const { vteps } = this.#tables;
    for (const address of told) this.#due.add(vteps.find(address));
    this.#findLosers();
    if (nowMs >= this.#nextMs) {
      this.#nextMs = nowMs + RECHECK_MS;
      for (const id of this.#isInterfaceNarrow ? vteps.ids() : this.#narrow.keys()) this.#due.add(id);
    }
    this.#lookAtDue();
    this.#tables.networks.setPathsNarrow(this.#narrow.size > 0);
  }

  #findLosers(): void {
    const { vteps, counters } = this.#tables;
    const { endId } = vteps;
    const end = Math.min(this.#nextId + IDS_A_TICK, endId);
    for (; this.#nextId < end; this.#nextId++) {
      const id = this.#nextId;
      const drops = counters.vtep(id, VTEP_COUNTER_DROPS_ENCAP);
      if (drops === (this.#drops.get(id) ?? 0)) continue;
      this.#drops.set(id, drops);
      if (drops > 0) this.#due.add(id);
    }
    if (this.#nextId >= endId) this.#nextId = 1;
  }

  #lookAtDue(): void {
    if (this.#due.size === 0) return;
    let widest = 0;
    for (const { spec } of this.#tables.networks) widest = Math.max(widest, spec.mtu);
    let looks = 0;
    for (const id of this.#due) {
      if (looks++ >= LOOKS_A_TICK) break;
      this.#due.delete(id);
      this.#look(id, widest);
    }
  }

  /** @param widest the largest MTU of all networks */
  #look(id: number, widest: number): void {
    const { vteps } = this.#tables;
    const address = vteps.address(id);
    const known = this.#narrow.get(id);
    if (address === undefined || (vteps.flags(id) & VTEP_FLAG_GROUP) !== 0) {
      this.#narrow.delete(id); // whoever gets the id has a record of his own
      return;
    }
    let mtu: number;
    try {
      mtu = this.#mtuOf(address);
    } catch (error) {
      if (error instanceof SyscallError) return; // without a route nothing is too big
      throw error;
    }
    const text = formatAddress(address);
    if (mtu >= widest + overheadOf(!isMapped(address))) {
      this.#narrow.delete(id);
      if (known !== undefined) vteps.setPathMtu(id, undefined);
    } else if (known?.mtu !== mtu || known.address !== text) {
      this.#narrow.set(id, { address: text, mtu });
      vteps.setPathMtu(id, mtu);
    }
  }
}

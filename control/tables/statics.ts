// Static FDB entries. The table holds them; what is kept beside it is how many entries of a network name each VTEP,
// because a network without an allow list hears the VTEPs of its static entries.

import { FDB_FLAG_OWN, FDB_FLAG_STATIC, FDB_KIND_ATTACHMENT, FDB_KIND_VTEP } from "../../dataplane-wasm/layout.js";
import { type FdbValue, formatMac } from "../address.js";
import { VxlaneError } from "../errors.js";
import type { Fdb } from "./fdb.js";
import type { Entry, Registry } from "./registry.js";
import { atomically, type Transaction } from "./transaction.js";
import type { Vteps } from "./vteps.js";

export type StaticTarget = { readonly vtep: Uint8Array } | { readonly port: string };

export class Statics {
  readonly #registry: Registry;
  readonly #fdb: Fdb;
  readonly #vteps: Vteps;

  constructor(registry: Registry, fdb: Fdb, vteps: Vteps) {
    this.#registry = registry;
    this.#fdb = fdb;
    this.#vteps = vteps;
  }

  /** Writes an entry over whatever was there. @throws ERR_NOT_FOUND, ERR_CONFLICT for a port's own MAC, ERR_LIMIT, ERR_TIMEOUT */
  set(vni: number, mac: Uint8Array, target: StaticTarget): void {
    const entry = this.#registry.entry(vni);
    const old = this.#find(entry, mac);
    atomically((steps) => {
      const { kind, id } = this.#resolve(steps, entry, target);
      this.#write(steps, entry, mac, kind, id, old);
      const counts = new Map(entry.staticVteps);
      if (kind === FDB_KIND_VTEP) count(counts, id, 1);
      if (old?.kind === FDB_KIND_VTEP) count(counts, old.id, -1);
      this.#recount(steps, entry, counts);
    });
  }

  /** @throws ERR_NOT_FOUND, ERR_CONFLICT for a port's own MAC, ERR_LIMIT */
  remove(vni: number, mac: Uint8Array): void {
    const entry = this.#registry.entry(vni);
    const old = this.#find(entry, mac);
    if (old === undefined) {
      throw new VxlaneError("ERR_NOT_FOUND", `network ${vni} has no static entry for ${formatMac(mac)}`);
    }
    atomically((steps) => {
      const counts = new Map(entry.staticVteps);
      if (old.kind === FDB_KIND_VTEP) count(counts, old.id, -1);
      this.#recount(steps, entry, counts);
      steps.onCommit(() => this.#fdb.remove(entry.id, mac));
    });
  }

  #find(entry: Entry, mac: Uint8Array): FdbValue | undefined {
    const value = this.#fdb.get(entry.id, mac);
    if (value === undefined || (value.flags & FDB_FLAG_STATIC) === 0) return undefined;
    if ((value.flags & FDB_FLAG_OWN) !== 0) {
      throw new VxlaneError("ERR_CONFLICT", `${formatMac(mac)} is the MAC of a port of network ${entry.spec.vni}`);
    }
    return value;
  }

  /** The kind and id that a target means; a VTEP is held until the transaction has ended. */
  #resolve(steps: Transaction, entry: Entry, target: StaticTarget): { kind: number; id: number } {
    if ("vtep" in target) {
      const id = this.#vteps.acquire(target.vtep);
      steps.onUndo(() => this.#vteps.release(id));
      // Whoever counts the entry holds the VTEP itself before the transaction commits.
      steps.onCommit(() => this.#vteps.release(id));
      return { kind: FDB_KIND_VTEP, id };
    }
    const port = entry.ports.get(target.port);
    if (port === undefined) {
      throw new VxlaneError("ERR_NOT_FOUND", `network ${entry.spec.vni} has no port ${target.port}`);
    }
    return { kind: FDB_KIND_ATTACHMENT, id: port.attachment };
  }

  #write(steps: Transaction, entry: Entry, mac: Uint8Array, kind: number, id: number, old: FdbValue | undefined): void {
    this.#fdb.setStatic(entry.id, mac, kind, id);
    steps.onUndo(() => {
      if (old === undefined) this.#fdb.remove(entry.id, mac);
      else this.#fdb.setStatic(entry.id, mac, old.kind, old.id);
    });
  }

  /** Holds each VTEP of `counts` once; the reach changes only when the VTEPs do, not with each entry. */
  #recount(steps: Transaction, entry: Entry, counts: ReadonlyMap<number, number>): void {
    const old = entry.staticVteps;
    const gone = [...old.keys()].filter((id) => !counts.has(id));
    const added = [...counts.keys()].filter((id) => !old.has(id));
    for (const id of added) {
      this.#vteps.hold(id);
      steps.onUndo(() => this.#vteps.release(id));
    }
    if (gone.length + added.length > 0) this.#registry.change(steps, entry, { staticVteps: counts });
    else steps.onCommit(() => Object.assign(entry, { staticVteps: counts }));
    steps.onCommit(() => {
      for (const id of gone) this.#vteps.release(id);
    });
  }
}

function count(counts: Map<number, number>, id: number, by: 1 | -1): void {
  const left = (counts.get(id) ?? 0) + by;
  if (left > 0) counts.set(id, left);
  else counts.delete(id);
}

// Static FDB entries. The table holds them; what is kept beside it is how many entries of a network name each VTEP,
// because a network without an allow list hears the VTEPs of its static entries.

import { FDB_FLAG_OWN, FDB_FLAG_STATIC, FDB_KIND_ATTACHMENT, FDB_KIND_VTEP } from "../../dataplane-wasm/layout.js";
import { type FdbTarget, type FdbValue, formatMac } from "../address.js";
import { VxlaneError } from "../errors.js";
import type { Displaced } from "./displaced.js";
import type { Fdb } from "./fdb.js";
import type { Entry, Registry } from "./registry.js";
import { atomically, type Transaction } from "./transaction.js";
import type { Vteps } from "./vteps.js";

export type StaticTarget = { readonly vtep: Uint8Array } | { readonly port: string };

export interface StaticChange {
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** Absent: the entry goes. One object for many changes spares looking it up for each. */
  readonly target?: StaticTarget;
}

export interface StaticCounts {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly removed: number;
}

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
    this.apply(vni, [{ mac, target }]);
  }

  /** @throws ERR_NOT_FOUND, ERR_CONFLICT for a port's own MAC, ERR_LIMIT */
  remove(vni: number, mac: Uint8Array): void {
    if (this.apply(vni, [{ mac }]).removed > 0) return;
    throw new VxlaneError("ERR_NOT_FOUND", `network ${vni} has no static entry for ${formatMac(mac)}`);
  }

  /**
   * Makes many changes, all or none. One that changes nothing touches nothing; to remove what is not there is none.
   * @param changes each MAC once
   * @param outer of the change that this is a part of
   * @throws ERR_NOT_FOUND, ERR_CONFLICT for a port's own MAC, ERR_LIMIT, ERR_TIMEOUT
   */
  apply(vni: number, changes: readonly StaticChange[], outer?: Displaced): StaticCounts {
    const entry = this.#registry.entry(vni);
    const done = { created: 0, changed: 0, unchanged: 0, removed: 0 };
    return atomically((steps) => {
      const displaced = this.#fdb.displaced(steps, outer);
      const resolve = this.#resolver(steps, entry);
      const counts = new Map(entry.staticVteps);
      const removed: Uint8Array[] = [];
      for (const { mac, target } of changes) {
        const old = this.#find(entry, mac);
        if (target === undefined) {
          if (old === undefined) continue;
          removed.push(mac);
        } else {
          const wanted = resolve(target);
          if (old?.kind === wanted.kind && old.id === wanted.id) {
            done.unchanged++;
            continue;
          }
          this.#fdb.setStatic(entry.id, mac, wanted, displaced);
          if (wanted.kind === FDB_KIND_VTEP) count(counts, wanted.id, 1);
          if (old === undefined) done.created++;
          else done.changed++;
        }
        if (old?.kind === FDB_KIND_VTEP) count(counts, old.id, -1);
      }
      done.removed = removed.length;
      this.#recount(steps, entry, counts);
      steps.onCommit(() => {
        for (const mac of removed) this.#fdb.remove(entry.id, mac); // static: cannot fail
      });
      return done;
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

  /** Finds the kind and id that a target means; VTEPs are held until the transaction has ended. */
  #resolver(steps: Transaction, entry: Entry): (target: StaticTarget) => FdbTarget {
    const known = new Map<StaticTarget, FdbTarget>();
    return (target) => {
      const destination = known.get(target) ?? this.#resolve(steps, entry, target);
      known.set(target, destination);
      return destination;
    };
  }

  #resolve(steps: Transaction, entry: Entry, target: StaticTarget): FdbTarget {
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

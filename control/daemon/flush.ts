// Flushing the FDB by network, port, VTEP and kind. All learned entries of a network die at once, with its generation,
// before the walk that gives their slots back; the others go as the walk meets them. It goes slice by slice, and the
// main thread answers others in between.

import { setImmediate as turn } from "node:timers/promises";
import { FDB_KIND_ATTACHMENT, FDB_KIND_VTEP } from "../../dataplane-wasm/layout.js";
import { type FdbTarget, formatMac, parseAddress } from "../address.js";
import { VxlaneError } from "../errors.js";
import type { FdbEntry } from "../tables/fdb.js";
import type { StaticTarget } from "../tables/statics.js";
import type { Tables } from "../tables/tables.js";
import { atomically } from "../tables/transaction.js";

export interface FlushFilter {
  /** Absent: all networks. */
  readonly vni?: number;
  /** Entries behind this port, or this VTEP. */
  readonly port?: string;
  readonly vtep?: string;
  readonly kind: "learned" | "static" | "all";
}

/**
 * Returns how many entries went, those that had aged and were not swept yet included. Ports' own MACs stay.
 * @throws ERR_NOT_FOUND for a network or port that is not there
 */
export async function flush(tables: Tables, filter: FlushFilter): Promise<number> {
  const { vni, kind } = filter;
  const network = vni === undefined ? 0 : tables.networks.get(vni).id;
  const target = targetOf(tables, filter);
  if (target === null) return 0;
  const statics = kind === "learned" ? 0 : await flushStatic(tables, network, target);
  return statics + (kind === "static" ? 0 : await flushLearned(tables, network, target));
}

/** Undefined: any; null: one that has no entries. */
function targetOf(tables: Tables, { vni, port, vtep }: FlushFilter): FdbTarget | undefined | null {
  if (port !== undefined) {
    const there = vni === undefined ? tables.ports.find(port) : tables.networks.get(vni).ports.get(port);
    if (there !== undefined) return { kind: FDB_KIND_ATTACHMENT, id: there.attachment };
    throw new VxlaneError(
      "ERR_NOT_FOUND",
      vni === undefined ? `there is no port ${port}` : `network ${vni} has no port ${port}`,
    );
  }
  if (vtep === undefined) return undefined;
  const address = parseAddress(vtep);
  const id = address === undefined ? 0 : tables.vteps.find(address);
  return id === 0 ? null : { kind: FDB_KIND_VTEP, id };
}

async function flushLearned(tables: Tables, network: number, target: FdbTarget | undefined): Promise<number> {
  if (target === undefined) {
    for (const { id, spec } of tables.networks) if (network === 0 || id === network) tables.flush(spec.vni);
  }
  let removed = 0;
  for (const count of tables.fdb.flushLearned(network, target)) {
    removed += count;
    await turn();
  }
  return removed;
}

async function flushStatic(tables: Tables, network: number, target: FdbTarget | undefined): Promise<number> {
  const byNetwork = new Map<number, Map<string, FdbEntry>>();
  const meet = (entry: FdbEntry) => {
    if (target !== undefined && (target.kind !== entry.kind || target.id !== entry.id)) return;
    const entries = byNetwork.get(entry.network) ?? new Map<string, FdbEntry>();
    byNetwork.set(entry.network, entries.set(formatMac(entry.mac), entry));
  };
  for (const _ of tables.fdb.meetStatics(network, meet)) await turn();
  return atomically((steps) => {
    let removed = 0;
    for (const [id, entries] of byNetwork) {
      const vni = tables.networks.byId(id)?.spec.vni;
      if (vni === undefined) continue; // it went, and its entries wait for the undertaker
      const before = [...entries.values()].flatMap((entry) => describe(tables, entry) ?? []);
      removed += tables.statics.apply(
        vni,
        before.map(({ mac }) => ({ mac })),
      ).removed;
      steps.onUndo(() => tables.statics.apply(vni, before));
    }
    return removed;
  });
}

/** Undefined if what it pointed to is gone. */
function describe(tables: Tables, { mac, kind, id }: FdbEntry): { mac: Uint8Array; target: StaticTarget } | undefined {
  if (kind === FDB_KIND_ATTACHMENT) {
    const port = tables.ports.ofAttachment(id)?.name;
    return port === undefined ? undefined : { mac, target: { port } };
  }
  const vtep = tables.vteps.address(id);
  return vtep === undefined ? undefined : { mac, target: { vtep } };
}

// Which networks and ports there are, and the one step that all changes of them share: building another reach for a
// network. Networks, ports and static entries each have a file of their own; this is what they stand on.

import { VxlaneError } from "../errors.js";
import { NO_REACH, type Reaches } from "./reach.js";
import type { Transaction } from "./transaction.js";
import type { Network, NetworkSpec, Port, Reach } from "./types.js";

/** A network as its owners here see it; everybody else gets it read-only. */
export interface Entry extends Network {
  spec: NetworkSpec;
  reach: Reach;
  ports: ReadonlyMap<string, Port>;
  staticVteps: ReadonlyMap<number, number>;
}

export class Registry {
  readonly byVni = new Map<number, Entry>();
  readonly byId = new Map<number, Entry>();
  readonly portByName = new Map<string, Port>();
  readonly portById = new Map<number, Port>();
  readonly #reaches: Reaches;

  constructor(reaches: Reaches) {
    this.#reaches = reaches;
  }

  /** @throws ERR_NOT_FOUND */
  entry(vni: number): Entry {
    const entry = this.byVni.get(vni);
    if (entry === undefined) throw new VxlaneError("ERR_NOT_FOUND", `there is no network ${vni}`);
    return entry;
  }

  makeEntry(id: number, spec: NetworkSpec): Entry {
    return { id, spec, reach: NO_REACH, ports: new Map(), staticVteps: new Map() };
  }

  /** See `Reaches.keepRoom`. @param opened ports that come @throws ERR_LIMIT */
  keepRoom(entry: Entry, spec: NetworkSpec, opened: number): () => void {
    return this.#reaches.keepRoom([entry.spec, spec], entry.ports.size + opened);
  }

  /** Changes what a network's reach follows from, and the reach with it, when the transaction commits. @throws ERR_LIMIT, ERR_CONFLICT */
  change(steps: Transaction, entry: Entry, change: Partial<Pick<Entry, "spec" | "ports" | "staticVteps">>): void {
    const { spec, ports, staticVteps } = { ...entry, ...change };
    const attachments = [...ports.values()].map((port) => port.attachment);
    const current = () => (this.byId.get(entry.id) === entry ? entry.reach : undefined);
    const reach = this.#reaches.replace(steps, entry.id, spec, attachments, staticVteps.keys(), entry.reach, current);
    steps.onCommit(() => Object.assign(entry, { spec, ports, staticVteps, reach }));
  }
}

// Ports and their attachments in the tables: ids, records, the MAC as a static local entry. The interfaces behind them
// belong to the daemon, which stores their descriptors here when it has opened them.
//
// A port has one attachment for now, of the same id; but whatever forwards a frame names the attachment, and
// whatever opens or reads an interface names the port.

import { FDB_FLAG_OWN, FDB_FLAG_STATIC, FDB_KIND_ATTACHMENT, PORTS_MAX } from "../../dataplane-wasm/layout.js";
import { formatMac } from "../address.js";
import { VxlaneError } from "../errors.js";
import type { Views } from "../memory.js";
import type { Displaced } from "./displaced.js";
import type { Fdb } from "./fdb.js";
import { Ids } from "./ids.js";
import { clearAttachment, storePortQueues, writeAttachment } from "./records.js";
import type { Entry, Registry } from "./registry.js";
import { atomically, type Transaction } from "./transaction.js";
import type { Port, PortSpec } from "./types.js";
import type { Undertaker } from "./undertaker.js";

export class Ports {
  readonly #views: Views;
  readonly #registry: Registry;
  readonly #fdb: Fdb;
  readonly #undertaker: Undertaker;
  readonly #ids = new Ids(PORTS_MAX, "ports");

  constructor(views: Views, registry: Registry, fdb: Fdb, undertaker: Undertaker) {
    this.#views = views;
    this.#registry = registry;
    this.#fdb = fdb;
    this.#undertaker = undertaker;
  }

  get size(): number {
    return this.#registry.portByName.size;
  }

  [Symbol.iterator](): Iterator<Port> {
    return this.#registry.portByName.values();
  }

  find(name: string): Port | undefined {
    return this.#registry.portByName.get(name);
  }

  /** What an FDB entry of kind attachment names. */
  ofAttachment(attachment: number): Port | undefined {
    return this.#registry.portById.get(attachment);
  }

  /**
   * Adds ports to a network, all or none. @param outer of the change that this is a part of
   * @throws ERR_NOT_FOUND, ERR_CONFLICT for a name or MAC in use, ERR_LIMIT, ERR_TIMEOUT
   */
  add(vni: number, specs: readonly PortSpec[], outer?: Displaced): Port[] {
    const entry = this.#registry.entry(vni);
    const { portByName, portById } = this.#registry;
    return atomically((steps) => {
      const displaced = this.#fdb.displaced(steps, outer);
      const ports = new Map(entry.ports);
      const added = specs.map((spec) => {
        if (ports.has(spec.name) || portByName.has(spec.name)) {
          throw new VxlaneError("ERR_CONFLICT", `port ${spec.name} is there already`);
        }
        const port = this.#make(steps, entry, spec, displaced);
        ports.set(spec.name, port);
        return port;
      });
      this.#registry.change(steps, entry, { ports });
      steps.onCommit(() => {
        for (const port of added) {
          portByName.set(port.name, port);
          portById.set(port.id, port);
        }
      });
      return added;
    });
  }

  /** Takes ports out of their network and the tables; their descriptors may be closed an epoch later. @throws ERR_NOT_FOUND, ERR_LIMIT */
  remove(vni: number, ...names: readonly string[]): void {
    const entry = this.#registry.entry(vni);
    const ports = new Map(entry.ports);
    const removed = names.map((name) => {
      const port = entry.ports.get(name);
      if (port === undefined) throw new VxlaneError("ERR_NOT_FOUND", `network ${vni} has no port ${name}`);
      ports.delete(name);
      return port;
    });
    if (removed.length === 0) return;
    atomically((steps) => {
      this.#registry.change(steps, entry, { ports });
      steps.onCommit(() => {
        for (const port of removed) {
          if (hasMac(port)) this.#fdb.remove(entry.id, port.mac);
          this.forget(port);
        }
      });
    });
  }

  /** Changes the MTU of every port of a network. @throws ERR_NOT_FOUND */
  setMtu(vni: number, mtu: number): void {
    for (const port of this.#registry.entry(vni).ports.values()) this.setPortMtu(port, mtu);
  }

  /** Changes the MTU of one port, whose interface is not ours; that may tell it when the port has gone already. */
  setPortMtu(port: Port, mtu: number): void {
    if (this.#registry.portById.get(port.id) !== port) return; // its record is no longer, or somebody else's
    Object.assign(port, { mtu });
    writeAttachment(this.#views, port);
  }

  /** Stores the descriptors of a port, one for each worker from 0 on. */
  setQueues(port: Port, fds: readonly number[]): void {
    storePortQueues(this.#views, port.id, fds);
  }

  /** The end of a port that no flood list names any more: the entries that point to it are cleared away. */
  forget(port: Port): void {
    this.#registry.portByName.delete(port.name);
    this.#registry.portById.delete(port.id);
    this.#bury(port);
  }

  #make(steps: Transaction, entry: Entry, spec: PortSpec, displaced: Displaced): Port {
    const there = this.#fdb.get(entry.id, spec.mac);
    if (there !== undefined && (there.flags & FDB_FLAG_STATIC) !== 0) {
      throw new VxlaneError("ERR_CONFLICT", `${formatMac(spec.mac)} has a static entry already`);
    }
    const id = this.#ids.take();
    const port: Port = { ...spec, id, attachment: id, network: entry.id };
    // A worker may have met the entry before it is taken back, so the id has to be buried.
    steps.onUndo(() => this.#bury(port));
    writeAttachment(this.#views, port);
    if (hasMac(spec)) {
      const target = { kind: FDB_KIND_ATTACHMENT, id: port.attachment };
      this.#fdb.setStatic(entry.id, spec.mac, target, displaced, FDB_FLAG_OWN);
    }
    return port;
  }

  #bury(port: Port): void {
    clearAttachment(this.#views, port.attachment);
    this.#undertaker.bury("attachment", port.attachment, () => {
      storePortQueues(this.#views, port.id, []);
      this.#ids.give(port.id);
    });
  }
}

/** The MAC of an interface that is not ours (zero here) belongs to whoever is behind it, and is learned. */
function hasMac({ mac }: Pick<PortSpec, "mac">): boolean {
  return mac.some((byte) => byte !== 0);
}

// The networks: added, changed and removed, while frames flow. Each method checks first, then does what may fail, then
// stores what workers see; so it happens whole or not at all, and other networks never notice.
//
// Order for the workers: a network's record is whole before its VNI leads to it, and its VNI leads nowhere before
// anything else of it goes.

import { NETWORKS_MAX } from "../../dataplane-wasm/layout.js";
import { formatAddress } from "../address.js";
import { VxlaneError } from "../errors.js";
import type { Views } from "../memory.js";
import { Ids } from "./ids.js";
import type { Ports } from "./ports.js";
import { clearNetwork, storePlainMtu, storeVni, writeNetwork } from "./records.js";
import type { Registry } from "./registry.js";
import { atomically } from "./transaction.js";
import type { Network, NetworkSpec } from "./types.js";
import type { Undertaker } from "./undertaker.js";
import type { Vteps } from "./vteps.js";

export class Networks {
  readonly #views: Views;
  readonly #registry: Registry;
  readonly #ports: Ports;
  readonly #vteps: Vteps;
  readonly #undertaker: Undertaker;
  readonly #ids = new Ids(NETWORKS_MAX, "networks");
  #pathsNarrow = false;

  constructor(views: Views, registry: Registry, ports: Ports, vteps: Vteps, undertaker: Undertaker) {
    this.#views = views;
    this.#registry = registry;
    this.#ports = ports;
    this.#vteps = vteps;
    this.#undertaker = undertaker;
  }

  get size(): number {
    return this.#registry.byVni.size;
  }

  /** In the order of their making. */
  [Symbol.iterator](): Iterator<Network> {
    return this.#registry.byVni.values();
  }

  /** @throws ERR_NOT_FOUND */
  get(vni: number): Network {
    return this.#registry.entry(vni);
  }

  find(vni: number): Network | undefined {
    return this.#registry.byVni.get(vni);
  }

  byId(id: number): Network | undefined {
    return this.#registry.byId.get(id);
  }

  /** @throws ERR_CONFLICT if the VNI is in use, ERR_LIMIT */
  add(spec: NetworkSpec): Network {
    const { byVni, byId } = this.#registry;
    if (byVni.has(spec.vni)) throw new VxlaneError("ERR_CONFLICT", `network ${spec.vni} is there already`);
    return atomically((steps) => {
      const id = this.#ids.take();
      steps.onUndo(() => this.#ids.give(id));
      const entry = this.#registry.makeEntry(id, spec);
      this.#registry.change(steps, entry, {});
      steps.onCommit(() => {
        byVni.set(spec.vni, entry);
        byId.set(id, entry);
        writeNetwork(this.#views, id, spec, this.#pathsNarrow);
        storeVni(this.#views, spec.vni, id);
      });
      return entry;
    });
  }

  /** Changes everything of a network but its VNI, ports and static entries. @throws ERR_NOT_FOUND, ERR_CONFLICT, ERR_LIMIT */
  replace(spec: NetworkSpec): Network {
    const entry = this.#registry.entry(spec.vni);
    return atomically((steps) => {
      this.#registry.change(steps, entry, { spec });
      steps.onCommit(() => writeNetwork(this.#views, entry.id, spec, this.#pathsNarrow));
      return entry;
    });
  }

  /**
   * Keeps what it takes to make a network of now what `spec` says, in several steps, or to take them back; so that no step after the
   * first lacks it. @param opened ports that come @returns what gives it back. @throws ERR_NOT_FOUND, ERR_LIMIT
   */
  keepRoom(spec: NetworkSpec, opened: number): () => void {
    return this.#registry.keepRoom(this.#registry.entry(spec.vni), spec, opened);
  }

  /** Takes a network away, with its ports and entries. @throws ERR_NOT_FOUND */
  remove(vni: number): void {
    const entry = this.#registry.entry(vni);
    const { ports, staticVteps } = entry;
    const spec: NetworkSpec = { ...entry.spec, flood: { mode: "none" }, allow: [] };
    atomically((steps) => {
      steps.onCommit(() => {
        storeVni(this.#views, vni, 0);
        this.#registry.byVni.delete(vni);
        this.#registry.byId.delete(entry.id);
      });
      this.#registry.change(steps, entry, { spec, ports: new Map(), staticVteps: new Map() });
      steps.onCommit(() => {
        for (const port of ports.values()) this.#ports.forget(port);
        for (const vtep of staticVteps.keys()) this.#vteps.release(vtep);
        this.#undertaker.bury("network", entry.id, () => {
          clearNetwork(this.#views, entry.id);
          this.#ids.give(entry.id);
        });
      });
    });
  }

  /** Adds a VTEP to a flood list; false if it is there already. @throws ERR_NOT_FOUND, ERR_CONFLICT, ERR_LIMIT */
  addVtep(vni: number, address: Uint8Array): boolean {
    const { spec, vteps } = this.#headend(vni);
    if (vteps.some((known) => sameBytes(known, address))) return false;
    this.replace({ ...spec, flood: { mode: "headend", vteps: [...vteps, address] } });
    return true;
  }

  /** Takes a VTEP out of a flood list. @throws ERR_NOT_FOUND, ERR_CONFLICT */
  removeVtep(vni: number, address: Uint8Array): void {
    const { spec, vteps } = this.#headend(vni);
    const left = vteps.filter((known) => !sameBytes(known, address));
    if (left.length === vteps.length) {
      throw new VxlaneError("ERR_NOT_FOUND", `network ${vni} does not flood to ${formatAddress(address)}`);
    }
    this.replace({ ...spec, flood: { mode: "headend", vteps: left } });
  }

  /** Says whether the way to some VTEP takes less than the networks (`Vteps.setPathMtu`). */
  setPathsNarrow(isNarrow: boolean): void {
    if (isNarrow === this.#pathsNarrow) return;
    this.#pathsNarrow = isNarrow;
    for (const { id, spec } of this) storePlainMtu(this.#views, id, spec, isNarrow);
  }

  #headend(vni: number): { spec: NetworkSpec; vteps: readonly Uint8Array[] } {
    const { spec } = this.#registry.entry(vni);
    if (spec.flood.mode !== "headend") {
      throw new VxlaneError("ERR_CONFLICT", `network ${vni} floods by ${spec.flood.mode}, not to a list of VTEPs`);
    }
    return { spec, vteps: spec.flood.vteps };
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

// Changes of a running daemon, as its API asks for them. One after the other: each sees what the one before it left, and
// each happens whole or not at all. Forwarding goes on meanwhile.
//
// What takes an interface away answers only when the interface is gone, a round of the busiest worker later, so that
// the next change may use its name.

import { setImmediate as turn } from "node:timers/promises";
import { FDB_FLAG_STATIC } from "../../dataplane-wasm/layout.js";
import { formatAddress, formatMac, formatPrefix, parseAddress, parseMac } from "../address.js";
import type { NetworkConfig, PortConfig, StaticEntry } from "../config/types.js";
import { VxlaneError } from "../errors.js";
import { missingCapabilities, remedyFor, SyscallError } from "../linux/index.js";
import type { FdbEntry } from "../tables/fdb.js";
import type { StaticCounts } from "../tables/statics.js";
import type { Tables } from "../tables/tables.js";
import type { Network, NetworkSpec } from "../tables/types.js";
import { type FlushFilter, flush } from "./flush.js";
import { type NetworkChange, type Overlay, staticChanges } from "./overlay.js";
import type { PortDevices } from "./port-devices.js";

export type Outcome = "created" | "changed" | "unchanged";

/** Asked when the change has its turn; throws if it is not to happen. */
export type Condition = () => void;

const ALWAYS: Condition = () => {};

export class Changes {
  readonly #tables: Tables;
  readonly #overlay: Overlay;
  readonly #ports: PortDevices;
  #last: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(tables: Tables, overlay: Overlay, ports: PortDevices) {
    this.#tables = tables;
    this.#overlay = overlay;
    this.#ports = ports;
  }

  /** Adds a network, or makes it what `change` says. @throws ERR_CONFLICT, ERR_LIMIT, ERR_HOST_INTERFACE, ERR_PRIVILEGE */
  putNetwork(change: NetworkChange, condition = ALWAYS): Promise<Outcome> {
    return this.#next(async () => {
      condition();
      const network = this.#tables.networks.find(change.vni);
      if (network === undefined) {
        await this.#withDevices(() =>
          this.#overlay.add({ ...change, ports: change.ports ?? [], fdb: change.fdb ?? [] }),
        );
        return "created";
      }
      const gone = change.fdb === undefined ? [] : await this.#entriesBeside(network, change.fdb);
      return outcomeOf(await this.#withDevices(() => this.#overlay.replace(change, gone)));
    });
  }

  /** @throws ERR_NOT_FOUND */
  removeNetwork(vni: number): Promise<void> {
    return this.#next(() => this.#overlay.remove(vni));
  }

  /** @throws ERR_NOT_FOUND, ERR_CONFLICT, ERR_LIMIT, ERR_HOST_INTERFACE, ERR_PRIVILEGE */
  putPort(vni: number, config: PortConfig, condition = ALWAYS): Promise<Outcome> {
    return this.#next(async () => {
      condition();
      const isNew = await this.#withDevices(() => this.#overlay.putPort(vni, config));
      return isNew ? "created" : "unchanged";
    });
  }

  /** Its interface goes too, unless it is persistent. @throws ERR_NOT_FOUND */
  removePort(vni: number, name: string): Promise<void> {
    return this.#next(() => this.#withDevices(() => this.#ports.close(vni, name)));
  }

  /** Adds a VTEP to a network's flood list. @throws ERR_NOT_FOUND, ERR_CONFLICT, ERR_LIMIT */
  putVtep(vni: number, address: string, condition = ALWAYS): Promise<Outcome> {
    return this.#next(async () => {
      condition();
      return this.#tables.networks.addVtep(vni, bytesOf(address)) ? "created" : "unchanged";
    });
  }

  /** @throws ERR_NOT_FOUND, ERR_CONFLICT */
  removeVtep(vni: number, address: string): Promise<void> {
    return this.#next(async () => this.#tables.networks.removeVtep(vni, bytesOf(address)));
  }

  /** Adds or replaces static entries, all or none. @throws ERR_NOT_FOUND, ERR_CONFLICT for a port's own MAC, ERR_LIMIT */
  putEntries(vni: number, entries: readonly StaticEntry[], condition = ALWAYS): Promise<StaticCounts> {
    return this.#next(async () => {
      condition();
      return this.#tables.statics.apply(vni, staticChanges(entries));
    });
  }

  /** Removes an entry, learned or static. @throws ERR_NOT_FOUND, ERR_CONFLICT for a port's own MAC */
  removeEntry(vni: number, mac: string): Promise<void> {
    return this.#next(async () => {
      const { fdb, networks, statics } = this.#tables;
      const network = networks.get(vni);
      const bytes = parseMac(mac) ?? new Uint8Array(6);
      const entry = fdb.find(network.id, bytes);
      if (entry === undefined) throw new VxlaneError("ERR_NOT_FOUND", `network ${vni} has no entry for ${mac}`);
      if ((entry.flags & FDB_FLAG_STATIC) !== 0) statics.remove(vni, bytes);
      else fdb.remove(network.id, bytes);
    });
  }

  /** Lets a frozen entry move again. False: it was not frozen. @throws ERR_NOT_FOUND, ERR_TIMEOUT */
  thawEntry(vni: number, mac: string): Promise<boolean> {
    return this.#next(async () => {
      const { damping, fdb, networks } = this.#tables;
      const network = networks.get(vni);
      const bytes = parseMac(mac) ?? new Uint8Array(6);
      if (damping.thaw(network.id, bytes)) return true;
      if (fdb.find(network.id, bytes) !== undefined) return false;
      throw new VxlaneError("ERR_NOT_FOUND", `network ${vni} has no entry for ${mac}`);
    });
  }

  /** Removes entries, and returns how many. @throws ERR_NOT_FOUND */
  flush(filter: FlushFilter): Promise<number> {
    return this.#next(() => flush(this.#tables, filter));
  }

  /** Refuses further changes, and waits for those that were asked for. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#last;
  }

  /** Runs a change after those that were asked for before it. */
  #next<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (this.#isStopped) throw new VxlaneError("ERR_NO_DAEMON", "the daemon is stopping");
      return change();
    });
    this.#last = result.catch(() => {});
    return result;
  }

  /** Runs a change that may open or close interfaces, and waits until those that go are gone. */
  async #withDevices<T>(change: () => T): Promise<T> {
    try {
      return change();
    } catch (error) {
      throw explainHost(error);
    } finally {
      await this.#tables.epochs.quiesce();
    }
  }

  /** The MACs of static entries that a list of wanted ones leaves out. */
  async #entriesBeside(network: Network, wanted: readonly StaticEntry[]): Promise<Uint8Array[]> {
    const { fdb } = this.#tables;
    const stays = new Set(wanted.map(({ mac }) => mac));
    const gone = new Map<string, Uint8Array>();
    const meet = ({ mac }: FdbEntry) => {
      const text = formatMac(mac);
      if (!stays.has(text)) gone.set(text, mac);
    };
    for (const _ of fdb.meetStatics(network.id, meet)) await turn();
    return [...gone.values()];
  }
}

function outcomeOf(isChanged: boolean): Outcome {
  return isChanged ? "changed" : "unchanged";
}

function bytesOf(address: string): Uint8Array {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new VxlaneError("ERR_CONFIG_VALUE", `${address} is not an IP address`);
  return bytes;
}

/** A network as it stands, in the words of the config. */
export function changeOf({ vni, name, mtu, learning, ageing, dropVlan, flood, allow }: NetworkSpec): NetworkChange {
  return {
    vni,
    name,
    mtu,
    learning,
    ageing,
    innerVlan: dropVlan ? "drop" : "keep",
    flood: floodOf(flood),
    ...(allow === undefined ? {} : { allow: allow.map(formatPrefix) }),
  };
}

function floodOf(flood: NetworkSpec["flood"]): NetworkConfig["flood"] {
  if (flood.mode === "headend") return { mode: flood.mode, vteps: flood.vteps.map(formatAddress) };
  if (flood.mode === "multicast") return { mode: flood.mode, group: formatAddress(flood.group), ttl: flood.ttl };
  return { mode: flood.mode };
}

/** What the kernel refused, for the one who asked. */
function explainHost(error: unknown): unknown {
  if (!(error instanceof SyscallError)) return error;
  if (["EPERM", "EACCES"].includes(error.code)) {
    const remedy = remedyFor(missingCapabilities(["CAP_NET_ADMIN", "CAP_NET_RAW"]));
    return new VxlaneError("ERR_PRIVILEGE", `the host refuses: ${error.message}; ${remedy}`, { cause: error });
  }
  const isFull = ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ENOSPC"].includes(error.code);
  return new VxlaneError(isFull ? "ERR_LIMIT" : "ERR_HOST_INTERFACE", `the host refuses: ${error.message}`, {
    cause: error,
  });
}

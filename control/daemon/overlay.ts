// Networks as the config (later the API, too) knows them, carried out: tables, interfaces and multicast groups together.
// Each change happens whole or not at all: what was made before a step that failed is taken back.

import { isDeepStrictEqual } from "node:util";
import { formatAddress, formatMac, parseAddress, parseMac, parsePrefix } from "../address.js";
import type { NetworkConfig, PortConfig, StaticEntry } from "../config/types.js";
import { VxlaneError } from "../errors.js";
import type { StaticChange, StaticTarget } from "../tables/statics.js";
import type { Tables } from "../tables/tables.js";
import { atomically, type Transaction } from "../tables/transaction.js";
import type { Flood, Network, NetworkSpec } from "../tables/types.js";
import type { PortDevices } from "./port-devices.js";
import type { UnderlaySockets } from "./underlay-sockets.js";

/** A network as it is to be; ports and entries that are absent stay as they are. */
export type NetworkChange = Omit<NetworkConfig, "ports" | "fdb"> & Partial<Pick<NetworkConfig, "ports" | "fdb">>;

export class Overlay {
  readonly #tables: Tables;
  readonly #ports: PortDevices;
  readonly #underlay: UnderlaySockets;
  #defaultMtu: number;
  readonly #vniByName = new Map<string, number>();

  /** @param defaultMtu of a network that names none */
  constructor(tables: Tables, ports: PortDevices, underlay: UnderlaySockets, defaultMtu: number) {
    this.#tables = tables;
    this.#ports = ports;
    this.#underlay = underlay;
    this.#defaultMtu = defaultMtu;
  }

  /** The underlay has another MTU: of networks that are added or put from now on. Those that are there keep theirs. */
  setDefaultMtu(mtu: number): void {
    this.#defaultMtu = mtu;
  }

  /** Adds a network with its ports, groups and static entries. @throws VxlaneError, SyscallError */
  add(config: NetworkConfig): Network {
    const spec = specOf(config, this.#defaultMtu);
    this.#requireName(spec);
    return atomically((steps) => {
      const displaced = this.#tables.fdb.displaced(steps);
      const network = this.#tables.networks.add(spec);
      steps.onUndo(() => this.#tables.networks.remove(spec.vni));
      this.#ports.open(network, config.ports, displaced);
      steps.onUndo(() => this.#ports.closeAllOf(network));
      this.#tables.statics.apply(spec.vni, staticChanges(config.fdb), displaced);
      if (config.flood.mode === "multicast") this.#underlay.join(config.flood.group);
      this.#vniByName.set(spec.name, spec.vni);
      return network;
    });
  }

  /**
   * Makes a network what `change` says, while frames flow.
   * @param entriesGone static entries that go when `change` names entries
   * @returns false if it was so already
   * @throws ERR_NOT_FOUND, ERR_CONFLICT for a port that would have to be made anew, and what `add` throws
   */
  replace(change: NetworkChange, entriesGone: readonly Uint8Array[] = []): boolean {
    const network = this.#tables.networks.get(change.vni);
    const spec = specOf(change, this.#defaultMtu);
    const before = network.spec;
    const isSpecChanged = !isDeepStrictEqual(spec, before);
    const ports = this.#planPorts(network, change.ports);
    this.#requireName(spec);
    // What fails for want of room fails here, and has changed nothing.
    const giveBack = this.#tables.networks.keepRoom(spec, ports.opened.length);
    return atomically((steps) => {
      const displaced = this.#tables.fdb.displaced(steps);
      // What fails most easily comes first, before any worker sees another network.
      this.#ports.open(network, ports.opened, displaced);
      steps.onUndo(() => this.#ports.close(spec.vni, ...ports.opened.map(({ name }) => name)));
      if (isSpecChanged) this.#replaceSpec(steps, network, spec);
      const gone = entriesGone.map((mac) => ({ mac }));
      const changes = [...staticChanges(change.fdb ?? []), ...gone];
      const entries = this.#tables.statics.apply(spec.vni, changes, displaced);
      steps.onCommit(() => {
        this.#vniByName.delete(before.name);
        this.#vniByName.set(spec.name, spec.vni);
        this.#ports.close(spec.vni, ...ports.closed);
        if (isSpecChanged && before.flood.mode === "multicast") this.#underlay.leave(formatAddress(before.flood.group));
      });
      const { created, changed, removed } = entries;
      return isSpecChanged || ports.opened.length + ports.closed.length + created + changed + removed > 0;
    }, giveBack);
  }

  /** Opens a port; false if it is there already. @throws ERR_NOT_FOUND, ERR_CONFLICT if it is there with another config, SyscallError */
  putPort(vni: number, config: PortConfig): boolean {
    const network = this.#tables.networks.get(vni);
    const isThere = network.ports.has(config.name);
    if (isThere) this.#requireSame(network, config);
    else this.#ports.open(network, [config]);
    return !isThere;
  }

  /** Takes a network away with all that it has, at once; resolves when its interfaces are gone too. @throws ERR_NOT_FOUND */
  async remove(vni: number): Promise<void> {
    const network = this.#tables.networks.get(vni);
    const { flood, name } = network.spec;
    this.#tables.networks.remove(vni);
    this.#vniByName.delete(name);
    this.#ports.closeAllOf(network);
    if (flood.mode === "multicast") this.#underlay.leave(formatAddress(flood.group));
    await this.#tables.epochs.quiesce();
  }

  /** All of a network but ports and entries. */
  #replaceSpec(steps: Transaction, network: Network, spec: NetworkSpec): void {
    const before = network.spec;
    if (spec.mtu !== before.mtu) {
      this.#ports.setMtu(network, spec.mtu);
      steps.onUndo(() => this.#ports.setMtu(network, before.mtu));
    }
    if (spec.flood.mode === "multicast") {
      const group = formatAddress(spec.flood.group);
      this.#underlay.join(group);
      steps.onUndo(() => this.#underlay.leave(group));
    }
    this.#tables.networks.replace(spec);
    steps.onUndo(() => this.#tables.networks.replace(before));
  }

  #planPorts(network: Network, wanted: readonly PortConfig[] | undefined): { opened: PortConfig[]; closed: string[] } {
    if (wanted === undefined) return { opened: [], closed: [] };
    const names = new Set(wanted.map(({ name }) => name));
    const opened = wanted.filter((port) => !network.ports.has(port.name));
    for (const port of wanted) if (network.ports.has(port.name)) this.#requireSame(network, port);
    return { opened, closed: [...network.ports.keys()].filter((name) => !names.has(name)) };
  }

  /** An interface keeps what it was made with. */
  #requireSame(network: Network, wanted: PortConfig): void {
    const there = this.#ports.find(wanted.name)?.config;
    const mac = formatMac(network.ports.get(wanted.name)?.mac ?? new Uint8Array());
    const differs = [
      ...(there !== undefined && this.#ports.queuesOf(there) !== this.#ports.queuesOf(wanted) ? ["queues"] : []),
      ...(there !== undefined && there.driver !== wanted.driver ? ["driver"] : []),
      ...(wanted.mac !== undefined && wanted.mac !== mac ? ["mac"] : []),
      ...(there !== undefined && there.persistent !== wanted.persistent ? ["persistent"] : []),
    ];
    if (differs.length === 0) return;
    const what = `port ${wanted.name} is there with another ${differs.join(" and ")}`;
    throw new VxlaneError("ERR_CONFLICT", `${what}, which it keeps: delete it first`);
  }

  #requireName({ vni, name }: NetworkSpec): void {
    const owner = this.#vniByName.get(name);
    if (owner === undefined || owner === vni) return;
    throw new VxlaneError("ERR_CONFLICT", `network ${owner} has the name ${name} already`);
  }
}

export function staticChanges(entries: readonly StaticEntry[]): StaticChange[] {
  const targets = new Map<string, StaticTarget>();
  return entries.map(({ mac, vtep, port }) => {
    const key = vtep ?? `port ${port}`;
    const target = targets.get(key) ?? (vtep === undefined ? { port: port ?? "" } : { vtep: requireAddress(vtep) });
    targets.set(key, target);
    return { mac: requireMac(mac), target };
  });
}

function specOf(config: NetworkChange, defaultMtu: number): NetworkSpec {
  const { vni, name, learning, ageing, innerVlan, allow } = config;
  return {
    vni,
    name,
    mtu: config.mtu ?? defaultMtu,
    learning,
    ageing,
    dropVlan: innerVlan === "drop",
    flood: floodOf(config),
    ...(allow === undefined ? {} : { allow: allow.map((text) => required(parsePrefix(text), text)) }),
  };
}

function floodOf({ flood }: NetworkChange): Flood {
  if (flood.mode === "headend") return { mode: "headend", vteps: flood.vteps.map(requireAddress) };
  if (flood.mode === "multicast") return { ...flood, group: requireAddress(flood.group) };
  return flood;
}

function requireAddress(text: string): Uint8Array {
  return required(parseAddress(text), text);
}

function requireMac(text: string): Uint8Array {
  return required(parseMac(text), text);
}

/** The config's rules have let it pass, so this is only the compiler's question. */
function required<T>(parsed: T | undefined, text: string): T {
  if (parsed === undefined) throw new VxlaneError("ERR_CONFIG_VALUE", `${text} is malformed`);
  return parsed;
}

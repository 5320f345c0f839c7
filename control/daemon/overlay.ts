// Networks as the config (later the API, too) knows them, carried out: tables, interfaces and multicast groups together.
// Each change happens whole or not at all: what was made before a step that failed is taken back.

import { formatAddress, parseAddress, parseMac, parsePrefix } from "../address.js";
import type { NetworkConfig } from "../config/types.js";
import { VxlaneError } from "../errors.js";
import type { Tables } from "../tables/tables.js";
import { atomically } from "../tables/transaction.js";
import type { Flood, Network, NetworkSpec } from "../tables/types.js";
import type { PortDevices } from "./port-devices.js";
import type { UnderlaySockets } from "./underlay-sockets.js";

export class Overlay {
  readonly #tables: Tables;
  readonly #ports: PortDevices;
  readonly #underlay: UnderlaySockets;
  readonly #defaultMtu: number;

  /** @param defaultMtu of a network that names none */
  constructor(tables: Tables, ports: PortDevices, underlay: UnderlaySockets, defaultMtu: number) {
    this.#tables = tables;
    this.#ports = ports;
    this.#underlay = underlay;
    this.#defaultMtu = defaultMtu;
  }

  /** Adds a network with its ports, groups and static entries. @throws VxlaneError, SyscallError */
  add(config: NetworkConfig): Network {
    const spec = specOf(config, this.#defaultMtu);
    return atomically((steps) => {
      const network = this.#tables.networks.add(spec);
      steps.onUndo(() => this.#tables.networks.remove(spec.vni));
      this.#ports.open(network, config.ports);
      steps.onUndo(() => this.#ports.closeAllOf(network));
      for (const { mac, vtep, port } of config.fdb) {
        const target = vtep === undefined ? { port: port ?? "" } : { vtep: requireAddress(vtep) };
        this.#tables.statics.set(spec.vni, requireMac(mac), target);
      }
      if (config.flood.mode === "multicast") this.#underlay.join(config.flood.group);
      return network;
    });
  }

  /** Takes a network away with all that it has, at once; resolves when its interfaces are gone too. @throws ERR_NOT_FOUND */
  async remove(vni: number): Promise<void> {
    const network = this.#tables.networks.get(vni);
    const { flood } = network.spec;
    this.#tables.networks.remove(vni);
    this.#ports.closeAllOf(network);
    if (flood.mode === "multicast") this.#underlay.leave(formatAddress(flood.group));
    await this.#tables.epochs.quiesce();
  }
}

function specOf(config: NetworkConfig, defaultMtu: number): NetworkSpec {
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

function floodOf({ flood }: NetworkConfig): Flood {
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

// What is there, in the words of the config.

import {
  FDB_FLAG_FROZEN,
  FDB_FLAG_STATIC,
  FDB_KIND_ATTACHMENT,
  FDB_KIND_VTEP,
  NETWORK_LEARNED,
  NETWORK_STATIC,
} from "../../dataplane-wasm/layout.js";
import { formatAddress, formatMac } from "../address.js";
import { changeOf } from "../daemon/changes.js";
import type { Running } from "../daemon/running.js";
import type { FdbEntry } from "../tables/fdb.js";
import { networkIndex } from "../tables/records.js";
import type { Tables } from "../tables/tables.js";
import type { Network, Port } from "../tables/types.js";

export function describeNetwork(running: Running, network: Network) {
  const { u32 } = running.memory;
  return {
    ...changeOf(network.spec),
    ports: [...network.ports.values()].map((port) => describePort(running, port)),
    fdb: {
      learned: u32[networkIndex(network.id, NETWORK_LEARNED)],
      static: u32[networkIndex(network.id, NETWORK_STATIC)],
    },
  };
}

export function describePort(running: Running, port: Port) {
  const device = running.ports.find(port.name);
  const queues = device?.tap.queueCount ?? device?.tap.queueFds.length ?? 0;
  const status = { state: device?.state ?? "down", queues };
  return { ...writtenPort(running, port), status };
}

/** What a PUT would write to change nothing. An xdp port has no MAC of ours. */
export function writtenPort({ ports }: Running, { name, mac }: Port) {
  const config = ports.find(name)?.config;
  return { ...config, name, ...(config?.driver === "xdp" ? {} : { mac: formatMac(mac) }) };
}

/** What a PUT would write to change nothing, but for the static entries, which have paths of their own. */
export function writtenNetwork(running: Running, network: Network) {
  return { ...changeOf(network.spec), ports: [...network.ports.values()].map((port) => writtenPort(running, port)) };
}

/** The entry of a MAC; undefined if there is none. @param text the MAC as it was asked for */
export function describeEntry(tables: Tables, { id }: Network, text: string, mac: Uint8Array) {
  const entry = tables.fdb.find(id, mac);
  const target = entry && describeTarget(tables, entry.kind, entry.id);
  if (entry === undefined || target === undefined) return undefined;
  const described = { mac: text, ...target, kind: kindOf(entry), age: entry.age };
  return isFrozen(entry) ? { ...described, frozen: true } : described;
}

/** Where an FDB entry points to; undefined if that is gone, and the entry only waits to be cleared away. */
export function describeTarget(
  { ports, vteps }: Tables,
  kind: number,
  id: number,
): { port: string } | { vtep: string } | undefined {
  if (kind === FDB_KIND_ATTACHMENT) {
    const name = ports.ofAttachment(id)?.name;
    return name === undefined ? undefined : { port: name };
  }
  const address = kind === FDB_KIND_VTEP ? vteps.address(id) : undefined;
  return address === undefined ? undefined : { vtep: formatAddress(address) };
}

export function kindOf({ flags }: Pick<FdbEntry, "flags">): "static" | "learned" {
  return (flags & FDB_FLAG_STATIC) !== 0 ? "static" : "learned";
}

/** It has moved too often, and stays where it is for now. */
export function isFrozen({ flags }: Pick<FdbEntry, "flags">): boolean {
  return (flags & FDB_FLAG_FROZEN) !== 0;
}

// From what the schema accepts to the one type that the daemon reads: defaults filled in, texts read. Runs only on
// a config without mistakes, so a text that cannot be read here is a fault of the checks.

import { type FormatName, readFormat } from "./formats.js";
import { type ConfigInput, DEFAULTS } from "./schema.js";
import type { Config, FloodConfig, NetworkConfig, PortConfig, StaticEntry } from "./types.js";

type NetworkInput = NonNullable<ConfigInput["networks"]>[number];
type PortInput = NonNullable<NetworkInput["ports"]>[number];
type EntryInput = NonNullable<NetworkInput["fdb"]>[number];

export function normalise(input: ConfigInput): Config {
  const { sourcePorts, underlay, busyPoll = DEFAULTS.busyPoll } = input;
  return {
    local: must("unicast-address", input.local),
    port: input.port ?? DEFAULTS.port,
    sourcePorts: { ...DEFAULTS.sourcePorts, ...sourcePorts },
    workers: input.workers ?? DEFAULTS.workers,
    reservedBits: input.reservedBits ?? DEFAULTS.reservedBits,
    offloads: input.offloads ?? DEFAULTS.offloads,
    busyPoll: typeof busyPoll === "number" ? busyPoll : must("microseconds", busyPoll),
    underlay: { ...DEFAULTS.underlay, ...underlay },
    fdb: fdb(input.fdb),
    api: { socket: must("socket-path", input.api?.socket ?? DEFAULTS.api.socket) },
    metrics: { listen: must("host-port", input.metrics?.listen ?? DEFAULTS.metrics.listen) },
    stateDir: must("absolute-path", input.stateDir ?? DEFAULTS.stateDir),
    networks: (input.networks ?? []).map(network),
  };
}

function fdb(input: ConfigInput["fdb"]): Config["fdb"] {
  const { capacity = DEFAULTS.fdb.capacity, damping } = input ?? {};
  const { moves = DEFAULTS.fdb.damping.moves, thaw = DEFAULTS.fdb.damping.thaw } = damping ?? {};
  return { capacity, damping: { moves, thaw: typeof thaw === "number" ? thaw : must("seconds", thaw) } };
}

function network(input: NetworkInput): NetworkConfig {
  const { ageing = DEFAULTS.network.ageing } = input;
  return {
    vni: input.vni,
    name: input.name ?? `vni${input.vni}`,
    ...(input.mtu === undefined ? {} : { mtu: input.mtu }),
    learning: input.learning ?? DEFAULTS.network.learning,
    ageing: typeof ageing === "number" ? ageing : must("seconds", ageing),
    innerVlan: input.innerVlan ?? DEFAULTS.network.innerVlan,
    flood: flood(input.flood ?? DEFAULTS.network.flood),
    ...(input.allow === undefined ? {} : { allow: unique(input.allow.map((text) => must("address-prefix", text))) }),
    ports: (input.ports ?? []).map(port),
    fdb: (input.fdb ?? []).map(entry),
  };
}

function flood(input: NonNullable<NetworkInput["flood"]>): FloodConfig {
  if (input.mode === "headend")
    return { mode: "headend", vteps: input.vteps.map((text) => must("unicast-address", text)) };
  if (input.mode === "none") return { mode: "none" };
  return { mode: "multicast", group: must("multicast-address", input.group), ttl: input.ttl ?? DEFAULTS.network.ttl };
}

function port(input: PortInput): PortConfig {
  return {
    ...DEFAULTS.overlayPort,
    ...input,
    ...(input.mac === undefined ? {} : { mac: must("mac", input.mac) }),
  };
}

function entry(input: EntryInput): StaticEntry {
  return {
    mac: must("mac", input.mac),
    ...(input.vtep === undefined ? {} : { vtep: must("unicast-address", input.vtep) }),
    ...(input.port === undefined ? {} : { port: input.port }),
  };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function must<N extends FormatName>(format: N, text: string): NonNullable<ReturnType<typeof readFormat<N>>> {
  const value = readFormat(format, text);
  if (value === undefined) throw new Error(`${JSON.stringify(text)} passed the checks, but is no ${format}`);
  return value as NonNullable<typeof value>;
}

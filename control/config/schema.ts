// The config's JSON schema: every key, its type, its range, its default. `vxlane check --schema` prints it, and
// editors that know YAML schemas complete and check with it.
//
// The schema says what one value may be; what values mean to each other is in rules.ts. Formats other than JSON
// Schema's own are vxlane's (formats.ts); a validator that does not know them takes any text there.
//
// typebox checks with it and derives the type ConfigInput from it. It is written as JSON schema, not with typebox's
// builders: loading those takes 150 ms, a seventh of the time that a daemon has to be ready.

import type { XStatic } from "typebox/schema";
import { OVERHEAD_IPV4, OVERHEAD_IPV6 } from "../overhead.js";
import { AGEING_MAX, BUSY_POLL_MAX_US, type FormatName } from "./formats.js";

/* From RFC 7348, UDP and the kernel. */
export const VNI_MAX = 0xffffff;
const PORT_MAX = 65535;
const IPV4_MTU_MIN = 68; // RFC 791
const IP_PACKET_MAX = 65535;

export const MTU_MAX_IPV4 = IP_PACKET_MAX - OVERHEAD_IPV4;
export const MTU_MAX_IPV6 = IP_PACKET_MAX - OVERHEAD_IPV6;

/* Our choices. */
const WORKERS_MAX = 64; // layout.ts
const FDB_ENTRIES_MAX = 4194304; // layout.ts
const MOVES_MAX = 100;
const SRC_PORT_MIN = 1024; // below are the ports of system services

/** behaviour.md's defaults, of keys that are absent. */
export const DEFAULTS = {
  port: 4789,
  sourcePorts: { min: 49152, max: 65535 },
  workers: "auto",
  reservedBits: "ignore",
  offloads: "auto",
  busyPoll: 0,
  underlay: { driver: "udp", checksum: "auto" },
  fdb: { capacity: 65536, damping: { moves: 5, thaw: "180s" } },
  api: { socket: "/run/vxlane/api.sock" },
  metrics: { listen: "127.0.0.1:9479" },
  stateDir: "/var/lib/vxlane",
  network: { learning: true, ageing: "300s", innerVlan: "keep", flood: { mode: "none" }, ttl: 8 },
  overlayPort: { driver: "tap", queues: "auto", persistent: false },
} as const;

const text = (format: FormatName, description: string, options: { default?: string } = {}) =>
  ({ type: "string", format, description, ...options }) as const;

const whole = (minimum: number, maximum: number, description: string, options: { default?: number } = {}) =>
  ({ type: "integer", minimum, maximum, description, ...options }) as const;

const flag = (value: boolean, description: string) => ({ type: "boolean", description, default: value }) as const;

/** The first word is the default. */
const word = <const W extends readonly [string, ...string[]]>(words: W, description: string) =>
  ({ enum: words, description, default: words[0] }) as const;

const autoOr = (maximum: number, description: string) =>
  ({
    anyOf: [{ const: "auto" }, { type: "integer", minimum: 1, maximum }],
    description,
    default: "auto",
  }) as const;

const list = <const S extends object>(items: S, description: string, options: object = {}) =>
  ({ type: "array", items, description, ...options }) as const;

const map = <const P extends object, const R extends readonly (keyof P & string)[]>(
  properties: P,
  required: R,
  options: object = {},
) => ({ type: "object", properties, required, additionalProperties: false, ...options }) as const;

const Headend = map(
  {
    mode: { const: "headend", description: "a copy to each VTEP" },
    vteps: list(text("unicast-address", "a remote VTEP"), "the flood list; may be empty"),
  },
  ["mode", "vteps"],
);

const Multicast = map(
  {
    mode: { const: "multicast", description: "one copy to a group; needs underlay.interface and allow" },
    group: text("multicast-address", "the group of the underlay, which is also joined"),
    ttl: whole(1, 255, "hops of the outer packet to the group", { default: DEFAULTS.network.ttl }),
  },
  ["mode", "group"],
);

const None = map({ mode: { const: "none", description: "not to other VTEPs" } }, ["mode"]);

const Port = map(
  {
    name: text("interface-name", "of the interface: tap makes it, xdp attaches to it"),
    driver: word(
      ["tap", "xdp"],
      "how frames come and go: a TAP device that vxlane makes, or AF_XDP on an interface that is there",
    ),
    queues: autoOr(WORKERS_MAX, "queues of the device; auto: one a worker"),
    mac: text("mac", "of the interface; also a static local FDB entry; default: the kernel's choice"),
    persistent: flag(DEFAULTS.overlayPort.persistent, "the interface stays when vxlane stops"),
  },
  ["name"],
);

const StaticEntry = map(
  {
    mac: text("mac", "the station"),
    vtep: text("unicast-address", "the VTEP that it is behind; either this or port"),
    port: text("interface-name", "the port of this network that it is behind; either this or vtep"),
  },
  ["mac"],
);

const Network = map(
  {
    vni: whole(0, VNI_MAX, "VXLAN network identifier"),
    name: text("network-name", "in commands, logs and metrics; default: vni and the VNI's digits"),
    mtu: whole(IPV4_MTU_MIN, MTU_MAX_IPV4, "bytes of the largest inner packet; default: underlay - 50, over IPv6 - 70"),
    learning: flag(DEFAULTS.network.learning, "source MACs are learned"),
    ageing: {
      anyOf: [text("seconds", "with a unit"), whole(0, AGEING_MAX, "seconds")],
      description: "how long a learned entry lives unheard of; 0: for ever",
      default: DEFAULTS.network.ageing,
    },
    innerVlan: word(["keep", "drop"], "frames with a VLAN tag"),
    flood: {
      anyOf: [Headend, Multicast, None],
      description: "where broadcast, multicast and unknown unicast go, besides the network's other ports",
      default: DEFAULTS.network.flood,
    },
    allow: list(
      text("address-prefix", "an address or a prefix"),
      "VTEPs that may send into this network; default: the flood list and the VTEPs of fdb",
      { minItems: 1 },
    ),
    ports: list(Port, "attached interfaces", { default: [] }),
    fdb: list(StaticEntry, "static entries", { default: [] }),
  },
  ["vni"],
);

const SourcePorts = map(
  {
    min: whole(SRC_PORT_MIN, PORT_MAX, "the lowest", { default: DEFAULTS.sourcePorts.min }),
    max: whole(SRC_PORT_MIN, PORT_MAX, "the highest", { default: DEFAULTS.sourcePorts.max }),
  },
  [],
  { description: "outer source ports, over which flows are spread" },
);

const Underlay = map(
  {
    driver: word(
      ["udp", "tap", "xdp", "auto"],
      "how VXLAN packets come and go: sockets, a TAP with tunnel GSO, AF_XDP; auto: tap where it works, else udp",
    ),
    interface: text(
      "interface-name",
      "joins the groups; needed for multicast; tap and xdp use it, default: the one that has the local address",
    ),
    checksum: word(["auto", "on", "off"], "outer UDP checksum; auto: on where segmentation or IPv6 needs it"),
  },
  [],
);

const Damping = map(
  {
    moves: whole(0, MOVES_MAX, "moves of a MAC within 180 s that freeze its entry; 0: never", {
      default: DEFAULTS.fdb.damping.moves,
    }),
    thaw: {
      anyOf: [text("seconds", "with a unit"), whole(0, AGEING_MAX, "seconds")],
      description: "how long it is frozen; 0: until it is thawed by command",
      default: DEFAULTS.fdb.damping.thaw,
    },
  },
  [],
  { description: "of MACs that move to and fro" },
);

export const ConfigSchema = map(
  {
    local: text("unicast-address", "this VTEP's underlay address"),
    port: whole(1, PORT_MAX, "UDP port of VXLAN, here and at the remotes", { default: DEFAULTS.port }),
    sourcePorts: SourcePorts,
    workers: autoOr(WORKERS_MAX, "threads that move frames"),
    reservedBits: word(["ignore", "strict"], "VXLAN bits that are reserved: ignored, or dropped if set"),
    offloads: word(["auto", "off"], "super-frames, trains of datagrams: auto uses what the kernel offers"),
    busyPoll: {
      anyOf: [text("microseconds", "with a unit"), whole(0, BUSY_POLL_MAX_US, "microseconds")],
      description: "how long a worker looks for more before it sleeps: less latency for CPU time; 0: not at all",
      default: DEFAULTS.busyPoll,
    },
    underlay: Underlay,
    fdb: map(
      {
        capacity: whole(1, FDB_ENTRIES_MAX, "entries of all networks", { default: DEFAULTS.fdb.capacity }),
        damping: Damping,
      },
      [],
    ),
    api: map({ socket: text("socket-path", "of the API", { default: DEFAULTS.api.socket }) }, []),
    metrics: map({ listen: text("host-port", "of /metrics", { default: DEFAULTS.metrics.listen }) }, []),
    stateDir: text("absolute-path", "what outlives a restart", { default: DEFAULTS.stateDir }),
    networks: list(Network, "what is tunnelled", { default: [], maxItems: 65535 }),
  },
  ["local"],
  {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "vxlane configuration",
  },
);

/** What the schema accepts: absent keys absent, spellings as written. */
export type ConfigInput = XStatic<typeof ConfigSchema>;

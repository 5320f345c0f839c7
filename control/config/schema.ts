// The config's JSON schema: every key, its type, its range, its default. `vxlane check --schema` prints it, and
// editors that know YAML schemas complete and check with it.
//
// The schema says what one value may be; what values mean to each other is in rules.ts. Formats other than JSON
// Schema's own are vxlane's (formats.ts); a validator that does not know them takes any text there.

import * as Type from "typebox/type";
import { AGEING_MAX, type FormatName } from "./formats.js";

/* From RFC 7348, UDP and the kernel. */
export const VNI_MAX = 0xffffff;
const PORT_MAX = 65535;
const IPV4_MTU_MIN = 68; // RFC 791
const IP_PACKET_MAX = 65535;

/** Outer IP, UDP and VXLAN headers and the inner Ethernet header: what a network's MTU is less than the underlay's. */
export const OVERHEAD_IPV4 = 50;
export const OVERHEAD_IPV6 = 70;
export const MTU_MAX_IPV4 = IP_PACKET_MAX - OVERHEAD_IPV4;
export const MTU_MAX_IPV6 = IP_PACKET_MAX - OVERHEAD_IPV6;

/* Our choices. */
const WORKERS_MAX = 64; // layout.ts
const FDB_ENTRIES_MAX = 4194304; // layout.ts
const SRC_PORT_MIN = 1024; // below are the ports of system services

/** behaviour.md's defaults, of keys that are absent. */
export const DEFAULTS = {
  port: 4789,
  sourcePorts: { min: 49152, max: 65535 },
  workers: "auto",
  reservedBits: "ignore",
  underlay: { driver: "udp", checksum: "auto" },
  fdb: { capacity: 65536 },
  api: { socket: "/run/vxlane/api.sock" },
  metrics: { listen: "127.0.0.1:9479" },
  stateDir: "/var/lib/vxlane",
  network: { learning: true, ageing: "300s", innerVlan: "keep", flood: { mode: "none" }, ttl: 8 },
  overlayPort: { driver: "tap", queues: "auto", persistent: false },
} as const;

const closed = { additionalProperties: false };

const text = (format: FormatName, description: string, options = {}) =>
  Type.String({ format, description, ...options });

const whole = (minimum: number, maximum: number, description: string, options = {}) =>
  Type.Integer({ minimum, maximum, description, ...options });

const autoOr = (maximum: number, description: string) =>
  Type.Union([Type.Literal("auto"), Type.Integer({ minimum: 1, maximum })], { description, default: "auto" });

const Flood = Type.Union(
  [
    Type.Object(
      {
        mode: Type.Literal("headend", { description: "a copy to each VTEP" }),
        vteps: Type.Array(text("unicast-address", "a remote VTEP"), { description: "the flood list; may be empty" }),
      },
      closed,
    ),
    Type.Object(
      {
        mode: Type.Literal("multicast", { description: "one copy to a group; needs underlay.interface and allow" }),
        group: text("multicast-address", "the group of the underlay, which is also joined"),
        ttl: Type.Optional(whole(1, 255, "hops of the outer packet to the group", { default: DEFAULTS.network.ttl })),
      },
      closed,
    ),
    Type.Object({ mode: Type.Literal("none", { description: "not to other VTEPs" }) }, closed),
  ],
  {
    description: "where broadcast, multicast and unknown unicast go, besides the network's other ports",
    default: DEFAULTS.network.flood,
  },
);

const Port = Type.Object(
  {
    name: text("interface-name", "of the interface that is made"),
    driver: Type.Optional(Type.Enum(["tap"], { description: "how frames come and go", default: "tap" })),
    queues: Type.Optional(autoOr(WORKERS_MAX, "queues of the device; auto: one a worker")),
    mac: Type.Optional(text("mac", "of the interface; also a static local FDB entry; default: the kernel's choice")),
    persistent: Type.Optional(Type.Boolean({ description: "the interface stays when vxlane stops", default: false })),
  },
  closed,
);

const StaticFdbEntry = Type.Object(
  {
    mac: text("mac", "the station"),
    vtep: Type.Optional(text("unicast-address", "the VTEP that it is behind; either this or port")),
    port: Type.Optional(text("interface-name", "the port of this network that it is behind; either this or vtep")),
  },
  closed,
);

const Network = Type.Object(
  {
    vni: whole(0, VNI_MAX, "VXLAN network identifier"),
    name: Type.Optional(text("network-name", "in commands, logs and metrics; default: vni and the VNI's digits")),
    mtu: Type.Optional(
      whole(IPV4_MTU_MIN, MTU_MAX_IPV4, "bytes of the largest inner packet; default: underlay - 50, over IPv6 - 70"),
    ),
    learning: Type.Optional(Type.Boolean({ description: "source MACs are learned", default: true })),
    ageing: Type.Optional(
      Type.Union([text("seconds", "with a unit"), whole(0, AGEING_MAX, "seconds")], {
        description: "how long a learned entry lives unheard of; 0: for ever",
        default: DEFAULTS.network.ageing,
      }),
    ),
    innerVlan: Type.Optional(
      Type.Enum(["keep", "drop"], { description: "frames with a VLAN tag", default: DEFAULTS.network.innerVlan }),
    ),
    flood: Type.Optional(Flood),
    allow: Type.Optional(
      Type.Array(text("address-prefix", "an address or a prefix"), {
        minItems: 1,
        description: "VTEPs that may send into this network; default: the flood list and the VTEPs of fdb",
      }),
    ),
    ports: Type.Optional(Type.Array(Port, { description: "attached interfaces", default: [] })),
    fdb: Type.Optional(Type.Array(StaticFdbEntry, { description: "static entries", default: [] })),
  },
  closed,
);

export const ConfigSchema = Type.Object(
  {
    local: text("unicast-address", "this VTEP's underlay address"),
    port: Type.Optional(whole(1, PORT_MAX, "UDP port of VXLAN, here and at the remotes", { default: DEFAULTS.port })),
    sourcePorts: Type.Optional(
      Type.Object(
        {
          min: Type.Optional(whole(SRC_PORT_MIN, PORT_MAX, "the lowest", { default: DEFAULTS.sourcePorts.min })),
          max: Type.Optional(whole(SRC_PORT_MIN, PORT_MAX, "the highest", { default: DEFAULTS.sourcePorts.max })),
        },
        { ...closed, description: "outer source ports, over which flows are spread" },
      ),
    ),
    workers: Type.Optional(autoOr(WORKERS_MAX, "threads that move frames")),
    reservedBits: Type.Optional(
      Type.Enum(["ignore", "strict"], { description: "VXLAN bits that must be 0", default: DEFAULTS.reservedBits }),
    ),
    underlay: Type.Optional(
      Type.Object(
        {
          driver: Type.Optional(Type.Enum(["udp"], { default: DEFAULTS.underlay.driver })),
          interface: Type.Optional(text("interface-name", "joins the groups; needed for multicast")),
          checksum: Type.Optional(
            Type.Enum(["auto", "on", "off"], {
              description: "outer UDP checksum; auto: on where segmentation or IPv6 needs it",
              default: DEFAULTS.underlay.checksum,
            }),
          ),
        },
        closed,
      ),
    ),
    fdb: Type.Optional(
      Type.Object(
        {
          capacity: Type.Optional(
            whole(1, FDB_ENTRIES_MAX, "entries of all networks", { default: DEFAULTS.fdb.capacity }),
          ),
        },
        closed,
      ),
    ),
    api: Type.Optional(
      Type.Object(
        { socket: Type.Optional(text("socket-path", "of the API", { default: DEFAULTS.api.socket })) },
        closed,
      ),
    ),
    metrics: Type.Optional(
      Type.Object(
        { listen: Type.Optional(text("host-port", "of /metrics", { default: DEFAULTS.metrics.listen })) },
        closed,
      ),
    ),
    stateDir: Type.Optional(text("absolute-path", "what outlives a restart", { default: DEFAULTS.stateDir })),
    networks: Type.Optional(Type.Array(Network, { default: [], maxItems: 65535 })),
  },
  {
    ...closed,
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "vxlane configuration",
  },
);

/** What the schema accepts: absent keys absent, spellings as written. */
export type ConfigInput = Type.Static<typeof ConfigSchema>;

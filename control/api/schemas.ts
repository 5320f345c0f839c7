// The JSON schemas of the API. What may be written is the config's own schema, less the keys that the path says, so a
// key that the config learns is a key of the API the same day; requests are checked with these very objects, and the
// OpenAPI document shows them.

import { FORMATS } from "../config/formats.js";
import { ConfigSchema, VNI_MAX } from "../config/schema.js";

const Network = ConfigSchema.properties.networks.items;
const Port = Network.properties.ports.items;
const StaticEntry = Network.properties.fdb.items;

/* Our choice: some hundred kilobytes a page. */
const PAGE_MAX = 10_000;

const map = <const P extends object>(properties: P, required: readonly (keyof P & string)[], description?: string) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
  ...(description === undefined ? {} : { description }),
});

/** A map of which nothing must be there. */
const optional = <const P extends object>(properties: P, description: string) => map(properties, [], description);

function without<P extends object, K extends keyof P>(properties: P, key: K): Omit<P, K> {
  const { [key]: _, ...rest } = properties;
  return rest;
}

const readOnly = <const S extends object>(schema: S) => ({ ...schema, readOnly: true });
const text = (description: string) => ({ type: "string", description });
const count = (description: string) => ({ type: "integer", minimum: 0, description });
export const listOf = (items: object) => ({ type: "array", items });

/* Parts of a path. */
export const PARAMS = {
  vni: { type: "integer", minimum: 0, maximum: VNI_MAX, description: "VXLAN network identifier" },
  name: { type: "string", format: "interface-name", description: "of a port" },
  address: { type: "string", format: "unicast-address", description: "of a remote VTEP" },
  mac: { type: "string", format: "mac", description: FORMATS.mac.allowed },
} as const;

/* Queries. */
export const PAGING = {
  limit: {
    type: "integer",
    minimum: 1,
    maximum: PAGE_MAX,
    description: "so many entries at most; the header Link names the next page",
  },
  cursor: { ...text("where a page begins, as Link has it"), minLength: 1, maxLength: 64 },
};

const Kind = { enum: ["learned", "static"], description: "how the entry came" };

export const FDB_FILTER = {
  kind: Kind,
  vtep: { ...StaticEntry.properties.vtep, description: "entries behind this VTEP" },
  port: { ...StaticEntry.properties.port, description: "entries behind this port" },
  frozen: { enum: ["true", "false"], description: "entries that are frozen, or are not" },
};

/* Bodies. */
export const NetworkBody = optional(
  without(Network.properties, "vni"),
  "The config's network without its vni. The network becomes what is said here; a key that is absent has its default, but for ports and fdb: absent, they stay as they are, and present, they are all that stays. What GET answers may be sent back: the counts of fdb and the status of ports are left out.",
);
export const PortBody = optional(
  without(Port.properties, "name"),
  "The config's port without its name. What GET answers may be sent back: its status is left out.",
);
export const VtepBody = optional({}, "Nothing: the path says it all.");
export const ThawBody = optional({}, "Nothing: the path says it all.");
export const EntryBody = optional(
  without(StaticEntry.properties, "mac"),
  "The config's fdb entry without its mac: exactly one of vtep and port.",
);
export const EntriesBody = { ...listOf(StaticEntry), description: "Each is added, or replaces the MAC's entry." };

const FLUSH = {
  port: FDB_FILTER.port,
  vtep: FDB_FILTER.vtep,
  kind: { enum: ["learned", "static", "all"], description: "which entries", default: "learned" },
};
export const FlushBody = optional(FLUSH, "Which entries go; absent keys mean any. Ports' own MACs stay.");
export const FlushAllBody = optional({ vni: PARAMS.vni, ...FLUSH }, FlushBody.description ?? "");

/* Answers. */
const Result = { enum: ["created", "changed", "unchanged"], description: "what the request has changed" };
const Warnings = { ...listOf(text("one")), description: "legal, but most likely not meant" };
export const PutAnswer = map({ result: Result, warnings: Warnings }, ["result"]);
export const BulkAnswer = map(
  {
    created: count("entries that were not there, or only learned"),
    changed: count("entries that pointed elsewhere"),
    unchanged: count("entries that were so already"),
    warnings: Warnings,
  },
  ["created", "changed", "unchanged"],
);
export const ThawAnswer = map({ result: { enum: ["thawed", "unchanged"], description: "what was done" } }, ["result"]);
export const FlushAnswer = map({ removed: count("entries that went") }, ["removed"]);

const PortStatus = map(
  {
    state: { enum: ["up", "down", "deleted"], description: "of the interface; deleted: by somebody else" },
    queues: count("that it has"),
  },
  ["state", "queues"],
);
export const PortAnswer = map(
  {
    ...Port.properties,
    mac: { ...Port.properties.mac, description: "of the interface; xdp: absent, it is the owner's" },
    status: readOnly(PortStatus),
  },
  ["name", "status"],
);
export const NetworkAnswer = map(
  {
    ...Network.properties,
    ageing: count("seconds; 0: for ever"),
    ports: listOf(PortAnswer),
    fdb: readOnly(
      map({ learned: count("entries"), static: count("entries, ports' own included") }, ["learned", "static"]),
    ),
  },
  ["vni", "name", "mtu", "learning", "ageing", "innerVlan", "flood", "ports", "fdb"],
);
export const VtepAnswer = map({ address: PARAMS.address }, ["address"]);
export const EntryAnswer = map(
  {
    ...StaticEntry.properties,
    kind: Kind,
    age: count("seconds since a frame from this MAC was last received; 0 for static entries"),
    frozen: { const: true, description: "it has moved too often and stays where it is; absent: it may move" },
  },
  ["mac", "kind", "age"],
);

const VtepFrames = map({ frames: count("inner frames"), bytes: count("of those"), dropped: count("frames") }, [
  "frames",
  "bytes",
  "dropped",
]);
export const VtepStatsAnswer = map(
  {
    address: text("of the VTEP, or of a multicast group"),
    group: { type: "boolean", description: "a multicast group" },
    pathMtu: {
      type: ["integer", "null"],
      description:
        "bytes of the largest packet that the way to it takes, where that is known to be less than the networks want",
    },
    encap: VtepFrames,
    decap: VtepFrames,
  },
  ["address", "group", "pathMtu", "encap", "decap"],
);

/** The document describes what is there; the fields are those of the readings, and grow with them. */
export const StatsAnswer = { type: "object", description: "counters: received = frames + local + dropped" };
export const StatusAnswer = { type: "object", description: "how the daemon is" };

/** RFC 9457 section 3.1. */
export const ProblemAnswer = {
  type: "object",
  properties: {
    type: { const: "about:blank" },
    title: text("of the status"),
    status: count("as in the status line"),
    detail: text("for people"),
    code: text("for programs; codes are never renamed"),
    problems: {
      ...listOf(
        map(
          {
            code: text("of this mistake"),
            path: text("of the key in the body, as in flood.vteps[1]; empty for the whole"),
            value: text("as it was sent"),
            message: text("what is wrong"),
            allowed: text("what would be right"),
            suggestion: text("the nearest right spelling"),
          },
          ["code", "path", "message"],
        ),
      ),
      description: "every mistake of a body",
    },
  },
  required: ["type", "title", "status", "detail", "code"],
};

/** Schemas that the document gives a name. */
export const NAMED: Readonly<Record<string, object>> = {
  Network: NetworkBody,
  Port: PortBody,
  FdbTarget: EntryBody,
  FdbEntry: StaticEntry,
  Flush: FlushBody,
  FlushAll: FlushAllBody,
  PutAnswer,
  BulkAnswer,
  FlushAnswer,
  ThawAnswer,
  NetworkAnswer,
  PortAnswer,
  VtepAnswer,
  EntryAnswer,
  VtepStatsAnswer,
  StatusAnswer,
  StatsAnswer,
  Problem: ProblemAnswer,
};

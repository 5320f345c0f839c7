// Keys that are unknown, misspelt or missing.

import { ENTRY, entry, type Mistake, missing, multicast, network, PORT, top, unknown, VNI } from "./mistake.js";

export const keys: readonly Mistake[] = [
  { what: "unknown key", text: top("prot: 4789"), path: "prot", code: unknown, suggestion: "port" },
  { what: "other case", text: top("sourceports: {}"), path: "sourceports", code: unknown, suggestion: "sourcePorts" },
  {
    what: "underscores",
    text: top("source_ports: {}"),
    path: "source_ports",
    code: unknown,
    suggestion: "sourcePorts",
  },
  {
    what: "swapped letters",
    text: network("prots: []"),
    path: "networks[0].prots",
    code: unknown,
    suggestion: "ports",
  },
  { what: "unlike any key", text: top("zzzzzz: 1"), path: "zzzzzz", code: unknown, allowed: "local, port" },
  { what: "a prototype's key", text: top("__proto__: { a: 1 }"), path: "__proto__", code: unknown },
  { what: "constructor", text: top("constructor: 1"), path: "constructor", code: unknown },
  { what: "a key with a space", text: top('"a b": 1'), path: '["a b"]', code: unknown },
  {
    what: "unknown below",
    text: top("fdb: { capcity: 5 }"),
    path: "fdb.capcity",
    code: unknown,
    suggestion: "capacity",
  },
  { what: "no local", text: "port: 4789\n", path: "local", code: missing, allowed: "unicast IPv4 or IPv6" },
  { what: "no vni", text: top("networks: [ { name: blue } ]"), path: VNI, code: missing, allowed: "16777215" },
  { what: "no port name", text: network("ports: [ {} ]"), path: `${PORT}.name`, code: missing },
  { what: "no fdb mac", text: entry("vtep: 10.99.0.2"), path: `${ENTRY}.mac`, code: missing },
  { what: "no vteps", text: network("flood: { mode: headend }"), path: "networks[0].flood.vteps", code: missing },
  { what: "no mode", text: network("flood: {}"), path: "networks[0].flood.mode", code: missing, allowed: "headend" },
  { what: "no group", text: multicast("ttl: 8"), path: "networks[0].flood.group", code: missing },
  {
    what: "misspelt mode key",
    text: network("flood: { mod: none }"),
    path: "networks[0].flood.mod",
    code: unknown,
    suggestion: "mode",
  },
  {
    what: "another mode's key",
    text: network("flood: { mode: none, vteps: [] }"),
    path: "networks[0].flood.vteps",
    code: unknown,
    allowed: "mode",
  },
];

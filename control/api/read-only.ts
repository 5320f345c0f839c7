// What a GET answers may be sent back by a PUT: a program reads a network, changes a key, and writes the whole. The keys
// that nobody can write are left out here, before a body is checked. One that names the thing has to be the path's.

import { ConfigError } from "../errors.js";

type Body = Record<string, unknown>;

/** The parts of a path, in their one spelling. */
type Names = Readonly<Record<string, string | number>>;

/** @throws ConfigError if it says another vni than the path */
export function writableNetwork(sent: unknown, names: Names): unknown {
  if (!isMap(sent)) return sent;
  const { fdb, ports, ...rest } = withoutNames(sent, names, ["vni"]);
  return {
    ...rest,
    ...(fdb === undefined || isMap(fdb) ? {} : { fdb }), // the counts of entries
    ...(ports === undefined ? {} : { ports: Array.isArray(ports) ? ports.map(withoutStatus) : ports }),
  };
}

/** @throws ConfigError if it says another name than the path */
export function writablePort(sent: unknown, names: Names): unknown {
  return isMap(sent) ? withoutStatus(withoutNames(sent, names, ["name"])) : sent;
}

/** @throws ConfigError if it says another address than the path */
export function writableVtep(sent: unknown, names: Names): unknown {
  return isMap(sent) ? withoutNames(sent, names, ["address"]) : sent;
}

/** A learned entry that is sent back becomes a static one, so it has to say so. @throws ConfigError */
export function writableEntry(sent: unknown, names: Names): unknown {
  if (!isMap(sent)) return sent;
  const { age: _, ...rest } = withoutNames(sent, { ...names, kind: "static" }, ["mac", "kind"]);
  return rest;
}

function withoutStatus(sent: unknown): unknown {
  if (!isMap(sent)) return sent;
  const { status: _, ...rest } = sent;
  return rest;
}

function withoutNames(sent: Body, names: Names, keys: readonly string[]): Body {
  const rest = { ...sent };
  for (const key of keys) {
    if (!Object.hasOwn(sent, key)) continue;
    if (String(sent[key]).toLowerCase() !== String(names[key]).toLowerCase()) {
      const value = typeof sent[key] === "object" ? {} : { value: String(sent[key]) };
      const message = key === "kind" ? "cannot be written" : "is not what the path says";
      const allowed = `${names[key]}, or no ${key}`;
      throw new ConfigError([{ code: "ERR_CONFIG_REFERENCE", path: key, message, allowed, ...value }]);
    }
    delete rest[key];
  }
  return rest;
}

function isMap(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Says what is wrong with one value: its type, its range, its format; what would be right; what was probably meant.
//
// A suggestion is written as it would stand in the file: with quotes where YAML would otherwise read it as
// something else.

import { Check } from "typebox/schema";
import { suggest } from "./format.js";
import { FORMATS, type FormatName } from "./formats.js";
import { either, type Path, type Problems, show } from "./problems.js";
import { nearest } from "./spelling.js";

/** The keywords that ConfigSchema uses. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly anyOf?: readonly Schema[];
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly format?: FormatName;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

export function explainLeaf(schema: Schema, value: unknown, path: Path, problems: Problems): void {
  const members = schema.anyOf ?? [schema];
  const allowed = describe(schema);
  if (value === null || value === undefined) {
    problems.error("ERR_CONFIG_VALUE", path, "has no value", { value: null, of: "key", allowed });
    return;
  }
  const spelling = problems.source.spelling(path) ?? show(value);
  const read = typeof value === "string" ? value : spelling;
  const format = members.find((member) => member.format !== undefined)?.format;
  const wrong = format && ["string", "number"].includes(typeof value) ? FORMATS[format].read(read) : undefined;
  if (wrong && "message" in wrong) {
    const detail = { value: spelling, allowed, ...suggest(wrong.suggestion && asYaml(wrong.suggestion)) };
    problems.error("ERR_CONFIG_VALUE", path, wrong.message, detail);
    return;
  }
  const suggestion = members.map((member) => respell(member, value, read)).find((text) => text !== undefined);
  problems.error("ERR_CONFIG_VALUE", path, complaint(members, value), {
    value: spelling,
    allowed,
    ...suggest(suggestion),
  });
}

function complaint(members: readonly Schema[], value: unknown): string {
  const types = new Set(
    members.map((member) => member.type ?? (member.anyOf || member.properties ? "object" : "string")),
  );
  if (typeof value === "number" && types.has("integer")) {
    return Number.isInteger(value) ? "is out of range" : "is not a whole number";
  }
  if (isMap(value)) return types.has("string") ? "is a map to YAML; a text with a colon wants quotes" : "is a map";
  if (Array.isArray(value)) return "is a list";
  if (typeof value !== "string") {
    const kind = typeof value === "boolean" ? "a truth value" : `a ${typeof value}`;
    return types.has("string") ? `is ${kind} to YAML` : `is ${kind}`;
  }
  if (types.has("object")) return "is not a map";
  if (types.has("array")) return "is not a list";
  if (types.has("boolean")) return "is not a truth value";
  if (types.has("integer") && !Number.isNaN(Number(value))) return "is a text, not a number";
  return types.has("integer") ? "is not a number" : "is not one of the choices";
}

/** What `value` was probably meant to be under `schema`, as it would be written. */
function respell(schema: Schema, value: unknown, read: string): string | undefined {
  const words = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  if (typeof value === "boolean") {
    const same: readonly string[] = value ? ["on", "keep", "strict"] : ["off", "none"];
    return words.find((word) => same.includes(word)) ?? quoted(schema, read);
  }
  if (words.length > 0) return nearest(read, words);
  if (schema.type === "boolean")
    return (
      { yes: "true", on: "true", no: "false", off: "false" }[read.toLowerCase()] ?? nearest(read, ["true", "false"])
    );
  if (schema.type === "integer") {
    const number = typeof value === "number" ? value : /^\s*[+-]?\d+\s*$/.test(read) ? Number(read) : Number.NaN;
    if (Number.isNaN(number)) return undefined;
    const inside = Math.min(schema.maximum ?? number, Math.max(schema.minimum ?? number, Math.round(number)));
    return String(inside);
  }
  if (schema.type === "array" && schema.items && Check(schema.items as object, value)) return `[${read}]`;
  const map = schema.properties && Object.entries(schema.properties).find(([, child]) => child.const === value);
  if (map && schema.required?.length === 1) return `{ ${map[0]}: ${read} }`;
  return quoted(schema, read);
}

function quoted(schema: Schema, read: string): string | undefined {
  if (schema.format === undefined) return undefined;
  return "value" in FORMATS[schema.format].read(read) ? `"${read}"` : undefined;
}

/** In quotes where a YAML reader would take it for a number: plain digits, or base 60 in YAML 1.1. */
function asYaml(text: string): string {
  return /^\d+(\.\d+)?$|^\d+(:\d+)+$/.test(text) ? `"${text}"` : text;
}

/** What `schema` allows, for people. */
export function describe(schema: Schema): string {
  if (schema.anyOf) {
    const modes = schema.anyOf.flatMap((member) => Object.values(member.properties ?? {}).map((child) => child.const));
    const words = modes.filter((mode) => mode !== undefined);
    if (words.length > 0) return `a map with mode ${either(words)}`;
    // A format that has an alternative in numbers says so itself.
    const format = schema.anyOf.find((member) => member.format !== undefined);
    return format ? describe(format) : either(schema.anyOf.map(describe));
  }
  if (schema.enum) return either(schema.enum);
  if (schema.const !== undefined) return schema.const;
  if (schema.format) return FORMATS[schema.format].allowed;
  if (schema.type === "integer") return `a whole number from ${schema.minimum} to ${schema.maximum}`;
  if (schema.type === "boolean") return "true or false";
  if (schema.type === "array") return `a list, each ${describe(schema.items ?? {})}`;
  return `a map of ${either(Object.keys(schema.properties ?? {}))}`;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

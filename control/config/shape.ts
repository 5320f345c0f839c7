// Says what is wrong with the shape of a config: keys that are unknown or missing, values of a wrong type, out of
// range, or not of their format. typebox decides whether there is a mistake; this file finds its words.
//
// typebox's own errors are about schemas ("must match a schema in anyOf"), so they are not translated: the schema
// is walked beside the value, and each node asks typebox about its own part. A union of maps is entered by its
// discriminator (`mode`), so that a mistake in a flood list is not reported once for every flood mode.

import { Set as setFormat } from "typebox/format";
import { Check, Compile, type Validator } from "typebox/schema";
import { suggest } from "./format.js";
import { FORMATS } from "./formats.js";
import { describe, explainLeaf, isMap, type Schema } from "./leaf.js";
import { either, type Path, type Problems } from "./problems.js";
import { type ConfigInput, ConfigSchema } from "./schema.js";
import { nearest } from "./spelling.js";

for (const [name, format] of Object.entries(FORMATS)) setFormat(name, (text) => "value" in format.read(text));

const validators = new WeakMap<object, Validator>();

/** True if `value` has the right shape; else `problems` says why not. */
export function checkShape(value: unknown, problems: Problems): value is ConfigInput {
  return checkAgainst(ConfigSchema, value, problems);
}

/** As checkShape, against a part of the config's schema, or one written with the same keywords. */
export function checkAgainst(schema: object, value: unknown, problems: Problems): boolean {
  const validator = validators.get(schema) ?? Compile(schema);
  validators.set(schema, validator);
  if (validator.Check(value)) return true;
  const before = problems.errors.length;
  explain(schema as Schema, value, [], problems);
  if (problems.errors.length === before) {
    for (const error of validator.Errors(value)[1]) {
      problems.error("ERR_CONFIG_VALUE", error.instancePath.split("/").slice(1), error.message);
    }
  }
  return false;
}

function explain(schema: Schema, value: unknown, path: Path, problems: Problems): void {
  if (isMap(value)) {
    const map = schema.anyOf ? branch(schema.anyOf, value, path, problems) : schema;
    if (map === undefined) return;
    if (map.properties) {
      explainMap(map, map.properties, value, path, problems);
      return;
    }
  } else if (Array.isArray(value) && schema.items) {
    explainList(schema, schema.items, value, path, problems);
    return;
  }
  if (!Check(schema as object, value)) explainLeaf(schema, value, path, problems);
}

function explainMap(
  schema: Schema,
  properties: Readonly<Record<string, Schema>>,
  value: Record<string, unknown>,
  path: Path,
  problems: Problems,
): void {
  const known = Object.keys(properties);
  for (const [key, child] of Object.entries(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property) explain(property, child, [...path, key], problems);
    else {
      const absent = known.filter((name) => !Object.hasOwn(value, name));
      problems.error("ERR_CONFIG_KEY_UNKNOWN", [...path, key], "is not a key here", {
        value: null,
        of: "key",
        allowed: either(known),
        ...suggest(nearest(key, absent) ?? nearest(key, known)),
      });
    }
  }
  for (const key of schema.required ?? []) {
    if (Object.hasOwn(value, key)) continue;
    const allowed = describe(properties[key] ?? {});
    problems.error("ERR_CONFIG_KEY_MISSING", [...path, key], "is missing", { value: null, allowed });
  }
}

function explainList(schema: Schema, items: Schema, value: unknown[], path: Path, problems: Problems): void {
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema;
  if (value.length < minItems) {
    problems.error("ERR_CONFIG_VALUE", path, "is empty", { allowed: `at least ${minItems}; or leave the key out` });
  }
  if (value.length > maxItems) {
    problems.error("ERR_CONFIG_VALUE", path, `has ${value.length} entries`, {
      value: null,
      allowed: `at most ${maxItems}`,
    });
  }
  for (const [i, item] of value.entries()) explain(items, item, [...path, i], problems);
}

/** The member of a union of maps that `value` means to be, by the key that has a constant in each. */
function branch(
  union: readonly Schema[],
  value: Record<string, unknown>,
  path: Path,
  problems: Problems,
): Schema | undefined {
  const maps = union.filter((member) => member.properties);
  const key = Object.entries(maps[0]?.properties ?? {}).find(([, property]) => property.const !== undefined)?.[0];
  if (key === undefined) return { anyOf: union };
  const choice = (member: Schema) => member.properties?.[key]?.const ?? "";
  const found = maps.find((member) => choice(member) === value[key]);
  if (found) return found;
  const choices = { enum: maps.map(choice) };
  const misspelt = Object.hasOwn(value, key) ? undefined : nearestKey(value, maps, key);
  if (misspelt !== undefined) explainMap({}, { [key]: choices }, { [misspelt]: value[misspelt] }, path, problems);
  else if (Object.hasOwn(value, key)) explainLeaf(choices, value[key], [...path, key], problems);
  else explainMap({ required: [key] }, { [key]: choices }, {}, path, problems);
  return undefined;
}

/** A key of `value` that no member knows and that looks like `key`. */
function nearestKey(value: Record<string, unknown>, maps: readonly Schema[], key: string): string | undefined {
  const known = new Set(maps.flatMap((member) => Object.keys(member.properties ?? {})));
  return Object.keys(value).find((name) => !known.has(name) && nearest(name, [key]) !== undefined);
}

// Whatever is in the file, the reader answers with a config or with a ConfigError that names problems: never another
// error, never without end.

import fc from "fast-check";
import { expect, test } from "vitest";
import { checkConfig, parseConfig } from "../../../control/config/config.js";
import { ConfigError, formatProblem } from "../../../control/errors.js";
import { configs, toInput } from "./arbitrary.js";

function onlyConfigErrors(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.exitCode).toBe(2);
    expect(error.problems.length).toBeGreaterThan(0);
    for (const problem of error.problems) expect(formatProblem(problem)).not.toMatch(/\n|undefined|\[object/);
  }
}

/** Pieces that YAML and the format make something of. */
const pieces = fc.constantFrom(
  ..."local: |port: |networks:|vni: |flood: |- |  |\n|\t|{ |} |[ |] |, |: |? |& |&a |*a |!!int |! |# |%YAML 1.1\n|---\n|...\n|~|\"|'|>\n|\\".split(
    "|",
  ),
  ..."10.99.0.1 fd00::1 :: 0x64 1e999 .nan -0 true on yes 300s __proto__ constructor mode: headend vteps".split(" "),
);

test("any text", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(pieces, { maxLength: 40 }).map((all) => all.join("")),
      ),
      (text) => onlyConfigErrors(() => parseConfig(text, "f")),
    ),
    { numRuns: 1500 },
  );
});

test("any text at the place of each value", () => {
  const places = ["local", "port", "workers", "stateDir", "underlay", "networks"];
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.string({ unit: "grapheme" }), (key, text) => {
      onlyConfigErrors(() => checkConfig({ local: "10.0.0.1", [key]: text }));
      onlyConfigErrors(() => parseConfig(JSON.stringify({ local: "10.0.0.1", [key]: text }), "f"));
    }),
    { numRuns: 250 },
  );
});

test("any value", () => {
  fc.assert(
    fc.property(
      fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withSparseArray: true }),
      (value) => onlyConfigErrors(() => checkConfig(value)),
    ),
    { numRuns: 1000 },
  );
});

test("a valid config with one value changed for another", () => {
  fc.assert(
    fc.property(configs(), fc.nat(), fc.jsonValue(), (config, at, value) => {
      const input = JSON.parse(JSON.stringify(toInput(config))) as object;
      const places = leaves(input);
      const place = places[at % places.length];
      if (place) place.parent[place.key] = value;
      onlyConfigErrors(() => checkConfig(input));
      onlyConfigErrors(() => parseConfig(JSON.stringify(input), "f"));
    }),
    { numRuns: 250 },
  );
});

interface Place {
  readonly parent: Record<string, unknown>;
  readonly key: string;
}

function leaves(value: unknown): Place[] {
  if (typeof value !== "object" || value === null) return [];
  const parent = value as Record<string, unknown>;
  return Object.keys(parent).flatMap((key) => [{ parent, key }, ...leaves(parent[key])]);
}

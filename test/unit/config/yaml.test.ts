// YAML's traps: each ends with a clear error and a place, or is read the one way that there is.

import { expect, test } from "vitest";
import { parseConfig } from "../../../control/config/config.js";
import { ConfigError } from "../../../control/errors.js";

function failure(text: string) {
  try {
    parseConfig(text, "test.yaml");
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`accepted:\n${text}`);
}

const bomb = Array.from({ length: 12 }, (_, i) =>
  i === 0 ? "a0: &a0 [x, x]" : `a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(", ")}]`,
).join("\n");

test.each([
  ["an empty file", "", /is empty/, undefined],
  ["only comments", "# nothing\n\n", /is empty/, undefined],
  ["only null", "~\n", /is empty/, 1],
  ["a tab", "local: 10.0.0.1\nunderlay:\n\tdriver: udp\n", /tab/, 3],
  ["two documents", "local: 10.0.0.1\n---\nlocal: 10.0.0.2\n", /one document/, 2],
  ["YAML 1.1", "%YAML 1.1\n---\nlocal: 10.0.0.1\n", /YAML 1\.2/, 1],
  ["an unknown alias", "local: *here\n", /anchor/, 1],
  ["an alias of itself", "local: &a [*a]\n", /deep/, 1],
  ["aliases without end", `${bomb}\n`, /aliases/, 1],
  ["brackets without end", "[".repeat(50_000), /deep/, 1],
  ["dashes without end", "- ".repeat(50_000), /deep/, 1],
  ["question marks without end", "? ".repeat(50_000), /deep/, 1],
  ["maps without end", "{a: ".repeat(50_000), /deep/, 1],
  ["deep, but whole", `local: ${"[".repeat(200)}${"]".repeat(200)}\n`, /deep/, 1],
  ["an unfinished list", "local: [a, b\n", /sequence/, 2],
  ["a list as key", "local: 10.0.0.1\n? [a]\n: 1\n", /key/, 2],
  ["a foreign tag", "local: !!binary aGk=\n", /tag/, 1],
  ["a tag of one's own", "local: !vtep 10.0.0.1\n", /tag/, 1],
  ["two colons", "local: fd00::\n", /quotes/, 1],
])("%s", (_, text, message, line) => {
  const error = failure(text);
  expect(error.exitCode).toBe(2);
  expect(error.code).toBe("ERR_CONFIG_SYNTAX");
  expect(error.problems).toHaveLength(1);
  expect(error.problems[0]?.message).toMatch(message);
  expect(error.problems[0]?.file).toBe("test.yaml");
  expect(error.problems[0]?.line).toBe(line);
});

test.each([
  ["a column too few", "networks:\n  - vni: 1\n   name: blue\n    mtu: 1400\n", 3],
  ["a tab", "networks:\n  - vni: 1\n\tname: blue\n    mtu: 1400\n", 3],
])("an indentation with %s is told at its line, and nobody is told of colons", (_, text, line) => {
  const { problems } = failure(text);
  expect(problems[0]?.line).toBe(line);
  expect(problems.filter(({ message }) => message.includes("colon"))).toEqual([]);
});

test("duplicate keys, at every level, at the second one's place", () => {
  const { code, problems } = failure("local: 10.0.0.1\nunderlay: { driver: udp, driver: udp }\nlocal: 10.0.0.2\n");
  expect(code).toBe("ERR_CONFIG_DUPLICATE");
  expect(problems.map(({ path, line, column }) => [path, line, column])).toEqual([
    ["underlay.driver", 2, 26],
    ["local", 3, 1],
  ]);
});

test("a duplicate hides no other mistake", () => {
  const { problems } = failure("local: 10.0.0.1\nport: 0\nlocal: 10.0.0.2\n");
  expect(problems.map(({ path }) => path)).toEqual(["port", "local"]);
});

test("control characters do not reach the terminal", () => {
  const { message } = failure('local: "\\e[31mred\\u202e\\x00"\n');
  expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(message).toContain("[31mred");
});

test("a value without end is shown in part", () => {
  expect(failure(`local: ${"x".repeat(100_000)}\n`).message.length).toBeLessThan(300);
});

test("MACs need no quotes in YAML 1.2, not even those that YAML 1.1 reads in base 60", () => {
  for (const mac of ["02:00:00:00:00:01", "12:34:56:12:34:56"]) {
    const text = `local: 10.0.0.1\nnetworks: [ { vni: 1, ports: [ { name: p, mac: ${mac} } ] } ]\n`;
    expect(parseConfig(text).networks[0]?.ports[0]?.mac).toBe(mac);
  }
});

test("anchors and aliases within reason, comments, a byte order mark, JSON", () => {
  const text = `\ufefflocal: 10.0.0.1 # here
networks:
  - { vni: 1, flood: &flood { mode: headend, vteps: [10.0.0.2] } }
  - { vni: 2, flood: *flood }
`;
  const config = parseConfig(text);
  expect(config.networks[1]?.flood).toEqual({ mode: "headend", vteps: ["10.0.0.2"] });
  expect(parseConfig(JSON.stringify({ local: "10.0.0.1" })).local).toBe("10.0.0.1");
});

test("an alias names the last anchor before it", () => {
  const text = `local: 10.0.0.1
networks:
  - { vni: 1, flood: &f { mode: none } }
  - { vni: 2, flood: &f { mode: headend, vteps: [10.0.0.2] } }
  - { vni: 3, flood: *f }
`;
  expect(parseConfig(text).networks[2]?.flood.mode).toBe("headend");
});

test("a mistake behind an alias has a place", () => {
  const text = "local: 10.0.0.1\nnetworks:\n  - &n { vni: 1, mtu: 3 }\n  - *n\n";
  expect(failure(text).problems.map(({ path, line }) => [path, line])).toEqual([
    ["networks[1].vni", 3],
    ["networks[0].mtu", 3],
    ["networks[1].mtu", 3],
  ]);
});

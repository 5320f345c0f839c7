// One mistake in a config gives one problem: with the path, the value, what is allowed, the nearest right spelling and
// the exit code that the table wants.

import { describe, expect, test } from "vitest";
import { checkConfig, parseConfig, readConfig } from "../../../control/config/config.js";
import { ConfigError, type ConfigProblem, formatProblem } from "../../../control/errors.js";
import { addresses } from "./mistakes/addresses.js";
import { keys } from "./mistakes/keys.js";
import { names } from "./mistakes/names.js";
import { numbers } from "./mistakes/numbers.js";
import { types } from "./mistakes/types.js";

function problemsOf(text: string): readonly ConfigProblem[] {
  return errorOf(text).problems;
}

function errorOf(text: string): ConfigError {
  try {
    parseConfig(text, "test.yaml");
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`accepted:\n${text}`);
}

const MISTAKES = [...keys, ...types, ...numbers, ...addresses, ...names];

describe("one mistake", () => {
  test.each(MISTAKES)("$what", (mistake) => {
    const error = errorOf(mistake.text);
    expect(error.problems.map((problem) => problem.path)).toEqual([mistake.path]);
    expect(error.exitCode).toBe(2);
    const [problem] = error.problems;
    expect(problem?.code).toBe(mistake.code ?? "ERR_CONFIG_VALUE");
    expect(problem?.suggestion).toBe(mistake.suggestion);
    if (mistake.value !== undefined) expect(problem?.value).toBe(mistake.value);
    expect(problem?.allowed ?? "").toContain(mistake.allowed ?? "");
    expect(problem?.message).not.toBe("");
    expect(problem).toMatchObject({ file: "test.yaml", line: expect.any(Number), column: expect.any(Number) });
  });

  test("its suggestion is right where it can be put in as it is", () => {
    // The others need a second change, or are about a key or a duplicate that a suggestion cannot know.
    const skipped = /key|twice|another/;
    let tried = 0;
    for (const { text, value, suggestion, what } of MISTAKES) {
      if (suggestion === undefined || value === undefined || skipped.test(what) || !text.includes(` ${value}`))
        continue;
      tried++;
      expect(() => parseConfig(text.replace(` ${value}`, ` ${suggestion}`)), what).not.toThrow();
    }
    expect(tried).toBeGreaterThan(10);
  });

  test("names line and column of the value, or of the unknown key", () => {
    const text = "local: 10.99.0.1\nprot: 1\nnetworks:\n  - vni: 5\n    mtu: 3\n";
    expect(problemsOf(text).map(({ path, line, column }) => [path, line, column])).toEqual([
      ["prot", 2, 1],
      ["networks[0].mtu", 5, 10],
    ]);
  });

  test("reads as one line", () => {
    const [problem] = problemsOf("local: 10.99.0.1\nnetworks: [ { vni: 16777216 } ]\n");
    expect(problem && formatProblem(problem)).toBe(
      "test.yaml:2:20: networks[0].vni: 16777216 is out of range; allowed: a whole number from 0 to 16777215; did you mean 16777215?",
    );
  });
});

describe("several mistakes", () => {
  test("are all reported, in the order of the file", () => {
    const text = `
local: 10.99.0.1
workers: 0
networks:
  - vni: 16777216
    flood: { mode: headend, vteps: [10.99.0.1, 10.99.0.2, nowhere] }
  - vni: 7
    ports: [ { name: p, mac: "01:00:00:00:00:00" } ]
  - vni: 7
    fdb: [ { mac: "02:00:00:00:00:01", port: q } ]
fdb: { capacity: -1 }
`;
    expect(problemsOf(text).map(({ path }) => path)).toEqual([
      "workers",
      "networks[0].vni",
      "networks[0].flood.vteps[0]",
      "networks[0].flood.vteps[2]",
      "networks[1].ports[0].mac",
      "networks[2].vni",
      "networks[2].fdb[0].port",
      "fdb.capacity",
    ]);
    expect(errorOf(text).code).toBe("ERR_CONFIG");
    expect(errorOf(text).message.split("\n")).toHaveLength(8);
  });

  test("hundreds of one kind, each once", () => {
    const vteps = Array.from({ length: 300 }, () => "x").join(", ");
    expect(
      problemsOf(`local: 10.0.0.1\nnetworks: [ { vni: 1, flood: { mode: headend, vteps: [${vteps}] } } ]\n`),
    ).toHaveLength(300);
  });

  test("duplicates are told different free VNIs", () => {
    const text = "local: 10.0.0.1\nnetworks: [ { vni: 1 }, { vni: 1 }, { vni: 2 }, { vni: 1 } ]\n";
    expect(problemsOf(text).map(({ suggestion }) => suggestion)).toEqual(["3", "4"]);
  });
});

describe("warnings", () => {
  const network = (lines: string) => `local: 10.99.0.1\nnetworks: [ { vni: 1, ${lines} } ]\n`;
  test.each([
    ["an empty flood list", network("flood: { mode: headend, vteps: [] }"), "networks[0].flood.vteps"],
    [
      "a VTEP that may not send",
      network("flood: { mode: headend, vteps: [10.98.0.2] }, allow: [10.99.0.0/24]"),
      "networks[0].flood.vteps[0]",
    ],
    [
      "an fdb VTEP that may not send",
      network('fdb: [ { mac: "02:00:00:00:00:02", vtep: 10.98.0.2 } ], allow: [10.99.0.0/24]'),
      "networks[0].fdb[0].vtep",
    ],
    ["no checksum over IPv6", "local: fd00::1\nunderlay: { checksum: off }\n", "underlay.checksum"],
    ["host bits in a prefix", network("allow: [10.99.0.7/24]"), "networks[0].allow[0]"],
    ["the whole Internet", network("allow: [0.0.0.0/0]"), "networks[0].allow[0]"],
    ["a prefix twice", network("allow: [10.99.0.0/24, 10.99.0.0/24]"), "networks[0].allow[1]"],
    ["an MTU too small for IPv6", network("mtu: 1279"), "networks[0].mtu"],
    [
      "more queues than workers",
      `${network("ports: [ { name: p, queues: 3 } ]")}workers: 2\n`,
      "networks[0].ports[0].queues",
    ],
    [
      "a group that stays on the link",
      `${network("flood: { mode: multicast, group: 224.0.0.5 }, allow: [10.99.0.2]")}underlay: { interface: e }\n`,
      "networks[0].flood.group",
    ],
  ])("%s", (_, text, path) => {
    expect(readConfig(text).warnings.map((warning) => warning.path)).toEqual([path]);
  });

  test("none for an xdp port that asks for nothing", () => {
    const text = network("ports: [ { name: veth0, driver: xdp, queues: auto, persistent: false } ]");
    expect(readConfig(text).warnings).toEqual([]);
  });

  test("none for the boundary values", () => {
    const text = network("mtu: 1280, flood: { mode: headend, vteps: [10.99.0.255] }, allow: [10.99.0.0/24]");
    expect(readConfig(text).warnings).toEqual([]);
  });
});

test("a value that is not from a file has problems without a place", () => {
  let problem: ConfigProblem | undefined;
  try {
    checkConfig({ local: "10.99.0.1", port: 0 });
  } catch (error) {
    problem = (error as ConfigError).problems[0];
  }
  expect(problem).toMatchObject({ path: "port", value: "0" });
  expect(problem).not.toHaveProperty("file");
  expect(problem).not.toHaveProperty("line");
});

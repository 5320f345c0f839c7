// The shape of the path suite: who takes part in what, what it promises, and the configuration that is a driver.

import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { Run, type Settings } from "../../../bench/suite.js";
import { END_TO_END, PLAIN } from "../../../bench/suites/path/contenders.js";
import { howToInstall } from "../../../bench/suites/path/field.js";
import { promise, sumUp } from "../../../bench/suites/path/floors.js";
import { FORWARDING } from "../../../bench/suites/path/forwarding.js";
import { coresOf } from "../../../bench/suites/path/pinning.js";
import { path } from "../../../bench/suites/path/suite.js";
import { TESTS } from "../../../bench/suites/path/tests.js";
import { vxlaneYaml } from "../../../bench/suites/path/vxlane.js";

function settings(given: Partial<Settings> = {}): Settings {
  return { ...path.defaults, quick: false, peers: undefined, only: () => true, ...given };
}

function newRun(given: Partial<Settings> = {}): Run {
  return new Run({ settings: settings(given), signal: new AbortController().signal, progress: () => undefined });
}

const NAMES = new Set([...END_TO_END, ...FORWARDING].map(({ name }) => name));

describe("the plan", () => {
  test("names every contender, and the ids of all measures, each once", async () => {
    const { lines, ids = [] } = await path.plan(settings());
    for (const name of NAMES) expect(lines.join("\n")).toContain(name);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain("tcp-1-out");
    expect(ids).toContain("frames-1400-in");
    expect(ids).toContain("rtt-load-p99.9");
  });

  test("shrinks: quick, one measure, one contender", async () => {
    const full = await path.plan(settings());
    const quick = await path.plan(settings({ ...path.quick, quick: true }));
    const one = await path.plan(settings({ only: (id) => id === "tcp-1-out", peers: ["kernel"] }));
    expect(quick.seconds).toBeLessThan(60);
    expect(full.seconds).toBeLessThan(15 * 60);
    expect(one.seconds).toBeLessThan(quick.seconds);
    expect(one.lines.join("\n")).toMatch(/tests: tcp-1-out\n.*: kernel$/);
  });

  test("half load brings along the frames that it is half of", async () => {
    const { lines } = await path.plan(settings({ only: (id) => id === "rtt-load-p50" }));
    expect(lines).toContain("tests: frames-64-out, rtt-load");
  });
});

describe("floors", () => {
  test("are about measures and contenders that exist", () => {
    const run = newRun();
    for (const { measures } of TESTS) for (const options of measures) run.measure(options);
    promise(run, NAMES);
    expect(run.floors.length).toBeGreaterThan(20);
    for (const { contender, to, inC = contender } of run.floors) {
      expect(NAMES).toContain(contender);
      expect(NAMES).toContain(to);
      expect(NAMES).toContain(inC);
    }
  });

  test("of TCP stand beside the same loop in C, which takes part", () => {
    const run = newRun();
    for (const { measures } of TESTS) for (const options of measures) run.measure(options);
    promise(run, NAMES);
    const ofTcp = run.floors.filter(({ measure }) => measure.options.id.startsWith("tcp-1-"));
    expect(new Map(ofTcp.map(({ contender, inC }) => [contender, inC]))).toEqual(
      new Map([
        ["vxlane tap", "C tap loop"],
        ["vxlane udp", "C loop"],
        ["vxlane tap both ends", "C tap loop both ends"],
        ["vxlane udp both ends", "C loop both ends"],
      ]),
    );
    for (const { inC } of ofTcp) {
      const loop = END_TO_END.find(({ name }) => name === inC);
      expect(loop?.tests).toEqual(expect.arrayContaining(["tcp-1-out", "tcp-1-in"]));
      expect(loop?.fullOnly).toBe(true);
    }
  });

  test("of what trafgen sends are not judged where its ceiling is too low; the flood judges the same", () => {
    const run = newRun();
    for (const { measures } of TESTS) for (const options of measures) run.measure(options);
    promise(run, NAMES);
    const below = run.floors.filter(({ isBelowCeiling }) => isBelowCeiling);
    expect(new Set(below.map(({ measure }) => measure.options.id))).toEqual(new Set(["encap-64", "decap-64"]));
    for (const { measure, contender, to, limit } of below) {
      const id = `${measure.options.id}-flood`;
      const flooded = run.floors.filter((floor) => floor.measure.options.id === id && !floor.isBelowCeiling);
      expect(flooded).toContainEqual(expect.objectContaining({ contender, to, limit }));
    }
  });

  test("leave out who was not asked for", () => {
    const run = newRun();
    for (const { measures } of TESTS) for (const options of measures) run.measure(options);
    promise(run, new Set(["vxlane udp", "kernel"]));
    expect(new Set(run.floors.map(({ contender }) => contender))).toEqual(new Set(["vxlane udp"]));
  });
});

test("sentences sum up what was measured, and only that", () => {
  const run = newRun();
  for (const { measures } of TESTS) for (const options of measures) run.measure(options);
  const find = (id: string) => run.measures.find(({ options }) => options.id === id);
  for (const [contender, rate, cpu] of [
    ["kernel", 16, 1],
    ["vxlane tap", 12, 1.5],
    ["C loop", 20, 2],
    ["C tap loop", 14, 1.2],
  ] as const) {
    find("tcp-1-out")?.add(contender, 0, rate);
    find("tcp-1-out-cpu")?.add(contender, 0, cpu);
    find("rtt-p50")?.add(contender, 0, 2 * rate);
    find("rtt-p99")?.add(contender, 0, 4 * rate);
  }
  find("rtt-p50")?.add("vxlane udp", 0, 50);
  find("rtt-p99")?.add("vxlane udp", 0, 90);
  sumUp(run, [{ name: "kernel" }, { name: "vxlane udp" }, { name: "vxlane tap" }]);
  expect(run.headlines).toEqual([
    "round trip, vxlane udp: p50 50 us, p99 90 us; the kernel's: p50 32 us, p99 64 us; the same loop in C: p50 40 us, p99 80 us",
    "one TCP flow out, vxlane tap: 12.0 Gbit/s, 0.75 of the kernel's; 1.5 times its CPU; the same loop in C: 0.88",
    "round trip, vxlane tap: p50 24 us, p99 48 us; the kernel's: p50 32 us, p99 64 us; the same loop in C: p50 28 us, p99 56 us",
  ]);
});

test("a driver is a few keys of the configuration", () => {
  const config = parse(
    vxlaneYaml("a", {
      underlay: { driver: "tap", interface: "under0" },
      ports: [{ name: "vxlane0", driver: "tap" }],
      options: { busyPoll: "50us" },
    }),
  );
  expect(config).toMatchObject({
    local: "10.99.0.1",
    underlay: { driver: "tap", interface: "under0" },
    busyPoll: "50us",
    networks: [{ flood: { vteps: ["10.99.0.2"] }, ports: [{ name: "vxlane0", driver: "tap" }] }],
  });
});

test("what is missing is named with its packages, each once", () => {
  expect(howToInstall("ovs-vsctl", "ovs-vswitchd", "ovs-appctl")).toBe(
    "ovs-vsctl, ovs-vswitchd, ovs-appctl (apt-get install openvswitch-switch openvswitch-common)",
  );
  expect(howToInstall("ethtool")).toBe("ethtool (apt-get install ethtool)");
});

test("no tunnel takes part in every end-to-end test, so each has its ceiling", () => {
  expect(END_TO_END.find(({ name }) => name === PLAIN)?.tests).toBeUndefined();
});

test("cores are given out only where there is one for everybody who works", () => {
  expect((["sender", "tunnel"] as const).map((role) => coresOf(role, 2, 2))).toEqual(["0", "1"]);
  expect(coresOf("tunnel", 8, 2)).toBe("1-7");
  expect([1, 2].map((cores) => coresOf("sender", cores))).toEqual([undefined, undefined]);
  expect((["sender", "tunnel", "receiver"] as const).map((role) => coresOf(role, 3))).toEqual(["0", "1", "2"]);
  expect((["sender", "tunnel", "receiver"] as const).map((role) => coresOf(role, 8))).toEqual(["0", "1-6", "7"]);
});

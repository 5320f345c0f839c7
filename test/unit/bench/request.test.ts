// What the command line asks for, and how a run ends.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { isAlone } from "../../../bench/alone.js";
import { checkNames, readRequest } from "../../../bench/request.js";
import { Interrupted, minutes, runAll } from "../../../bench/runner.js";
import type { Run, Suite } from "../../../bench/suite.js";
import { SUITES } from "../../../bench/suites.js";
import { SUITE_NAMES } from "../../../control/cli/commands/bench.js";
import { NO_PLAN, newSuite } from "./made.js";

const ALL = ["path", "ecmp"].map((name) => newSuite(name));
const PATH = ALL[0] as Suite;

test("the command line knows the suites", () => {
  expect(SUITES.map(({ name }) => name)).toEqual(SUITE_NAMES);
});

describe("request", () => {
  test("no name: all suites; in their own order", () => {
    expect(readRequest(ALL, [], {}).suites.map(({ name }) => name)).toEqual(["path", "ecmp"]);
    expect(readRequest(ALL, ["ecmp", "path"], {}).suites.map(({ name }) => name)).toEqual(["path", "ecmp"]);
    expect(() => readRequest(ALL, ["pth"], {})).toThrow("there is no suite pth; did you mean path?");
  });

  test("defaults, --quick, --rounds and --seconds", () => {
    expect(readRequest(ALL, [], {}).settingsOf(PATH)).toMatchObject({ rounds: 3, seconds: 1, quick: false });
    expect(readRequest(ALL, [], { quick: true }).settingsOf(PATH)).toMatchObject({
      rounds: 2,
      seconds: 0.1,
      quick: true,
    });
    const request = readRequest(ALL, [], { quick: true, rounds: "7", seconds: "0.5", peers: "ovs,vxlane udp" });
    expect(request.settingsOf(PATH)).toMatchObject({ rounds: 7, seconds: 0.5, peers: ["ovs", "vxlane udp"] });
    expect(request.repeat.join(" ")).toBe("--quick --rounds 7 --seconds 0.5 --peers 'ovs,vxlane udp'");
  });

  test.each([
    [undefined, "tcp-1-out", true],
    ["tcp-1-out", "tcp-1-out", true],
    ["tcp-1-out", "tcp-1-out-cpu", false],
    ["tcp-*", "tcp-1-out", true],
    ["udp-?4,rtt", "udp-64", true],
    ["path", "anything", true],
    ["path/tcp-*", "tcp-1-in", true],
    ["ecmp/tcp-*,path/udp", "tcp-1-in", false],
    ["a.c", "abc", false],
  ])("--only %s of path wants %s: %s", (only, id, wanted) => {
    expect(readRequest(ALL, [], { only }).settingsOf(PATH).only(id)).toBe(wanted);
  });

  test("--only with a suite's name leaves the others out", () => {
    expect(readRequest(ALL, [], { only: "ecmp/*" }).suites.map(({ name }) => name)).toEqual(["ecmp"]);
    expect(() => readRequest(ALL, ["path"], { only: "ecmp/*" })).toThrow("--only ecmp/* names nothing of path");
    expect(() => readRequest(ALL, [], { only: "pth/x" })).toThrow("there is no suite pth; did you mean path?");
  });

  test("names that fit nothing", () => {
    const { patterns } = readRequest(ALL, [], { only: "tcp-1-uot" });
    const ids = ["tcp-1-out", "rtt"].map((id) => ({ suite: "path", id }));
    expect(() => checkNames({ patterns, peers: undefined }, ids, [])).toThrow("did you mean tcp-1-out?");
    expect(() => checkNames({ patterns: [], peers: ["krenel"] }, ids, ["kernel", "ovs"])).toThrow(
      "--peers krenel fits no contender; did you mean kernel?",
    );
    expect(() => checkNames({ patterns: [], peers: ["vxlane"] }, ids, ["vxlane udp"])).not.toThrow();
  });
});

test("two benchmarks at once are noticed", async () => {
  const name = `\0vxlane-test-${process.pid}`;
  expect([await isAlone(name), await isAlone(name), await isAlone(`${name}-other`)]).toEqual([true, false, true]);
});

test("a file of a report is tried before anything runs, and left as it was", () => {
  const folder = mkdtempSync(join(tmpdir(), "vxlane-test-request-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [old, young] = [join(folder, "old.json"), join(folder, "young.json")];
  writeFileSync(old, "before");
  readRequest(ALL, [], { json: old, html: young });
  expect([readFileSync(old, "utf8"), existsSync(young)]).toEqual(["before", false]);
});

describe("runner", () => {
  function runSuites(...runs: ((run: Run) => Promise<void>)[]) {
    const said: string[] = [];
    const suites = runs.map((run, index) => newSuite(`s${index}`, run));
    const planned = suites.map((suite) => ({ suite, plan: { ...NO_PLAN, seconds: 60 } }));
    return { said, result: runAll(planned, readRequest(suites, [], {}), (line) => said.push(line)) };
  }

  test("a suite that fails is cleaned up, keeps what it measured, and does not stop the next", async () => {
    const gone: string[] = [];
    const { said, result } = runSuites(
      async (run) => {
        run.defer(() => void gone.push("first"));
        run.measure({ id: "m", title: "m", unit: "ms", better: "lower" }).add("vxlane", 0, 1);
        throw new Error("no more memory");
      },
      async (run) => run.progress("here"),
    );
    const [first, second] = await result;
    expect([first?.failed, first?.run.measures.length, second?.failed]).toEqual(["no more memory", 1, undefined]);
    expect(gone).toEqual(["first"]);
    expect(said.find((line) => line.endsWith("here"))).toMatch(/^ +\d+ s, [01]:\d\d left {2}here$/);
    expect(said.filter((line) => line.includes("s0 failed: Error: no more memory"))).toHaveLength(1);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends the run after everything is gone", async (signal, code) => {
    const gone: string[] = [];
    const { result } = runSuites(
      async (run) => {
        run.defer(() => void gone.push("it"));
        process.emit(signal, signal);
        await sleep(60_000, undefined, { signal: run.signal });
      },
      async () => void gone.push("never"),
    );
    const error: unknown = await result.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Interrupted);
    expect((error as Interrupted).exitCode).toBe(code);
    expect(gone).toEqual(["it"]);
    expect(process.listenerCount(signal)).toBe(0);
  });

  test("an error that nobody caught ends the run after everything is gone", async () => {
    const gone: string[] = [];
    const { said, result } = runSuites(async (run) => {
      run.defer(() => void gone.push("it"));
      process.emit("uncaughtException", new Error("from nowhere"));
      run.checkpoint();
    });
    const error: unknown = await result.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ exitCode: 1, message: "an error outside of the run: Error: from nowhere" });
    expect(gone).toEqual(["it"]);
    expect(said.at(-1)).toContain("taking everything away again");
  });

  test("minutes", () => {
    expect([0, 4.2, 65, 600].map(minutes)).toEqual(["0:00", "0:05", "1:05", "10:00"]);
  });
});

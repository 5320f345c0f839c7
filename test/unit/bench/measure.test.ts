// What the benchmarks say of their samples: medians, ratios within a round, absent figures, floors.

import { describe, expect, test } from "vitest";
import { judge, Measure } from "../../../bench/measure.js";
import { toJson, toText } from "../../../bench/report.js";
import { spread } from "../../../bench/statistics.js";
import { inRound, Run, type Suite } from "../../../bench/suite.js";

const OPTIONS = { id: "m", title: "work", unit: "ns", better: "lower", baseline: "C" } as const;
const SUITE: Suite = {
  name: "made-up",
  summary: "a test",
  defaults: { rounds: 1, seconds: 1 },
  quick: { rounds: 1, seconds: 1 },
  plan: () => ({ lines: [], seconds: 0, missing: [] }),
  run: () => Promise.resolve(),
};

function newRun(): Run {
  return new Run({
    settings: { rounds: 3, seconds: 1, quick: false, peers: undefined, only: () => true },
    signal: new AbortController().signal,
    progress: () => undefined,
  });
}

describe("spread", () => {
  test("odd, even, nothing", () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(spread([])).toBeUndefined();
  });
});

describe("Measure", () => {
  test("takes ratios within a round", () => {
    const measure = new Measure(OPTIONS);
    // The machine is ten times slower in round 1; the ratio of medians would be 20.
    for (const [round, c, wasm] of [
      [0, 10, 20],
      [1, 100, 200],
      [2, 10, 200],
    ] as const) {
      measure.add("C", round, c);
      measure.add("wasm", round, wasm);
    }
    expect(measure.ratio("wasm")).toEqual({ median: 2, min: 2, max: 20 });
    expect(measure.ratio("C")).toBeUndefined();
  });

  test("leaves out rounds that one of the two did not have", () => {
    const measure = new Measure(OPTIONS);
    measure.add("C", 0, 10);
    measure.add("wasm", 0, 12);
    measure.add("wasm", 1, 99);
    expect(measure.ratio("wasm")).toEqual({ median: 1.2, min: 1.2, max: 1.2 });
  });

  test("a value that is no number is absent with a reason", () => {
    const measure = new Measure(OPTIONS);
    measure.add("wasm", 0, Number.NaN);
    expect(measure.value("wasm")).toBeUndefined();
    expect(measure.reason("wasm")).toMatch(/round 1/);
    expect(measure.contenders()).toEqual(["wasm"]);
  });
});

describe("judge", () => {
  test("at most, at least, by value and by ratio", () => {
    const measure = new Measure(OPTIONS);
    measure.add("C", 0, 100);
    measure.add("wasm", 0, 125);
    const floor = { measure, contender: "wasm", of: "ratio", relation: "at most", limit: 1.25 } as const;
    expect(judge(floor).holds).toBe(true);
    expect(judge({ ...floor, limit: 1.24 }).holds).toBe(false);
    expect(judge({ ...floor, of: "value", relation: "at least", limit: 125 }).holds).toBe(true);
    expect(judge({ ...floor, of: "value", relation: "at least", limit: 126 }).holds).toBe(false);
  });

  test("what could not be measured does not hold", () => {
    const measure = new Measure(OPTIONS);
    measure.add("wasm", 0, 1);
    measure.absent("C", "no compiler");
    const judgement = judge({ measure, contender: "wasm", of: "ratio", relation: "at most", limit: 1.25 });
    expect(judgement).toMatchObject({ actual: undefined, holds: false });
  });
});

describe("report", () => {
  test("an absent row shows its reason and no figure", () => {
    const run = newRun();
    const measure = run.measure(OPTIONS);
    measure.absent("C", "no compiler");
    measure.add("wasm", 0, 12.34);
    const finished = [{ suite: SUITE, run, seconds: 1 }];
    const about = { cpu: "a CPU" } as unknown as Parameters<typeof toText>[0];
    const text = toText(about, finished);
    expect(text).toContain("absent: no compiler");
    expect(text).toContain("12.3");
    const [scenario] = (
      JSON.parse(toJson(about, finished)) as { scenarios: { measures: { contenders: unknown[] }[] }[] }
    ).scenarios;
    expect(scenario?.measures[0]?.contenders).toEqual([
      { contender: "C", absent: "no compiler" },
      expect.objectContaining({ contender: "wasm", median: 12.34, samples: [12.34] }),
    ]);
  });
});

describe("Run", () => {
  test("takes away what it made, newest first, whatever fails", async () => {
    const order: string[] = [];
    const run = newRun();
    run.defer(() => void order.push("first"));
    run.defer(() => {
      throw new Error("no");
    });
    run.defer(() => Promise.resolve().then(() => void order.push("last")));
    await run.cleanUp();
    await run.cleanUp();
    expect(order).toEqual(["last", "first"]);
  });

  test("turns the order of the contenders round", () => {
    expect(inRound(["a", "b"], 0)).toEqual(["a", "b"]);
    expect(inRound(["a", "b"], 1)).toEqual(["b", "a"]);
  });
});

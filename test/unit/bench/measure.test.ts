// What the benchmarks say of their samples: medians, ratios within a round, absent figures, floors.

import { describe, expect, test } from "vitest";
import { judge, Measure } from "../../../bench/measure.js";
import { growthExponent, noise, quantile, spread } from "../../../bench/statistics.js";
import { inRound, wantsPeer } from "../../../bench/suite.js";
import { newRun } from "./made.js";

const OPTIONS = { id: "m", title: "work", unit: "ns", better: "lower", baseline: "C" } as const;
describe("spread", () => {
  test("odd, even, nothing", () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(spread([])).toBeUndefined();
  });
});

describe("statistics", () => {
  test("noise is the width of a spread over its median", () => {
    expect(noise({ median: 10, min: 9, max: 12 })).toBeCloseTo(0.3);
    expect(noise({ median: 0, min: 0, max: 0 })).toBe(0);
    expect(noise({ median: 0, min: 0, max: 1 })).toBe(Number.POSITIVE_INFINITY);
  });

  test("quantile takes a value that was measured", () => {
    expect([0, 0.5, 0.99, 1].map((share) => quantile([1, 2, 3, 4], share))).toEqual([1, 3, 4, 4]);
    expect(quantile([], 0.5)).toBeNaN();
  });

  test.each([
    [0, [7, 7, 7]],
    [1, [2, 20, 200]],
    [2, [1, 100, 10_000]],
  ])("growth by exponent %d", (exponent, ys) => {
    const points = ys.map((y, index) => ({ x: 10 ** index, y }));
    expect(growthExponent(points)).toBeCloseTo(exponent);
  });

  test("no growth of one point, or of what has no logarithm", () => {
    expect(growthExponent([{ x: 1, y: 1 }])).toBeUndefined();
    expect(
      growthExponent([
        { x: 1, y: 0 },
        { x: 2, y: 1 },
      ]),
    ).toBeUndefined();
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

describe("Measure, beside its figures", () => {
  test("refuses an id that is none", () => {
    expect(() => new Measure({ ...OPTIONS, id: "TCP out" })).toThrow("TCP out is no id");
  });

  test("the first reason stays, also beside samples", () => {
    const measure = new Measure(OPTIONS);
    measure.add("ovs", 0, 1);
    measure.absent("ovs", "it died");
    measure.absent("ovs", "it was gone");
    expect([measure.reason("ovs"), measure.value("ovs")?.median]).toEqual(["it died", 1]);
  });

  test("the cores of those rounds in which somebody looked", () => {
    const measure = new Measure(OPTIONS);
    measure.add("wasm", 0, 1, 1.5);
    measure.add("wasm", 1, 1);
    expect(measure.cpu("wasm")).toEqual({ median: 1.5, min: 1.5, max: 1.5 });
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

describe("judge, in a run that could not tell", () => {
  /** Twice the baseline is wanted; the ceiling allows `most` times. */
  function forwarding(most: number): Measure {
    const measure = new Measure({ ...OPTIONS, unit: "M/s", better: "higher", baseline: "bridge" });
    for (const [round, bridge] of [1, 10, 1].entries()) {
      measure.add("bridge", round, bridge);
      measure.add("wasm", round, 1.9 * bridge);
      measure.add("C", round, 1.95 * bridge);
      measure.ceiling(round, most * bridge);
    }
    return measure;
  }
  const wanted = { contender: "wasm", of: "ratio", relation: "at least", limit: 2 } as const;

  test("a ceiling below the limit judges nobody, and says what it allows", () => {
    const measure = forwarding(1.9964);
    expect(measure.ceilingRatio()?.median).toBeCloseTo(1.9964);
    const judgement = judge({ ...wanted, measure, isBelowCeiling: true });
    expect(judgement).toMatchObject({ holds: undefined, unjudged: "the generator's ceiling allows 1.996" });
    expect(judgement.actual).toBeCloseTo(1.9);
  });

  test("one that would have allowed it excuses nobody; nor does one that binds only some", () => {
    const judged = { holds: false, unjudged: undefined };
    expect(judge({ ...wanted, measure: forwarding(2), isBelowCeiling: true })).toMatchObject(judged);
    expect(judge({ ...wanted, measure: forwarding(1.99) })).toMatchObject(judged);
  });

  test("a ceiling that somebody else was above is none", () => {
    const measure = forwarding(1.99);
    measure.add("ovs", 0, 2.1);
    expect(judge({ ...wanted, measure, isBelowCeiling: true })).toMatchObject({ holds: false, unjudged: undefined });
  });

  test("nor is excused what could not be measured", () => {
    const measure = forwarding(1.5);
    const judgement = judge({ ...wanted, contender: "absent", measure, isBelowCeiling: true });
    expect(judgement).toMatchObject({ actual: undefined, holds: false, unjudged: undefined });
  });

  test("the same in C stands beside it", () => {
    const measure = forwarding(3);
    expect(judge({ ...wanted, measure, inC: "C" }).inC).toBeCloseTo(1.95);
    expect(judge({ ...wanted, measure, inC: "absent" }).inC).toBeUndefined();
    expect(judge({ ...wanted, measure, of: "value", inC: "C" }).inC).toBeCloseTo(1.95);
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

  test("keeps what --only wants, remembers what was asked", () => {
    const run = newRun({ only: (id) => id !== "b" });
    for (const id of ["a", "b", "c"]) run.measure({ ...OPTIONS, id });
    expect(run.measures.map(({ options }) => options.id)).toEqual(["a", "c"]);
    expect([...run.ids]).toEqual(["a", "b", "c"]);
    expect(() => run.measure({ ...OPTIONS, id: "a" })).toThrow("two measures have the id a");
    const plot = { chart: "c", x: 1, xLabel: "x" };
    run.measure({ ...OPTIONS, id: "d", plot });
    run.measure({ ...OPTIONS, id: "e", unit: "other", plot });
    expect(() => run.measure({ ...OPTIONS, id: "f", plot })).toThrow("two measures stand at 1 of the chart c");
  });

  test.each([
    [undefined, "ovs", true],
    [["vxlane"], "vxlane udp", true],
    [["vxlane-udp"], "vxlane udp", true],
    [["VXLANE UDP"], "vxlane udp", true],
    [["vxlane udp"], "vxlane", false],
    [["kernel"], "bridge+kernel", false],
    [["ovs", "kernel"], "kernel", true],
  ])("--peers %j and %s: %s", (peers, contender, wanted) => {
    expect(wantsPeer({ peers }, contender)).toBe(wanted);
  });

  test("turns the order of the contenders round", () => {
    expect(inRound(["a", "b"], 0)).toEqual(["a", "b"]);
    expect(inRound(["a", "b"], 1)).toEqual(["b", "a"]);
  });
});

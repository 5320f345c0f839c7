// The nearest right spelling, beside a naive twin of the distance.

import fc from "fast-check";
import { expect, test } from "vitest";
import { editDistance, nearest } from "../../../control/config/spelling.js";

test.each([
  ["", "", 0],
  ["abc", "", 3],
  ["port", "prot", 1],
  ["ports", "port", 1],
  ["vtep", "vtap", 1],
  ["ageing", "aging", 1],
  ["ca", "abc", 3],
])("%s to %s takes %i", (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

/** The definition, word for word. */
function naive(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const costs = [
    naive(a.slice(1), b) + 1,
    naive(a, b.slice(1)) + 1,
    naive(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
  ];
  if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]) costs.push(naive(a.slice(2), b.slice(2)) + 1);
  return Math.min(...costs);
}

test("the table agrees with the definition", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 5 });
  fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) === naive(a, b)));
});

test.each([
  ["vtpes", "vteps"],
  ["Vteps", "vteps"],
  ["source_ports", "sourcePorts"],
  ["source-port", "sourcePorts"],
  ["memory", undefined],
  ["x", undefined],
  ["", undefined],
])("%s means %s", (word, meant) => {
  expect(nearest(word, ["vni", "vteps", "sourcePorts", "mtu"])).toBe(meant);
});

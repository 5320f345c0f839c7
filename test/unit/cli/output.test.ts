// Pieces of the command line's output: tables, durations, and the cutting of streamed lists.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ItemSplitter } from "../../../control/cli/client.js";
import { duration, table } from "../../../control/cli/table.js";

describe("a table", () => {
  test("aligns texts left and numbers right", () => {
    expect(
      table(
        ["NAME", "N"],
        [
          ["a", 5],
          ["bcdef", 1234],
        ],
      ),
    ).toBe("NAME      N\na         5\nbcdef  1234\n");
  });

  test("without rows is its heading", () => {
    expect(table(["NAME", "N"], [])).toBe("NAME  N\n");
  });

  test("fits the terminal", () => {
    expect(table(["NAME"], [["abcdefgh"]], 5)).toBe("NAME\nabcd…\n");
  });
});

test.each([
  [0, "0 s"],
  [59, "59 s"],
  [60, "1 m 0 s"],
  [3661, "1 h 1 m"],
  [93784, "1 d 2 h"],
])("%i seconds are %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test("a streamed list is cut into its objects, wherever the chunks end", () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(fc.array(object), fc.boolean(), fc.array(fc.nat(40)), (objects, asLines, cuts) => {
      const parts = objects.map((item) => JSON.stringify(item));
      const text = asLines ? parts.map((part) => `${part}\n`).join("") : `[${parts.join(",\n")}]`;
      const splitter = new ItemSplitter();
      const items: unknown[] = [];
      let at = 0;
      for (const cut of [...cuts, text.length]) {
        for (const item of splitter.push(text.slice(at, at + cut))) items.push(JSON.parse(item));
        at += cut;
      }
      expect(items).toEqual(parts.map((part) => JSON.parse(part)));
    }),
  );
});

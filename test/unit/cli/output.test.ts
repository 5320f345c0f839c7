// Pieces of the command line's output: tables, durations, and the cutting of streamed lists.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ItemSplitter } from "../../../control/cli/items.js";
import { duration, facts, shortNumber, TableStream, table } from "../../../control/cli/table.js";

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

  test("fits the terminal: texts are cut first, the longest first of all", () => {
    const rows = [["abcdefghijklm", "short", 1234567]];
    expect(table(["NAME", "TEXT", "N"], rows, 29)).toBe(
      "NAME           TEXT         N\nabcdefghijklm  short  1234567\n",
    );
    expect(table(["NAME", "TEXT", "N"], rows, 27)).toBe("NAME         TEXT         N\nabcdefghij…  short  1234567\n");
  });

  test("then numbers are short, then lines end at the edge", () => {
    const rows = [["abcdefghijklm", "short", 1234567]];
    expect(table(["NAME", "TEXT", "N"], rows, 21)).toBe("NAME     TEXT       N\nabcdef…  short  1.23M\n");
    expect(table(["NAME"], [["abcdefgh"]], 5)).toBe("NAME\nabcd…\n");
  });

  test("no line is ever wider than the terminal, and none is cut in a pipe", () => {
    const cell = fc.oneof(fc.string({ maxLength: 40 }), fc.nat());
    const rows = fc.array(fc.tuple(fc.string(), cell, fc.nat(), cell));
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 120 }), (rows, columns) => {
        const heading = ["FIRST", "SECOND", "THIRD", "FOURTH"];
        for (const line of table(heading, rows, columns).split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
        const whole = table(heading, rows, Number.POSITIVE_INFINITY);
        for (const cell of rows.flat()) expect(whole).toContain(String(cell).trimEnd());
      }),
    );
  });

  test("of a stream is the same, whether the rows wait or not", () => {
    for (const rowCount of [0, 1, 499, 500, 501, 1200]) {
      const rows = Array.from({ length: rowCount }, (_, i) => [`name${i % 10}`, i % 10]);
      const stream = new TableStream(["NAME", "N"], 80);
      const text = rows.map((row) => stream.push(row)).join("") + stream.end();
      expect(text).toBe(table(["NAME", "N"], rows, 80));
    }
  });
});

test("facts are wrapped between words", () => {
  const rows = [
    ["a", "one two three"],
    ["bcd", 5],
  ] as const;
  expect(facts(rows, 12)).toBe("a    one two\n     three\nbcd  5\n");
  expect(facts(rows, 100)).toBe("a    one two three\nbcd  5\n");
});

test.each([
  [0, "0"],
  [999, "999"],
  [1000, "1.00k"],
  [99_949, "99.9k"],
  [999_499, "999k"],
  [999_500, "1.00M"],
  [4_567_000_000, "4.57G"],
])("%i is %s for short", (value, text) => {
  expect(shortNumber(value)).toBe(text);
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

// Leaving out the tokens of blank lines and comments changes nothing: the library's own parser is the slow twin, for random texts of
// everything that has to do with lines, whole or broken.

import fc from "fast-check";
import { expect, it } from "vitest";
import { Composer, isMap, isNode, isPair, isScalar, isSeq, LineCounter, Parser } from "yaml";
import { ConfigParser } from "../../../control/config/yaml-parser.js";

const RUNS = 2000;
const OPTIONS = { uniqueKeys: false, stringKeys: true, resolveKnownTags: false };

/** What a config's reader takes from a text: values, their places, where the lines begin; nothing of a broken one, of which both may say other things. */
function read(text: string, make: (onLine: (offset: number) => void) => Parser): unknown {
  const lines = new LineCounter();
  const parser = make(lines.addNewLine);
  const documents = [
    ...new Composer({ ...OPTIONS, lineCounter: lines }).compose(parser.parse(text), true, text.length),
  ];
  if (documents.some(({ errors, warnings }) => errors.length + warnings.length > 0)) return "broken";
  return [lines.lineStarts, documents.map(({ range, contents }) => [range[0], describeNode(contents)])];
}

function describeNode(node: unknown): unknown {
  if (isPair(node)) return { key: describeNode(node.key), value: describeNode(node.value) };
  if (!isNode(node)) return node;
  const [start, end] = node.range ?? [];
  // What is missing has its place somewhere in front of what comes next.
  if (isScalar(node)) return node.source === "" ? "missing" : [start, end, node.value, node.source];
  if (isMap(node) || isSeq(node)) return [start, node.items.map(describeNode)];
  return [start, String(node)];
}

const part = fc.constantFrom(
  ...[
    "",
    "# a: b",
    "#",
    "a: 1",
    "b:",
    "- c",
    "- d: 2",
    "-",
    "- # c",
    "-   - e",
    "? f",
    ": g",
    "{ h: 1,",
    "i: [j,",
    "k ]",
    "}",
  ],
  ...[
    "]",
    ",",
    "l: |",
    "m: >-",
    'n: "o',
    'p"',
    "q: 'r # s",
    "t'",
    "u # v",
    "w: x#y",
    "---",
    "...",
    "%YAML 1.2",
    "&z",
    "*z",
    "!t",
  ],
  ...['"a"#b', "{}", "[ ]#c", "\ta: 1", "\t# d", "a: \t# e", "  "],
);
const indent = fc.constantFrom("", "", " ", "  ", "  ", "    ", "\t", "  \t");
const end = fc.constantFrom("\n", "\n", "\n", "\r\n", "\n\n", "\n#\n", "\n  # f\n", "");
const text = fc
  .array(fc.tuple(indent, part, fc.constantFrom("", "", " ", " # g"), end), { maxLength: 14 })
  .map((lines) =>
    lines
      .flat()
      .join("")
      .replace(/[ \t]+$/, ""),
  ); // which the library may take for indentation

type Tree = string | readonly Tree[] | { readonly map: readonly Tree[] };

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(
      "1",
      "x#y",
      "z # a",
      '"b # c"',
      "&d e",
      "|\n# f\n\n  g",
      '"h\n\n# i"',
      "[ j,\n# k\n\nl ]",
      "{ m: n,\n\no: p }",
    ),
    fc.array(tie("tree"), { minLength: 1, maxLength: 4 }),
    fc.record({ map: fc.array(tie("tree"), { minLength: 1, maxLength: 4 }) }),
  ),
}));

/** Lines of a tree, indented as an editor does; the first key of a map stands beside its dash. */
function linesOf(value: Tree, pad: string): string[] {
  if (typeof value === "string") return [value.replaceAll(/\n(?!\n)/g, `\n${pad}  `)];
  const isList = Array.isArray(value);
  const items = isList ? (value as readonly Tree[]) : (value as { map: readonly Tree[] }).map;
  return items.flatMap((item, n) => {
    const [first = "", ...rest] = linesOf(item, `${pad}  `);
    const start = isList ? `${pad}-` : `${pad}k${n}:`;
    if (typeof item === "string") return [`${start} ${first}`, ...rest];
    return isList ? [`${start} ${first.trimStart()}`, ...rest] : [start, first, ...rest];
  });
}

const idle = fc.constantFrom(
  "",
  "",
  "",
  "\n",
  "\n# q: r",
  "\n  # s",
  "\n      #",
  "\n   ",
  "\n\t",
  "\n\t# t",
  "\r\n\r\n# u\r\n",
);

it("reads every text as the library does", () => {
  fc.assert(
    fc.property(text, (yaml) => {
      expect(read(yaml, (onLine) => new ConfigParser(onLine))).toEqual(read(yaml, (onLine) => new Parser(onLine)));
    }),
    { numRuns: RUNS },
  );
});

it("reads whole texts as the library does, wherever idle lines stand", () => {
  let whole = 0;
  const property = fc.property(tree, fc.array(idle, { minLength: 1, maxLength: 20 }), (root, between) => {
    const yaml = linesOf(root, "")
      .map((line, n) => `${line}${between[n % between.length]}\n`)
      .join("");
    const expected = read(yaml, (onLine) => new Parser(onLine));
    if (expected !== "broken") whole++;
    expect(read(yaml, (onLine) => new ConfigParser(onLine))).toEqual(expected);
  });
  fc.assert(property, { numRuns: RUNS });
  expect(whole).toBeGreaterThan(RUNS / 2);
});

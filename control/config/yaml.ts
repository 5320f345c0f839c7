// YAML text to plain values, with the place of every key. The reader is YAML 1.2 with a short temper: what two YAML
// readers would take for different things is a mistake here, not a guess.
//
// Values are built by hand from the document's nodes rather than by `toJS`, so that aliases have a budget (a
// "billion laughs" file ends with an error, not with the memory), keys are texts, and a number keeps its spelling:
// `vni: 0100` is 100 to one reader and 64 to another.

import { isAlias, isMap, isNode, isScalar, isSeq, type Scalar } from "yaml";
import type { Path, Problems } from "./problems.js";
import { readDocument } from "./yaml-document.js";

/* Our choices. */
const ALIASED_NODES_MAX = 100_000; // nodes made by following aliases
const DEPTH_MAX = 32; // of aliases too; the config needs 6

export interface YamlText {
  /** Maps as objects, sequences as arrays; undefined if the text is not YAML. */
  readonly value: unknown;
  /** Of syntax and of what YAML readers disagree on; the caller adds what it finds. */
  readonly problems: Problems;
  /** Where numbers stand that are not plain decimal digits: hexadecimal, leading zeros, exponents. */
  readonly oddNumbers: readonly Path[];
}

export function readYaml(text: string, file?: string): YamlText {
  const { document, problems } = readDocument(text, file);
  if (document === undefined) return { value: undefined, problems, oddNumbers: [] };
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    problems.error("ERR_CONFIG_SYNTAX", [], "the file is empty", { value: null, allowed: "at least the key local" });
    return { value: undefined, problems, oddNumbers: [] };
  }
  const builder = new Builder(problems);
  const value = builder.build(contents, [], 0, false);
  return { value: builder.refused ? undefined : value, problems, oddNumbers: builder.oddNumbers };
}

class Builder {
  readonly oddNumbers: Path[] = [];
  /** Nobody should look at the value. */
  refused = false;
  #aliased = 0;
  /** The last node before here that has the anchor. */
  readonly #anchors = new Map<string, unknown>();

  constructor(readonly problems: Problems) {}

  build(node: unknown, path: Path, depth: number, aliased: boolean): unknown {
    if (this.refused) return undefined;
    if (depth > DEPTH_MAX) return this.#refuse(path, "is nested too deeply");
    if (aliased && ++this.#aliased > ALIASED_NODES_MAX) {
      return this.#refuse([], `aliases stand for more than ${ALIASED_NODES_MAX} values`);
    }
    if (isAlias(node)) {
      if (!this.#anchors.has(node.source)) return this.#refuse(path, "this alias names no anchor before it");
      return this.build(this.#anchors.get(node.source), path, depth + 1, true);
    }
    if (!aliased && isNode(node) && "anchor" in node && node.anchor) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return this.#scalar(node, path);
    if (isSeq(node)) return node.items.map((item, i) => this.build(item, [...path, i], depth + 1, aliased));
    if (!isMap(node)) return null;
    const object: Record<string, unknown> = {};
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : "";
      const keyPath = [...path, key];
      if (Object.hasOwn(object, key)) {
        const detail = { value: null, of: "key", allowed: "each key once in a map" } as const;
        this.problems.error("ERR_CONFIG_DUPLICATE", keyPath, "stands here twice", detail);
        continue;
      }
      const value = this.build(pair.value, keyPath, depth + 1, aliased);
      // Not an assignment: `__proto__` is a key like any other, and an unknown one.
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
    }
    return object;
  }

  #scalar(node: Scalar, path: Path): unknown {
    const odd = typeof node.value === "number" && !/^-?(0|[1-9]\d*)$/.test(node.source ?? "0");
    if (odd) this.oddNumbers.push(path);
    return node.value;
  }

  #refuse(path: Path, message: string): undefined {
    this.refused = true;
    this.problems.error("ERR_CONFIG_SYNTAX", path, message, { value: null });
  }
}

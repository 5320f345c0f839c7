// YAML text to plain values, with the place of every key. The reader is YAML 1.2 with a short temper: what two YAML
// readers would take for different things is a mistake here, not a guess.
//
// Values are built by hand from the document's nodes rather than by `toJS`, so that aliases have a budget (a
// "billion laughs" file ends with an error, not with the memory), keys are texts, and a number keeps its spelling:
// `vni: 0100` is 100 to one reader and 64 to another.

import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLError,
} from "yaml";
import { clip, type Path, Problems, type Source, show } from "./problems.js";

/* Our choices. */
const ALIASED_NODES_MAX = 100_000; // nodes made by following aliases
const DEPTH_MAX = 32; // the config needs 6
const SPELLING_CHARS = 200;

export interface YamlText {
  /** Maps as objects, sequences as arrays; undefined if the text is not YAML. */
  readonly value: unknown;
  /** Of syntax and of what YAML readers disagree on; the caller adds what it finds. */
  readonly problems: Problems;
  /** Where numbers stand that are not plain decimal digits: hexadecimal, leading zeros, exponents. */
  readonly oddNumbers: readonly Path[];
}

export function readYaml(text: string, file?: string): YamlText {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: true } as const;
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { ...options, resolveKnownTags: false, logLevel: "error" });
  } catch (error) {
    // The parser is recursive: a text of nothing but brackets exhausts the stack.
    const problems = new Problems({ file, locate: () => undefined, spelling: () => undefined });
    problems.error("ERR_CONFIG_SYNTAX", [], `cannot be read as YAML: ${String(error)}`);
    return { value: undefined, problems, oddNumbers: [] };
  }
  const nodes = new DocumentSource(document, text, lines, file);
  const problems = new Problems(nodes);
  for (const error of syntaxErrors(document)) reportSyntax(error, nodes, problems);
  const version = document.directives.yaml;
  if (version.explicit && version.version !== "1.2") {
    problems.error("ERR_CONFIG_SYNTAX", [], "is read as YAML 1.2 only", { value: `%YAML ${version.version}` });
  }
  if (problems.errors.length > 0) return { value: undefined, problems, oddNumbers: [] };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    problems.error("ERR_CONFIG_SYNTAX", [], "the file is empty", { value: null, allowed: "at least the key local" });
    return { value: undefined, problems, oddNumbers: [] };
  }
  const builder = new Builder(problems);
  const value = builder.build(document.contents, [], 0, false);
  return { value: builder.refused ? undefined : value, problems, oddNumbers: builder.oddNumbers };
}

/** What the library says in its own words, for the mistakes that people make most. */
const SYNTAX: Partial<Record<YAMLError["code"], string>> = {
  TAB_AS_INDENT: "a tab cannot indent; use spaces",
  MULTIPLE_DOCS: "a second document begins here; a config is one document",
  BAD_ALIAS: "this alias names no anchor before it",
  TAG_RESOLVE_FAILED: "this tag has no meaning here",
  NON_STRING_KEY: "a key is a plain text",
  BAD_SCALAR_START: "a text that begins with this character wants quotes",
  RESOURCE_EXHAUSTION: "is nested too deeply",
};

/** The first at each place: the parser stumbles on the same stone more than once. */
function syntaxErrors(document: Document.Parsed): YAMLError[] {
  const errors = new Map<number, YAMLError>();
  for (const error of [...document.errors, ...document.warnings]) {
    if (!errors.has(error.pos[0])) errors.set(error.pos[0], error);
  }
  return [...errors.values()];
}

function reportSyntax(error: YAMLError, nodes: DocumentSource, problems: Problems): void {
  const message = SYNTAX[error.code] ?? error.message;
  problems.errors.push({
    code: "ERR_CONFIG_SYNTAX",
    path: "",
    message,
    ...(nodes.file === undefined ? {} : { file: nodes.file }),
    ...nodes.placeOf(error.pos[0]),
  });
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
    if (isAlias(node)) return this.build(this.#anchors.get(node.source), path, depth + 1, true);
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

/** Finds places and spellings on demand: a config without mistakes never asks. */
class DocumentSource implements Source {
  constructor(
    readonly document: Document.Parsed,
    readonly text: string,
    readonly lines: LineCounter,
    readonly file: string | undefined,
  ) {}

  locate(path: Path, of: "key" | "value"): { line: number; column: number } | undefined {
    const { key, node } = this.#find(path);
    const offset = ((of === "key" ? (key ?? node) : (node ?? key)) as Node | undefined)?.range?.[0];
    if (offset !== undefined) return this.placeOf(offset);
    return path.length === 0 ? undefined : this.locate(path.slice(0, -1), "key");
  }

  spelling(path: Path): string | undefined {
    const { node } = this.#find(path);
    if (node == null) return undefined;
    if (isScalar(node) && typeof node.value === "string") return show(node.value);
    const [start = 0, end = 0] = (node as Node).range ?? [];
    return clip(
      this.text
        .slice(start, Math.min(end, start + SPELLING_CHARS))
        .trim()
        .replace(/\s+/g, " "),
    );
  }

  placeOf(offset: number): { line: number; column: number } {
    const { line, col } = this.lines.linePos(offset);
    return { line, column: col };
  }

  /** The value's node at a path, and its key's; for a key that stands there twice, the last one's. */
  #find(path: Path): { key?: unknown; node?: unknown } {
    let key: unknown;
    let node: unknown = this.document.contents;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.document);
      if (isSeq(node) && typeof step === "number") {
        [key, node] = [undefined, node.items[step]];
        continue;
      }
      const pair = isMap(node)
        ? node.items.findLast((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === step)
        : undefined;
      [key, node] = [pair?.key, pair?.value];
    }
    return { key, node };
  }
}

// YAML text to a document of nodes that know their place, with what is wrong in its syntax.
//
// The library's composer is recursive, and a stack that is nearly exhausted kills the whole process as soon as V8 has to
// compile a regular expression there. So nesting is counted while the tokens are still a flat stream.

import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  type YAMLError,
} from "yaml";
import { clip, type Path, Problems, type Source, show } from "./problems.js";

/* Our choices. */
const STACK_MAX = 80; // open tokens of the parser: up to three a level, and the config has six levels
const SPELLING_CHARS = 200;

/** The document, and its problems so far; no document if there are any. */
export function readDocument(text: string, file?: string): { document?: Document.Parsed; problems: Problems } {
  const lines = new LineCounter();
  const parser = new ShallowParser(lines.addNewLine);
  const composer = new Composer({ lineCounter: lines, uniqueKeys: false, stringKeys: true, resolveKnownTags: false });
  const documents: Document.Parsed[] = [];
  try {
    for (const document of composer.compose(parser.parse(text), true, text.length)) documents.push(document);
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    const problems = new Problems(new DocumentSource(undefined, text, lines, file));
    report(problems, lines, "is nested too deeply", parser.offset);
    return { problems };
  }
  const [document, second] = documents;
  const problems = new Problems(new DocumentSource(document, text, lines, file));
  for (const error of syntaxErrors(documents, text)) {
    report(problems, lines, SYNTAX[error.code] ?? error.message, error.pos[0]);
  }
  if (second) report(problems, lines, "a second document begins here; a config is one document", second.range[0]);
  const version = document?.directives.yaml;
  if (version?.explicit && version.version !== "1.2") report(problems, lines, "a config is YAML 1.2", 0);
  return problems.errors.length === 0 && document ? { document, problems } : { problems };
}

class TooDeep extends Error {}

class ShallowParser extends Parser {
  override *next(source: string): Generator<Token, void> {
    yield* super.next(source);
    if (this.stack.length > STACK_MAX) throw new TooDeep();
  }
}

type Token = ReturnType<Parser["next"]> extends Generator<infer T> ? T : never;

/** What the library says in its own words, for the mistakes that people make most. */
const SYNTAX: Partial<Record<YAMLError["code"], string>> = {
  TAB_AS_INDENT: "a tab cannot indent; use spaces",
  BAD_ALIAS: "this alias names no anchor before it",
  BLOCK_AS_IMPLICIT_KEY: 'a second colon in one line: a text with a colon wants quotes, as in "fd00::"',
  TAG_RESOLVE_FAILED: "this tag has no meaning here",
  NON_STRING_KEY: "a key is a plain text",
  BAD_SCALAR_START: "a text that begins with this character wants quotes",
  RESOURCE_EXHAUSTION: "is nested too deeply",
};

/** The first at each place: the composer stumbles on the same stone more than once, and behind a wrong indentation sees keys in keys. */
function syntaxErrors(documents: readonly Document.Parsed[], text: string): YAMLError[] {
  const errors = new Map<number, YAMLError>();
  for (const error of documents.flatMap((document) => [...document.errors, ...document.warnings])) {
    if (!errors.has(error.pos[0])) errors.set(error.pos[0], error);
  }
  const all = [...errors.values()];
  const isEcho = ({ code, pos }: YAMLError) => code === "BLOCK_AS_IMPLICIT_KEY" && !hasTwoColons(lineAt(text, pos[0]));
  return all.every(isEcho) ? all : all.filter((error) => !isEcho(error));
}

function lineAt(text: string, offset: number): string {
  return /^[^\r\n]*/.exec(text.slice(text.lastIndexOf("\n", offset - 1) + 1))?.[0] ?? "";
}

function hasTwoColons(line: string): boolean {
  return (line.match(/:(\s|$)/g) ?? []).length > 1;
}

function report(problems: Problems, lines: LineCounter, message: string, offset: number): void {
  const { file } = problems.source;
  const { line, col } = lines.linePos(offset);
  const place = { ...(file === undefined ? {} : { file }), line, column: col };
  problems.errors.push({ code: "ERR_CONFIG_SYNTAX", path: "", message, ...place });
}

/** Finds places and spellings on demand: a config without mistakes never asks. */
class DocumentSource implements Source {
  constructor(
    readonly document: Document.Parsed | undefined,
    readonly text: string,
    readonly lines: LineCounter,
    readonly file: string | undefined,
  ) {}

  locate(path: Path, of: "key" | "value"): { line: number; column: number } | undefined {
    const { key, node } = this.#find(path);
    const offset = ((of === "key" ? (key ?? node) : (node ?? key)) as Node | undefined)?.range?.[0];
    if (offset !== undefined) {
      const { line, col } = this.lines.linePos(offset);
      return { line, column: col };
    }
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

  /** The value's node at a path, and its key's; for a key that stands there twice, the last one's. */
  #find(path: Path): { key?: unknown; node?: unknown } {
    let key: unknown;
    let node: unknown = this.document?.contents;
    for (const step of path) {
      if (isAlias(node)) node = this.document && node.resolve(this.document);
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

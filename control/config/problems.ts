// Collects what is wrong with a config, each with its path and, where the config came from a file, its place there.
//
// All mistakes are reported at once, in the order of the file. A path has at most one problem: the first, since
// what is said of it later rests on the first.

import type { ConfigProblem, ErrorCode } from "../errors.js";

/** Keys and indices from the document's root. */
export type Path = readonly (string | number)[];

/** Where a config was read from: a file, or nowhere (an API request). */
export interface Source {
  readonly file?: string;
  /** Place of the value at a path, or of its key; of the innermost present parent where it is missing. */
  locate(path: Path, of: "key" | "value"): { line: number; column: number } | undefined;
  /** The value as it is spelled there. */
  spelling(path: Path): string | undefined;
}

export const NOWHERE: Source = { locate: () => undefined, spelling: () => undefined };

export interface Detail {
  /** Default: the value's spelling. null: there is no value to show. */
  readonly value?: string | null;
  readonly allowed?: string;
  readonly suggestion?: string;
  readonly of?: "key" | "value";
}

export class Problems {
  readonly errors: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];
  readonly #paths = new Set<string>();

  constructor(readonly source: Source = NOWHERE) {}

  error(code: ErrorCode, path: Path, message: string, detail: Detail = {}): void {
    const problem = this.#problem(code, path, message, detail);
    if (this.#paths.has(problem.path)) return;
    this.#paths.add(problem.path);
    this.errors.push(problem);
  }

  warn(code: ErrorCode, path: Path, message: string, detail: Detail = {}): void {
    this.warnings.push(this.#problem(code, path, message, detail));
  }

  /** Both lists in the order of the file. */
  sort(): void {
    const order = (a: ConfigProblem, b: ConfigProblem) =>
      (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
    this.errors.sort(order);
    this.warnings.sort(order);
  }

  #problem(code: ErrorCode, path: Path, message: string, detail: Detail): ConfigProblem {
    const { value = this.source.spelling(path), allowed, suggestion, of = "value" } = detail;
    return {
      code,
      path: formatPath(path),
      ...(value == null ? {} : { value }),
      message,
      ...(allowed === undefined ? {} : { allowed }),
      ...(suggestion === undefined ? {} : { suggestion }),
      ...(this.source.file === undefined ? {} : { file: this.source.file }),
      ...this.source.locate(path, of),
    };
  }
}

/** `networks[0].flood.vteps[1]` */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[\w-]+$/.test(step)) return `${text}[${show(step, true)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

const SHOWN_CHARS = 80;

/** A value on one line of a terminal: no control or bidirectional characters, and not without end. */
export function show(value: unknown, quoted = false): string {
  const plain = typeof value === "string" && !quoted && /^[^\s"']+$/.test(value) && !likeOther(value);
  return clip(plain ? value : stringify(value));
}

function stringify(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part)) ?? String(value);
}

/** A text made fit for one line. */
export function clip(text: string): string {
  const safe = text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
  return safe.length <= SHOWN_CHARS ? safe : `${safe.slice(0, SHOWN_CHARS - 1)}…`;
}

/** A text that without quotes would be a number or a word of YAML's. */
function likeOther(text: string): boolean {
  return !Number.isNaN(Number(text)) || /^(true|false|null|~)$/i.test(text);
}

/** `a`, `a or b`, `a, b or c` */
export function either(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

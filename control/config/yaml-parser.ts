// The library's parser of YAML, with bounds. Its composer is recursive, and a stack that is nearly exhausted kills the whole process as soon
// as V8 has to compile a regular expression there; so nesting is counted while the tokens are still a flat stream.
//
// Lines that are blank, or only a comment, say nothing of a config, but cost as much as others: the library keeps all their tokens, in case
// somebody wants to write the file again. They go no farther than here, but inside of brackets, where the library wants them to find mistakes.
// No value changes, and no place: what looks like a comment inside a text has become part of the text's token before.

import { Parser } from "yaml";

/* Our choice: up to three a level, and the config has six levels. */
const STACK_MAX = 80; // open tokens

const HASH = 0x23;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
/* Of the library: a mark between tokens, which has no place in the text. */
const MARK_DOCUMENT = 0x02;

/** The text is nested too deeply, at the parser's `offset`. */
export class TooDeep extends Error {}

type Token = ReturnType<Parser["next"]> extends Generator<infer T> ? T : never;

export class ConfigParser extends Parser {
  readonly #onLine: (offset: number) => void;
  /** Nothing but white space has come in this line, which is not inside of brackets. */
  #isLineStart = true;
  /** White space at a line's start, until it is known what follows; nothing, if the text ends there. */
  #indentation: string[] = [];

  /** @param onLine called with the offset of each line's start */
  constructor(onLine: (offset: number) => void) {
    super(onLine);
    this.#onLine = onLine;
  }

  /** @throws TooDeep */
  override *next(source: string): Generator<Token, void> {
    if (this.#isLineStart && this.#isIdle(source)) return;
    if (this.#indentation.length > 0) for (const space of this.#indentation.splice(0)) yield* super.next(space);
    yield* super.next(source);
    if (this.stack.length > STACK_MAX) throw new TooDeep();
    const first = source.charCodeAt(0);
    if (first === LF || first === CR) this.#isLineStart = !this.stack.some(({ type }) => type === "flow-collection");
    else if (first !== MARK_DOCUMENT) this.#isLineStart = false;
  }

  /** Keeps a token of a line's start that says nothing, or may yet prove to. */
  #isIdle(source: string): boolean {
    switch (source.charCodeAt(0)) {
      case SPACE:
      case TAB:
        this.#indentation.push(source);
        return true;
      case HASH:
        this.#skip(source);
        return true;
      case LF:
      case CR:
        this.#skip(source);
        this.#onLine(this.offset);
        return true;
      default:
        return false;
    }
  }

  #skip(source: string): void {
    for (const space of this.#indentation) this.offset += space.length;
    this.#indentation = [];
    this.offset += source.length;
  }
}

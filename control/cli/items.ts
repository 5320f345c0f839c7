// Cuts a streamed list into its objects. The API sends lists as NDJSON, or as a JSON array if it knows no NDJSON; both
// are objects with something between them, so one cutter reads both, and nothing larger than one object is ever kept.

/** What may stand between two objects. */
const BETWEEN = "[], \t\r\n";

/** Cuts a stream of objects (in an array, or a line each) into the text of each object. @throws SyntaxError if it is none */
export class ItemSplitter {
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  #item = "";

  *push(chunk: string): Generator<string> {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const char = chunk[i];
      if (this.#isString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (char === "\\") this.#isEscaped = true;
        else if (char === '"') this.#isString = false;
      } else if (char === '"') this.#isString = true;
      else if (char === "{" && this.#depth++ === 0) start = i;
      else if (char === "}" && --this.#depth === 0) {
        yield this.#item + chunk.slice(start, i + 1);
        this.#item = "";
      } else if (this.#depth <= 0 && !BETWEEN.includes(char ?? "")) throw new SyntaxError(`${char} between objects`);
    }
    if (this.#depth > 0) this.#item += chunk.slice(start);
  }

  /** The stream is over. @throws SyntaxError if that is too early */
  end(): void {
    if (this.#depth !== 0) throw new SyntaxError("ends within an object");
  }
}

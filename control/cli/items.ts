// Cuts a streamed list into its objects. The API sends lists as NDJSON, or as a JSON array if it knows no NDJSON; both
// are objects with something between them, so one cutter reads both, and nothing larger than one object is ever kept.

/** Cuts a stream of objects (in an array, or a line each) into the text of each object. */
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
      }
    }
    if (this.#depth > 0) this.#item += chunk.slice(start);
  }
}

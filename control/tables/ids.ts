// Dense ids with reuse: the smallest numbers stay in use, so tables stay short and their pages few. Id 0 always
// means `none`.

import { VxlaneError } from "../errors.js";

export class Ids {
  readonly #what: string;
  readonly #max: number;
  readonly #free: number[] = [];
  #next = 1;

  /** @param max one more than the largest id  @param what for the error's message, as in `networks` */
  constructor(max: number, what: string) {
    this.#max = max;
    this.#what = what;
  }

  /** @throws ERR_LIMIT */
  take(): number {
    const id = this.#free.pop() ?? this.#next;
    if (id >= this.#max) throw new VxlaneError("ERR_LIMIT", `no more than ${this.#max - 1} ${this.#what} at a time`);
    if (id === this.#next) this.#next++;
    return id;
  }

  give(id: number): void {
    this.#free.push(id);
  }
}

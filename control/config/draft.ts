// A config that may still be wrong anywhere, looked at without trusting it. The rules between values read it this
// way, so that one wrong value does not hide the mistakes elsewhere: what cannot be read is undefined, and a rule
// says nothing of it (shape.ts has).

import { type FormatName, readFormat } from "./formats.js";
import type { Path } from "./problems.js";

export class Draft {
  constructor(
    readonly value: unknown,
    readonly path: Path = [],
  ) {}

  get(key: string): Draft {
    const { value } = this;
    const present = typeof value === "object" && value !== null && Object.hasOwn(value, key);
    return new Draft(present ? (value as Record<string, unknown>)[key] : undefined, [...this.path, key]);
  }

  /** The entries of a list; none if it is no list. */
  items(): Draft[] {
    return Array.isArray(this.value) ? this.value.map((item, i) => new Draft(item, [...this.path, i])) : [];
  }

  get present(): boolean {
    return this.value !== undefined;
  }

  /** The normal form of a text of that format. */
  read<N extends FormatName>(format: N): ReturnType<typeof readFormat<N>> {
    return readFormat(format, this.value);
  }

  whole(): number | undefined {
    return Number.isInteger(this.value) ? (this.value as number) : undefined;
  }
}

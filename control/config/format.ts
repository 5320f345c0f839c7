// What a text format is: the right reading of a text, or what is wrong with it.

export interface Wrong {
  readonly message: string;
  readonly suggestion?: string;
}

export interface Format<T> {
  /** What is right, for people. */
  readonly allowed: string;
  read(text: string): { readonly value: T } | Wrong;
}

/** A suggestion, if there is one. */
export function suggest(suggestion: string | undefined | null): { suggestion?: string } {
  return suggestion == null ? {} : { suggestion };
}

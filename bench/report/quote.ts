// What the README has of bench/RESULTS.md: its part in short, word for word, so that the README says nothing of its own
// about speed. A test holds the two together.

import { SHORT_BEGIN, SHORT_END } from "./markdown.js";

export const RESULTS = "bench/RESULTS.md";
export const README = "README.md";

/** @throws if it has no such part */
export function shortPart(page: string, name: string): string {
  const [from, to] = [page.indexOf(SHORT_BEGIN), page.indexOf(SHORT_END)];
  if (from < 0 || to < from) throw new Error(`${name} has no part from ${SHORT_BEGIN} to ${SHORT_END}`);
  return page.slice(from, to + SHORT_END.length);
}

export function quote(results: string, readme: string): string {
  // A function, because in a string `$` means something.
  return readme.replace(shortPart(readme, README), () => shortPart(results, RESULTS));
}

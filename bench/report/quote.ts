// `npm run results` ends with this: puts what bench/RESULTS.md has in short into the README, so that the README quotes the
// results and says nothing of its own. A test holds the two together.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SHORT_BEGIN, SHORT_END } from "./markdown.js";

const RESULTS = "bench/RESULTS.md";
const README = "README.md";

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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = new URL("../../../", import.meta.url); // of dist/bench/report/
  const [results, readme] = [RESULTS, README].map((name) => readFileSync(new URL(name, root), "utf8"));
  writeFileSync(new URL(README, root), quote(results ?? "", readme ?? ""));
}

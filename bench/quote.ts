// `npm run quote`, and the end of `npm run results`: puts what bench/RESULTS.md has in short into the README.

import { readFileSync, writeFileSync } from "node:fs";
import { quote, README, RESULTS } from "./report/quote.js";

const root = new URL("../../", import.meta.url); // of dist/bench/
const [results, readme] = [RESULTS, README].map((name) => readFileSync(new URL(name, root), "utf8"));
writeFileSync(new URL(README, root), quote(results ?? "", readme ?? ""));

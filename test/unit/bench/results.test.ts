// The page of results, and what the README quotes of it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { combine, reportAgain } from "../../../bench/report/again.js";
import { toHtml } from "../../../bench/report/html.js";
import { toMarkdown } from "../../../bench/report/markdown.js";
import { quote, shortPart } from "../../../bench/report/quote.js";
import { readReport } from "../../../bench/report/read.js";
import type { Report } from "../../../bench/report/schema.js";
import { toText } from "../../../bench/report/text.js";
import { addAll, everything, NO_OVS, newRun, reportOf } from "./made.js";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "vxlane-test-results-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** One flow of TCP through the kernel and through vxlane, and a floor that one of them misses. */
function path(): Report {
  const run = newRun();
  const options = { unit: "Gbit/s", better: "higher", baseline: "kernel" } as const;
  const out = run.measure({ id: "tcp-1-out", title: "TCP out", ...options });
  addAll(out, "kernel", [16, 16, 16]);
  addAll(out, "vxlane udp", [8, 8, 8]);
  addAll(out, "vxlane udp busyPoll", [8, 8, 8]);
  out.absent("ovs", NO_OVS);
  const flows = run.measure({ id: "tcp-8-out", title: "TCP, 8 flows", ...options });
  addAll(flows, "kernel", [17]);
  addAll(out, "C loop", [8.8, 8.8, 8.8]);
  for (const round of [0, 1, 2]) out.ceiling(round, 16);
  const floor = { measure: out, contender: "vxlane udp", of: "ratio", relation: "at least" } as const;
  for (const limit of [0.4, 0.6]) run.floor({ ...floor, limit, inC: "C loop" });
  run.floor({ ...floor, limit: 1.1, isBelowCeiling: true });
  run.headline("one TCP flow out: 8 Gbit/s");
  return reportOf(run, {}, "path");
}

describe("Markdown", () => {
  test("every row has the columns of its head", () => {
    const markdown = toMarkdown(reportOf(everything()));
    const table = markdown.split("\n").filter((line) => line.startsWith("| ") && line.includes("Gbit/s |"));
    expect(table).toHaveLength(6);
    for (const row of table) expect(row.split(" | ")).toHaveLength(9);
    expect(markdown).toContain(`absent: ${NO_OVS}`);
  });

  test("in short: the contenders side by side, and the floors that are missed", () => {
    const text = shortPart(toMarkdown(path()), "it").split("\n");
    expect(text).toContain("|  | kernel | ovs | vxlane udp |");
    expect(text).toContain("| TCP out, Gbit/s | 16.0 | absent | 8.00 (0.500) |");
    expect(text.join()).not.toContain("8 flows");
    expect(text).toContain("1 of 2 floors that the project states hold; these do not:");
    expect(text).toContain("- TCP out: vxlane udp at least 0.6 x kernel: is 0.500; the same loop in C: 0.550");
    expect(text.slice(text.indexOf("Not judged in this run:"))).toContain(
      "- TCP out: vxlane udp at least 1.1 x kernel: is 0.500; not judged: the generator's ceiling allows 1",
    );
  });

  test("the other forms say the same of floors", async () => {
    const [missed, unjudged] = ["is 0.500; the same loop in C: 0.550", "not judged: the generator's ceiling allows 1"];
    const lines = toText(path()).split("\n");
    expect(lines).toContain(`MISSED      TCP out: vxlane udp at least 0.6 x kernel: ${missed}`);
    expect(lines).toContain(`not judged  TCP out: vxlane udp at least 1.1 x kernel: is 0.500; ${unjudged}`);
    const page = await toHtml(path());
    expect(page).toContain(`<li>TCP out: vxlane udp at least 0.6 x kernel: ${missed}</li>`);
    expect(page).toMatch(/<td class="">not judged<\/td>.*<td>the generator&#39;s ceiling allows 1<\/td>/);
  });

  test("floors first, reached or missed, then the sentences, then every figure", () => {
    const page = toMarkdown(path());
    const places = [
      "| reached | path | TCP out: vxlane udp at least 0.4 x kernel | 0.500 |",
      "| **missed** | path | TCP out: vxlane udp at least 0.6 x kernel | 0.500 | 0.550 |  |",
      "| not judged | path | TCP out: vxlane udp at least 1.1 x kernel | 0.500 |  | the generator's ceiling allows 1 |",
      "- one TCP flow out: 8 Gbit/s",
      "| TCP out `tcp-1-out` | kernel | 16.0 |",
      "## Environment",
    ].map((text) => page.indexOf(text));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });
});

describe("the README", () => {
  const [results, readme] = ["bench/RESULTS.md", "README.md"].map((name) =>
    readFileSync(new URL(`../../../${name}`, import.meta.url), "utf8"),
  ) as [string, string];

  test("quotes the results, and nothing else", () => {
    expect(shortPart(readme, "README.md")).toBe(shortPart(results, "bench/RESULTS.md"));
    expect(quote(results, readme)).toBe(readme);
  });

  test("quotes new results in the place of the old", () => {
    const page = toMarkdown(path());
    const quoted = quote(page, readme);
    expect(shortPart(quoted, "it")).toBe(shortPart(page, "it"));
    expect(quote(results, quoted)).toBe(readme);
  });

  test("a page without that part is no source", () => {
    expect(() => quote("# Results", readme)).toThrow("bench/RESULTS.md has no part from <!-- in short -->");
  });
});

describe("reports again", () => {
  const made = (name: string, changes = {}) => reportOf(everything(), changes, name);

  test("several runs become one; of a suite that two have, the last counts", () => {
    const late = { ...made("b"), seconds: 5 };
    const named = [made("a"), made("b"), late].map((report, index) => ({ name: String(index), report }));
    const report = combine(named);
    expect(report.suites.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(report.suites[1]).toBe(late.suites[0]);
    expect(report.seconds).toBe(7);
    expect(report.environment.command).toBe("vxlane bench; vxlane bench; vxlane bench");
  });

  test("of several commits it says which suite is of which", () => {
    const named = [made("a"), made("b", { commit: "other" }), made("c")].map((report) => ({ name: "a.json", report }));
    const { commit } = made("a").environment;
    expect(combine(named).environment.commit).toBe(`${commit} (a, c), other (b)`);
    expect(combine(named.slice(0, 1)).environment.commit).toBe(commit);
  });

  test("of different machines or versions they do not", () => {
    const named = [made("a"), made("b", { vxlane: "other", cpu: "other" })].map((report, index) => ({
      name: `${index}.json`,
      report,
    }));
    expect(() => combine(named)).toThrow("0.json and 1.json do not make one report: they differ in cpu, vxlane");
  });

  test("from JSON to JSON nothing is lost", async () => {
    const [from, to, page] = ["a.json", "b.json", "c.md"].map((name) => join(folder(), name)) as [
      string,
      string,
      string,
    ];
    const report = made("a");
    writeFileSync(from, JSON.stringify(report));
    expect(await reportAgain([from], { json: to, markdown: page })).toBe(0);
    expect(readReport(to)).toEqual(report);
    expect(readFileSync(page, "utf8")).toBe(toMarkdown(report));
  });
});

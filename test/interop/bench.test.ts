// `vxlane bench` as a user runs it: each suite in its quick form gives a report by its schema whose frames add up, and a
// page whose every plot is drawn; what was made is gone again, also after Ctrl-C.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { chartsOf } from "../../bench/report/figure-data.js";
import { readReport } from "../../bench/report/read.js";
import type { Report, Row } from "../../bench/report/schema.js";
import { PARTS } from "../../bench/suites/profile/parts.js";
import { SUITE_NAMES } from "../../control/cli/commands/bench.js";
import { tryRun, Watched } from "../../control/demo/lab/process.js";
import { look, print } from "../support/browser.js";
import { MAIN } from "../support/daemon.js";
import { requireHost } from "../support/netns.js";

const PROGRAMS = ["chromium", "gcc", "iperf3", "ovs-vsctl", "perf", "sockperf", "trafgen"];
const QUICK_TIMEOUT_MS = 240_000; // a busy machine

interface Bench {
  readonly process: Watched;
  /** For its temporary files. */
  readonly folder: string;
  /** Namespaces, files and processes of it that are there. */
  traces(): Promise<string[]>;
}

function folderOf(test: string): string {
  const folder = mkdtempSync(join(tmpdir(), `vxlane-test-${test}-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a quick run of the shortest suite writes: for tests that want a report, and measure nothing. */
interface Written {
  readonly json: string;
  readonly html: string;
  readonly markdown: string;
}

let written: Promise<Written> | undefined;
const sharedFolder = mkdtempSync(join(tmpdir(), "vxlane-test-bench-shared-"));
afterAll(() => rmSync(sharedFolder, { recursive: true, force: true }));

/** The same files for all who ask, in a folder that nobody else writes to. */
function aReport(): Promise<Written> {
  written ??= writeReport();
  return written;
}

async function writeReport(): Promise<Written> {
  const of = (ending: string): string => join(sharedFolder, `report.${ending}`);
  const [json, html, markdown] = [of("json"), of("html"), of("md")] as const;
  const { process } = bench("ecmp", "--quick", "--json", json, "--html", html, "--markdown", markdown);
  expect(await process.exited, process.stderr).toEqual({ code: 0, signal: null });
  return { json, html, markdown };
}

function bench(...args: string[]): Bench {
  requireHost(...PROGRAMS);
  const folder = folderOf("bench-tmp");
  const env = { ...process.env, TMPDIR: folder };
  const before = v8Files();
  const running = new Watched(process.execPath, [MAIN, "bench", ...args], { env });
  onTestFinished(() => void running.stop("SIGKILL"));
  const { pid } = running.child;
  return {
    process: running,
    folder,
    traces: async () => {
      const names = (await tryRun("ip", ["netns", "list"])).stdout.split("\n");
      const namespaces = names.filter((name) => name.startsWith(`vxb${pid}-`));
      const files = v8Files().filter((name) => !before.includes(name));
      return [...namespaces, ...readdirSync(folder), ...files, ...processesWith(`TMPDIR=${folder}`)];
    },
  };
}

/** What V8 writes for perf, and beside it, wherever temporary files are wanted. */
function v8Files(): string[] {
  return [...readdirSync("/tmp"), ...readdirSync(".")].filter((name) => /^perf-\d+\.map$|v8\.log$/.test(name));
}

function processesWith(variable: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(variable);
    } catch {
      return false; // it has ended
    }
  });
}

function rowsOf({ suites }: Report): Row[] {
  return suites.flatMap(({ measures }) => measures.flatMap(({ rows }) => rows));
}

describe("quick", () => {
  test.each(SUITE_NAMES)("%s", { timeout: QUICK_TIMEOUT_MS }, async (name) => {
    const folder = folderOf("bench");
    const [json, html] = [join(folder, "report.json"), join(folder, "report.html")];
    const { process, traces } = bench(name, "--quick", "--json", json, "--html", html);
    expect(await process.exited, process.stderr).toEqual({ code: 0, signal: null });
    await expect.poll(traces).toEqual([]);
    expect(process.stderr).toMatch(new RegExp(`^${name}: [^\n]+\n {2}about \\d+:\\d\\d min, \\d+ rounds? of `, "m"));
    expect(process.stderr).toMatch(/^ +\d+ s, \d+:\d\d left {2}\S/m);

    const report = readReport(json);
    expect(report.suites.map((suite) => suite.name)).toEqual([name]);
    expect(report.quick).toBe(true);
    const rows = rowsOf(report);
    expect(rows.filter(({ value }) => value !== undefined)).not.toEqual([]);
    for (const { contender, value, absent, samples, counts } of rows) {
      expect(value === undefined, `${contender}: a figure, or why there is none`).toBe(absent !== undefined);
      expect(samples.length > 0).toBe(value !== undefined);
      if (counts !== undefined) expect(counts.received + counts.lost, contender).toBe(counts.sent);
    }
    expect(report.suites[0]?.headlines).not.toEqual([]);

    const page = await look(html);
    expect(page).toMatchObject({ errors: [], resources: [], overflows: false });
    const charts = report.suites.flatMap(chartsOf);
    expect(page.drawings.map(({ title }) => title)).toEqual(charts.map(({ title }) => title));
    expect(charts).not.toEqual([]);
    for (const [index, drawing] of page.drawings.entries()) {
      const points = charts[index]?.series.flatMap((series) => series.points).length ?? 0;
      // Two axes, and a shape at least for each figure.
      expect(drawing.shapes, drawing.title).toBeGreaterThanOrEqual(points + 2);
      expect(drawing).toMatchObject({ outside: 0 });
      expect([drawing.width > 600, drawing.height > 200, drawing.texts > 2]).toEqual([true, true, true]);
    }
  });
});

test("a figure is repeated by the command that its row names", { timeout: QUICK_TIMEOUT_MS }, async () => {
  const measure = readReport((await aReport()).json).suites[0]?.measures.at(-1);
  const json = join(folderOf("bench"), "again.json");
  const words = measure?.command.split(" ").slice(2) ?? [];
  const again = bench(...words, "--json", json);
  expect(await again.process.exited, again.process.stderr).toEqual({ code: 0, signal: null });
  const suites = readReport(json).suites;
  expect(suites.flatMap(({ measures }) => measures.map(({ id }) => id))).toEqual([measure?.id]);
});

test("in the dark, printed, and on a small screen", { timeout: QUICK_TIMEOUT_MS }, async () => {
  const { html } = await aReport();
  const [light, dark, small] = [await look(html), await look(html, { dark: true }), await look(html, { width: 500 })];
  expect([brightness(light.background), brightness(dark.background)]).toEqual([255, expect.toSatisfy(isDark)]);
  expect(brightness(light.ink)).toBeLessThan(64);
  expect(brightness(dark.ink)).toBeGreaterThan(192);
  // Whatever is drawn stands out from the page.
  for (const { colours, background } of [light, dark]) {
    const drawn = colours.filter((colour) => colour.startsWith("rgb("));
    expect(drawn.length).toBeGreaterThan(2);
    for (const colour of drawn) expect(Math.abs(brightness(colour) - brightness(background))).toBeGreaterThan(30);
  }
  expect(small).toMatchObject({ errors: [], overflows: false });
  expect(await print(html)).toBeGreaterThan(1);
});

test("mistakes of a page would be seen", async () => {
  const file = join(folderOf("bench"), "page.html");
  const svg = '<figure><svg width="100" height="50"><title>t</title><path d="M0 0L200 0"/></svg></figure>';
  const script = '<script>throw new Error("a mistake")</script><div style="width: 9000px">wide</div>';
  writeFileSync(file, `<html><head></head><body><img src="none.png">${svg}${script}</body></html>`);
  const { errors, resources, drawings, overflows } = await look(file);
  expect(errors.join()).toContain("a mistake");
  expect(resources).toEqual(expect.arrayContaining([expect.stringContaining("none.png")]));
  expect(drawings).toMatchObject([{ title: "t", width: 100, shapes: 1, outside: 1 }]);
  expect(overflows).toBe(true);
});

test("every contender forwards in some test or other", { timeout: QUICK_TIMEOUT_MS }, async () => {
  const json = join(folderOf("bench"), "report.json");
  const tests = ["path/frames-64-out", "path/encap-64"];
  const short = ["--rounds", "1", "--seconds", "0.2"];
  const { process, traces } = bench("path", "--only", tests.join(","), ...short, "--json", json);
  expect(await process.exited, process.stderr).toEqual({ code: 0, signal: null });
  await expect.poll(traces).toEqual([]);
  const rows = readReport(json).suites.flatMap(({ measures }) => measures.flatMap(({ rows }) => rows));
  const names = (figures: typeof rows) => [...new Set(figures.map(({ contender }) => contender))].sort();
  expect(names(rows.filter(({ value }) => value !== undefined)), process.stderr).toEqual(names(rows));
  expect(names(rows)).toEqual(expect.arrayContaining(["kernel", "ovs", "vxlane xdp no tunnel", "C xdp no tunnel"]));
});

test("a profile: every sample in one part, most of them the kernel's", { timeout: QUICK_TIMEOUT_MS }, async () => {
  const json = join(folderOf("bench"), "report.json");
  const { process, traces } = bench("profile", "--peers", "vxlane udp", "--seconds", "1", "--json", json);
  expect(await process.exited, process.stderr).toEqual({ code: 0, signal: null });
  await expect.poll(traces).toEqual([]);
  const measures = readReport(json).suites.flatMap((suite) => suite.measures);
  expect(measures.map(({ id }) => id)).toEqual(["udp-tcp-1-out", "udp-tcp-1-in", "udp-frames-64-out"]);
  for (const { id, rows } of measures) {
    const shares = new Map(rows.map(({ contender, value }) => [contender, (value?.median ?? Number.NaN) / 100]));
    expect([...shares.keys()], process.stderr).toEqual(PARTS);
    const sum = (parts: readonly string[]): number => parts.reduce((total, part) => total + (shares.get(part) ?? 0), 0);
    expect(sum(PARTS), id).toBeCloseTo(1, 9);
    expect(sum(["kernel copies", "other system calls", "softirqs"]), id).toBeGreaterThan(0.3);
    expect(shares.get("WebAssembly"), id).toBeGreaterThan(0);
    expect(shares.get("JavaScript"), id).toBeGreaterThan(0);
    expect(
      rows.every(({ cpu }) => cpu !== undefined && cpu.median > 0 && cpu.median < 1.1),
      id,
    ).toBe(true);
  }
});

test("a profile without perf says how to get it", async () => {
  const env = ["env", "PATH=/usr/sbin", process.execPath, MAIN];
  const { code, stdout } = await tryRun(env[0] ?? "", [...env.slice(1), "bench", "profile", "--plan"]);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining("missing: perf (apt-get install linux-perf)"),
  });
});

function isDark(value: unknown): boolean {
  return typeof value === "number" && value < 64;
}

/** 0 to 255. */
function brightness(colour: string): number {
  const [red = 0, green = 0, blue = 0] = colour.match(/\d+/g)?.map(Number) ?? [];
  return Math.round(0.3 * red + 0.59 * green + 0.11 * blue);
}

test.each([
  ...SUITE_NAMES.map((name) => [name, "SIGINT", 130] as const),
  ["path", "SIGTERM", 143],
  ["scale", "SIGHUP", 129],
] as const)("%s: %s in the middle leaves nothing", { timeout: QUICK_TIMEOUT_MS }, async (name, signal, code) => {
  // Long, so that the signal comes in time.
  const running = bench(name, "--quick", "--rounds", "50");
  const deadline = Date.now() + 60_000;
  while (!/\nrunning \w+\n(?:.*\n)*.* left {2}\S/.test(running.process.stderr) && Date.now() < deadline)
    await sleep(50);
  if (name === "path") expect(await running.traces()).not.toEqual([]);
  const exit = await running.process.stop(signal, 60_000);
  expect(exit.code, running.process.stderr).toBe(code);
  expect(running.process.stderr).toContain(`interrupted by ${signal}; taking everything away again`);
  await expect.poll(() => running.traces()).toEqual([]);
});

test("compare, as a shell sees it", async () => {
  const folder = folderOf("bench");
  const [before, after, broken] = ["before", "after", "broken"].map((name) => join(folder, `${name}.json`));
  const report = readReport((await aReport()).json);
  const half = (value: number): number => value / 2;
  const worse = report.suites.map((suite) => ({
    ...suite,
    measures: suite.measures.map((measure) => ({
      ...measure,
      better: "higher",
      rows: measure.rows.map((row) => {
        if (row.value === undefined) return row;
        const { median, min, max } = row.value;
        return { ...row, value: { median: half(median), min: half(min), max: half(max) } };
      }),
    })),
  }));
  const higher = report.suites.map((suite) => ({
    ...suite,
    measures: suite.measures.map((measure) => ({ ...measure, better: "higher" })),
  }));
  writeFileSync(before ?? "", JSON.stringify({ ...report, suites: higher }));
  writeFileSync(after ?? "", JSON.stringify({ ...report, suites: worse }));
  writeFileSync(broken ?? "", '{ "kind": ');
  const compare = (...args: (string | undefined)[]) =>
    tryRun("node", [MAIN, "bench", "compare", ...args.map((arg) => arg ?? "")]);
  expect(await compare(before, before)).toMatchObject({ code: 0, stdout: expect.stringContaining("no loss") });
  expect(await compare(before, after)).toMatchObject({ code: 1, stdout: expect.stringMatching(/^loss .* -50\.0 %/m) });
  expect(await compare(before, after, "--tolerance", "60%")).toMatchObject({ code: 0 });
  const { stdout } = await compare(before, after, "--json");
  expect(JSON.parse(stdout)).toMatchObject({ before, after, losses: expect.any(Number) });
  expect(await compare(before, broken)).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("broken.json is not JSON"),
  });
});

test("reports again: the same page from the JSON as from the run", { timeout: QUICK_TIMEOUT_MS }, async () => {
  const { json, markdown } = await aReport();
  const again = join(folderOf("bench"), "again.md");
  const report = await tryRun("node", [MAIN, "bench", "report", json, "--markdown", again]);
  expect(report).toMatchObject({ code: 0, stdout: "" });
  expect(readFileSync(again, "utf8")).toBe(readFileSync(markdown, "utf8"));
});

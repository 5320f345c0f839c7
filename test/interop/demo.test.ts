// The demo as a newcomer runs it: it succeeds, explains itself when it cannot, and leaves nothing behind.

import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { tryRun, Watched } from "../../control/demo/lab/process.js";
import { requireHost } from "../support/netns.js";

const DEMO = fileURLToPath(new URL("../../dist/control/demo/main.js", import.meta.url));

/** What is there of a demo whose process has this id. */
async function traces(pid: number): Promise<string[]> {
  const namespaces = (await tryRun("ip", ["netns", "list"])).stdout.split("\n");
  const files = readdirSync(tmpdir());
  return [...namespaces, ...files].filter((name) => name.startsWith(`vxdemo-${pid}-`));
}

test("it succeeds and cleans up", async () => {
  requireHost();
  const demo = new Watched(process.execPath, [DEMO, "--json"]);
  expect(await demo.exited, demo.stderr).toEqual({ code: 0, signal: null });
  expect(JSON.parse(demo.stdout)).toMatchObject({ ok: true });
  expect(await traces(demo.child.pid ?? 0)).toEqual([]);
});

test("its text fits 80 columns", async () => {
  requireHost();
  const { code, stdout, stderr } = await tryRun(process.execPath, [DEMO], { timeoutMs: 60_000 });
  expect(code, stderr).toBe(0);
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s in the middle leaves nothing", async (signal) => {
  requireHost();
  const demo = new Watched(process.execPath, [DEMO]);
  onTestFinished(() => void demo.stop("SIGKILL"));
  await demo.line((line) => line.includes("✓ vxlane at host a"), 40_000);
  const pid = demo.child.pid ?? 0;
  expect(await traces(pid)).not.toEqual([]);
  const exit = await demo.stop(signal, 10_000);
  expect(exit.code, demo.stderr).not.toBe(0);
  await expect.poll(() => traces(pid)).toEqual([]);
});

test("--keep leaves it running, --remove removes it", async () => {
  requireHost();
  const demo = new Watched(process.execPath, [DEMO, "--keep"]);
  const pid = demo.child.pid ?? 0;
  onTestFinished(async () => void (await tryRun(process.execPath, [DEMO, "--remove"])));
  expect(await demo.exited, demo.stderr).toEqual({ code: 0, signal: null });
  expect(await traces(pid)).toHaveLength(3);
  const overlay = await tryRun("ip", ["-n", `vxdemo-${pid}-0-a`, "-br", "link", "show", "blue0"]);
  expect(overlay.stdout).toMatch(/LOWER_UP/);
  expect((await tryRun(process.execPath, [DEMO, "--remove"])).code).toBe(0);
  expect(await traces(pid)).toEqual([]);
});

test("without root it says what to do and exits with 77", async () => {
  requireHost();
  const args = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, DEMO];
  const { code, stderr } = await tryRun("setpriv", args);
  expect(stderr).toContain("sudo npm run demo");
  expect(code).toBe(77);
});

test("without iproute2 it says what to install", async () => {
  requireHost();
  const { code, stderr } = await tryRun("env", ["PATH=/nonexistent", process.execPath, DEMO]);
  expect(stderr).toContain("apt-get install iproute2");
  expect(code).toBe(1);
});

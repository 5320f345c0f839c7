// What a benchmark leaves that was killed: the next one takes it away, and nothing of one that lives.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { NAMESPACE_PREFIX } from "../../bench/host.js";
import { folderPrefix, notePerfMap, removeOrphans } from "../../bench/orphans.js";
import { isAlive, removeNamespace } from "../../control/demo/lab/netns.js";
import { run } from "../../control/demo/lab/process.js";
import { requireHost } from "../support/netns.js";

interface Left {
  readonly namespace: string;
  readonly folder: string;
  readonly pid: number;
  readonly perfMap: string;
}

/** As a run with this process id leaves it: a namespace, something that runs in it, a folder, a file of V8's for perf. */
async function leave(owner: number): Promise<Left> {
  const namespace = `${NAMESPACE_PREFIX}${owner}-0a`;
  await run("ip", ["netns", "add", namespace]);
  onTestFinished(() => removeNamespace(namespace));
  const child = spawn("ip", ["netns", "exec", namespace, "sleep", "600"], { stdio: "ignore", detached: true });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "spawn");
  const { pid = 0 } = child;
  await expect.poll(() => run("ip", ["netns", "pids", namespace])).toContain(String(pid));
  const folder = join(tmpdir(), `vxlane-bench-${owner}-test`);
  mkdirSync(folder);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "frames"), "x");
  const perfMap = `/tmp/perf-${pid}.map`;
  writeFileSync(perfMap, "");
  onTestFinished(() => rmSync(perfMap, { force: true }));
  notePerfMap(folder, pid);
  return { namespace, folder, pid, perfMap };
}

async function deadProcess(): Promise<number> {
  const child = spawn("true");
  await once(child, "exit");
  return child.pid ?? 0;
}

test("namespaces, what runs in them and folders of a run that was killed go, those of one that lives stay", async () => {
  requireHost("ip");
  const dead = await leave(await deadProcess());
  const alive = await leave(process.pid);
  expect(folderPrefix()).toBe(join(tmpdir(), `vxlane-bench-${process.pid}-`));
  const said: string[] = [];
  await removeOrphans((line) => said.push(line));
  const namespaces = await run("ip", ["netns", "list"]);
  expect(namespaces).not.toContain(dead.namespace);
  expect([dead.folder, dead.perfMap].filter(existsSync)).toEqual([]);
  await expect.poll(() => isAlive(dead.pid)).toBe(false);
  expect(said.join()).toContain(dead.namespace);
  expect(said.join()).not.toContain(alive.namespace);
  expect(namespaces).toContain(alive.namespace);
  expect([alive.folder, alive.perfMap].filter((path) => !existsSync(path))).toEqual([]);
  expect(isAlive(alive.pid)).toBe(true);
});

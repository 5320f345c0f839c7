// What a run has left that was killed (kill -9, out of memory) and could take nothing away: namespaces with generators in
// them that send for ever, and folders. The next run removes both first. Names carry the process id of their run, so what
// belongs to one that lives is left alone.

import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, removeNamespace } from "../control/demo/lab/netns.js";
import { ip, isRoot, NAMESPACE_PREFIX } from "./host.js";

const FOLDER_PREFIX = "vxlane-bench-";

/** For mkdtemp. */
export function folderPrefix(): string {
  return join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`);
}

/* V8 alone chooses where it writes the names of its code for perf. */
const PERF_MAP_FOLDER = "/tmp";
const PERF_MAP = /^perf-\d+\.map$/;

/** Notes in a run's folder that a process writes such a file, so that it goes with the folder. */
export function notePerfMap(folder: string, pid: number): void {
  writeFileSync(join(folder, `perf-${pid}.map`), "");
}

/** Removes a folder of a run; call it when the processes that write there have ended. */
export function removeFolder(folder: string): void {
  for (const name of readdirSync(folder).filter((name) => PERF_MAP.test(name))) {
    rmSync(join(PERF_MAP_FOLDER, name), { force: true });
  }
  rmSync(folder, { recursive: true, force: true });
}

/** @param say is told if there was something */
export async function removeOrphans(say: (line: string) => void): Promise<void> {
  if (!isRoot()) return;
  // Without `ip` there is nothing to remove, and suites say what they miss.
  const list = await ip("netns", "list").catch(() => "");
  const namespaces = orphansIn(list.split("\n"), NAMESPACE_PREFIX);
  const folders = orphansIn(readdirSync(tmpdir()), FOLDER_PREFIX);
  for (const name of namespaces) await removeNamespace(name);
  for (const name of folders) removeFolder(join(tmpdir(), name));
  const count = namespaces.length + folders.length;
  if (count > 0) say(`removed what a run that was killed had left: ${[...namespaces, ...folders].join(", ")}`);
}

function orphansIn(names: readonly string[], prefix: string): string[] {
  const owned = new RegExp(`^${prefix}(\\d+)-\\S+`);
  return names.flatMap((name) => {
    const [match, owner] = owned.exec(name) ?? [];
    return match === undefined || isAlive(Number(owner)) ? [] : [match];
  });
}

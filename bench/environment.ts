// Where and how the figures were made: a figure without its machine says nothing.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

export interface Environment {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly v8: string;
  readonly compiler: string;
  readonly commit: string;
  readonly load: string;
  readonly command: string;
}

export function environment(): Environment {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${release()} ${arch()}`,
    node: process.version,
    v8: process.versions.v8 ?? "unknown",
    compiler: firstLine("gcc", ["--version"]) ?? "absent: no gcc in the PATH",
    commit: commit(),
    load: `${readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ")} before the run`,
    command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
  };
}

/** The commit of this checkout, `+` when files differ from it. */
function commit(): string {
  const cwd = dirname(fileURLToPath(import.meta.url));
  const head = firstLine("git", ["rev-parse", "--short=12", "HEAD"], cwd);
  if (head === undefined) return "absent: not a git checkout, or no git";
  const changed = firstLine("git", ["status", "--porcelain", "--untracked-files=no"], cwd);
  return changed === undefined || changed === "" ? head : `${head}+ (with uncommitted changes)`;
}

function firstLine(file: string, args: readonly string[], cwd?: string): string | undefined {
  try {
    return execFileSync(file, [...args], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0];
  } catch {
    return undefined;
  }
}

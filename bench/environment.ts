// Where and how the figures were made: a figure without its machine says nothing. What a suite alone knows (its
// peers' versions, its own devices, who was pinned where) it adds as facts.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { arch, availableParallelism, cpus, release, totalmem } from "node:os";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "../control/cli/version.js";
import type { Environment, Fact } from "./report/schema.js";

/** Under /proc/sys, and what stands beside them in /sys. */
const SYSCTLS = [
  "net/core/rmem_default",
  "net/core/rmem_max",
  "net/core/wmem_max",
  "net/core/netdev_max_backlog",
  "net/core/netdev_budget",
  "net/core/bpf_jit_enable",
  "net/ipv4/tcp_congestion_control",
  "net/ipv4/tcp_rmem",
  "net/ipv4/tcp_wmem",
  "kernel/perf_event_paranoid",
];

/** Features of ethtool -k that move a tunnel's figures. */
const OFFLOADS =
  /^(rx-checksumming|tx-checksumming|scatter-gather|tcp-segmentation-offload|generic-segmentation-offload|generic-receive-offload|large-receive-offload|rx-vlan-offload|tx-udp_tnl-segmentation|tx-udp_tnl-csum-segmentation|tx-udp-segmentation|rx-udp-gro-forwarding|rx-udp_tunnel-port-offload|hw-tc-offload): on/;

export function environment(command: string): Environment {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    command,
    vxlane: version(),
    commit: commit(),
    cpu: processors[0]?.model.trim() || "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    arch: arch(),
    node: process.version,
    v8: process.versions.v8,
    compiler: firstLine("gcc", ["--version"]) ?? "absent: no gcc in the PATH",
    load: readText("/proc/loadavg")?.split(" ").slice(0, 3).map(Number) ?? [],
    interfaces: interfaces(),
    sysctls: [...sysctls(), ...governor()],
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

function sysctls(): Fact[] {
  return SYSCTLS.flatMap((path) => {
    const value = readText(`/proc/sys/${path}`);
    return value === undefined ? [] : [{ name: path.replaceAll("/", "."), value: value.replaceAll(/\s+/g, " ") }];
  });
}

function governor(): Fact[] {
  const value = readText("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  return value === undefined ? [] : [{ name: "cpufreq governor", value }];
}

function interfaces(): Environment["interfaces"] {
  const names = readdirSync("/sys/class/net").filter((name) => name !== "lo");
  return names
    .filter((name) => readText(`/sys/class/net/${name}/operstate`) === "up")
    .map((name) => {
      const megabits = Number(readText(`/sys/class/net/${name}/speed`) ?? -1);
      const features = output("ethtool", ["-k", name]);
      return {
        name,
        driver: driverOf(name),
        mtu: Number(readText(`/sys/class/net/${name}/mtu`)),
        ...(megabits > 0 ? { megabits } : {}),
        offloads: (features ?? "").split("\n").flatMap((line) => OFFLOADS.exec(line.trim())?.[1] ?? []),
        ...(features === undefined ? { absent: "no ethtool, or it failed: apt-get install ethtool" } : {}),
      };
    });
}

function driverOf(name: string): string {
  try {
    return basename(readlinkSync(`/sys/class/net/${name}/device/driver`));
  } catch {
    return "virtual";
  }
}

/** undefined where it cannot be read: some files exist and refuse, as `speed` of a virtual device does. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function firstLine(file: string, args: readonly string[], cwd?: string): string | undefined {
  return output(file, args, cwd)?.split("\n")[0];
}

function output(file: string, args: readonly string[], cwd?: string): string | undefined {
  try {
    return execFileSync(file, [...args], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}

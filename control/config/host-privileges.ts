// May this process do what the config wants? Each driver needs other capabilities, and a missing one shows in the kernel
// as EPERM or EACCES of a call that names no capability; so they are looked for here, driver by driver.

import { UMEM_SIZE } from "../../dataplane-wasm/layout.js";
import { ALWAYS_NEEDED, type Capability, remedyFor } from "../linux/capabilities.js";
import type { HostFacts } from "./host.js";
import type { Path, Problems } from "./problems.js";
import type { Config } from "./types.js";

/* By measurement, on Linux 6.18. */
const UNDERLAY_NEEDS = { udp: [], tap: ["CAP_BPF"], xdp: ["CAP_BPF", "CAP_PERFMON"] } as const;
const XDP_PORT_NEEDS = ["CAP_BPF"] as const;

const MIB = 1 << 20;

/** @param workers how many would run here */
export function checkPrivileges(config: Config, workers: number, facts: HostFacts, problems: Problems): void {
  checkEverybodys(facts, problems);
  const { driver } = config.underlay;
  const path = ["underlay", "driver"];
  if (driver === "auto") {
    const missing = config.offloads === "off" ? [] : facts.missingCapabilities(UNDERLAY_NEEDS.tap);
    const message = `will take udp: tap needs ${missing.join(" and ")}, which this process lacks`;
    if (missing.length > 0) problems.warn("ERR_PRIVILEGE", path, message, { allowed: remedyFor(missing) });
  } else {
    checkDriver(UNDERLAY_NEEDS[driver], path, facts, problems);
  }
  const xdpPort = firstXdpPort(config);
  if (xdpPort !== undefined) checkDriver(XDP_PORT_NEEDS, xdpPort, facts, problems);
  const xdp = driver === "xdp" ? path : xdpPort;
  if (xdp !== undefined) checkLockedMemory(workers, xdp, facts, problems);
}

function checkEverybodys(facts: HostFacts, problems: Problems): void {
  const missing = facts.missingCapabilities(ALWAYS_NEEDED);
  const device = facts.tunError();
  if (missing.length === 0 && device === undefined) return;
  const words = [...missing, ...(device === undefined ? [] : [device])];
  const remedies = [
    ...(missing.length === 0 ? [] : [remedyFor(missing)]),
    ...(device === undefined
      ? []
      : ["a /dev/net/tun that this user may open (modprobe tun; systemd: no PrivateDevices)"]),
  ];
  // Not of the file: without a place.
  problems.errors.push({
    code: "ERR_PRIVILEGE",
    path: "",
    message: `this process lacks ${words.join(", ")}`,
    allowed: remedies.join("; "),
  });
}

function checkDriver(needs: readonly Capability[], path: Path, facts: HostFacts, problems: Problems): void {
  const missing = facts.missingCapabilities(needs);
  if (missing.length === 0) return;
  const message = `needs ${missing.join(" and ")}, which this process lacks`;
  problems.error("ERR_PRIVILEGE", path, message, { allowed: remedyFor(missing) });
}

/** The path of its driver: what holds for one xdp port holds for all. */
function firstXdpPort({ networks }: Config): Path | undefined {
  for (const [i, { ports }] of networks.entries()) {
    const j = ports.findIndex(({ driver }) => driver === "xdp");
    if (j >= 0) return ["networks", i, "ports", j, "driver"];
  }
  return undefined;
}

/** There is one UMEM at least, and rings beside it; a second worker has its own as soon as an interface has a queue for it. */
function checkLockedMemory(workers: number, path: Path, facts: HostFacts, problems: Problems): void {
  const most = facts.lockedMemoryMax();
  const wanted = workers * UMEM_SIZE;
  if (most >= wanted) return;
  const message = `locks ${wanted / MIB} MiB of memory, and this process may lock ${Math.floor(most / MIB)}`;
  const detail = { allowed: "LimitMEMLOCK=infinity (systemd), ulimit -l unlimited (a shell), or CAP_IPC_LOCK" };
  if (most <= UMEM_SIZE) problems.error("ERR_PRIVILEGE", path, message, detail);
  else problems.warn("ERR_PRIVILEGE", path, message, detail);
}

// vxlane as a contender. A driver is nothing but a few keys of the configuration; what this build or this host does not
// offer, the daemon itself refuses, and its words become the reason why the contender is absent.

import { type Daemon, startDaemon } from "../../daemon.js";
import type { Run } from "../../suite.js";
import { type Host, OVERLAY_MTU, UNDERLAY, VNI, VXLAN_PORT } from "./hosts.js";
import { refusal } from "./output.js";
import { type Parties, pinned } from "./pinning.js";

export interface Port {
  readonly name: string;
  readonly driver: "tap" | "xdp";
}

export interface VxlaneConfig {
  readonly underlay: { readonly driver: "udp" | "tap" | "xdp"; readonly interface?: string };
  readonly ports: readonly Port[];
  readonly fdb?: readonly (
    | { readonly mac: string; readonly vtep: string }
    | { readonly mac: string; readonly port: string }
  )[];
  /** Keys of the top level. */
  readonly options?: Readonly<Record<string, string | number>>;
}

/** How it is run. */
export interface Running {
  readonly parties?: Parties;
  /** Its code has names for perf. */
  readonly profiled?: boolean;
}

/** YAML, a line for each key of the top level. */
export function vxlaneYaml(side: "a" | "b", { underlay, ports, fdb = [], options = {} }: VxlaneConfig): string {
  const remote = side === "a" ? UNDERLAY.b : UNDERLAY.a;
  const network = {
    vni: VNI,
    name: "bench",
    mtu: OVERLAY_MTU,
    flood: { mode: "headend", vteps: [remote] },
    ports,
    fdb,
  };
  const keys = { local: UNDERLAY[side], port: VXLAN_PORT, underlay, ...options, networks: [network] };
  return Object.entries(keys)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join("\n");
}

export function startVxlane(
  run: Run,
  host: Host,
  side: "a" | "b",
  config: VxlaneConfig,
  running?: Running,
): Promise<Daemon> {
  return startPinned(run, host.namespace, vxlaneYaml(side, config), running);
}

/** vxlane on the cores of a tunnel. @throws with the daemon's own reason, in one line, if it does not start */
export async function startPinned(
  run: Run,
  namespace: string,
  yaml: string,
  { parties, profiled }: Running = {},
): Promise<Daemon> {
  try {
    return await startDaemon(run, namespace, yaml, (file, args) => pinned("tunnel", file, args, parties), profiled);
  } catch (error) {
    run.checkpoint();
    const [what = "", ...log] = (error instanceof Error ? error.message : String(error)).split(": ");
    throw new Error(`${what}: ${refusal(log.join(": ")).split("; allowed:")[0]}`);
  }
}

// Open vSwitch with its userspace datapath: database and switch of our own, in the namespace and on paths of this run.
// No service of the host's is asked or changed.
//
// In userspace OVS routes its tunnels itself: the underlay address sits on a bridge (br-phy) that has the underlay
// device as a port, and the tunnel is a port of another bridge (br-int). The overlay side is br-int's own device, or a
// container's veth that is a port of br-int.

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { ip, spawnIn } from "../../host.js";
import { folderPrefix } from "../../orphans.js";
import type { Run } from "../../suite.js";
import { describe, type Host, inside, OVERLAY_MTU, UNDERLAY, UNDERLAY_DEVICE, VNI, VXLAN_PORT } from "./hosts.js";
import { type Parties, pinned } from "./pinning.js";

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";
export const OVS_PROGRAMS = ["ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-appctl"];
export const OVS_DEVICE = "br-int";

/** MACs that are known from the beginning, by port. */
export interface OvsOptions {
  readonly ports?: readonly string[];
  readonly fdb?: readonly { readonly port: string; readonly mac: string }[];
  /** MAC of the peer's underlay address; asked by ARP unless given. */
  readonly nextHopMac?: string;
  readonly parties?: Parties;
}

/** The switch in host a, with a tunnel to b. `br-int` is up, without an address. Returns the pid of what carries its frames. */
export async function startOvs(
  run: Run,
  host: Host,
  { ports = [], fdb = [], nextHopMac, parties }: OvsOptions = {},
): Promise<number | undefined> {
  const folder = await mkdtemp(folderPrefix());
  run.defer(() => rm(folder, { recursive: true, force: true }));
  const paths = [`OVS_RUNDIR=${folder}`, `OVS_LOGDIR=${folder}`, `OVS_DBDIR=${folder}`];
  const [database, socket, control] = [join(folder, "conf.db"), join(folder, "db.sock"), join(folder, "switch.ctl")];
  const start = (file: string, ...args: string[]): number | undefined =>
    spawnIn(run, host.namespace, "env", [...paths, ...pinned("tunnel", file, args, parties)]).pid;
  const vsctl = (...args: string[]): Promise<string> =>
    inside(run, host, "ovs-vsctl", [`--db=unix:${socket}`, "--timeout=10", ...args], 15_000);
  await inside(run, host, "ovsdb-tool", ["create", database, SCHEMA]);
  start("ovsdb-server", database, `--remote=punix:${socket}`, `--unixctl=${folder}/db.ctl`);
  await vsctl("--retry", "--no-wait", "init");
  const tunnel = start("ovs-vswitchd", `unix:${socket}`, `--unixctl=${control}`);

  const under = await describe(host, UNDERLAY_DEVICE, UNDERLAY.a);
  const bridge = (name: string, mac?: string): string[] => [
    ...["--", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", "fail_mode=standalone"],
    ...(mac === undefined ? [] : [`other-config:hwaddr="${mac}"`]),
  ];
  await vsctl(
    ...bridge("br-phy", under.mac),
    ...["--", "add-port", "br-phy", UNDERLAY_DEVICE],
    ...bridge(OVS_DEVICE),
    ...ports.flatMap((port) => ["--", "add-port", OVS_DEVICE, port]),
    ...["--", "add-port", OVS_DEVICE, "vxlan0", "--", "set", "interface", "vxlan0", "type=vxlan"],
    ...[`options:key=${VNI}`, `options:dst_port=${VXLAN_PORT}`],
    ...[`options:remote_ip="${UNDERLAY.b}"`, `options:local_ip="${UNDERLAY.a}"`],
  );
  await ip("-n", host.namespace, "addr", "flush", "dev", UNDERLAY_DEVICE);
  await ip("-n", host.namespace, "addr", "add", `${UNDERLAY.a}/24`, "dev", "br-phy");
  await ip("-n", host.namespace, "link", "set", "br-phy", "up");
  await ip("-n", host.namespace, "link", "set", OVS_DEVICE, "mtu", String(OVERLAY_MTU), "up");
  const appctl = (...args: string[]): Promise<string> =>
    inside(run, host, "ovs-appctl", ["-t", control, "-T", "10", ...args], 15_000);
  for (const { port, mac } of fdb) await appctl("fdb/add", OVS_DEVICE, port, "0", mac);
  if (nextHopMac !== undefined) await appctl("tnl/neigh/set", "br-phy", UNDERLAY.b, nextHopMac);
  return tunnel;
}

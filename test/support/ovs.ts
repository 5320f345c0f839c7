// Owns an Open vSwitch with its userspace datapath in a namespace: database, switch and tunnel, all on paths of its own.
//
// In userspace OVS routes its tunnels itself: the underlay address sits on a bridge (br-phy) that has the underlay
// interface as a port, and the tunnel is a port of another bridge (br-int), whose internal port is the host's overlay
// interface (docs.openvswitch.org, "Userspace VXLAN").

import { join } from "node:path";
import { type End, type Host, type OverlayAddress, openOverlay, UNDERLAY } from "./netns.js";

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";
export const OVS_PROGRAMS = ["ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl"];

export interface OvsVxlan {
  vni: number;
  remote: string;
  overlay: OverlayAddress;
}

/** A switch with one VXLAN port, up, with its overlay addresses. */
export async function ovsVxlan(host: Host, { vni, remote, overlay }: OvsVxlan): Promise<End> {
  const directory = host.lab.directory();
  const [database, socket] = [join(directory, "conf.db"), join(directory, "db.sock")];
  const env = { OVS_RUNDIR: directory, OVS_LOGDIR: directory, OVS_DBDIR: directory };
  await host.ns.run("ovsdb-tool", ["create", database, SCHEMA]);
  host.ns.spawn("ovsdb-server", [database, `--remote=punix:${socket}`, `--unixctl=${directory}/db.ctl`], { env });
  const vsctl = (...args: string[]) =>
    host.ns.run("ovs-vsctl", [`--db=unix:${socket}`, "--timeout=60", ...args], { timeoutMs: 60_000 });
  await vsctl("--retry", "--no-wait", "init");
  host.ns.spawn("ovs-vswitchd", [`unix:${socket}`, `--unixctl=${directory}/switch.ctl`], { env });

  const isIpv6 = host.address.includes(":");
  const [prefix, mtu] = isIpv6 ? ["64", 1430] : ["24", 1450];
  const [link] = await host.ns.show<{ address: string }[]>("link", "show", UNDERLAY);
  const netdev = (bridge: string, mac: string) => [
    ...["--", "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev"],
    ...["fail_mode=standalone", `other-config:hwaddr="${mac}"`],
  ];
  await vsctl(
    ...netdev("br-phy", link?.address ?? ""),
    ...["--", "add-port", "br-phy", UNDERLAY],
    ...netdev("br-int", overlay.mac),
    ...["--", "add-port", "br-int", "vxlan0", "--", "set", "interface", "vxlan0", "type=vxlan"],
    ...[`options:key=${vni}`, `options:remote_ip="${remote}"`, `options:local_ip="${host.address}"`],
  );
  await host.ns.ip(
    `addr flush dev ${UNDERLAY}`,
    `addr add ${host.address}/${prefix} dev br-phy${isIpv6 ? " nodad" : ""}`,
    "link set br-phy up",
    `link set br-int mtu ${mtu}`,
  );
  await openOverlay(host, "br-int", overlay);
  return { host, device: "br-int", overlay };
}

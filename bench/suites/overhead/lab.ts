// Two hosts in network namespaces on one veth that carries IPv4 and IPv6, and on it at the same time, over either: no
// tunnel, the kernel's, and vxlane's with each underlay driver. The far side of every tunnel is the kernel's vxlan device.

import { ip, makeNamespace } from "../../host.js";
import type { Run } from "../../suite.js";
import { reach } from "../path/field.js";
import type { Reach } from "../path/flows.js";
import { startPinned } from "../path/vxlane.js";
import { underlayMtu } from "./wire.js";

export const UNDERLAYS = ["IPv4", "IPv6"] as const;
export type Underlay = (typeof UNDERLAYS)[number];

export const VETH = "veth";
export const KERNEL = "kernel";
const DRIVERS = ["udp", "tap"] as const;
export const CONTENDERS: readonly string[] = [VETH, KERNEL, ...DRIVERS.map((driver) => `vxlane ${driver}`)];

const UNDERLAY_MTU = 1500;
const ADDRESSES = {
  IPv4: { a: "10.99.0.1", b: "10.99.0.2", prefix: 24 },
  IPv6: { a: "fd99::1", b: "fd99::2", prefix: 64 },
} as const;
const A_DEVICE = "w1";
const B_DEVICE = "w2";

export interface Hosts {
  readonly a: string;
  readonly b: string;
}

/** How host b is reached from host a through a contender. */
export interface Path extends Reach {
  readonly contender: string;
  readonly underlay: Underlay;
}

export async function makeHosts(run: Run): Promise<Hosts> {
  const [a, b] = [await makeNamespace(run, "oh-a"), await makeNamespace(run, "oh-b")];
  await ip("link", "add", A_DEVICE, "netns", a, "type", "veth", "peer", "name", B_DEVICE, "netns", b);
  for (const [namespace, device, side] of [
    [a, A_DEVICE, "a"],
    [b, B_DEVICE, "b"],
  ] as const) {
    await ip("-n", namespace, "link", "set", device, "mtu", String(UNDERLAY_MTU), "up");
    for (const underlay of UNDERLAYS) {
      const { prefix, ...addresses } = ADDRESSES[underlay];
      await ip("-n", namespace, "addr", "add", `${addresses[side]}/${prefix}`, "dev", device, ...nodad(underlay));
    }
  }
  return { a, b };
}

/** IPv6 addresses would wait a second for a duplicate to speak up. */
function nodad(underlay: Underlay): string[] {
  return underlay === "IPv6" ? ["nodad"] : [];
}

/** @throws with the reason if the contender cannot be had here */
export async function openPath(run: Run, hosts: Hosts, contender: string, underlay: Underlay): Promise<Path> {
  const place = CONTENDERS.indexOf(contender) * UNDERLAYS.length + UNDERLAYS.indexOf(underlay);
  const path = { contender, underlay, a: { namespace: hosts.a }, b: { address: ADDRESSES[underlay].b } };
  if (contender === VETH) return path;
  const [vni, port] = [100 + place, 4789 + place];
  const subnet = `10.60.${place}`;
  await kernelVxlan(hosts.b, B_DEVICE, underlay, "b", vni, port);
  await address(hosts.b, `vx${vni}`, `${subnet}.2`);
  if (contender === KERNEL) {
    await kernelVxlan(hosts.a, A_DEVICE, underlay, "a", vni, port);
    await address(hosts.a, `vx${vni}`, `${subnet}.1`);
  } else {
    await startPinned(run, hosts.a, configOf(contender, underlay, vni, port));
    await address(hosts.a, `port${vni}`, `${subnet}.1`);
  }
  const tunnel = { ...path, b: { address: `${subnet}.2` } };
  await reach(run, tunnel);
  return tunnel;
}

function mtuOver(underlay: Underlay): number {
  return UNDERLAY_MTU - underlayMtu(0, `VXLAN over ${underlay}`);
}

async function kernelVxlan(
  namespace: string,
  device: string,
  underlay: Underlay,
  side: "a" | "b",
  vni: number,
  port: number,
): Promise<void> {
  const { [side]: local, [side === "a" ? "b" : "a"]: remote } = ADDRESSES[underlay];
  const options = ["id", vni, "local", local, "remote", remote, "dstport", port, "dev", device].map(String);
  await ip("-n", namespace, "link", "add", `vx${vni}`, "type", "vxlan", ...options);
  await ip("-n", namespace, "link", "set", `vx${vni}`, "mtu", String(mtuOver(underlay)), "up");
}

async function address(namespace: string, device: string, ipv4: string): Promise<void> {
  await ip("-n", namespace, "addr", "add", `${ipv4}/24`, "dev", device);
}

function configOf(contender: string, underlay: Underlay, vni: number, port: number): string {
  const driver = contender.replace("vxlane ", "");
  const where = driver === "udp" ? { driver } : { driver, interface: A_DEVICE };
  const { a, b } = ADDRESSES[underlay];
  const network = {
    vni,
    name: `net${vni}`,
    mtu: mtuOver(underlay),
    flood: { mode: "headend", vteps: [b] },
    ports: [{ name: `port${vni}`, driver: "tap" }],
  };
  // One metrics port for each daemon of this host.
  const metrics = { listen: `127.0.0.1:${9000 + vni}` };
  const keys = { local: a, port, underlay: where, metrics, networks: [network] };
  return Object.entries(keys)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join("\n");
}

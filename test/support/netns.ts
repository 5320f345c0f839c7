// Owns the networks of the interop tests: hosts with an underlay interface, kernel VXLAN devices as peers, and the
// check that this machine can hold them. The namespaces themselves are those of the demo (control/demo/lab).
//
// A test that cannot run here fails and says what to do; it is never skipped. Every lab is closed when its test
// ends, however it ends, and what an earlier, killed run left is removed before the first lab of a run.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { onTestFinished } from "vitest";
import { Agent } from "../../control/demo/lab/agent-client.js";
import { Lab, type Namespace, orphanedNamespaces, removeNamespaceNow } from "../../control/demo/lab/netns.js";

const PREFIX = "vxtest";
export const UNDERLAY = "under0";
export const KERNEL_DEVICE = "vx0";
/** What vxlane makes for its tap underlay, in a namespace where it is alone. */
export const TUNNEL_TAP = "vxlane-u0";

/** Debian package of each program that tests call. */
const PACKAGES: Record<string, string> = {
  ip: "iproute2",
  bridge: "iproute2",
  ping: "iputils-ping",
  iperf3: "iperf3",
  ethtool: "ethtool",
  "ovsdb-server": "openvswitch-switch",
  "ovs-vswitchd": "openvswitch-switch",
  trafgen: "netsniff-ng",
  "ovs-vsctl": "openvswitch-switch",
  "ovsdb-tool": "openvswitch-common",
  promtool: "prometheus",
  perf: "linux-perf",
};

/** @throws with what to do, if this process may not or cannot build test networks */
export function requireHost(...programs: string[]): void {
  if (process.getuid?.() !== 0) {
    throw new Error("interop tests build network namespaces: run them as root, for example `sudo npm test`");
  }
  if (!existsSync("/dev/net/tun")) {
    throw new Error("/dev/net/tun is missing: run `modprobe tun`, or give the container --device /dev/net/tun");
  }
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  for (const program of ["ip", "bridge", ...programs]) {
    if (!folders.some((folder) => existsSync(join(folder, program)))) {
      throw new Error(`${program} is missing: run \`apt-get install ${PACKAGES[program] ?? program}\``);
    }
  }
}

let leftoversRemoved = false;

/** A lab that lives as long as the current test. @throws if this machine cannot have one */
export async function createLab(...programs: string[]): Promise<Lab> {
  requireHost(...programs);
  if (!leftoversRemoved) {
    leftoversRemoved = true;
    for (const name of await orphanedNamespaces(PREFIX)) removeNamespaceNow(name);
  }
  const lab = new Lab(PREFIX);
  onTestFinished(() => lab.close());
  return lab;
}

/** A namespace, the agent inside, and what its underlay looks like. */
export interface Host {
  ns: Namespace;
  agent: Agent;
  /** Its underlay address. */
  address: string;
  lab: Lab;
}

export interface UnderlayOptions {
  family?: 4 | 6;
  mtu?: number;
}

/** The underlay address of host number `index` (from 1). */
export function underlayAddress(index: number, family: 4 | 6 = 4): string {
  return family === 4 ? `10.99.0.${index}` : `fd99::${index}`;
}

const withPrefix = (address: string) => `${address}/${address.includes(":") ? 64 : 24}`;

/** A host without an underlay yet. @param address that it is to have there */
export async function host(lab: Lab, label: string, address: string): Promise<Host> {
  const ns = await lab.host(label);
  return { ns, agent: await Agent.start(ns), address, lab };
}

/** Two hosts, joined by a veth pair whose ends are both called UNDERLAY. */
export async function twoHosts(lab: Lab, { family = 4, mtu = 1500 }: UnderlayOptions = {}): Promise<[Host, Host]> {
  const [a, b] = await Promise.all([
    host(lab, "a", underlayAddress(1, family)),
    host(lab, "b", underlayAddress(2, family)),
  ]);
  await lab.link(
    { host: a.ns, name: UNDERLAY, addresses: [withPrefix(a.address)] },
    { host: b.ns, name: UNDERLAY, addresses: [withPrefix(b.address)] },
    mtu,
  );
  return [a, b];
}

/** Hosts on one switch (a kernel bridge in a namespace of its own), so that multicast reaches all of them. */
export async function hostsOnSwitch(
  lab: Lab,
  count: number,
  { family = 4, mtu = 1500 }: UnderlayOptions = {},
): Promise<Host[]> {
  const middle = await lab.host("switch");
  await middle.ip(`link add br0 mtu ${mtu} type bridge mcast_snooping 0`, "link set br0 up");
  const indices = Array.from({ length: count }, (_, i) => i + 1);
  return Promise.all(
    indices.map(async (index) => {
      const made = await host(lab, String.fromCharCode(96 + index), underlayAddress(index, family));
      const end = { host: made.ns, name: UNDERLAY, addresses: [withPrefix(made.address)] };
      await lab.link({ host: middle, name: `port${index}` }, end, mtu);
      await middle.ip(`link set port${index} master br0`);
      return made;
    }),
  );
}

export interface OverlayAddress {
  mac: string;
  ipv4: string;
  ipv6: string;
}

/** MAC and addresses of overlay host number `index` (from 1) in network number `net`. */
export function overlayAddress(index: number, net = 0): OverlayAddress {
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  return {
    mac: `02:00:00:00:${hex(net)}:${hex(index)}`,
    ipv4: `192.168.${net}.${index}`,
    ipv6: `fd00:${net}::${index}`,
  };
}

/** One end of a tunnel: a host and its interface into the overlay. */
export interface End {
  host: Host;
  device: string;
  overlay: OverlayAddress;
}

/** Brings an overlay interface up, with its addresses or, if it is to be quiet, with none and without IPv6. */
export async function openOverlay(
  host: Host,
  device: string,
  { ipv4, ipv6 }: OverlayAddress,
  quiet = false,
): Promise<void> {
  if (quiet) await host.ns.sysctl(`net/ipv6/conf/${device}/disable_ipv6=1`);
  const addresses = quiet ? [] : [`addr add ${ipv4}/24 dev ${device}`, `addr add ${ipv6}/64 dev ${device} nodad`];
  await host.ns.ip(`link set ${device} up`, ...addresses);
}

export interface KernelVxlan {
  vni: number;
  /** A VTEP address, or several (a head-end list), or a multicast group. */
  remotes?: string[];
  group?: string;
  overlay: OverlayAddress;
  device?: string;
  mtu?: number;
  port?: number;
  /** Outer UDP checksum: sent, and over IPv6 wanted. */
  checksum?: boolean;
  learning?: boolean;
  /** No addresses and no IPv6: nothing is sent but what a test sends. */
  quiet?: boolean;
}

/** A kernel VXLAN device, up, with its overlay addresses. */
export async function kernelVxlan(host: Host, options: KernelVxlan): Promise<End> {
  const {
    vni,
    remotes = [],
    group,
    overlay,
    device = KERNEL_DEVICE,
    port = 4789,
    checksum = true,
    learning = true,
  } = options;
  const mtu = options.mtu ?? 1500 - (host.address.includes(":") ? 70 : 50);
  const checksums = checksumFlags(host.address.includes(":"), checksum);
  const flood = group === undefined ? "" : `group ${group} ttl 8`;
  await host.ns.ip(
    `link add ${device} address ${overlay.mac} mtu ${mtu} type vxlan id ${vni} local ${host.address} dstport ${port} ` +
      `dev ${UNDERLAY} ${flood} ${checksums} ${learning ? "learning" : "nolearning"}`,
  );
  for (const remote of remotes)
    await host.ns.bridge("fdb", "append", "00:00:00:00:00:00", "dev", device, "dst", remote);
  await openOverlay(host, device, overlay, options.quiet);
  return { host, device, overlay };
}

function checksumFlags(v6: boolean, checksum: boolean): string {
  if (v6) return checksum ? "noudp6zerocsumtx noudp6zerocsumrx" : "udp6zerocsumtx udp6zerocsumrx";
  return checksum ? "udpcsum" : "noudpcsum";
}

// The hosts of the contenders: network namespaces on veth pairs. Every contender has hosts of its own, so all of them
// exist at the same time and can take turns, and one that breaks breaks nobody else.
//
//   two hosts     a ──veth── b                      a holds the contender, b the peer
//   a container   c ──veth── a ──veth── b           c is what a bridge, or an AF_XDP port, serves
//
// Nothing but the test traffic may run here, since frames are counted: IPv6 with its announcements is off, and both ends
// know each other's MAC from the beginning.

import { command, ip, makeNamespace, spawnIn } from "../../host.js";
import type { Run } from "../../suite.js";
import { udpFrame } from "./frames.js";

export const UNDERLAY_MTU = 1500;
export const OVERLAY_MTU = UNDERLAY_MTU - 50;
export const VXLAN_PORT = 4789;
export const VNI = 100;
/** Underlay addresses of hosts a and b, and what is in front of them in the overlay. */
export const UNDERLAY = { a: "10.99.0.1", b: "10.99.0.2" } as const;
export const OVERLAY = { a: "10.60.0.1", b: "10.60.0.2" } as const;
export const UNDERLAY_DEVICE = "under0";
/** A frame to it is counted where it arrives, and dropped. */
export const NOBODYS_MAC = "02:00:00:00:0e:0e";
/** A host's end of the veth to its container. */
export const PORT = "port0";

/** A namespace, and a process that lives in it from beginning to end: through it, /proc shows what the devices count. */
export interface Host {
  readonly namespace: string;
  readonly pid: number;
}

/** A device that a host sends into and receives from. */
export interface End extends Host {
  readonly device: string;
  readonly address: string;
  readonly mac: string;
  /** A TAP that may be given frames of a flow as one super-frame. */
  readonly joins?: boolean;
}

export type Direction = "out" | "in";

/** A way from one end to the other; `a` is at the side of the contender, so `out` goes from a to b. */
export interface Way {
  readonly a: End;
  readonly b: End;
  /** What a generator sends at one end so that the other counts it and does nothing else with it. */
  frame(direction: Direction, frameLen: number): Uint8Array;
  /** Why it can no longer be measured. */
  readonly broken?: () => string | undefined;
  /** The process at the side of the contender that carries frames, unless that is the kernel. */
  readonly tunnel?: number;
  /** The device that receives first, where the sender is not the contender itself. */
  readonly entry?: Readonly<Record<Direction, Pick<End, "namespace" | "device">>>;
}

async function makeHost(run: Run, suffix: string): Promise<Host> {
  const namespace = await makeNamespace(run, suffix);
  const keeper = spawnIn(run, namespace, "sleep", ["infinity"]);
  if (keeper.pid === undefined) throw new Error("sleep does not start");
  const quiet = ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"];
  await inside(run, { namespace }, "sysctl", ["-qew", ...quiet]);
  return { namespace, pid: keeper.pid };
}

export interface Plug {
  readonly host: Host;
  readonly device: string;
  /** Without one the device has no IP. */
  readonly address?: string;
}

/** A veth pair, both ends up. */
async function plugTogether(one: Plug, other: Plug, mtu: number): Promise<void> {
  const end = ({ host, device }: Plug): string[] => ["name", device, "netns", host.namespace];
  await ip("link", "add", ...end(one), "type", "veth", "peer", ...end(other));
  for (const { host, device, address } of [one, other]) {
    if (address !== undefined) await ip("-n", host.namespace, "addr", "add", `${address}/24`, "dev", device);
    await ip("-n", host.namespace, "link", "set", device, "mtu", String(mtu), "up");
  }
}

/** Hosts a and b on one veth, with underlay addresses. */
export async function twoHosts(run: Run, label: string): Promise<{ a: Host; b: Host }> {
  const a = await makeHost(run, `${label}a`);
  const b = await makeHost(run, `${label}b`);
  const plug = (host: Host, address: string): Plug => ({ host, device: UNDERLAY_DEVICE, address });
  await plugTogether(plug(a, UNDERLAY.a), plug(b, UNDERLAY.b), UNDERLAY_MTU);
  return { a, b };
}

/** A container at a host: it sees `eth0`, the host sees PORT. */
export async function container(run: Run, label: string, host: Host, address: string): Promise<End> {
  const inner = await makeHost(run, `${label}c`);
  await plugTogether({ host: inner, device: "eth0" }, { host, device: PORT }, OVERLAY_MTU);
  return openEnd(inner, "eth0", address);
}

/** The kernel's own vxlan device. */
export async function kernelVxlan(host: Host, side: "a" | "b"): Promise<string> {
  const remote = side === "a" ? UNDERLAY.b : UNDERLAY.a;
  const tunnel = ["id", VNI, "local", UNDERLAY[side], "remote", remote, "dstport", VXLAN_PORT, "dev", UNDERLAY_DEVICE];
  await ip("-n", host.namespace, "link", "add", "vx0", "type", "vxlan", ...tunnel.map(String));
  await ip("-n", host.namespace, "link", "set", "vx0", "mtu", String(OVERLAY_MTU), "up");
  return "vx0";
}

/** Gives a device its address (`undefined`: it has one). */
export async function openEnd(host: Host, device: string, address: string): Promise<End> {
  await ip("-n", host.namespace, "addr", "add", `${address}/24`, "dev", device);
  return describe(host, device, address);
}

export async function describe(host: Host, device: string, address: string): Promise<End> {
  const found = JSON.parse(await ip("-n", host.namespace, "-j", "link", "show", "dev", device)) as {
    address: string;
  }[];
  return { ...host, device, address, mac: found[0]?.address ?? "" };
}

/** A host address in the subnet that nobody has: the receiver counts the frame and forgets it. */
function nobodyBeside(address: string): string {
  return address.replace(/\d+$/, "99");
}

/** Makes both ends know each other for good: no ARP is counted, or waited for, while something is measured. */
export async function introduce(a: End, b: End): Promise<Way> {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const neighbour = [other.address, "lladdr", other.mac, "dev", one.device, "nud", "permanent"];
    await ip("-n", one.namespace, "neigh", "replace", ...neighbour);
  }
  const frame = (direction: Direction, frameLen: number): Uint8Array => {
    const [from, to] = direction === "out" ? [a, b] : [b, a];
    const addresses = { srcMac: from.mac, dstMac: to.mac, src: from.address, dst: nobodyBeside(to.address) };
    return udpFrame(addresses, frameLen);
  };
  return { a, b, frame };
}

/** Runs a program in a host, to its end. */
export function inside(
  run: Run,
  { namespace }: Pick<Host, "namespace">,
  file: string,
  args: readonly string[],
  timeoutMs = 10_000,
): Promise<string> {
  return command("ip", ["netns", "exec", namespace, file, ...args], timeoutMs, run.signal);
}

// Two hosts in network namespaces on one veth, and two tunnels between them that exist at the same time: host B is
// always the kernel's vxlan device, host A is vxlane on one tunnel (UDP port 4789) and the kernel on the other (4790).
// So the contenders can take turns without anything being built anew.

import { startDaemon } from "./daemon.js";
import { command, ip, makeNamespace } from "./host.js";
import type { Run } from "./suite.js";

/** One side of a tunnel: the device that its host sees, and that device's addresses. */
export interface End {
  readonly namespace: string;
  readonly device: string;
  readonly address: string;
  readonly mac: string;
}

export interface Tunnel {
  readonly contender: string;
  /** The side under test. */
  readonly a: End;
  /** The kernel's vxlan. */
  readonly b: End;
}

export const UNDERLAY_MTU = 1500;
const A = "10.99.0.1";
const B = "10.99.0.2";

const CONFIG = `
local: ${A}
port: 4789
networks:
  - vni: 100
    name: blue
    mtu: 1450
    flood: { mode: headend, vteps: [${B}] }
    ports: [ { name: blue0, driver: tap } ]
`;

export interface Hosts {
  readonly a: string;
  readonly b: string;
}

export async function makeHosts(run: Run): Promise<Hosts> {
  const a = await makeNamespace(run, "a");
  const b = await makeNamespace(run, "b");
  await ip("link", "add", "w1", "netns", a, "type", "veth", "peer", "name", "w2", "netns", b);
  for (const [namespace, device, address] of [
    [a, "w1", A],
    [b, "w2", B],
  ] as const) {
    await ip("-n", namespace, "addr", "add", `${address}/24`, "dev", device);
    await ip("-n", namespace, "link", "set", device, "mtu", String(UNDERLAY_MTU), "up");
  }
  return { a, b };
}

/** The kernel on both sides. */
export async function kernelTunnel({ a, b }: Hosts): Promise<Tunnel> {
  await kernelVxlan(a, "vx200", 200, A, B, "w1", 4790);
  await kernelVxlan(b, "vx200", 200, B, A, "w2", 4790);
  return {
    contender: "kernel",
    a: await address(a, "vx200", "10.61.0.1"),
    b: await address(b, "vx200", "10.61.0.2"),
  };
}

/** vxlane on A, the kernel on B. @throws if vxlane does not start */
export async function vxlaneTunnel(run: Run, { a, b }: Hosts): Promise<Tunnel> {
  await kernelVxlan(b, "vx100", 100, B, A, "w2", 4789);
  await startDaemon(run, a, CONFIG);
  return {
    contender: "vxlane",
    a: await address(a, "blue0", "10.60.0.1"),
    b: await address(b, "vx100", "10.60.0.2"),
  };
}

async function kernelVxlan(
  namespace: string,
  device: string,
  vni: number,
  local: string,
  remote: string,
  underlay: string,
  port: number,
): Promise<void> {
  const options = ["id", vni, "local", local, "remote", remote, "dstport", port, "dev", underlay].map(String);
  await ip("-n", namespace, "link", "add", device, "type", "vxlan", ...options);
  await ip("-n", namespace, "link", "set", device, "up");
}

async function address(namespace: string, device: string, ipv4: string): Promise<End> {
  await ip("-n", namespace, "addr", "add", `${ipv4}/24`, "dev", device);
  return { namespace, device, address: ipv4, mac: (await link(namespace, device)).address };
}

interface Link {
  readonly address: string;
  readonly stats64: { readonly rx: { readonly packets: number; readonly bytes: number } };
}

async function link(namespace: string, device: string): Promise<Link> {
  const [found] = JSON.parse(await ip("-n", namespace, "-s", "-j", "link", "show", "dev", device)) as Link[];
  if (found === undefined) throw new Error(`${namespace} has no device ${device}`);
  return found;
}

/** Frames that a device has handed to its host. */
export async function received(end: End): Promise<number> {
  return (await link(end.namespace, end.device)).stats64.rx.packets;
}

/** Runs a program on that side. */
export function inside(run: Run, end: End, file: string, args: readonly string[], timeoutMs: number): Promise<string> {
  return command("ip", ["netns", "exec", end.namespace, file, ...args], timeoutMs, run.signal);
}

// Who has a UDP port, or an interface's XDP program: an operator who sees "address in use" or "busy" wants the name. The kernel's own
// vxlan devices hold their port without a process, so they are asked for first; processes are found by the inode of their socket, or
// by the number of the program, which /proc has for each descriptor of bpf(2).

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { listLinks, listXdpPrograms, withNetlink } from "./links.js";
import { inNamespace } from "./netns.js";

/* From linux/if_link.h */

const IFLA_VXLAN_PORT = 15; // u16, wire order

export type PortHolder =
  | { readonly kind: "vxlan"; readonly device: string }
  | { readonly kind: "process"; readonly pid: number; readonly command: string };

/** What holds UDP `port` in a network namespace; undefined if nothing does or it cannot be found. */
export function whoHasUdpPort(port: number, netns?: string): PortHolder | undefined {
  const device = vxlanDeviceOn(port, netns);
  if (device !== undefined) return { kind: "vxlan", device };
  const inodes = socketInodes(port, netns);
  if (inodes.size === 0) return undefined;
  return processWhere((_, { target }) => inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? ""));
}

/** Whose XDP program an interface has; undefined if it has none, or no process holds it: then nothing but the interface does. */
export function whoHasXdp(ifIndex: number): PortHolder | undefined {
  const ids = withNetlink(undefined, (netlink) => listXdpPrograms(netlink, ifIndex));
  if (ids.length === 0) return undefined;
  return processWhere((pid, { fd, target }) => {
    if (!/^anon_inode:\[?bpf[-_](link|prog)/.test(target)) return false;
    const id = /^prog_id:\s*(\d+)$/m.exec(readOptional(`/proc/${pid}/fdinfo/${fd}`))?.[1];
    return ids.includes(Number(id));
  });
}

/** For a message: `the kernel's vxlan device vx0`, `node (process 4711)`. */
export function describeHolder(holder: PortHolder | undefined): string {
  if (holder === undefined) return "a holder that could not be found";
  if (holder.kind === "vxlan") return `the kernel's vxlan device ${holder.device}`;
  return `${holder.command} (process ${holder.pid})`;
}

function vxlanDeviceOn(port: number, netns: string | undefined): string | undefined {
  const links = withNetlink(netns, listLinks);
  return links.find((link) => link.kind === "vxlan" && link.kindData.get(IFLA_VXLAN_PORT)?.readUInt16BE(0) === port)
    ?.name;
}

/** Inodes of the sockets bound to the port, from lines like `12: 0100007F:12B5 ... inode ...` of /proc/net/udp. */
function socketInodes(port: number, netns: string | undefined): Set<string> {
  // thread-self follows the namespace of the calling thread.
  const tables = inNamespace(netns, () => ["udp", "udp6"].map((name) => readOptional(`/proc/thread-self/net/${name}`)));
  const lines = tables.flatMap((table) => table.split("\n").slice(1));
  const fields = lines.map((line) => line.trim().split(/\s+/));
  const bound = fields.filter((line) => Number.parseInt(line[1]?.split(":")[1] ?? "", 16) === port);
  return new Set(bound.map((line) => line[9]).filter((inode) => inode !== undefined && inode !== "0"));
}

interface Descriptor {
  readonly fd: string;
  /** As /proc names it: `socket:[4711]`. */
  readonly target: string;
}

/** The first process that has such a descriptor. */
function processWhere(matches: (pid: string, descriptor: Descriptor) => boolean): PortHolder | undefined {
  const holder = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .find((pid) => descriptorsOf(pid).some((descriptor) => matches(pid, descriptor)));
  return holder === undefined ? undefined : { kind: "process", pid: Number(holder), command: commandOf(holder) };
}

/** The program's file name. A thread may have renamed itself, as newer Node's main thread does. */
function commandOf(pid: string): string {
  const [program = ""] = readOptional(`/proc/${pid}/cmdline`).split("\0");
  return basename(program) || readOptional(`/proc/${pid}/comm`).trim();
}

/** What a process has open; empty if it is gone or not ours to look at. */
function descriptorsOf(pid: string): Descriptor[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return { fd, target: readlinkSync(`/proc/${pid}/fd/${fd}`) };
      } catch {
        return { fd, target: "" }; // closed meanwhile
      }
    });
  } catch {
    return [];
  }
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

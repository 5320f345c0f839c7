// What the values of one network mean to each other: who floods where, who may send, which MAC is behind what.
//
// A network's remotes are those of its flood list and of its static entries. They are the allow-list too unless
// there is one, so an allow-list that leaves a remote out is most likely a mistake, but a legal one: a warning.

import { parseAddress, parsePrefix, prefixContains } from "../address.js";
import type { Draft } from "./draft.js";
import { formatPath, type Path, type Problems } from "./problems.js";
import { MTU_MAX_IPV6 } from "./schema.js";
import { nearest } from "./spelling.js";

export interface NetworkContext {
  /** The VTEP's own address, if it is right. */
  readonly local: string | undefined;
  readonly underlayInterface: Draft;
  /** undefined: auto. */
  readonly workers: number | undefined;
  /** Filled: every remote VTEP and group. */
  readonly vteps: Set<string>;
  /** Every port by name, and the path of its network. */
  readonly portOwner: Map<string, { path: Path; network: Path }>;
}

interface Remote {
  readonly address: string;
  readonly path: Path;
}

const IPV6_MTU_MIN = 1280; // RFC 8200 section 5

export function checkNetwork(network: Draft, context: NetworkContext, problems: Problems): void {
  const remotes = [...floodVteps(network, context, problems), ...entryVteps(network, context, problems)];
  for (const remote of remotes) context.vteps.add(remote.address);
  checkMulticast(network, context, problems);
  checkAllow(network, remotes, context, problems);
  checkMtu(network.get("mtu"), context, problems);
  checkMacs(network, problems);
  checkEntries(network, context, problems);
  checkQueues(network, context, problems);
  checkXdpPorts(network, problems);
}

/** The flood list's VTEPs that can be used; says what is wrong with the others. */
function floodVteps(network: Draft, context: NetworkContext, problems: Problems): Remote[] {
  const flood = network.get("flood");
  if (flood.get("mode").value !== "headend") return [];
  const seen = new Map<string, Path>();
  const list = flood.get("vteps");
  if (Array.isArray(list.value) && list.value.length === 0) {
    problems.warn("ERR_CONFIG_VALUE", list.path, "is empty: nothing is flooded to other VTEPs");
  }
  for (const vtep of list.items()) {
    const address = vtep.read("unicast-address");
    if (address === undefined || !checkRemote(vtep, address, context, problems)) continue;
    const first = seen.get(address);
    if (first === undefined) seen.set(address, vtep.path);
    else {
      problems.error("ERR_CONFIG_DUPLICATE", vtep.path, `is also ${formatPath(first)}`, {
        allowed: "each VTEP once",
      });
    }
  }
  return [...seen].map(([address, path]) => ({ address, path }));
}

function entryVteps(network: Draft, context: NetworkContext, problems: Problems): Remote[] {
  return network
    .get("fdb")
    .items()
    .flatMap((entry) => {
      const vtep = entry.get("vtep");
      const address = vtep.read("unicast-address");
      const usable = address !== undefined && checkRemote(vtep, address, context, problems);
      return usable ? [{ address, path: vtep.path }] : [];
    });
}

/** True if `address` can be another VTEP's. */
function checkRemote(at: Draft, address: string, context: NetworkContext, problems: Problems): boolean {
  if (address === context.local) {
    problems.error("ERR_CONFIG_REFERENCE", at.path, "is local, this VTEP itself", {
      allowed: "another VTEP's address",
    });
    return false;
  }
  return checkFamily(at, address, context, problems);
}

/** One underlay socket speaks one family: behaviour of the outer header's template. */
function checkFamily(at: Draft, address: string, { local }: NetworkContext, problems: Problems): boolean {
  if (local === undefined || isIpv6(local) === isIpv6(address)) return true;
  const [have, want] = isIpv6(local) ? ["IPv4", "IPv6"] : ["IPv6", "IPv4"];
  problems.error("ERR_CONFIG_REFERENCE", at.path, `is ${have}, but local is ${want}`, {
    allowed: `${want} addresses, as local ${local}`,
  });
  return false;
}

function checkMulticast(network: Draft, context: NetworkContext, problems: Problems): void {
  const flood = network.get("flood");
  if (flood.get("mode").value !== "multicast") return;
  const group = flood.get("group");
  const address = group.read("multicast-address");
  if (address !== undefined && checkFamily(group, address, context, problems)) {
    context.vteps.add(address);
    // RFC 5771 section 4 and RFC 4291 section 2.7: link-local control, interface-local.
    if (/^224\.0\.0\./.test(address) || /^ff.1:/.test(address)) {
      problems.warn("ERR_CONFIG_VALUE", group.path, "does not leave the link, or not even the host");
    }
  }
  if (!context.underlayInterface.present) {
    problems.error("ERR_CONFIG_KEY_MISSING", context.underlayInterface.path, "is missing", {
      value: null,
      allowed: `in the config, the interface that joins the group of ${formatPath(network.path)}`,
    });
  }
  const allow = network.get("allow");
  if (!allow.present) {
    problems.error("ERR_CONFIG_KEY_MISSING", allow.path, "is missing, and a group names no VTEPs", {
      value: null,
      allowed: "the VTEPs that may send into this network: addresses or prefixes",
    });
  }
}

function checkAllow(network: Draft, remotes: readonly Remote[], context: NetworkContext, problems: Problems): void {
  const allow = network.get("allow");
  const items = allow.items();
  const prefixes = [];
  const seen = new Map<string, Path>();
  for (const item of items) {
    const text = item.read("address-prefix");
    const parsed = text === undefined ? undefined : parsePrefix(text);
    if (text === undefined || parsed === undefined || !checkFamily(item, text, context, problems)) continue;
    prefixes.push(parsed);
    const first = seen.get(text);
    if (first !== undefined) problems.warn("ERR_CONFIG_DUPLICATE", item.path, `is also ${formatPath(first)}`);
    else seen.set(text, item.path);
    const [written] = String(item.value).split("/");
    if (written !== undefined && !sameAddress(written, text)) {
      problems.warn("ERR_CONFIG_VALUE", item.path, `has bits behind its length: it means ${text}`);
    }
    if (parsed.length === 0) {
      problems.warn("ERR_CONFIG_VALUE", item.path, "lets any host that reaches the UDP port send into this network");
    }
  }
  // With a wrong entry nobody knows what the list would have held.
  if (prefixes.length === 0 || prefixes.length < items.length) return;
  for (const { address, path } of remotes) {
    const bytes = parseAddress(address);
    if (bytes !== undefined && prefixes.some((prefix) => prefixContains(prefix, bytes))) continue;
    problems.warn("ERR_CONFIG_REFERENCE", path, `is not in ${formatPath(allow.path)}: what it sends is dropped`);
  }
}

function sameAddress(written: string, prefix: string): boolean {
  const own = parseAddress(written);
  const masked = parseAddress(prefix.split("/")[0] ?? "");
  return own !== undefined && masked !== undefined && Buffer.compare(own, masked) === 0;
}

function checkMtu(mtu: Draft, { local }: NetworkContext, problems: Problems): void {
  const value = mtu.whole();
  if (value === undefined) return;
  if (local !== undefined && isIpv6(local) && value > MTU_MAX_IPV6) {
    problems.error("ERR_CONFIG_VALUE", mtu.path, "is out of range over IPv6", {
      allowed: `up to ${MTU_MAX_IPV6}`,
      suggestion: String(MTU_MAX_IPV6),
    });
  } else if (value < IPV6_MTU_MIN) {
    problems.warn("ERR_CONFIG_VALUE", mtu.path, `is too small for IPv6 inside, which needs ${IPV6_MTU_MIN}`);
  }
}

/** A station is in one place: port MACs and static entries of a network together. */
function checkMacs(network: Draft, problems: Problems): void {
  const seen = new Map<string, Path>();
  for (const item of [...network.get("ports").items(), ...network.get("fdb").items()]) {
    const mac = item.get("mac");
    const value = mac.read("mac");
    if (value === undefined) continue;
    const first = seen.get(value);
    if (first === undefined) seen.set(value, mac.path);
    else {
      problems.error("ERR_CONFIG_DUPLICATE", mac.path, `is also ${formatPath(first)}`, {
        allowed: "each MAC once in a network",
      });
    }
  }
}

function checkEntries(network: Draft, context: NetworkContext, problems: Problems): void {
  const ports = network.get("ports").items();
  const names = [...new Set(ports.flatMap((port) => port.get("name").read("interface-name") ?? []))];
  for (const entry of network.get("fdb").items()) {
    if (typeof entry.value !== "object" || entry.value === null) continue;
    const port = entry.get("port");
    if (port.present === entry.get("vtep").present) {
      const message = port.present ? "has both a vtep and a port" : "has neither a vtep nor a port";
      problems.error("ERR_CONFIG_REFERENCE", entry.path, message, { allowed: "exactly one of vtep and port" });
    }
    const name = port.read("interface-name");
    if (name === undefined || names.includes(name)) continue;
    const owner = context.portOwner.get(name);
    const near = nearest(name, names);
    problems.error(
      "ERR_CONFIG_REFERENCE",
      port.path,
      owner ? `is a port of ${formatPath(owner.network)}` : "is not a port",
      {
        allowed:
          names.length > 0
            ? `a port of this network: ${names.slice(0, 8).join(", ")}`
            : "a port of this network, which has none",
        ...(near === undefined ? {} : { suggestion: near }),
      },
    );
  }
}

function checkQueues(network: Draft, { workers }: NetworkContext, problems: Problems): void {
  for (const port of network.get("ports").items()) {
    const queues = port.get("queues");
    if (workers === undefined || (queues.whole() ?? 0) <= workers) continue;
    problems.warn("ERR_CONFIG_REFERENCE", queues.path, `is more than the ${workers} workers; a worker reads one queue`);
  }
}

/** The xdp driver makes no interface: what it would be made with cannot be asked for. */
function checkXdpPorts(network: Draft, problems: Problems): void {
  for (const port of network.get("ports").items()) {
    if (port.get("driver").value !== "xdp") continue;
    const asked = [port.get("mac"), port.get("persistent"), port.get("queues")];
    for (const key of asked) {
      if (!key.present || key.value === false || key.value === "auto") continue;
      problems.error("ERR_CONFIG_REFERENCE", key.path, "is not for an xdp port, which takes its interface as it is", {
        of: "key",
        allowed: "no mac, persistent or queues with driver: xdp",
      });
    }
  }
}

function isIpv6(text: string): boolean {
  return text.includes(":");
}

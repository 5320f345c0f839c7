// What the values of a config mean to each other, across the whole config: one family of addresses, nothing named
// twice, room in the tables. network-rules.ts has the rules inside one network.
//
// Every rule looks at a draft and says nothing about values that are not right in themselves.

import type { Draft } from "./draft.js";
import { suggest } from "./format.js";
import { checkNetwork, type NetworkContext } from "./network-rules.js";
import { formatPath, type Path, type Problems } from "./problems.js";
import { DEFAULTS, VNI_MAX } from "./schema.js";

/* Our choices. */
const VTEPS_MAX = 16383; // layout.ts: ids 1 to 16383
const PORTS_MAX = 65535; // layout.ts

export function checkRules(config: Draft, problems: Problems): void {
  const local = config.get("local").read("unicast-address");
  const context: NetworkContext = {
    local,
    underlayInterface: config.get("underlay").get("interface"),
    workers: config.get("workers").whole(),
    vteps: new Set(),
    portOwner: new Map(),
  };
  checkSourcePorts(config.get("sourcePorts"), problems);
  checkChecksum(config.get("underlay").get("checksum"), local, problems);
  const networks = config.get("networks").items();
  checkVnis(networks, problems);
  checkNetworkNames(networks, problems);
  checkPortNames(networks, context, problems);
  for (const network of networks) checkNetwork(network, context, problems);
  checkRoom(config, context, problems);
}

function checkSourcePorts(ports: Draft, problems: Problems): void {
  const min = ports.get("min").whole() ?? DEFAULTS.sourcePorts.min;
  const max = ports.get("max").whole() ?? DEFAULTS.sourcePorts.max;
  if (min <= max) return;
  problems.error("ERR_CONFIG_REFERENCE", ports.path, `has its min, ${min}, above its max, ${max}`, {
    allowed: "min up to max, both inclusive",
    suggestion: `{ min: ${max}, max: ${min} }`,
  });
}

/** RFC 8200 section 8.1: over IPv6, UDP has a checksum. */
function checkChecksum(checksum: Draft, local: string | undefined, problems: Problems): void {
  if (checksum.value !== "off" || local === undefined || !local.includes(":")) return;
  problems.warn(
    "ERR_CONFIG_REFERENCE",
    checksum.path,
    "is for IPv4: over IPv6 the outer UDP checksum is always written",
  );
}

function checkVnis(networks: readonly Draft[], problems: Problems): void {
  const seen = new Map<number, Path>();
  const taken = new Set(networks.map((network) => network.get("vni").whole()));
  for (const network of networks) {
    const vni = network.get("vni");
    const value = vni.whole();
    if (value === undefined) continue;
    const first = seen.get(value);
    if (first === undefined) seen.set(value, vni.path);
    else {
      problems.error("ERR_CONFIG_DUPLICATE", vni.path, `is also ${formatPath(first)}`, {
        allowed: "a VNI that no other network has",
        ...suggest(nextFree(value, taken)),
      });
    }
  }
}

/** The next one, which is taken from then on: a second duplicate is told another. */
function nextFree(vni: number, taken: Set<number | undefined>): string | undefined {
  let free = vni + 1;
  while (taken.has(free)) free++;
  taken.add(free);
  return free <= VNI_MAX ? String(free) : undefined;
}

function checkNetworkNames(networks: readonly Draft[], problems: Problems): void {
  const seen = new Map<string, Path>();
  for (const network of networks) {
    const name = network.get("name");
    const vni = network.get("vni").whole();
    const value = name.present ? name.read("network-name") : vni === undefined ? undefined : `vni${vni}`;
    if (value === undefined) continue;
    const first = seen.get(value);
    if (first === undefined) seen.set(value, name.path);
    // Without a name, the VNI is what is there twice, and has been said.
    else if (name.present) {
      problems.error("ERR_CONFIG_DUPLICATE", name.path, `is also ${formatPath(first)}`, {
        allowed: "a name that no other network has",
      });
    }
  }
}

/** An interface exists once on a host, whichever network it is in. */
function checkPortNames(networks: readonly Draft[], context: NetworkContext, problems: Problems): void {
  for (const network of networks) {
    for (const port of network.get("ports").items()) {
      const name = port.get("name");
      const value = name.read("interface-name");
      if (value === undefined) continue;
      const first = context.portOwner.get(value);
      if (first === undefined) context.portOwner.set(value, { path: name.path, network: network.path });
      else {
        problems.error("ERR_CONFIG_DUPLICATE", name.path, `is also ${formatPath(first.path)}`, {
          allowed: "a name that no other port has",
        });
      }
      if (value === context.underlayInterface.read("interface-name")) {
        problems.error("ERR_CONFIG_DUPLICATE", name.path, "is also underlay.interface", {
          allowed: "a name that no other interface has",
        });
      }
    }
  }
}

function checkRoom(config: Draft, context: NetworkContext, problems: Problems): void {
  const networks = config.get("networks");
  const limit = { value: null, of: "key" } as const;
  if (context.vteps.size > VTEPS_MAX) {
    const message = `name ${context.vteps.size} VTEPs`;
    problems.error("ERR_CONFIG_VALUE", networks.path, message, { ...limit, allowed: `at most ${VTEPS_MAX}` });
  }
  if (context.portOwner.size > PORTS_MAX) {
    const message = `have ${context.portOwner.size} ports`;
    problems.error("ERR_CONFIG_VALUE", networks.path, message, { ...limit, allowed: `at most ${PORTS_MAX}` });
  }
  const capacity = config.get("fdb").get("capacity");
  const room = capacity.present ? capacity.whole() : DEFAULTS.fdb.capacity;
  let entries = 0;
  for (const network of networks.items()) {
    entries += network.get("fdb").items().length;
    entries += network
      .get("ports")
      .items()
      .filter((port) => port.get("mac").present).length;
  }
  if (room !== undefined && room > 0 && entries > room) {
    problems.error("ERR_CONFIG_REFERENCE", capacity.path, `is less than the ${entries} static entries and port MACs`, {
      value: String(room),
      of: "key",
      allowed: `${entries} at least, and room to learn`,
    });
  }
}

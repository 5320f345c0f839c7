// Does the underlay carry the networks' MTU? What counts is the way to each remote: a VTEP's address may be on a
// loopback interface, whose MTU says nothing of the wire. Without remotes to ask for, the interface has to do.

import { overheadOf } from "../overhead.js";
import type { HostFacts, HostInterface } from "./host.js";
import type { Path, Problems } from "./problems.js";
import type { Config, NetworkConfig } from "./types.js";

interface Carrier {
  /** Bytes. */
  readonly mtu: number;
  /** For people. */
  readonly way: string;
}

export function checkMtus(
  config: Config,
  interfaces: readonly HostInterface[],
  facts: HostFacts,
  problems: Problems,
): void {
  const overhead = overheadOf(config.local.includes(":"));
  const owner = interfaces.find(({ addresses }) => addresses.includes(config.local));
  for (const [i, network] of config.networks.entries()) {
    const path: Path = ["networks", i];
    const carrier = narrowest(config, network, path, interfaces, facts, problems) ?? owner;
    if (carrier === undefined) continue;
    const way = "way" in carrier ? carrier.way : carrier.name;
    const most = carrier.mtu - overhead;
    if (network.mtu === undefined) {
      // What the daemon takes by itself is the owner's.
      if (owner === undefined || owner.mtu <= carrier.mtu) continue;
      const message = `has no mtu, and ${owner.name} would give it ${owner.mtu - overhead}; but ${way} has an MTU of ${carrier.mtu}`;
      problems.warn("ERR_HOST_MTU", path, message, { value: null, of: "key", suggestion: `mtu: ${most}` });
    } else if (network.mtu > most) {
      const message = `is more than the underlay carries: ${way} has an MTU of ${carrier.mtu}`;
      problems.error("ERR_HOST_MTU", [...path, "mtu"], message, {
        allowed: `up to ${most}, which is ${carrier.mtu} less ${overhead} of outer headers`,
        suggestion: String(most),
      });
    }
  }
}

/** The smallest MTU on the way to a network's remotes, or of the interface that is configured. */
function narrowest(
  { local, underlay }: Config,
  network: NetworkConfig,
  path: Path,
  interfaces: readonly HostInterface[],
  facts: HostFacts,
  problems: Problems,
): Carrier | undefined {
  const vteps = network.flood.mode === "headend" ? network.flood.vteps : [];
  let least: Carrier | undefined;
  for (const [i, vtep] of vteps.entries()) {
    const route = facts.route(vtep, local);
    if (route === undefined) {
      problems.warn("ERR_HOST_ADDRESS", [...path, "flood", "vteps", i], "has no route from here", { value: vtep });
    } else if (least === undefined || route.mtu < least.mtu) {
      least = { mtu: route.mtu, way: `${route.interface} on the way to ${vtep}` };
    }
  }
  const configured = interfaces.find(({ name }) => name === underlay.interface);
  return least ?? (configured && { mtu: configured.mtu, way: configured.name });
}

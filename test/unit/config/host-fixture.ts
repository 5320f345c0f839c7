// Any host, through a fake, and what the checks make of a config there.

import { readConfig } from "../../../control/config/config.js";
import { checkHost, type HostFacts, type HostInterface } from "../../../control/config/host.js";
import { ConfigError } from "../../../control/errors.js";
import type { Capability } from "../../../control/linux/capabilities.js";

export const ETH0: HostInterface = {
  name: "eth0",
  isUp: true,
  mtu: 1500,
  addresses: ["10.99.0.1", "10.99.0.11", "fd00::1"],
};
const DOWN: HostInterface = { name: "eth1", isUp: false, mtu: 9000, addresses: ["10.98.0.1"] };
const LO: HostInterface = { name: "lo", isUp: true, mtu: 65536, addresses: ["127.0.0.1", "::1"] };

const WELL: HostFacts = {
  interfaces: () => [LO, ETH0, DOWN],
  missingCapabilities: () => [],
  tunError: () => undefined,
  lockedMemoryMax: () => Infinity,
  udpConflict: () => undefined,
  portConflict: () => undefined,
  route: () => ({ mtu: 1500, interface: "eth0" }),
  socketState: async () => "absent",
  tcpConflict: async () => undefined,
};

export const TEXT = `local: 10.99.0.1
networks:
  - vni: 100
    mtu: 1450
    flood: { mode: headend, vteps: [10.99.0.2] }
    ports: [ { name: blue0 } ]
`;

/** A process that has all capabilities but these. */
export const lacking =
  (...missing: Capability[]): HostFacts["missingCapabilities"] =>
  (wanted) =>
    wanted.filter((name) => missing.includes(name));

export async function check(text: string, facts: Partial<HostFacts> = {}) {
  const { config, source } = readConfig(text, "host.yaml");
  try {
    return { warnings: await checkHost(config, { ...WELL, ...facts }, source), problems: [], code: undefined, exit: 0 };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { warnings: [], problems: error.problems, code: error.code, exit: error.exitCode };
  }
}

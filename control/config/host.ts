// What this host makes of a config: `check --host` and `run` ask before anything is created. Is the local address
// here, is the UDP port free, does the underlay carry the networks' MTU, are the port names free, may we at all?
//
// The checks see the host through HostFacts, so that tests can describe any host. A check is a look, not a
// reservation: what changes between here and the start still fails there, only with fewer words.

import { availableParallelism } from "node:os";
import { ConfigError, type ConfigProblem } from "../errors.js";
import type { Capability } from "../linux/capabilities.js";
import { suggest } from "./format.js";
import { checkMtus } from "./host-mtu.js";
import { checkPrivileges } from "./host-privileges.js";
import { checkXdpInterface, checkXdpUnderlay } from "./host-xdp.js";
import { NOWHERE, Problems, type Source } from "./problems.js";
import { nearest } from "./spelling.js";
import type { Config } from "./types.js";

export interface HostInterface {
  readonly name: string;
  readonly isUp: boolean;
  /** Largest L3 packet, bytes. */
  readonly mtu: number;
  /** As formatAddress writes them. */
  readonly addresses: readonly string[];
}

/** What is there at a path that is to be a unix socket. Stale: a socket file that nobody listens on. */
export type SocketState = "absent" | "stale" | "live" | "other";

export interface HostFacts {
  interfaces(): readonly HostInterface[];
  /** Those that this process lacks. */
  missingCapabilities(wanted: readonly Capability[]): readonly Capability[];
  /** Why TAP devices cannot be made, in words: `/dev/net/tun (EACCES)`; undefined: they can. */
  tunError(): string | undefined;
  /** Bytes; Infinity where nothing limits it. */
  lockedMemoryMax(): number;
  /** Why a UDP socket cannot be bound there, in words (`UDP port 4789 is taken by …`), or undefined. */
  udpConflict(local: string, port: number): string | undefined;
  /** Why an interface of that name cannot serve as a TAP port, or undefined: there is none, or it can. */
  portConflict(name: string, queues: number): string | undefined;
  /** Bytes that fit on the way to a destination, and the interface; undefined: no route. */
  route(destination: string, source: string): { readonly mtu: number; readonly interface: string } | undefined;
  socketState(path: string): Promise<SocketState>;
  /** The errno's name if a TCP socket cannot listen there. */
  tcpConflict(host: string, port: number): Promise<string | undefined>;
}

/**
 * @param source where the config came from, to name the place of each problem
 * @returns warnings
 * @throws {ConfigError} with every problem
 */
export async function checkHost(
  config: Config,
  facts: HostFacts,
  source: Source = NOWHERE,
): Promise<readonly ConfigProblem[]> {
  const problems = new Problems(source);
  const workers = config.workers === "auto" ? availableParallelism() : config.workers;
  checkPrivileges(config, workers, facts, problems);
  const interfaces = facts.interfaces();
  const hasLocal = checkLocal(config, interfaces, problems);
  checkUnderlayInterface(config, interfaces, problems);
  checkXdpUnderlay(config, interfaces, problems);
  if (hasLocal) checkMtus(config, interfaces, facts, problems);
  const isFree = await checkSocket(config, facts, problems);
  // A daemon that runs on this config holds its ports: no news, and no mistakes.
  if (isFree) {
    if (hasLocal) checkUdpPort(config, facts, problems);
    checkPorts(config, workers, interfaces, facts, problems);
    await checkMetrics(config, facts, problems);
  }
  problems.sort();
  if (problems.errors.length > 0) throw new ConfigError(problems.errors);
  return problems.warnings;
}

/** True if some interface has the address. */
function checkLocal({ local }: Config, interfaces: readonly HostInterface[], problems: Problems): boolean {
  const owner = interfaces.find(({ addresses }) => addresses.includes(local));
  if (owner?.isUp) return true;
  const isIpv6 = local.includes(":");
  const have = interfaces.flatMap(({ name, isUp, addresses }) =>
    isUp ? addresses.filter((address) => address.includes(":") === isIpv6).map((address) => ({ address, name })) : [],
  );
  const message = owner ? `is on ${owner.name}, which is down` : "is not an address of this host";
  problems.error("ERR_HOST_ADDRESS", ["local"], message, {
    value: local,
    allowed: have.length === 0 ? `this host has no IPv${isIpv6 ? 6 : 4} address that is up` : listAddresses(have),
    ...(owner
      ? {}
      : suggest(
          nearest(
            local,
            have.map(({ address }) => address),
          ),
        )),
  });
  return owner !== undefined;
}

const LISTED = 12;

function listAddresses(have: readonly { address: string; name: string }[]): string {
  const words = have.slice(0, LISTED).map(({ address, name }) => `${address} (${name})`);
  return `${words.join(", ")}${have.length > LISTED ? `, and ${have.length - LISTED} more` : ""}`;
}

function checkUnderlayInterface(config: Config, interfaces: readonly HostInterface[], problems: Problems): void {
  const wanted = config.underlay.interface;
  if (wanted === undefined) return;
  const path = ["underlay", "interface"];
  const found = interfaces.find(({ name }) => name === wanted);
  if (found?.isUp) return;
  const names = interfaces.filter(({ isUp }) => isUp).map(({ name }) => name);
  problems.error("ERR_HOST_INTERFACE", path, found ? "is down" : "is not an interface of this host", {
    value: wanted,
    allowed: names.slice(0, LISTED).join(", "),
    ...(found ? {} : suggest(nearest(wanted, names))),
  });
}

function checkUdpPort({ local, port }: Config, facts: HostFacts, problems: Problems): void {
  const conflict = facts.udpConflict(local, port);
  if (conflict === undefined) return;
  problems.error("ERR_HOST_PORT_TAKEN", ["port"], `cannot be bound: ${conflict}`, {
    value: String(port),
    allowed: "a UDP port that is free on this host, and the same at the remotes",
  });
}

function checkPorts(
  config: Config,
  workers: number,
  interfaces: readonly HostInterface[],
  facts: HostFacts,
  problems: Problems,
): void {
  for (const [i, network] of config.networks.entries()) {
    for (const [j, port] of network.ports.entries()) {
      const path = ["networks", i, "ports", j, "name"];
      if (port.driver === "xdp") {
        checkXdpInterface(config, port.name, path, interfaces, problems);
        continue;
      }
      const queues = port.queues === "auto" ? workers : port.queues;
      const conflict = facts.portConflict(port.name, queues);
      if (conflict === undefined) continue;
      problems.error("ERR_HOST_INTERFACE", path, `cannot be opened: ${conflict}`, {
        value: port.name,
        allowed:
          "a name that no interface of this host has, a persistent TAP device that nobody uses, or driver: xdp for one that is there",
      });
    }
  }
}

/** True unless a daemon has the socket. */
async function checkSocket({ api }: Config, facts: HostFacts, problems: Problems): Promise<boolean> {
  const state = await facts.socketState(api.socket);
  const path = ["api", "socket"];
  if (state === "live") {
    problems.error("ERR_ALREADY_RUNNING", path, "belongs to a daemon that is running; what it holds is not checked", {
      value: api.socket,
      allowed: "a socket of its own for each daemon",
    });
  } else if (state === "other") {
    problems.error("ERR_CONFIG_VALUE", path, "is there already, and is not a socket", {
      value: api.socket,
      allowed: "a path where nothing is",
    });
  }
  return state !== "live";
}

async function checkMetrics({ metrics }: Config, facts: HostFacts, problems: Problems): Promise<void> {
  const { host, port } = metrics.listen;
  const errno = await facts.tcpConflict(host, port);
  if (errno === undefined) return;
  const value = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const path = ["metrics", "listen"];
  if (errno === "EADDRINUSE") {
    problems.error("ERR_HOST_PORT_TAKEN", path, "is in use by another program", { value, allowed: "a free TCP port" });
  } else if (errno === "EADDRNOTAVAIL") {
    problems.error("ERR_HOST_ADDRESS", path, "is not an address of this host", { value });
  } else if (errno === "EACCES") {
    problems.error("ERR_PRIVILEGE", path, "may not be listened on by this user", { value, allowed: "ports from 1024" });
  } else {
    problems.error("ERR_CONFIG_VALUE", path, `cannot be listened on: ${errno}`, { value });
  }
}

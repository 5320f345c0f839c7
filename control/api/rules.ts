// What a body means to the rest of the config: the config's own rules, asked about a config that has this VTEP's facts
// and the one network that the request is about. Their findings name paths of that config; the caller hears them by
// the paths of the body.

import { checkConfig } from "../config/config.js";
import { readHostFacts } from "../config/host-facts.js";
import { checkMtus } from "../config/host-mtu.js";
import { checkXdpInterface } from "../config/host-xdp.js";
import { type Path, Problems, show } from "../config/problems.js";
import type { Config, NetworkConfig, PortConfig } from "../config/types.js";
import { ConfigError, type ConfigProblem, formatProblem } from "../errors.js";

export interface Checked {
  /** As the daemon reads it: defaults filled in, one spelling. */
  readonly network: NetworkConfig;
  /** Legal, but most likely not meant. */
  readonly warnings: readonly string[];
}

/**
 * @param network as a config would have it
 * @param rename paths of that network's parts, as the caller calls them
 * @throws ConfigError
 */
export function checkNetwork(
  { local, underlay, workers, fdb }: Config,
  network: object,
  rename: (path: string) => string = (path) => path,
): Checked {
  const whole = { local, underlay, workers, fdb, networks: [network] };
  const own = (path: string) => rename(path).replaceAll(/networks\[0\]\.?/g, "");
  const said = (text: string) => own(text.replaceAll(/networks\[0\](?!\.)/g, "this network"));
  const renamed = (problem: ConfigProblem): ConfigProblem => ({
    ...valueAt(whole, problem.path),
    ...problem,
    path: own(problem.path),
    message: said(problem.message),
    ...(problem.allowed === undefined ? {} : { allowed: said(problem.allowed) }),
  });
  try {
    const { config, warnings } = checkConfig(whole);
    return { network: config.networks[0], warnings: warnings.map((warning) => formatProblem(renamed(warning))) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map(renamed));
  }
}

/**
 * Whether the underlay carries a network's MTU, as this host is now.
 * @throws ConfigError if it does not
 */
export function checkUnderlay(config: Config, network: NetworkConfig): void {
  const facts = readHostFacts();
  const problems = new Problems();
  checkMtus({ ...config, networks: [network] }, facts.interfaces(), facts, problems);
  if (problems.errors.length === 0) return;
  const value = show(network.mtu);
  throw new ConfigError(problems.errors.map((problem) => ({ ...problem, path: "mtu", value })));
}

/**
 * Whether xdp ports may attach to their interfaces, as this host is now.
 * @param there names of ports that are there already, whatever has become of their interfaces
 * @param pathOf what the caller calls a port's name, by its place among those asked for
 * @throws ConfigError if one may not
 */
export function checkXdpPorts(
  config: Config,
  ports: readonly PortConfig[],
  there: ReadonlySet<string>,
  pathOf: (index: number) => Path,
): void {
  const isNew = ({ name, driver }: PortConfig) => driver === "xdp" && !there.has(name);
  if (!ports.some(isNew)) return;
  const interfaces = readHostFacts().interfaces();
  const problems = new Problems();
  ports.forEach((port, index) => {
    if (isNew(port)) checkXdpInterface(config, port.name, pathOf(index), interfaces, problems);
  });
  if (problems.errors.length > 0) throw new ConfigError(problems.errors);
}

/** The value that a path leads to, as it was sent, if it is one to show. */
function valueAt(root: unknown, path: string): { value?: string } {
  const value = (path.match(/[^.[\]]+/g) ?? []).reduce<unknown>(
    (parent, step) => (typeof parent === "object" && parent !== null ? Reflect.get(parent, step) : undefined),
    root,
  );
  return ["string", "number", "boolean"].includes(typeof value) ? { value: show(value) } : {};
}

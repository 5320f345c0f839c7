// Looks after what the daemon stands on and others may take away: the interfaces behind its ports, the underlay's interface and
// address, the state directory. It says what is wrong (problems.ts) and mends what can be mended: a TAP that was
// deleted is made again, multicast groups are joined again on an interface that came back.
//
// The kernel tells that some link or address has changed; then, and now and then without being told, all of them are looked
// at once. UDP sockets are bound to an address and survive whatever happens to it, so there is nothing to mend about those.

import { formatAddress, parseAddress } from "../address.js";
import { messageOf } from "../errors.js";
import { IFF_RUNNING } from "../linux/constants.js";
import { type Interface, listInterfaces } from "../linux/index.js";
import type { PortDevices } from "./port-devices.js";
import type { Problems } from "./problems.js";
import { probeStateDir } from "./state-dir.js";
import type { TunnelUnderlay } from "./tunnel-underlay.js";
import type { UnderlaySockets } from "./underlay-sockets.js";
import type { XdpUnderlayControl } from "./xdp-underlay.js";

/* Our choices. */
const RETRY_MS = 2000; // while something is wrong
const RECHECK_MS = 30_000;

export interface WatchOptions {
  readonly local: string;
  /** Of the underlay, if the config names one. */
  readonly interface: string | undefined;
  readonly stateDir: string;
}

interface Watched {
  readonly ports: Pick<PortDevices, "all" | "reopen">;
  readonly underlay: Pick<UnderlaySockets, "moveGroups">;
  readonly problems: Problems;
  readonly events: { changed(): boolean };
  /** Of the tap underlay. */
  readonly tunnel?: Pick<TunnelUnderlay, "check" | "checkNew"> | undefined;
  /** Of the xdp underlay. */
  readonly ring?: Pick<XdpUnderlayControl, "follow"> | undefined;
  /** Told the MTU of the interface that has the local address, at each look. */
  readonly onUnderlayMtu?: (mtu: number) => void;
  /** Of this host; tests bring their own. */
  readonly interfaces?: () => Interface[];
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #watched: Watched;
  #nextMs = 0;
  #nextProbeMs = 0;
  #groupsIndex: number | undefined;

  constructor(options: WatchOptions, watched: Watched) {
    this.#options = options;
    this.#watched = watched;
  }

  /** To be called a few times a second. */
  tick(nowMs: number): void {
    const { events, problems, tunnel, ring } = this.#watched;
    if (nowMs >= this.#nextProbeMs) {
      this.#nextProbeMs = nowMs + RECHECK_MS; // the probe's end sets it again
      void this.#probe();
    }
    const list = this.#watched.interfaces ?? listInterfaces;
    if (!events.changed() && nowMs < this.#nextMs) {
      tunnel?.checkNew(list);
      return;
    }
    const interfaces = list();
    this.#checkUnderlay(interfaces);
    tunnel?.check(interfaces);
    ring?.follow(interfaces);
    this.#checkPorts(interfaces);
    this.#nextMs = nowMs + (problems.count > 0 ? RETRY_MS : RECHECK_MS);
  }

  #checkUnderlay(interfaces: readonly Interface[]): void {
    const { problems, underlay, onUnderlayMtu } = this.#watched;
    const { local, interface: name } = this.#options;
    const wanted = formatAddress(parseAddress(local) ?? new Uint8Array(16));
    const owner = interfaces.find(({ addresses }) =>
      addresses.some(({ address }) => formatAddress(address) === wanted),
    );
    if (owner === undefined) problems.begin("underlay_address", local, `no interface has the local address ${local}`);
    else problems.end("underlay_address", local);
    if (owner !== undefined) onUnderlayMtu?.(owner.mtu);

    const link = name === undefined ? owner : interfaces.find((candidate) => candidate.name === name);
    if (link !== undefined && !link.isUp) problems.begin("underlay_down", "", `underlay: ${link.name} is down`);
    else if (link !== undefined && (link.flags & IFF_RUNNING) === 0)
      problems.begin("underlay_down", "", `underlay: ${link.name} has no carrier`);
    else problems.end("underlay_down", "");

    if (name === undefined) return;
    if (link === undefined) {
      problems.begin("underlay_interface", name, `underlay: there is no interface ${name}`);
      return;
    }
    problems.end("underlay_interface", name);
    this.#groupsIndex ??= link.index;
    if (this.#groupsIndex === link.index) return;
    // Another interface of the same name: the kernel has forgotten the memberships of the old one.
    try {
      underlay.moveGroups(link.index);
      this.#groupsIndex = link.index;
      problems.end("underlay_groups", name);
    } catch (error) {
      problems.begin("underlay_groups", name, `underlay: cannot join the groups on ${name}: ${messageOf(error)}`);
    }
  }

  #checkPorts(interfaces: readonly Interface[]): void {
    const { ports, problems } = this.#watched;
    const byIndex = new Map(interfaces.map((link) => [link.index, link]));
    const names = new Set<string>();
    for (const device of [...ports.all()]) {
      const { name } = device.port;
      names.add(name);
      const link = byIndex.get(device.tap.index);
      if (link !== undefined) {
        device.state = link.isUp ? "up" : "down";
        problems.end("port_gone", name);
        if (link.isUp) problems.end("port_down", name);
        else problems.begin("port_down", name, `port ${name}: its interface is down`);
      } else if (!device.tap.isAttached) {
        device.state = "deleted";
        problems.end("port_down", name);
        problems.begin("port_gone", name, `port ${name}: its interface was deleted`);
        this.#reopen(name);
      }
      // Otherwise it lives on in another namespace, where its state is not ours to see.
    }
    problems.retain("port_gone", (name) => names.has(name));
    problems.retain("port_down", (name) => names.has(name));
  }

  #reopen(name: string): void {
    const { ports, problems } = this.#watched;
    try {
      ports.reopen(name);
      // To be found in the log: whoever deleted a TAP took its addresses and its place in a bridge away with it.
      const lost = "it is there again, but may lack its addresses and its bridge";
      problems.begin("port_gone", name, `port ${name}: its interface was deleted; ${lost}`);
      problems.end("port_gone", name);
    } catch (error) {
      problems.begin(
        "port_gone",
        name,
        `port ${name}: its interface was deleted and cannot be made: ${messageOf(error)}`,
      );
    }
  }

  async #probe(): Promise<void> {
    const { problems } = this.#watched;
    const { stateDir } = this.#options;
    try {
      await probeStateDir(stateDir);
      problems.end("state_dir", stateDir);
      this.#nextProbeMs = performance.now() + RECHECK_MS;
    } catch (error) {
      problems.begin("state_dir", stateDir, `cannot write to the state directory: ${messageOf(error)}`);
      this.#nextProbeMs = performance.now() + RETRY_MS;
    }
  }
}

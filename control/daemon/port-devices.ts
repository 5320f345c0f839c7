// The interfaces behind the ports: opened for a network's ports, tied to the tables and the workers' epoll sets, and
// taken down again.
//
// Order: the device is opened first, because the tables want its MAC; then the tables know it; then its descriptors
// are stored for each worker; last they join the epoll sets. Taking down goes the other way, and descriptors are closed
// an epoch after the workers have lost them.

import { formatMac, MAC_LEN, parseMac } from "../address.js";
import type { PortConfig } from "../config/types.js";
import { VxlaneError } from "../errors.js";
import { EPOLL_PORT, epollAdd, epollRemove, openTap, SyscallError, type Tap, type TapOptions } from "../linux/index.js";
import type { Displaced } from "../tables/displaced.js";
import type { Tables } from "../tables/tables.js";
import { atomically } from "../tables/transaction.js";
import type { Network, Port } from "../tables/types.js";
import type { Offloads } from "./offloads.js";
import { type Loss, type PortLoss, PortLosses } from "./port-losses.js";
import type { Workers } from "./workers.js";
import { XdpDevice } from "./xdp-device.js";
import type { XdpSockets } from "./xdp-sockets.js";

/** What a port needs of its interface. */
export type Device = Pick<
  Tap,
  "name" | "index" | "mac" | "queueFds" | "isAttached" | "readTxDropped" | "setMtu" | "release"
> &
  Partial<
    Pick<Tap, "offloads" | "drain"> & Pick<XdpDevice, "mtu" | "connect" | "reopen" | "queueCount" | "readTooBig">
  >;

/** `deleted`: by somebody else, and it could not be made again yet. */
export type PortState = "up" | "down" | "deleted";

/** What is open for a port. */
export interface PortDevice {
  readonly config: PortConfig;
  readonly port: Port;
  readonly tap: Device;
  readonly loss: Loss;
  /** Of its interface, as last seen. */
  state: PortState;
}

export class PortDevices {
  readonly #tables: Tables;
  readonly #workers: Pick<Workers, "count" | "epoll">;
  readonly #offloads: Pick<Offloads, "isAllowed" | "portOpened">;
  readonly #openDevice: (options: TapOptions) => Device;
  readonly #xdp: XdpSockets | undefined;
  readonly #devices = new Map<string, PortDevice>();
  readonly #losses = new PortLosses();

  /** @param xdp for ports with this driver @param openDevice for tests that may not open a TAP */
  constructor(
    tables: Tables,
    workers: Pick<Workers, "count" | "epoll">,
    offloads: Pick<Offloads, "isAllowed" | "portOpened">,
    xdp?: XdpSockets,
    openDevice: (options: TapOptions) => Device = openTap,
  ) {
    this.#tables = tables;
    this.#workers = workers;
    this.#offloads = offloads;
    this.#openDevice = openDevice;
    this.#xdp = xdp;
  }

  find(name: string): PortDevice | undefined {
    return this.#devices.get(name);
  }

  all(): Iterable<PortDevice> {
    return this.#devices.values();
  }

  /**
   * Opens the ports of a network and adds them to it, all or none.
   * @param outer of the change that this is a part of @throws what `openTap` and `Ports.add` throw
   */
  open(network: Network, configs: readonly PortConfig[], outer?: Displaced): void {
    const { vni, mtu } = network.spec;
    for (const { name } of configs) {
      const vniThere = this.#tables.networks.byId(this.#tables.ports.find(name)?.network ?? 0)?.spec.vni;
      if (vniThere !== undefined)
        throw new VxlaneError("ERR_CONFLICT", `network ${vniThere} has a port ${name} already`);
    }
    atomically((steps) => {
      const displaced = this.#tables.fdb.displaced(steps, outer);
      const taps = configs.map((config) => {
        const tap = this.#openTap(config, mtu);
        // Once it is connected, a worker may hold its descriptors.
        steps.onUndo(() => this.#tables.epochs.retire(() => tap.release()));
        return tap;
      });
      const losses = taps.map((tap) => this.#losses.begin(tap));
      const ports = this.#tables.ports.add(
        vni,
        taps.map((tap) => ({ name: tap.name, mac: requireMac(tap.mac), mtu: tap.mtu ?? mtu })),
        displaced,
      );
      for (const port of ports) steps.onUndo(() => this.#tables.ports.remove(vni, port.name));
      ports.forEach((port, index) => {
        const device = {
          config: configs[index],
          port,
          tap: taps[index],
          loss: losses[index],
          state: "up" as const,
        };
        steps.onUndo(() => this.#detach(device));
        this.#connect(device);
      });
    });
  }

  /** Makes the interface of a port again that somebody has deleted; the tables notice nothing. All or nothing. @throws what `openTap` throws */
  reopen(name: string): void {
    const device = this.#devices.get(name);
    if (device === undefined) return;
    const { config, port } = device;
    if (device.tap.reopen !== undefined) {
      device.tap.reopen();
      return;
    }
    atomically((steps) => {
      const tap = this.#openTap({ ...config, mac: formatMac(port.mac) }, port.mtu);
      steps.onUndo(() => this.#tables.epochs.retire(() => tap.release()));
      const made = { config, port, tap, loss: this.#losses.begin(tap), state: "up" as const };
      this.#detach(device);
      steps.onUndo(() => this.#devices.set(name, device)); // whoever looks after it tries again
      steps.onUndo(() => this.#detach(made));
      this.#connect(made);
      steps.onCommit(() => this.#retire(device));
    });
  }

  /** Changes the MTU of a network's interfaces, all or none. @throws SyscallError */
  setMtu(network: Network, mtu: number): void {
    const { vni, mtu: before } = network.spec;
    atomically((steps) => {
      for (const name of network.ports.keys()) {
        const tap = this.#devices.get(name)?.tap;
        if (tap === undefined) continue;
        setMtu(tap, mtu);
        steps.onUndo(() => setMtu(tap, before));
      }
      this.#tables.ports.setMtu(vni, mtu);
      for (const port of network.ports.values()) {
        const own = this.#devices.get(port.name)?.tap.mtu;
        if (own !== undefined) this.#tables.ports.setPortMtu(port, own);
      }
    });
  }

  /** How many queues a port has. */
  queuesOf({ queues }: PortConfig): number {
    // A queue that no worker reads would swallow the flows that the kernel puts into it.
    return Math.min(this.#workers.count, queues === "auto" ? Infinity : queues);
  }

  /** Takes ports out of their network and closes their interfaces. @throws ERR_NOT_FOUND, ERR_LIMIT */
  close(vni: number, ...names: readonly string[]): void {
    this.#tables.ports.remove(vni, ...names);
    for (const name of names) {
      const device = this.#devices.get(name);
      if (device !== undefined) this.#disconnect(device);
    }
  }

  /** Closes the interfaces of a network that is gone from the tables. */
  closeAllOf(network: Network): void {
    for (const device of [...this.#devices.values()]) {
      if (device.port.network === network.id) this.#disconnect(device);
    }
    this.#losses.forget(network.id);
  }

  /** Frames that the host sent to a network's ports and that found their queue full, or were too large for it. */
  readLost(network: Network): PortLoss {
    const open = [...network.ports.keys()].flatMap((name) => this.#devices.get(name) ?? []);
    return this.#losses.read(network.id, open, this.#devices.size);
  }

  /** Closes everything at once. The workers must have stopped. */
  releaseAll(): void {
    for (const { tap } of this.#devices.values()) tap.release();
    this.#devices.clear();
  }

  #openTap(config: PortConfig, mtu: number): Device {
    const { name, persistent, mac } = config;
    if (config.driver === "xdp") return this.#openXdp(config);
    const queues = this.queuesOf(config);
    const device = this.#openDevice({
      name,
      queues,
      mtu,
      persistent,
      offloads: this.#offloads.isAllowed,
      ...(mac === undefined ? {} : { mac }),
    });
    if (device.offloads !== undefined) this.#offloads.portOpened(device.offloads);
    return device;
  }

  #openXdp({ name, mac, persistent, queues }: PortConfig): Device {
    if (this.#xdp === undefined) throw new VxlaneError("ERR_HOST_INTERFACE", `port ${name}: no xdp driver here`);
    if (mac !== undefined || persistent || queues !== "auto") {
      const what = "an xdp port takes its interface as it is: no mac, persistent or queues";
      throw new VxlaneError("ERR_CONFIG_VALUE", `port ${name}: ${what}`);
    }
    return new XdpDevice(name, this.#xdp);
  }

  #connect(device: PortDevice): void {
    const { port, tap } = device;
    this.#devices.set(port.name, device);
    if (tap.connect !== undefined) {
      tap.connect(port.id, (mtu) => this.#tables.ports.setPortMtu(port, mtu));
      return;
    }
    const workers = this.#workers.count;
    const queues = tap.queueFds.length;
    // With fewer queues than workers, some workers only write, into a queue that another one reads.
    const fds = Array.from({ length: workers }, (_, worker) => tap.queueFds[worker % queues]);
    this.#tables.ports.setQueues(port, fds);
    tap.queueFds.forEach((fd, worker) => {
      epollAdd(this.#workers.epoll(worker), fd, EPOLL_PORT, port.id);
    });
  }

  #disconnect(device: PortDevice): void {
    this.#detach(device);
    this.#retire(device);
  }

  /** Closes the interface of a device that the workers no longer have, and keeps its losses. */
  #retire(device: PortDevice): void {
    const { port, tap } = device;
    const { epochs } = this.#tables;
    const close = this.#losses.closing(port.network, device);
    epochs.retire(() => {
      if (tap.drain !== undefined) close(tap.drain());
      tap.release();
      // The sockets of an xdp port are closed an epoch later, and say then what they lost.
      if (tap.drain === undefined) epochs.retire(() => close(0));
    });
  }

  /** Takes the descriptors away from the workers, those that have them. */
  #detach({ port, tap }: PortDevice): void {
    this.#devices.delete(port.name);
    tap.queueFds.forEach((fd, worker) => {
      removeFromEpoll(this.#workers.epoll(worker), fd);
    });
    this.#tables.ports.setQueues(port, []);
  }
}

/** A worker takes out what somebody deleted under it, and may have been faster. */
function removeFromEpoll(epoll: number, fd: number): void {
  try {
    epollRemove(epoll, fd);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}

/** An interface that somebody deleted needs no MTU. */
function setMtu(tap: Device, mtu: number): void {
  try {
    tap.setMtu(mtu);
  } catch (error) {
    if (!(error instanceof SyscallError && error.code === "ENODEV")) throw error;
  }
}

function requireMac(text: string): Uint8Array {
  return parseMac(text) ?? new Uint8Array(MAC_LEN);
}

// The tap underlay of the daemon: keeps the tunnel TAP joined to the interface that has the local address (or that the
// config names), through whatever happens to that interface, and finds out for which VTEPs it is the right one.
//
//   joined     the interface is there and up: SYSTEM_UNDERLAY_MTU is the interface's, OFFLOAD_TUNNEL_GSO is set
//   elsewhere  a VTEP's route leads through another interface, is narrower than this one, or is missing: VTEP_FLAG_SOCKET,
//              and the sockets, which follow the host's routes, send to it and say why when they cannot (vtep-ways.ts)
//   away       the interface is down or gone: the MTU is 0, and the sockets do all of it
//
// A next hop that changes on the same interface needs nobody: the kernel looks it up for every packet.
//
// A write to the TAP succeeds whatever becomes of the frame behind it. So what is sent between the moment when the interface goes
// down and our next look, a quarter of a second at most, is lost in the kernel and in no counter of ours.

import type { Logger } from "pino";
import { SYSTEM_UNDERLAY_MTU } from "../../dataplane-wasm/layout.js";
import { formatAddress } from "../address.js";
import { messageOf, VxlaneError } from "../errors.js";
import { IFF_RUNNING } from "../linux/constants.js";
import {
  acquireNetlink,
  EPOLL_UNDERLAY,
  epollAdd,
  type Interface,
  lookUpWay,
  openTunnelTap,
  releaseNetlink,
  type TunnelTap,
} from "../linux/index.js";
import type { SharedMemory } from "../memory.js";
import type { Vteps } from "../tables/vteps.js";
import type { Offloads } from "./offloads.js";
import type { Problems } from "./problems.js";
import { VtepWays } from "./vtep-ways.js";
import type { Workers } from "./workers.js";

export interface TunnelUnderlayOptions {
  /** 16 B, wire order, IPv4 mapped. */
  readonly local: Uint8Array;
  readonly port: number;
  /** Of the config; undefined: the one that has the local address. */
  readonly interface: string | undefined;
  /** Super-frames may pass whole. */
  readonly offloads: boolean;
}

interface Surroundings {
  readonly memory: SharedMemory;
  readonly vteps: Pick<Vteps, "ids" | "address" | "flags" | "isLearned" | "setBySocket">;
  readonly workers: Pick<Workers, "count" | "epoll">;
  readonly problems: Problems;
  readonly offloads: Pick<Offloads, "set" | "isOn" | "tick">;
  readonly log: Logger;
}

export class TunnelUnderlay {
  readonly #options: TunnelUnderlayOptions;
  readonly #around: Surroundings;
  readonly #tap: TunnelTap;
  readonly #netlink = acquireNetlink();
  /** Of the interface that is joined; its name as it was last seen. */
  #nic: { readonly index: number; readonly name: string } | undefined;
  #isJoined = false;
  /** The bit is set, as far as control knows; a worker has cleared it, for good. */
  #isOffered = false;
  #isRefused = false;
  readonly #ways: VtepWays;

  /**
   * Makes the device and joins it. @param interfaces of this host
   * @throws VxlaneError ERR_HOST_INTERFACE where the kernel or the interface is not fit. SyscallError; nothing stays behind
   */
  constructor(options: TunnelUnderlayOptions, around: Surroundings, interfaces: readonly Interface[]) {
    this.#options = options;
    this.#around = around;
    const { local, port, offloads } = options;
    this.#ways = new VtepWays(around.vteps, around.problems, (address) => lookUpWay(this.#netlink, address, local));
    this.#tap = openTunnelTap({ local, port, queues: around.workers.count, offloads });
    try {
      const nic = this.#find(interfaces);
      if (nic === undefined) throw new VxlaneError("ERR_HOST_INTERFACE", `there is no interface ${options.interface}`);
      this.#tap.join(nic);
      this.#isJoined = true;
      this.#nic = nic;
    } catch (error) {
      this.close();
      throw error;
    }
    this.queueFds.forEach((fd, worker) => {
      epollAdd(around.workers.epoll(worker), fd, EPOLL_UNDERLAY, fd);
    });
  }

  /** By worker. */
  get queueFds(): readonly number[] {
    return this.#tap.queueFds;
  }

  /** Name of the interface that it is joined to. */
  get interface(): string {
    return this.#nic?.name ?? "";
  }

  readLost(): number {
    return this.#tap.readLost();
  }

  /** Looks at everything again: to be called when an interface, an address or a route has changed, and now and then. */
  check(interfaces: readonly Interface[]): void {
    const nic = this.#find(interfaces);
    const works = this.#keepUp() && nic !== undefined && this.#keepJoined(nic);
    const isUsable = works && nic.isUp && (nic.flags & IFF_RUNNING) !== 0;
    const { u32 } = this.#around.memory;
    // The MTU first on the way up and last on the way down: what is made for the TAP can be sent.
    if (isUsable) Atomics.store(u32, SYSTEM_UNDERLAY_MTU / 4, nic.mtu);
    this.#offer(isUsable ? undefined : `underlay: ${nic?.name ?? "its interface"} is not up`);
    if (!isUsable) Atomics.store(u32, SYSTEM_UNDERLAY_MTU / 4, 0);
    this.#ways.forget();
    this.checkNew(interfaces);
  }

  /** Tells VTEPs their way that have come since the last time. @param interfaces asked for only if there are any */
  checkNew(interfaces: readonly Interface[] | (() => readonly Interface[])): void {
    if (this.#nic !== undefined) this.#ways.look(this.#nic, interfaces);
  }

  /** The workers have to be done with it. */
  close(): void {
    this.#tap.release();
    releaseNetlink(this.#netlink);
  }

  /** The interface of the config, wherever it is now; a renamed one is known by its index. */
  #find(interfaces: readonly Interface[]): Interface | undefined {
    const { interface: name, local } = this.#options;
    const byIndex = interfaces.find(({ index }) => index === this.#nic?.index);
    if (name !== undefined) return interfaces.find((link) => link.name === name) ?? byIndex;
    const wanted = formatAddress(local);
    const owner = interfaces.find(({ addresses }) =>
      addresses.some(({ address }) => formatAddress(address) === wanted),
    );
    return owner ?? byIndex;
  }

  /** What a worker has given up, because the kernel refused frame after frame, stays off. */
  #offer(against: string | undefined): void {
    const { offloads } = this.#around;
    offloads.tick();
    if (this.#isOffered && !offloads.isOn("tunnel_gso")) this.#isRefused = true;
    if (this.#isRefused) return;
    offloads.set("tunnel_gso", against);
    this.#isOffered = offloads.isOn("tunnel_gso");
  }

  /** False while the device itself is not there. */
  #keepUp(): boolean {
    const { problems } = this.#around;
    try {
      if (!this.#tap.isUp) this.#tap.takeUp();
      problems.end("underlay_tunnel", "");
      return true;
    } catch (error) {
      // What comes is the sockets' from now on; the program would send it to a device that is not there.
      this.#tap.leave();
      this.#isJoined = false;
      const message = `underlay: the TAP ${this.#tap.name} is gone (${messageOf(error)}), sockets do its work until vxlane is started again`;
      problems.begin("underlay_tunnel", "", message);
      return false;
    }
  }

  /** Follows the interface to the one that took its place. */
  #keepJoined(nic: Interface): boolean {
    const { problems, log } = this.#around;
    if (this.#isJoined && nic.index === this.#nic?.index) {
      this.#nic = nic;
      problems.end("underlay_tunnel", "join");
      return true;
    }
    try {
      this.#tap.join(nic);
      this.#isJoined = true;
      log.info({ interface: nic.name, before: this.#nic?.name }, "the tap underlay follows its interface");
      this.#nic = nic;
      problems.end("underlay_tunnel", "join");
      return true;
    } catch (error) {
      problems.begin("underlay_tunnel", "join", `underlay: cannot join ${nic.name}: ${messageOf(error)}`);
      return false;
    }
  }
}

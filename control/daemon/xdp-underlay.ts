// The xdp underlay as the daemon runs it: the interface with the VTEP's address is attached, its sockets and next hops are kept as they
// have to be, and what is wrong is said. Sockets of the udp driver stay bound beside it: they keep the port, and serve whatever the rings
// cannot have.

import type { Logger } from "pino";
import { formatAddress } from "../address.js";
import type { Dataplane } from "../dataplane.js";
import { VxlaneError } from "../errors.js";
import { type Interface, listInterfaces } from "../linux/index.js";
import type { SharedMemory } from "../memory.js";
import type { Tables } from "../tables/tables.js";
import { NextHops } from "./next-hops.js";
import type { Offloads } from "./offloads.js";
import type { Problems } from "./problems.js";
import type { XdpAttachment } from "./xdp-attachment.js";
import type { XdpSockets } from "./xdp-sockets.js";

export interface XdpUnderlayOptions {
  /** 16 B, wire order, IPv4 mapped. */
  readonly local: Uint8Array;
  readonly port: number;
  /** Default: the one that has the address. */
  readonly interface: string | undefined;
}

interface Around {
  readonly memory: SharedMemory;
  readonly dataplane: Dataplane;
  readonly tables: Tables;
  readonly xdp: XdpSockets;
  readonly problems: Problems;
  readonly workers: { readonly count: number };
  readonly offloads: Offloads;
  readonly log: Logger;
}

export class XdpUnderlayControl {
  readonly #options: XdpUnderlayOptions;
  readonly #around: Around;
  readonly #attachment: XdpAttachment;
  readonly #nextHops: NextHops;
  /** Of the interface, as it was attached last. */
  #index: number | undefined;
  #fault: string | undefined = "";

  /** @throws VxlaneError with what the interface lacks */
  constructor(options: XdpUnderlayOptions, around: Around, interfaces: readonly Interface[] = listInterfaces()) {
    const { memory, dataplane, tables, xdp, workers, log } = around;
    const { local, port } = options;
    const name = options.interface ?? ownerOf(local, interfaces);
    if (name === undefined)
      throw new VxlaneError("ERR_HOST_ADDRESS", `no interface has the local address ${formatAddress(local)}`);
    this.#options = options;
    this.#around = around;
    this.#attachment = xdp.attach({ name, port: 0, match: { local, port } });
    this.#nextHops = new NextHops(memory, dataplane, tables, local, workers.count);
    this.#noteOffloads();
    const { isNative, isZeroCopy } = this.#attachment;
    log.info({ interface: this.interface, native: isNative, zeroCopy: isZeroCopy }, "XDP attached to the underlay");
  }

  /** Name of the interface that it is attached to, or waits for. */
  get interface(): string {
    return this.#attachment.wanted.name;
  }

  /** Goes where the interface is now: it may have another name, or the local address another one. @param interfaces of this host */
  follow(interfaces: readonly Interface[]): void {
    const name = this.#find(interfaces);
    const before = this.interface;
    if (name === undefined || name === before) return;
    const { xdp, log } = this.#around;
    xdp.move(this.#attachment, name);
    log.info({ interface: name, before }, "the xdp underlay follows its interface");
  }

  /** To be called a few times a second, after the sockets were reconciled. */
  tick(nowMs: number): void {
    const { problems } = this.#around;
    const { fault, ifIndex } = this.#attachment;
    this.#index = ifIndex ?? this.#index;
    if (fault === undefined) problems.end("underlay_xdp", "");
    else problems.begin("underlay_xdp", "", `underlay: without XDP, through sockets: ${fault}`);
    this.#noteOffloads();
    this.#nextHops.tick(nowMs, ifIndex);
  }

  /** The kernel may have learned the MTU of a path. */
  recheckPaths(): void {
    this.#nextHops.recheck();
  }

  /** Datagrams that found no room in our rings. */
  readLost(): number {
    const { lost, tooBig } = this.#around.xdp.readLost(this.#attachment);
    return lost + tooBig;
  }

  close(): void {
    this.#nextHops.close();
  }

  #find(interfaces: readonly Interface[]): string | undefined {
    const { local, interface: named } = this.#options;
    if (interfaces.some(({ name }) => name === named)) return named;
    const owner = named === undefined ? ownerOf(local, interfaces) : undefined;
    return owner ?? interfaces.find(({ index }) => index === this.#index)?.name;
  }

  #noteOffloads(): void {
    const { offloads } = this.#around;
    const { isNative, isZeroCopy, fault } = this.#attachment;
    if (
      offloads.isOn("xdp_native") === isNative &&
      offloads.isOn("xdp_zerocopy") === isZeroCopy &&
      fault === this.#fault
    )
      return;
    this.#fault = fault;
    const against = (isOn: boolean, what: string) => (isOn ? undefined : (fault ?? `${this.interface} ${what}`));
    offloads.set("xdp_native", against(isNative, "has no XDP in its driver: the kernel's generic one serves"));
    offloads.set("xdp_zerocopy", against(isZeroCopy, "does not offer it"));
  }
}

function ownerOf(local: Uint8Array, interfaces: readonly Interface[]): string | undefined {
  const text = formatAddress(local);
  return interfaces.find(({ addresses }) => addresses.some(({ address }) => formatAddress(address) === text))?.name;
}

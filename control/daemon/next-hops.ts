// Keeps the next hop of every VTEP in its record, for an underlay driver that makes the outer Ethernet header itself. Routes and
// neighbours are the kernel's: it is asked again whenever it says that some have changed, and resolving is its work, too.
// While a next hop is not known the driver sends through a raw socket, which is what makes the kernel look for it; and so it does where
// the path is narrower than the interface, for a socket knows what is too big, and a ring does not.
//
// The kernel sees none of the frames that leave by a ring, so a neighbour that is in use would grow stale and be forgotten; a
// stale one is confirmed as long as frames go there.
//
// A record may be replaced again only when no worker can still read the one before it, hence the epochs.

import {
  SYSTEM_MAC,
  VTEP_COUNTER_FRAMES_ENCAP,
  VTEP_COUNTERS,
  VTEP_COUNTERS_SIZE,
  VTEP_COUNTERS_WORKER,
  VTEP_FLAG_GROUP,
  VTEP_NEXT_HOP,
  VTEP_POINTERS,
  WORKER_CONTROL,
} from "../../dataplane-wasm/layout.js";
import { formatAddress, isMapped, parseMac } from "../address.js";
import type { Dataplane } from "../dataplane.js";
import { LinkEvents, SyscallError } from "../linux/index.js";
import { getLink } from "../linux/links.js";
import { listNeighbours, type Neighbour, type NextHop, nextHopOf, useNeighbour } from "../linux/neighbours.js";
import { Netlink } from "../linux/netlink.js";
import type { SharedMemory } from "../memory.js";
import type { Tables } from "../tables/tables.js";
import { readU64 } from "../u64.js";

/* Our choices. */
const ROUTES_A_TICK = 512; // some 20 ms
const CONFIRM_MS = 5000;
const RECHECK_MS = 30_000; // though nothing was told

interface Followed {
  readonly address: string;
  /** Undefined: to be asked. Null: none through this interface, or the path is narrower. */
  hop: NextHop | null | undefined;
  /** When the record was replaced last. */
  epoch: number;
  /** Frames sent, when last looked. */
  frames: number;
  confirmedMs: number;
}

export class NextHops {
  readonly #memory: SharedMemory;
  readonly #dataplane: Dataplane;
  readonly #tables: Tables;
  readonly #local: Uint8Array;
  readonly #workers: number;
  readonly #netlink = new Netlink();
  readonly #routeEvents = new LinkEvents(undefined, "routes");
  readonly #neighbourEvents = new LinkEvents(undefined, "neighbours");
  readonly #followed = new Map<number, Followed>();
  #neighbours = new Map<string, Neighbour>();
  #ifIndex = 0;
  #mtu = 0;
  #mac = 0n;
  #macChanged = false;
  #nextMs = 0;

  /** @param local 16 B: this VTEP's address */
  constructor(memory: SharedMemory, dataplane: Dataplane, tables: Tables, local: Uint8Array, workers: number) {
    this.#memory = memory;
    this.#dataplane = dataplane;
    this.#tables = tables;
    this.#local = local;
    this.#workers = workers;
  }

  close(): void {
    this.#netlink.close();
    this.#routeEvents.close();
    this.#neighbourEvents.close();
  }

  /** How many VTEPs are reached by the ring. */
  get known(): number {
    return [...this.#followed.keys()].filter((id) => this.#written(id) !== 0n).length;
  }

  /** The kernel may have learned the MTU of a path, of which it tells nobody. */
  recheck(): void {
    this.#nextMs = 0;
  }

  /** To be called a few times a second. @param ifIndex of the interface whose ring sends; undefined: there is none now */
  tick(nowMs: number, ifIndex: number | undefined): void {
    if (ifIndex === undefined) {
      this.#forgetAll();
      return;
    }
    const isDue = nowMs >= this.#nextMs || ifIndex !== this.#ifIndex;
    const routesChanged = this.#routeEvents.changed() || isDue;
    const neighboursChanged = this.#neighbourEvents.changed() || isDue;
    if (isDue) this.#nextMs = nowMs + RECHECK_MS;
    this.#ifIndex = ifIndex;
    try {
      if (routesChanged) this.#forgetRoutes();
      if (neighboursChanged || routesChanged) this.#readNeighbours();
    } catch (error) {
      // The interface has just gone; who attaches it finds out.
      if (!(error instanceof SyscallError)) throw error;
      this.#nextMs = 0;
      return;
    }
    this.#follow(nowMs);
  }

  /** A ring that opens again finds no next hop of before. */
  #forgetAll(): void {
    this.#nextMs = 0;
    for (const [id, vtep] of this.#followed) {
      if (this.#written(id) === 0n || !this.#tables.epochs.passed(vtep.epoch)) continue;
      this.#dataplane.vtepSetNextHop(WORKER_CONTROL, id, 0n);
      vtep.epoch = this.#tables.epochs.bump();
    }
  }

  #forgetRoutes(): void {
    for (const vtep of this.#followed.values()) vtep.hop = undefined;
    const link = getLink(this.#netlink, this.#ifIndex);
    this.#mtu = link.mtu;
    const mac = macValue(parseMac(link.mac));
    if (mac === this.#mac) return;
    this.#mac = mac;
    this.#macChanged = true;
    Atomics.store(this.#memory.u64, SYSTEM_MAC / 8, mac);
  }

  #readNeighbours(): void {
    const list = listNeighbours(this.#netlink, this.#ifIndex);
    this.#neighbours = new Map(list.map((neighbour) => [formatAddress(neighbour.address), neighbour]));
  }

  #follow(nowMs: number): void {
    const { vteps, epochs } = this.#tables;
    const rewriteAll = this.#macChanged;
    let isPostponed = false;
    let lookUps = 0;
    const there = new Set<number>();
    for (const id of vteps.ids()) {
      const address = vteps.address(id);
      if (address === undefined) continue;
      there.add(id);
      const vtep = this.#entry(id, formatAddress(address));
      if (vtep.hop === undefined) {
        if (lookUps++ >= ROUTES_A_TICK) continue;
        vtep.hop = this.#lookUp(address);
      }
      const mac = this.#macOf(id, address, vtep.hop);
      if (mac !== this.#written(id) || (rewriteAll && mac !== 0n)) {
        if (epochs.passed(vtep.epoch)) {
          this.#dataplane.vtepSetNextHop(WORKER_CONTROL, id, mac);
          vtep.epoch = epochs.bump();
        } else {
          isPostponed = true;
        }
      }
      this.#confirm(id, vtep, nowMs);
    }
    if (!isPostponed) this.#macChanged = false;
    for (const id of this.#followed.keys()) if (!there.has(id)) this.#followed.delete(id);
  }

  #entry(id: number, address: string): Followed {
    const known = this.#followed.get(id);
    if (known?.address === address) return known;
    const made: Followed = {
      address,
      hop: undefined,
      epoch: this.#tables.epochs.bump(),
      frames: 0,
      confirmedMs: 0,
    };
    this.#followed.set(id, made);
    return made;
  }

  #lookUp(address: Uint8Array): NextHop | null {
    const hop = nextHopOf(this.#netlink, address, this.#local);
    const isNarrow = hop !== undefined && hop.mtu !== 0 && hop.mtu < this.#mtu;
    return hop?.ifIndex === this.#ifIndex && !isNarrow ? hop : null;
  }

  /** 0: the kernel has to send. */
  #macOf(id: number, address: Uint8Array, hop: NextHop | null): bigint {
    if (hop === null || this.#mac === 0n) return 0n;
    if ((this.#tables.vteps.flags(id) & VTEP_FLAG_GROUP) !== 0) return macValue(groupMac(address));
    return macValue(this.#neighbours.get(formatAddress(hop.address))?.mac);
  }

  /** Asks the kernel to confirm a stale neighbour that frames still go to. */
  #confirm(id: number, vtep: Followed, nowMs: number): void {
    if (!vtep.hop || this.#written(id) === 0n || nowMs - vtep.confirmedMs < CONFIRM_MS) return;
    vtep.confirmedMs = nowMs;
    const frames = this.#framesTo(id);
    const isUsed = frames !== vtep.frames;
    vtep.frames = frames;
    if (!isUsed || this.#neighbours.get(formatAddress(vtep.hop.address))?.isStale !== true) return;
    try {
      useNeighbour(this.#netlink, this.#ifIndex, vtep.hop.address);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
  }

  /** What the record in use has, as `vtepSetNextHop` takes it. */
  #written(id: number): bigint {
    const pointer = Atomics.load(this.#memory.u32, VTEP_POINTERS / 4 + id);
    if (pointer === 0) return 0n;
    const at = pointer + VTEP_NEXT_HOP;
    return BigInt(this.#memory.u32[at / 4]) | (BigInt(this.#memory.u16[at / 2 + 2]) << 32n);
  }

  #framesTo(id: number): number {
    let frames = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      const row = VTEP_COUNTERS + worker * VTEP_COUNTERS_WORKER + id * VTEP_COUNTERS_SIZE;
      frames += readU64(this.#memory, row + VTEP_COUNTER_FRAMES_ENCAP);
    }
    return frames;
  }
}

/** RFC 1112 section 6.4, RFC 2464 section 7: a group's MAC follows from its address. */
export function groupMac(group: Uint8Array): Uint8Array {
  return isMapped(group)
    ? Uint8Array.of(0x01, 0x00, 0x5e, group[13] & 0x7f, group[14], group[15])
    : Uint8Array.of(0x33, 0x33, ...group.subarray(12));
}

/** As a load of 8 bytes gives it, the upper two zero. */
function macValue(mac: Uint8Array | undefined): bigint {
  if (mac === undefined || mac.length !== 6) return 0n;
  return mac.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

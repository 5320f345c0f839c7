// The VTEPs that control knows: reference counts over flood lists, allow lists and static FDB entries, and the flags
// that follow from them. Records, index and outer headers are written by the dataplane's own code; VTEPs that a
// worker made on receipt, by a prefix of an allow list, are adopted here when somebody names them, and set free again
// (not buried) when nobody does but a prefix still covers them: their frames keep flowing.
//
// Those that send nothing any more, or were set free and have never sent anything (a refused request may have made them),
// are forgotten (learned-vteps.ts says when). The index must not lead to the old id first, because a prefix would let a
// worker take it up at any moment; so its address may have a new id, and be a VTEP in use, before the old id is buried.
//
// A record is immutable but for its flags and the largest frame that its path takes: each is one word, stored at once, and
// nothing else of the record follows from what changes.

import {
  CONTEXT_SCRATCH,
  SYSTEM_VTEP_NEXT,
  VTEP_COUNTERS,
  VTEP_COUNTERS_SIZE,
  VTEP_COUNTERS_WORKER,
  VTEP_FLAG_GROUP,
  VTEP_FLAG_IPV6,
  VTEP_FLAG_LEARNED,
  VTEP_FLAG_SOCKET,
  VTEP_FLAG_SOURCE,
  VTEP_FLAGS,
  VTEP_FRAME_MAX,
  VTEP_FRAME_MAX_NONE,
  VTEP_POINTERS,
  WORKER_CONTROL,
  WORKER_SIZE,
  WORKER_SLOTS,
  WORKERS,
} from "../../dataplane-wasm/layout.js";
import { ADDRESS_LEN, formatAddress, isMapped } from "../address.js";
import type { Dataplane } from "../dataplane.js";
import { VxlaneError } from "../errors.js";
import type { Views } from "../memory.js";
import { overheadOf } from "../overhead.js";
import { ETHERNET_LEN } from "../xdp-frames.js";
import type { Access } from "./access.js";
import type { SystemPrefixes } from "./prefixes.js";
import type { Undertaker } from "./undertaker.js";

/** Bytes from the outer IP header to the inner frame. @param flags VTEP_FLAG_* */
function aroundFrame(flags: number): number {
  return overheadOf((flags & VTEP_FLAG_IPV6) !== 0) - ETHERNET_LEN;
}

/** Our choice, as Open vSwitch: enough hops for any underlay, and no route to look up. */
const VTEP_TTL = 64;

interface Vtep {
  readonly id: number;
  readonly address: Uint8Array;
  readonly group: boolean;
  readonly ttl: number;
  /** Flood lists, allow lists and static entries that name it. */
  uses: number;
  /** Networks that allow it by name. */
  sources: number;
}

export class Vteps {
  readonly #views: Views;
  readonly #dataplane: Dataplane;
  readonly #undertaker: Undertaker;
  readonly #prefixes: SystemPrefixes;
  readonly #access: Access;
  readonly #idByText = new Map<string, number>();
  readonly #vteps = new Map<number, Vtep>();
  /** Ids that no address leads to any more, and that are not buried yet. */
  readonly #forgotten = new Set<number>();
  /** Set free since somebody asked. */
  readonly #setFree = new Set<number>();

  constructor(views: Views, dataplane: Dataplane, undertaker: Undertaker, prefixes: SystemPrefixes, access: Access) {
    this.#views = views;
    this.#dataplane = dataplane;
    this.#undertaker = undertaker;
    this.#prefixes = prefixes;
    this.#access = access;
  }

  /** The id of `address`, made if absent, with one use more. @throws ERR_LIMIT, ERR_CONFLICT for a group's other TTL */
  acquire(address: Uint8Array, group?: { ttl: number }): number {
    const text = formatAddress(address);
    const known = this.#vteps.get(this.#idByText.get(text) ?? 0);
    const vtep = known ?? this.#intern(address, text, group);
    if (group !== undefined && vtep.ttl !== group.ttl) {
      throw new VxlaneError("ERR_CONFLICT", `group ${text} has TTL ${vtep.ttl} in another network, not ${group.ttl}`);
    }
    if (vtep.uses++ === 0 && known !== undefined) this.#undertaker.revive("vtep", vtep.id);
    this.#refresh(vtep);
    return vtep.id;
  }

  /** One use more of a VTEP that is in use. */
  hold(id: number): void {
    const vtep = this.#vteps.get(id);
    if (vtep !== undefined) vtep.uses++;
  }

  /** One use less. */
  release(id: number): void {
    const vtep = this.#vteps.get(id);
    if (vtep === undefined || --vtep.uses > 0) return;
    this.#buryUnlessCovered(vtep);
    this.#refresh(vtep);
  }

  /** Counts one network more (or less) that allows the VTEP by name. */
  countSource(id: number, by: 1 | -1): void {
    const vtep = this.#vteps.get(id);
    if (vtep === undefined) return;
    vtep.sources += by;
    this.#refresh(vtep);
  }

  /** To be called when the system's prefixes have changed: flags follow, and who is no longer covered goes. */
  prefixesChanged(): void {
    for (const id of this.ids()) {
      const vtep = this.#vteps.get(id) ?? this.#adopt(id);
      if (vtep.uses === 0) this.#buryUnlessCovered(vtep);
      this.#refresh(vtep);
    }
  }

  find(address: Uint8Array): number {
    return this.#idByText.get(formatAddress(address)) ?? this.#dataplane.vtepFind(this.#scratch(address));
  }

  /** 16 bytes, or undefined if there is no such VTEP. */
  address(id: number): Uint8Array | undefined {
    const pointer = this.#pointer(id);
    return pointer === 0 ? undefined : this.#views.u8.slice(pointer, pointer + ADDRESS_LEN);
  }

  /** VTEP_FLAG_* of the record in use. */
  flags(id: number): number {
    const pointer = this.#pointer(id);
    return pointer === 0 ? 0 : this.#views.u32[(pointer + VTEP_FLAGS) / 4];
  }

  /** Every id in use, those made on receipt included; of an address one at most. */
  *ids(): Generator<number> {
    for (const id of this.everyId()) if (!this.#forgotten.has(id)) yield id;
  }

  /** Every id that is not free, forgotten ones included: workers may still hold those. */
  *everyId(): Generator<number> {
    const end = this.endId;
    for (let id = 1; id < end; id++) if (this.#pointer(id) !== 0) yield id;
  }

  /** One more than the largest id that has ever been in use. */
  get endId(): number {
    return Atomics.load(this.#views.u32, SYSTEM_VTEP_NEXT / 4);
  }

  /** Whether an id is there only because a worker met its address and a prefix of an allow list covers it. */
  isLearned(id: number): boolean {
    if (this.#forgotten.has(id)) return false;
    return (this.flags(id) & (VTEP_FLAG_LEARNED | VTEP_FLAG_SOURCE)) === (VTEP_FLAG_LEARNED | VTEP_FLAG_SOURCE);
  }

  /** Ids that nobody but a prefix has held on to since the last call; some may be in use again. */
  takeSetFree(): number[] {
    const ids = [...this.#setFree];
    this.#setFree.clear();
    return ids;
  }

  /**
   * Gives a learned VTEP's id back. Its address may be learned again at once, under another id.
   * @param deny takes the id out of every network; called when no worker can hold it any more
   */
  forget(id: number, deny: () => void): void {
    if (!this.isLearned(id) || this.#dataplane.vtepUnlink(WORKER_CONTROL, id) === 0) return;
    const vtep = this.#vteps.get(id);
    if (vtep !== undefined) this.#drop(vtep);
    this.#forgotten.add(id);
    this.#undertaker.bury("vtep", id, () => {
      deny();
      if (!this.#access.settle() || !this.#free(id)) return false;
      return this.#forgotten.delete(id);
    });
  }

  /** Says whether packets to a VTEP have to leave by a socket, because its way is not the underlay's interface. */
  setBySocket(id: number, bySocket: boolean): void {
    const pointer = this.#pointer(id);
    if (pointer === 0) return;
    const index = (pointer + VTEP_FLAGS) / 4;
    if (bySocket) Atomics.or(this.#views.u32, index, VTEP_FLAG_SOCKET);
    else Atomics.and(this.#views.u32, index, ~VTEP_FLAG_SOCKET);
  }

  /** Largest packet that the way to a VTEP takes, bytes of L3, where it was set. */
  pathMtu(id: number): number | undefined {
    const pointer = this.#pointer(id);
    if (pointer === 0) return undefined;
    const frameMax = Atomics.load(this.#views.u32, (pointer + VTEP_FRAME_MAX) / 4);
    return frameMax === VTEP_FRAME_MAX_NONE ? undefined : frameMax + aroundFrame(this.flags(id));
  }

  /** Frames that do not fit are too big from now on. @param mtu undefined: every frame fits */
  setPathMtu(id: number, mtu: number | undefined): void {
    const pointer = this.#pointer(id);
    if (pointer === 0) return;
    const frameMax = mtu === undefined ? VTEP_FRAME_MAX_NONE : mtu - aroundFrame(this.flags(id));
    Atomics.store(this.#views.u32, (pointer + VTEP_FRAME_MAX) / 4, frameMax);
  }

  #pointer(id: number): number {
    return Atomics.load(this.#views.u32, VTEP_POINTERS / 4 + id);
  }

  #scratch(address: Uint8Array): number {
    const pointer = WORKERS + WORKER_CONTROL * WORKER_SIZE + CONTEXT_SCRATCH;
    this.#views.u8.set(address, pointer);
    return pointer;
  }

  #intern(address: Uint8Array, text: string, group: { ttl: number } | undefined): Vtep {
    const flags = (isMapped(address) ? 0 : VTEP_FLAG_IPV6) | (group === undefined ? 0 : VTEP_FLAG_GROUP);
    const id = this.#dataplane.vtepIntern(WORKER_CONTROL, this.#scratch(address), flags);
    if (id === 0) throw new VxlaneError("ERR_LIMIT", `no room for another VTEP (${text})`);
    const ttl = group?.ttl ?? VTEP_TTL;
    const vtep = this.#add(id, address, text, group !== undefined, ttl);
    // Nobody knows the id yet, so the spare record is free.
    if (ttl !== VTEP_TTL) this.#dataplane.vtepRewrite(WORKER_CONTROL, id, flags, ttl);
    return vtep;
  }

  /** Takes note of a VTEP that a worker made. */
  #adopt(id: number): Vtep {
    const address = this.address(id) ?? new Uint8Array(ADDRESS_LEN);
    return this.#add(id, address, formatAddress(address), false, VTEP_TTL);
  }

  #add(id: number, address: Uint8Array, text: string, group: boolean, ttl: number): Vtep {
    const vtep = { id, address, group, ttl, uses: 0, sources: 0 };
    this.#vteps.set(id, vtep);
    this.#idByText.set(text, id);
    return vtep;
  }

  /** Brings the record's flags to what uses, sources and prefixes say. */
  #refresh(vtep: Vtep): void {
    const pointer = this.#pointer(vtep.id);
    if (pointer !== 0) Atomics.store(this.#views.u32, (pointer + VTEP_FLAGS) / 4, this.#wantedFlags(vtep));
  }

  #wantedFlags(vtep: Vtep): number {
    const family = isMapped(vtep.address) ? 0 : VTEP_FLAG_IPV6;
    if (vtep.group) return family | VTEP_FLAG_GROUP;
    const source = vtep.sources > 0 || this.#prefixes.contains(vtep.address);
    const way = this.flags(vtep.id) & VTEP_FLAG_SOCKET;
    return family | way | (source ? VTEP_FLAG_SOURCE : 0) | (vtep.uses === 0 ? VTEP_FLAG_LEARNED : 0);
  }

  #buryUnlessCovered(vtep: Vtep): void {
    if (!vtep.group && this.#prefixes.contains(vtep.address)) {
      this.#undertaker.revive("vtep", vtep.id);
      this.#setFree.add(vtep.id);
      return;
    }
    this.#undertaker.bury("vtep", vtep.id, () => {
      if (!this.#free(vtep.id)) return false;
      this.#drop(vtep);
      return true;
    });
  }

  #drop(vtep: Vtep): void {
    this.#vteps.delete(vtep.id);
    this.#idByText.delete(formatAddress(vtep.address));
  }

  /**
   * Makes an id free. Its counters go first, so that who gets it next starts at zero: no worker counts for it now, and one
   * may take it as soon as it is free. False: the lock of the VTEPs stayed taken.
   */
  #free(id: number): boolean {
    for (let slot = 0; slot < WORKER_SLOTS; slot++) {
      const from = (VTEP_COUNTERS + slot * VTEP_COUNTERS_WORKER + id * VTEP_COUNTERS_SIZE) / 4;
      const row = this.#views.u32.subarray(from, from + VTEP_COUNTERS_SIZE / 4);
      if (row.some((word) => word !== 0)) row.fill(0);
    }
    return this.#dataplane.vtepRemove(WORKER_CONTROL, id) !== 0;
  }
}

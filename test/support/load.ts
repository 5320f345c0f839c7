// Writes a world into the shared memory by the layout's offsets: configuration words, VTEPs, attachments, networks with
// their flood and prefix lists, static FDB entries.
//
// Only what needs the module's own hashing (VTEP index, access set, FDB) goes through its exports.

import { type Dataplane, FDB_SET_NEW } from "../../control/dataplane.js";
import type { SharedMemory } from "../../control/memory.js";
import * as L from "../../dataplane-wasm/layout.js";
import type { World, WorldNetwork, WorldVtep } from "../oracle/world.js";
import { ip, mac, mapped } from "./bytes.js";

export class Loader {
  private lists = L.LISTS;

  constructor(
    private readonly world: World,
    private readonly shared: SharedMemory,
    private readonly view: DataView,
    private readonly dataplane: Dataplane,
  ) {}

  load(): void {
    const { world, view } = this;
    this.dataplane.initialise();
    view.setUint32(L.SYSTEM_FDB_BUCKET_MASK, world.fdbBuckets - 1, true);
    view.setUint32(L.SYSTEM_FDB_CAPACITY, world.fdbCapacity, true);
    view.setBigUint64(L.SYSTEM_FDB_SEED, 0x9e3779b97f4a7c15n, true);
    view.setUint32(L.SYSTEM_SRC_PORT_MIN, world.sourcePorts.min, true);
    view.setUint32(L.SYSTEM_SRC_PORT_COUNT, world.sourcePorts.max - world.sourcePorts.min + 1, true);
    view.setUint32(L.SYSTEM_OUTER_CHECKSUM, world.outerChecksum ? 1 : 0, true);
    view.setBigUint64(L.SYSTEM_RESERVED_MASK, world.reservedMask, false);
    view.setUint32(L.SYSTEM_PREFIXES, this.prefixList(world.networks.flatMap((network) => network.prefixes)), true);
    this.shared.u8.set(mapped(ip(world.local)), L.SYSTEM_LOCAL);
    view.setUint32(L.SYSTEM_UDP_PORT, world.udpPort, true);
    const offloads = (world.trains ? L.OFFLOAD_UDP_SEGMENT : 0) | (world.tunnelGso ? L.OFFLOAD_TUNNEL_GSO : 0);
    view.setUint32(L.SYSTEM_OFFLOADS, offloads, true);
    for (const vtep of world.vteps) this.loadVtep(vtep);
    for (const attachment of world.attachments) {
      const at = L.ATTACHMENTS + attachment.id * L.ATTACHMENT_SIZE;
      view.setUint32(at + L.ATTACHMENT_NETWORK, attachment.network, true);
      view.setUint32(at + L.ATTACHMENT_PORT, attachment.port, true);
      view.setUint32(at + L.ATTACHMENT_MTU, attachment.mtu, true);
      view.setUint32(at + L.ATTACHMENT_FLAGS, L.ATTACHMENT_FLAG_LIVE, true);
    }
    for (const network of world.networks) this.loadNetwork(network);
    for (const entry of world.statics) {
      const kind = { attachment: L.FDB_KIND_ATTACHMENT, vtep: L.FDB_KIND_VTEP, drop: L.FDB_KIND_DROP }[entry.target];
      const flags = L.FDB_FLAG_STATIC | (entry.own ? L.FDB_FLAG_OWN : 0);
      const value =
        (BigInt(kind) << BigInt(L.FDB_VALUE_KIND_SHIFT)) |
        (BigInt(entry.id) << BigInt(L.FDB_VALUE_ID_SHIFT)) |
        (BigInt(flags) << BigInt(L.FDB_VALUE_FLAGS_SHIFT));
      const result = this.dataplane.fdbSet(L.WORKER_CONTROL, fdbKey(entry.network, entry.mac), value);
      if (result !== FDB_SET_NEW) throw new Error(`fdbSet returned ${result}`);
    }
  }

  private loadVtep({ id, address, ttl, frameMax, nextHop }: WorldVtep): void {
    const scratch = L.WORKERS + L.WORKER_CONTROL * L.WORKER_SIZE + L.CONTEXT_SCRATCH;
    this.shared.u8.set(mapped(ip(address)), scratch);
    const source = this.world.networks.some((network) => network.sources.includes(id));
    const flags = (ip(address).length === 16 ? L.VTEP_FLAG_IPV6 : 0) | (source ? L.VTEP_FLAG_SOURCE : 0);
    const given = this.dataplane.vtepIntern(L.WORKER_CONTROL, scratch, flags);
    if (given !== id) throw new Error(`VTEP ${id} was given id ${given}`);
    const recordOf = () => this.view.getUint32(L.VTEP_POINTERS + id * 4, true);
    if (frameMax !== undefined) this.view.setUint32(recordOf() + L.VTEP_FRAME_MAX, frameMax, true);
    this.dataplane.vtepRewrite(L.WORKER_CONTROL, id, flags, ttl);
    if (nextHop === undefined) return;
    const record = recordOf();
    const outerLen = this.view.getUint32(record + L.VTEP_OUTER_LEN, true);
    const outer = record + L.VTEP_OUTER + L.VTEP_OUTER_SIZE - outerLen;
    this.shared.u8.set(mac(nextHop.dst), outer);
    this.shared.u8.set(mac(nextHop.src), outer + 6);
  }

  /** Writes, or rewrites, the record of a network; `LIVE` and the VNI table last. */
  loadNetwork(network: WorldNetwork): void {
    const { view } = this;
    const at = L.NETWORKS + network.id * L.NETWORK_SIZE;
    view.setUint32(at + L.NETWORK_VNI, network.vni, true);
    view.setUint32(at + L.NETWORK_MTU, network.mtu, true);
    const isNarrow = this.world.vteps.some(({ frameMax }) => frameMax !== undefined);
    view.setUint32(at + L.NETWORK_PLAIN_MTU, isNarrow ? 0 : network.mtu, true);
    view.setUint32(at + L.NETWORK_AGEING, network.ageing, true);
    view.setUint32(at + L.NETWORK_LEARN_LIMIT, network.learnLimit, true);
    view.setUint32(at + L.NETWORK_GENERATION, network.generation, true);
    view.setUint32(at + L.NETWORK_FLOOD_LIST, this.floodList(network), true);
    view.setUint32(at + L.NETWORK_PREFIXES, this.prefixList(network.prefixes), true);
    view.setUint32(at + L.NETWORK_TUNNEL_HEADER, 0x08000000, false);
    view.setUint32(at + L.NETWORK_TUNNEL_HEADER + 4, network.vni * 256, false);
    const flags =
      L.NETWORK_FLAG_LIVE |
      (network.learning ? L.NETWORK_FLAG_LEARNING : 0) |
      (network.dropVlan ? L.NETWORK_FLAG_DROP_VLAN : 0);
    view.setUint32(at + L.NETWORK_FLAGS, flags, true);
    for (const vtep of network.sources) {
      if (this.dataplane.accessAllow(L.WORKER_CONTROL, network.id, vtep) === 0) throw new Error("the set is full");
    }
    view.setUint16(L.VNI_TABLE + network.vni * 2, network.id, true);
  }

  private floodList({ flood }: WorldNetwork): number {
    const ids = [flood.attachments.length, flood.vteps.length, ...flood.attachments, ...flood.vteps];
    const at = this.allocate(ids.length * 4);
    for (const [i, id] of ids.entries()) this.view.setUint32(at + i * 4, id, true);
    return at;
  }

  private prefixList(prefixes: readonly string[]): number {
    if (prefixes.length === 0) return 0;
    const at = this.allocate(L.PREFIX_ENTRIES + prefixes.length * L.PREFIX_ENTRY_SIZE);
    this.view.setUint32(at + L.PREFIX_COUNT, prefixes.length, true);
    for (const [i, prefix] of prefixes.entries()) {
      const [base, length] = prefix.split("/");
      const address = ip(base);
      const bits = Number(length) + (address.length === 4 ? 96 : 0);
      const bytes = mapped(address);
      const entry = at + L.PREFIX_ENTRIES + i * L.PREFIX_ENTRY_SIZE;
      for (let byte = 0; byte < 16; byte++) {
        const mask = 0xff & (0xff00 >>> Math.min(8, Math.max(0, bits - byte * 8)));
        this.view.setUint8(entry + byte, bytes[byte] & mask);
        this.view.setUint8(entry + L.PREFIX_MASK + byte, mask);
      }
    }
    return at;
  }

  private allocate(size: number): number {
    const at = this.lists;
    this.lists += Math.ceil(size / L.CACHE_LINE) * L.CACHE_LINE;
    return at;
  }
}

/** The key of layout.ts: MAC in wire order, then the network id, as a little-endian u64. */
export function fdbKey(network: number, macHex: string): bigint {
  const bytes = macHex.includes(":") ? mac(macHex) : Uint8Array.from(Buffer.from(macHex, "hex"));
  return bytes.reduce((key, byte, i) => key | (BigInt(byte) << BigInt(8 * i)), BigInt(network) << 48n);
}

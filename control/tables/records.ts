// The records of networks, attachments and ports in shared memory: each field's one writer. What makes a record
// reachable (the VNI table, the LIVE flags) is stored last and taken back first.

import {
  ATTACHMENT_FEATURES,
  ATTACHMENT_FLAG_LIVE,
  ATTACHMENT_FLAGS,
  ATTACHMENT_MTU,
  ATTACHMENT_NETWORK,
  ATTACHMENT_PORT,
  ATTACHMENT_SIZE,
  ATTACHMENT_VLAN,
  ATTACHMENTS,
  NETWORK_AGEING,
  NETWORK_COUNTERS,
  NETWORK_COUNTERS_SIZE,
  NETWORK_COUNTERS_WORKER,
  NETWORK_FEATURES,
  NETWORK_FLAG_DROP_VLAN,
  NETWORK_FLAG_LEARNING,
  NETWORK_FLAG_LIVE,
  NETWORK_FLAGS,
  NETWORK_LEARN_LIMIT,
  NETWORK_MTU,
  NETWORK_PLAIN_MTU,
  NETWORK_SIZE,
  NETWORK_TUNNEL_HEADER,
  NETWORK_VNI,
  NETWORKS,
  PORT_QUEUES,
  PORT_QUEUES_SIZE,
  VNI_TABLE,
  WORKER_SLOTS,
} from "../../dataplane-wasm/layout.js";
import type { Views } from "../memory.js";
import type { NetworkSpec, Port } from "./types.js";

/* From RFC 7348 section 5: flags with I set, 24 reserved bits, VNI, 8 reserved bits. */
const VXLAN_FLAGS_I = 0x08;

/** u32 index of a field of a network's record. */
export function networkIndex(network: number, field: number): number {
  return (NETWORKS + network * NETWORK_SIZE + field) / 4;
}

function attachmentIndex(attachment: number, field: number): number {
  return (ATTACHMENTS + attachment * ATTACHMENT_SIZE + field) / 4;
}

/**
 * Writes or changes a network's record, all but its lists and its generation.
 * @param pathsNarrow see `storePlainMtu`
 */
export function writeNetwork(views: Views, id: number, spec: NetworkSpec, pathsNarrow: boolean): void {
  const { u32, u8 } = views;
  const store = (field: number, value: number) => Atomics.store(u32, networkIndex(id, field), value);
  const header = NETWORKS + id * NETWORK_SIZE + NETWORK_TUNNEL_HEADER;
  if (spec.vni !== u32[networkIndex(id, NETWORK_VNI)] || u8[header] === 0) {
    const vni = [spec.vni >>> 16, (spec.vni >>> 8) & 0xff, spec.vni & 0xff];
    u8.set([VXLAN_FLAGS_I, 0, 0, 0, ...vni, 0], header);
  }
  store(NETWORK_VNI, spec.vni);
  store(NETWORK_FEATURES, 0);
  store(NETWORK_LEARN_LIMIT, 0);
  store(NETWORK_MTU, spec.mtu);
  storePlainMtu(views, id, spec, pathsNarrow);
  store(NETWORK_AGEING, spec.ageing);
  const learning = spec.learning ? NETWORK_FLAG_LEARNING : 0;
  store(NETWORK_FLAGS, NETWORK_FLAG_LIVE | learning | (spec.dropVlan ? NETWORK_FLAG_DROP_VLAN : 0));
}

/** @param pathsNarrow frames have to be held against the way to their VTEP, too */
export function storePlainMtu({ u32 }: Views, id: number, { mtu }: NetworkSpec, pathsNarrow: boolean): void {
  Atomics.store(u32, networkIndex(id, NETWORK_PLAIN_MTU), pathsNarrow ? 0 : mtu);
}

/** Makes a VNI lead to a network, or to none (0). */
export function storeVni({ u16 }: Views, vni: number, network: number): void {
  Atomics.store(u16, VNI_TABLE / 2 + vni, network);
}

/** Clears what the dataplane counts in, so that who gets the id next starts at zero. No worker counts for it any more. */
export function clearNetwork({ u32 }: Views, id: number): void {
  u32.fill(0, networkIndex(id, 0), networkIndex(id + 1, 0));
  for (let slot = 0; slot < WORKER_SLOTS; slot++) {
    const from = (NETWORK_COUNTERS + slot * NETWORK_COUNTERS_WORKER + id * NETWORK_COUNTERS_SIZE) / 4;
    const row = u32.subarray(from, from + NETWORK_COUNTERS_SIZE / 4);
    if (row.some((word) => word !== 0)) row.fill(0);
  }
}

export function writeAttachment({ u32 }: Views, port: Port): void {
  const store = (field: number, value: number) => Atomics.store(u32, attachmentIndex(port.attachment, field), value);
  store(ATTACHMENT_NETWORK, port.network);
  store(ATTACHMENT_PORT, port.id);
  store(ATTACHMENT_VLAN, 0);
  store(ATTACHMENT_FEATURES, 0);
  store(ATTACHMENT_MTU, port.mtu);
  store(ATTACHMENT_FLAGS, ATTACHMENT_FLAG_LIVE);
}

export function clearAttachment({ u32 }: Views, attachment: number): void {
  Atomics.store(u32, attachmentIndex(attachment, ATTACHMENT_FLAGS), 0);
}

/**
 * Stores the file descriptors of a port, one for each worker slot from 0 on; all other slots get none.
 * To be called before a descriptor joins a worker's epoll set, and with none before one is closed.
 */
export function storePortQueues({ i32 }: Views, port: number, fds: readonly number[]): void {
  const first = (PORT_QUEUES + port * PORT_QUEUES_SIZE) / 4;
  for (let worker = 0; worker < PORT_QUEUES_SIZE / 4; worker++) {
    const fd = fds[worker] ?? 0;
    if (i32[first + worker] !== fd) Atomics.store(i32, first + worker, fd);
  }
}

/** The descriptor of a port that a worker reads and writes; 0 none. */
export function portQueue({ i32 }: Views, port: number, worker: number): number {
  return Atomics.load(i32, (PORT_QUEUES + port * PORT_QUEUES_SIZE) / 4 + worker);
}

// VNI_TABLE: u16 network id for each of 2^24 VNIs, one table per (underlay, destination port). Control stores
// the id after the network's record is whole, and 0 before the record goes; workers load.

import { FDB_LOCKS_END } from "./fdb.ts";
import { ATTACHMENTS_MAX, DECAP_TABLES, NETWORKS_MAX, PORTS_MAX, VNIS, WORKERS_MAX } from "./maxima.ts";

export const VNI_TABLE: usize = FDB_LOCKS_END;
export const VNI_TABLE_SIZE: usize = 2 * VNIS;
export const VNI_TABLE_END: usize = VNI_TABLE + VNI_TABLE_SIZE * DECAP_TABLES;

// NETWORKS: 128 B each. Line 0: control writes, workers read; FLOOD_LIST, PREFIXES and GENERATION are switched
// by one store each. Line 1: counts, atomic add by whoever inserts or removes an entry.

export const NETWORK_FLAGS: usize = 0; // u32
export const NETWORK_VNI: usize = NETWORK_FLAGS + 4; // u32
export const NETWORK_FEATURES: usize = NETWORK_VNI + 4; // u32: the feature word; 0 skips every optional stage
export const NETWORK_MTU: usize = NETWORK_FEATURES + 4; // u32: largest inner L3 packet, bytes
export const NETWORK_AGEING: usize = NETWORK_MTU + 4; // u32: seconds, 0 never, at most 65000
export const NETWORK_FLOOD_LIST: usize = NETWORK_AGEING + 4; // u32: pointer to a flood list, 0 none
export const NETWORK_LEARN_LIMIT: usize = NETWORK_FLOOD_LIST + 4; // u32: learned entries, 0 no limit of its own
export const NETWORK_PREFIXES: usize = NETWORK_LEARN_LIMIT + 4; // u32: pointer to a prefix list, 0 none
export const NETWORK_TUNNEL_HEADER: usize = NETWORK_PREFIXES + 4; // u64, wire order: the VXLAN header to send
export const NETWORK_GENERATION: usize = NETWORK_TUNNEL_HEADER + 8; // u32: low 8 bits; learned entries of another are dead
export const NETWORK_PLAIN_MTU: usize = NETWORK_GENERATION + 4; // u32: what is no larger needs no look at its VTEP: the MTU, or 0 while some path is narrower
export const NETWORK_LEARNED: usize = 64; // u32: learned entries present, dead ones included until they are swept
export const NETWORK_STATIC: usize = NETWORK_LEARNED + 4; // u32
export const NETWORK_SIZE: usize = 128;

export const NETWORK_FLAG_LIVE: u32 = 1;
export const NETWORK_FLAG_LEARNING: u32 = 2;
export const NETWORK_FLAG_DROP_VLAN: u32 = 4; // innerVlan: drop

export const NETWORKS: usize = VNI_TABLE_END;
export const NETWORKS_END: usize = NETWORKS + NETWORK_SIZE * NETWORKS_MAX;

// ATTACHMENTS: 64 B each. (port, VLAN rule): what an FDB entry or a flood list points at. Control writes, FLAGS last.

export const ATTACHMENT_FLAGS: usize = 0; // u32
export const ATTACHMENT_NETWORK: usize = ATTACHMENT_FLAGS + 4; // u32
export const ATTACHMENT_PORT: usize = ATTACHMENT_NETWORK + 4; // u32
export const ATTACHMENT_VLAN: usize = ATTACHMENT_PORT + 4; // u32: VLAN rule, 0 untouched
export const ATTACHMENT_FEATURES: usize = ATTACHMENT_VLAN + 4; // u32
export const ATTACHMENT_MTU: usize = ATTACHMENT_FEATURES + 4; // u32: of the port, largest L3 packet, bytes
export const ATTACHMENT_SIZE: usize = 64;
export const ATTACHMENT_FLAG_LIVE: u32 = 1;

export const ATTACHMENTS: usize = NETWORKS_END;
export const ATTACHMENTS_END: usize = ATTACHMENTS + ATTACHMENT_SIZE * ATTACHMENTS_MAX;

// PORT_QUEUES: i32 file descriptor for each (port, worker), -1 or 0 none: what that worker reads and writes; or PORT_QUEUE_*.
// Control stores it before the descriptor joins the worker's epoll set.

export const PORT_QUEUES: usize = ATTACHMENTS_END;
export const PORT_QUEUES_SIZE: usize = 4 * WORKERS_MAX; // of one port
export const PORT_QUEUES_END: usize = PORT_QUEUES + PORT_QUEUES_SIZE * PORTS_MAX;

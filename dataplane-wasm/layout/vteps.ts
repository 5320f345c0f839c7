// VTEPS. VTEP_POINTERS: u32 address of the record of each id, 0 none. VTEP_RECORDS: immutable once a pointer names them,
// but for FLAGS and FRAME_MAX, which control changes by one store each; control replaces a record by writing another one and switching the pointer. VTEP_INDEX: u32 ids, open addressing by address; written under
// VTEP_LOCK, an id stored last; 0 free, VTEP_INDEX_DELETED a tombstone.
//
//   record  0 address (16, wire order, IPv4 mapped) | 16 id | 20 flags | 24 underlay | 28 outer length |
//           32 pseudo-header sum | 36 next-hop MAC (6) | 44 frame max | 64 outer header (64, right-aligned, wire order)
//
// The outer header is Ethernet 14 + IPv4 20 or IPv6 40 + UDP 8, ready but for lengths, source port and checksums.

import { VTEPS_MAX } from "./maxima.ts";
import { PORT_QUEUES_END } from "./networks.ts";

export const VTEP_ADDRESS: usize = 0;
export const VTEP_ID: usize = VTEP_ADDRESS + 16; // u32
export const VTEP_FLAGS: usize = VTEP_ID + 4; // u32
export const VTEP_UNDERLAY: usize = VTEP_FLAGS + 4; // u32
export const VTEP_OUTER_LEN: usize = VTEP_UNDERLAY + 4; // u32: 42 (IPv4) or 62 (IPv6)
export const VTEP_PSEUDO_SUM: usize = VTEP_OUTER_LEN + 4; // u32: one's complement sum, host order of loaded 16-bit LE words: addresses + protocol
export const VTEP_NEXT_HOP: usize = VTEP_PSEUDO_SUM + 4; // 6 B
export const VTEP_FRAME_MAX: usize = VTEP_NEXT_HOP + 8; // u32: largest inner frame that the path takes, bytes; VTEP_FRAME_MAX_NONE
export const VTEP_OUTER: usize = 64;
export const VTEP_OUTER_SIZE: usize = 64;
export const VTEP_RECORD_SIZE: usize = 128;

/** The path is no narrower than the networks, as far as control knows. */
export const VTEP_FRAME_MAX_NONE: u32 = 0xffffffff;

export const VTEP_FLAG_IPV6: u32 = 1;
export const VTEP_FLAG_GROUP: u32 = 2; // a multicast group: a destination only
export const VTEP_FLAG_SOURCE: u32 = 4; // some network allows it as a source
export const VTEP_FLAG_LEARNED: u32 = 8; // made on receipt, by a prefix of an allow list
export const VTEP_FLAG_SOCKET: u32 = 16; // its way is not through the underlay's interface: the tap driver sends by socket

export const VTEP_POINTERS: usize = PORT_QUEUES_END;
export const VTEP_POINTERS_END: usize = VTEP_POINTERS + 4 * VTEPS_MAX;
export const VTEP_RECORDS_MAX: u32 = VTEPS_MAX * 2; // record 2*id and 2*id + 1 belong to id: a replacement takes the other one
export const VTEP_RECORDS: usize = VTEP_POINTERS_END;
export const VTEP_RECORDS_END: usize = VTEP_RECORDS + VTEP_RECORD_SIZE * VTEP_RECORDS_MAX;
export const VTEP_INDEX_SLOTS: u32 = 65536;
export const VTEP_INDEX_DELETED: u32 = 0xffffffff;
export const VTEP_INDEX: usize = VTEP_RECORDS_END;
export const VTEP_INDEX_END: usize = VTEP_INDEX + 4 * VTEP_INDEX_SLOTS;

// ACCESS: which VTEP may send into which network. u32 keys `network << 16 | vtep`, buckets of 16 keys, bucket-wise
// linear probing that stops at a bucket with a free slot; 0 free, ACCESS_DELETED a tombstone. Written under VTEP_LOCK.

export const ACCESS_BUCKETS: u32 = 131072;
export const ACCESS_BUCKET_SIZE: usize = 64;
export const ACCESS_DELETED: u32 = 0xffffffff;
export const ACCESS: usize = VTEP_INDEX_END;
export const ACCESS_END: usize = ACCESS + ACCESS_BUCKET_SIZE * ACCESS_BUCKETS;

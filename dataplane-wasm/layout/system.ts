// SYSTEM: one page. Each line below has one writer.
//
//   line 0, 1  configuration: control writes before the first worker starts; all read
//   CLOCK      control stores (tests too); all load
//   EPOCH      control increments; a worker copies it to its own context before each round
//   FDB_COUNT  entries in all, learned and static: atomic add by whoever inserts or removes
//   VTEP_LOCK  holder's slot + 1, or 0: compare-and-swap by control and workers
//   OFFLOADS   control stores what the probes found; a worker clears a bit (atomic and) when the kernel refuses it later
//   REFUSALS   one word a bit of OFFLOADS: the errno of that refusal, stored before the bit is cleared
//   KICK_SEQ   one word a stripe: stepped when an entry is in both of its buckets, before it leaves the old one
//   MOVES      how many entries have moved, free running: atomic add by the worker that moves one, under its bucket's lock
//   CONSTANTS  v128 patterns, written once by `initialise` (literals in loops are slow on newer V8)
//   CRC_TABLE  remainders of CRC32c, written once by `initialise`

import { PAGE } from "./maxima.ts";

export const SYSTEM: usize = PAGE; // page 0 stays empty, so that address 0 is never valid

export const SYSTEM_FDB_BUCKET_MASK: usize = SYSTEM; // u32: buckets - 1, buckets a power of two
export const SYSTEM_FDB_CAPACITY: usize = SYSTEM_FDB_BUCKET_MASK + 4; // u32: entries, learned and static
export const SYSTEM_FDB_SEED: usize = SYSTEM_FDB_CAPACITY + 4; // u64, odd: multiplier of the FDB hash
export const SYSTEM_SRC_PORT_MIN: usize = SYSTEM_FDB_SEED + 8; // u32
export const SYSTEM_SRC_PORT_COUNT: usize = SYSTEM_SRC_PORT_MIN + 4; // u32: max - min + 1
export const SYSTEM_OUTER_CHECKSUM: usize = SYSTEM_SRC_PORT_COUNT + 4; // u32: 0 off over IPv4, 1 on
export const SYSTEM_RESERVED_MASK: usize = SYSTEM_OUTER_CHECKSUM + 4; // u64, wire order: VXLAN bits that must be 0 (0: ignore)
export const SYSTEM_PREFIXES: usize = SYSTEM_RESERVED_MASK + 8; // u32: prefix list of all networks together, 0 none
export const SYSTEM_LOCAL: usize = SYSTEM + 64; // 16 B, wire order: this VTEP's address (IPv4 mapped)
export const SYSTEM_UDP_PORT: usize = SYSTEM_LOCAL + 16; // u32: destination port, host order

export const SYSTEM_BASE: usize = SYSTEM_UDP_PORT + 8; // u64: process address of this memory's first byte, for iovecs

export const SYSTEM_MAC: usize = SYSTEM_BASE + 8; // u64: MAC of the underlay's interface, low 6 bytes in wire order, 0 unknown; control stores it

export const SYSTEM_CLOCK: usize = SYSTEM + 128; // u32: seconds; only differences of its low 16 bits count
export const SYSTEM_EPOCH: usize = SYSTEM + 192; // u32
export const SYSTEM_FDB_COUNT: usize = SYSTEM + 256; // u32
export const SYSTEM_VTEP_LOCK: usize = SYSTEM + 320; // u32
export const SYSTEM_VTEP_NEXT: usize = SYSTEM_VTEP_LOCK + 4; // u32: the next VTEP id never used yet; under the lock
export const SYSTEM_OFFLOADS: usize = SYSTEM + 384; // u32: OFFLOAD_* that are in use

export const SYSTEM_UNDERLAY_MTU: usize = SYSTEM_OFFLOADS + 4; // u32: largest packet that the tap underlay may send, bytes from the outer IP header on; 0: it may not; control stores
export const SYSTEM_REFUSALS: usize = SYSTEM_UNDERLAY_MTU + 4; // u32 each

export const SYSTEM_MOVES: usize = SYSTEM + 448; // u32

/** Bits of SYSTEM_OFFLOADS; the labels of vxlane_offload_enabled derive from the names. */
export const OFFLOAD_PORT_CHECKSUM: u32 = 1; // ports hand over frames with unfinished checksums
export const OFFLOAD_PORT_TSO: u32 = 2; // ports take and give TCP super-frames
export const OFFLOAD_PORT_USO: u32 = 4; // and UDP super-frames
export const OFFLOAD_UDP_SEGMENT: u32 = 8; // trains of datagrams go out by one call
export const OFFLOAD_UDP_GRO: u32 = 16; // trains come in by one call
export const OFFLOAD_TUNNEL_GSO: u32 = 32; // super-frames leave whole, outer headers in front (tap underlay)
export const OFFLOAD_XDP_NATIVE: u32 = 64; // the XDP program runs in the driver
export const OFFLOAD_XDP_ZEROCOPY: u32 = 128; // the NIC reads and writes our buffers
export const OFFLOAD_PORT_URING: u32 = 256; // frames of a TAP port come in many to a call (io_uring)

export const CONSTANTS: usize = SYSTEM + 1024;
export const CONSTANTS_SIZE: usize = 1024;
export const KICK_SEQ: usize = SYSTEM + 4096;
export const KICK_SEQ_STRIPES: u32 = 1024; // u32 each
export const CRC_TABLE: usize = KICK_SEQ + 4096; // u32 a byte value
export const CRC_TABLE_SIZE: usize = 1024;
export const SYSTEM_END: usize = SYSTEM + PAGE;

// The map of the one shared memory: every region, every record, every offset. asc and tsc both compile this
// file, so the hot path and control cannot disagree. Addresses are fixed and sized for the maxima; a page that
// nobody touches costs nothing.
//
// Integers are little-endian (host order) unless a comment says `wire order`. Each region names its writer, its
// readers and the order of the stores. Records that different threads write never share a 64-byte cache line.

/* Our choices: the maxima. */

/** Worker slots: 0 to 63 are workers, then control's own instance, then the spare slot for traces. */
export const WORKERS_MAX: u32 = 64;
export const WORKER_CONTROL: u32 = 64;
export const WORKER_TRACE: u32 = 65;
export const WORKER_SLOTS: u32 = 66;

export const NETWORKS_MAX: u32 = 65536; // id 0 is `no network`
export const ATTACHMENTS_MAX: u32 = 65536; // id 0 is `no attachment`
export const PORTS_MAX: u32 = 65536; // id 0 is `no port`
export const VTEPS_MAX: u32 = 16384; // id 0 is `no VTEP`
export const VTEPS_LEARNED_MAX: u32 = 12288; // addresses learned through prefixes leave the last quarter of the ids to configured ones
export const VNIS: u32 = 16777216;
export const DECAP_TABLES: u32 = 4; // (underlay, destination port) pairs; the foundation uses table 0
export const FDB_ENTRIES_MAX: u32 = 4194304;

/** Input descriptors (and packet buffers) of a worker, and output descriptors. */
export const INPUTS_MAX: u32 = 256;
export const OUTPUTS_MAX: u32 = 512;

export const CACHE_LINE: usize = 64;
export const PAGE: usize = 65536; // of WebAssembly

/* ---------------------------------------------------------------------------------------------------------
 * SYSTEM: one page. Each line below has one writer.
 *
 *   line 0, 1  configuration: control writes before the first worker starts; all read
 *   CLOCK      control stores (tests too); all load
 *   EPOCH      control increments; a worker copies it to its own context before each round
 *   FDB_COUNT  entries in all, learned and static: atomic add by whoever inserts or removes
 *   VTEP_LOCK  holder's slot + 1, or 0: compare-and-swap by control and workers
 *   OFFLOADS   control stores what the probes found; a worker clears a bit (atomic and) when the kernel refuses it later
 *   REFUSALS   one word a bit of OFFLOADS: the errno of that refusal, stored before the bit is cleared
 *   KICK_SEQ   one word a stripe: stepped when an entry is in both of its buckets, before it leaves the old one
 *   CONSTANTS  v128 patterns, written once by `initialise` (literals in loops are slow on newer V8)
 */
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
export const SYSTEM_END: usize = SYSTEM + PAGE;

/* ---------------------------------------------------------------------------------------------------------
 * FDB: buckets of 64 bytes, four keys then four values, both u64.
 *
 *   key    0 mac (6, wire order) | 6 network id (2); 0 is a free slot
 *   value  bits 60 kind (4) | 40 id (20) | 32 generation (8) | 24 flags (8) | 8 stamp (16) | 0 tag (8)
 *
 * Whoever changes a slot holds its bucket's lock; whoever inserts a key holds the locks of both of its buckets. Value
 * before key on insert; key = 0, then value = 0 on removal. A stamp alone may change by compare-and-swap without the
 * lock. Readers take no lock: SIMD compare, load value, key again, value again, tag must match. A kick copies an
 * entry to its other bucket, steps the KICK_SEQ of the key's stripe, then deletes the old one; a reader that misses looks
 * again when the word has changed meanwhile.
 */
export const FDB_BUCKET_SLOTS: u32 = 4;
export const FDB_BUCKET_SIZE: usize = 64;
export const FDB_BUCKET_VALUES: usize = 32; // offset of the first value
export const FDB_BUCKETS_MAX: u32 = 2097152; // 4M entries at half load
export const FDB: usize = SYSTEM_END;
export const FDB_END: usize = FDB + FDB_BUCKET_SIZE * FDB_BUCKETS_MAX;

export const FDB_KIND_DROP: u32 = 0;
export const FDB_KIND_ATTACHMENT: u32 = 1;
export const FDB_KIND_VTEP: u32 = 2;
export const FDB_KIND_GROUP: u32 = 3;

export const FDB_VALUE_KIND_SHIFT: u32 = 60;
export const FDB_VALUE_ID_SHIFT: u32 = 40;
export const FDB_VALUE_ID_MASK: u32 = 0xfffff;
export const FDB_VALUE_GENERATION_SHIFT: u32 = 32;
export const FDB_VALUE_FLAGS_SHIFT: u32 = 24;
export const FDB_VALUE_STAMP_SHIFT: u32 = 8;

/** Flags of an FDB value. */
export const FDB_FLAG_STATIC: u32 = 1; // never ages, never moves, survives a flush of learned entries
export const FDB_FLAG_OWN: u32 = 2; // the MAC of one of our own ports; always static too

/** FDB_LOCKS: u32 a bucket, the holder's worker slot + 1, or 0. */
export const FDB_LOCKS: usize = FDB_END;
export const FDB_LOCKS_END: usize = FDB_LOCKS + 4 * FDB_BUCKETS_MAX;

/* ---------------------------------------------------------------------------------------------------------
 * VNI_TABLE: u16 network id for each of 2^24 VNIs, one table per (underlay, destination port). Control stores
 * the id after the network's record is whole, and 0 before the record goes; workers load.
 */
export const VNI_TABLE: usize = FDB_LOCKS_END;
export const VNI_TABLE_SIZE: usize = 2 * VNIS;
export const VNI_TABLE_END: usize = VNI_TABLE + VNI_TABLE_SIZE * DECAP_TABLES;

/* ---------------------------------------------------------------------------------------------------------
 * NETWORKS: 128 B each. Line 0: control writes, workers read; FLOOD_LIST, PREFIXES and GENERATION are switched
 * by one store each. Line 1: counts, atomic add by whoever inserts or removes an entry.
 */
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
export const NETWORK_LEARNED: usize = 64; // u32: learned entries present, dead ones included until they are swept
export const NETWORK_STATIC: usize = NETWORK_LEARNED + 4; // u32
export const NETWORK_SIZE: usize = 128;

export const NETWORK_FLAG_LIVE: u32 = 1;
export const NETWORK_FLAG_LEARNING: u32 = 2;
export const NETWORK_FLAG_DROP_VLAN: u32 = 4; // innerVlan: drop

export const NETWORKS: usize = VNI_TABLE_END;
export const NETWORKS_END: usize = NETWORKS + NETWORK_SIZE * NETWORKS_MAX;

/* ---------------------------------------------------------------------------------------------------------
 * ATTACHMENTS: 64 B each. (port, VLAN rule): what an FDB entry or a flood list points at. Control writes, FLAGS last.
 */
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

/* ---------------------------------------------------------------------------------------------------------
 * PORT_QUEUES: i32 file descriptor for each (port, worker), -1 or 0 none: what that worker reads and writes; or PORT_QUEUE_*.
 * Control stores it before the descriptor joins the worker's epoll set.
 */
export const PORT_QUEUES: usize = ATTACHMENTS_END;
export const PORT_QUEUES_SIZE: usize = 4 * WORKERS_MAX; // of one port
export const PORT_QUEUES_END: usize = PORT_QUEUES + PORT_QUEUES_SIZE * PORTS_MAX;

/* ---------------------------------------------------------------------------------------------------------
 * VTEPS. VTEP_POINTERS: u32 address of the record of each id, 0 none. VTEP_RECORDS: immutable once a pointer names them,
 * but for FLAGS, which control changes by one store; control replaces a record by writing another one and switching the pointer. VTEP_INDEX: u32 ids, open addressing by address; written under
 * VTEP_LOCK, an id stored last; 0 free, VTEP_INDEX_DELETED a tombstone.
 *
 *   record  0 address (16, wire order, IPv4 mapped) | 16 id | 20 flags | 24 underlay | 28 outer length |
 *           32 pseudo-header sum | 36 next-hop MAC (6) | 64 outer header (64, right-aligned, wire order)
 *
 * The outer header is Ethernet 14 + IPv4 20 or IPv6 40 + UDP 8, ready but for lengths, source port and checksums.
 */
export const VTEP_ADDRESS: usize = 0;
export const VTEP_ID: usize = VTEP_ADDRESS + 16; // u32
export const VTEP_FLAGS: usize = VTEP_ID + 4; // u32
export const VTEP_UNDERLAY: usize = VTEP_FLAGS + 4; // u32
export const VTEP_OUTER_LEN: usize = VTEP_UNDERLAY + 4; // u32: 42 (IPv4) or 62 (IPv6)
export const VTEP_PSEUDO_SUM: usize = VTEP_OUTER_LEN + 4; // u32: one's complement sum, host order of loaded 16-bit LE words: addresses + protocol
export const VTEP_NEXT_HOP: usize = VTEP_PSEUDO_SUM + 4; // 6 B
export const VTEP_OUTER: usize = 64;
export const VTEP_OUTER_SIZE: usize = 64;
export const VTEP_RECORD_SIZE: usize = 128;

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

/* ---------------------------------------------------------------------------------------------------------
 * ACCESS: which VTEP may send into which network. u32 keys `network << 16 | vtep`, buckets of 16 keys, bucket-wise
 * linear probing that stops at a bucket with a free slot; 0 free, ACCESS_DELETED a tombstone. Written under VTEP_LOCK.
 */
export const ACCESS_BUCKETS: u32 = 131072;
export const ACCESS_BUCKET_SIZE: usize = 64;
export const ACCESS_BUCKET_SLOTS: u32 = 16;
export const ACCESS_DELETED: u32 = 0xffffffff;
export const ACCESS: usize = VTEP_INDEX_END;
export const ACCESS_END: usize = ACCESS + ACCESS_BUCKET_SIZE * ACCESS_BUCKETS;

/* ---------------------------------------------------------------------------------------------------------
 * LISTS: control allocates; a list is immutable once a pointer names it, and freed an epoch after it lost it.
 *
 *   flood list   u32 attachment count, u32 VTEP count, then the attachment ids, then the VTEP ids (groups too), u32 each
 *   prefix list  u32 count, 12 B unused, then (address 16, mask 16), wire order, IPv4 mapped, masked
 */
export const FLOOD_ATTACHMENT_COUNT: usize = 0;
export const FLOOD_VTEP_COUNT: usize = FLOOD_ATTACHMENT_COUNT + 4;
export const FLOOD_IDS: usize = FLOOD_VTEP_COUNT + 4;
export const PREFIX_COUNT: usize = 0;
export const PREFIX_ENTRIES: usize = 16;
export const PREFIX_MASK: usize = 16; // offset in an entry
export const PREFIX_ENTRY_SIZE: usize = 32;
export const LISTS: usize = ACCESS_END;
export const LISTS_SIZE: usize = 67108864;
export const LISTS_END: usize = LISTS + LISTS_SIZE;

/* ---------------------------------------------------------------------------------------------------------
 * EVENTS: a ring a worker slot, one producer, control consumes. The producer fills the record, then stores HEAD;
 * a full ring counts LOST and goes on. HEAD and TAIL run freely; index = value & (EVENT_RING - 1).
 */
export const EVENT_RING: u32 = 4096;
export const EVENT_HEAD: usize = 0; // u32, the producer's line
export const EVENT_LOST: usize = 8; // u64, the producer's line
export const EVENT_LIMIT_CLOCK: usize = 16; // u32, the producer's line: clock + 1 of the last limit event, 0 none yet
export const EVENT_TAIL: usize = 64; // u32, control's line
export const EVENT_RECORDS: usize = 128;
export const EVENT_KIND: usize = 0; // u8
export const EVENT_TO_KIND: usize = 1; // u8: FDB kind
export const EVENT_FROM_KIND: usize = 2; // u8: FDB kind before a move
export const EVENT_NETWORK: usize = 4; // u16
export const EVENT_MAC: usize = 6; // 6 B, wire order
export const EVENT_TO: usize = 12; // u32: attachment or VTEP id
export const EVENT_FROM: usize = 16; // u32: the same, before a move
export const EVENT_CLOCK: usize = 20; // u32
export const EVENT_SIZE: usize = 32;
export const EVENT_LEARNED: u32 = 1;
export const EVENT_MOVED: u32 = 2;
export const EVENT_AGED: u32 = 3;
export const EVENT_LIMIT: u32 = 4;
export const EVENT_RING_SIZE: usize = EVENT_RECORDS + EVENT_SIZE * EVENT_RING;
export const EVENTS: usize = LISTS_END;
export const EVENTS_END: usize = EVENTS + EVENT_RING_SIZE * WORKER_SLOTS;

/* ---------------------------------------------------------------------------------------------------------
 * WORKERS: everything of one worker slot but its packet buffers and counters. Only that worker writes, except
 * where noted.
 *
 *   context      cursors of the batch functions, epoch, state
 *   inputs       256 descriptors that a driver's receive fills
 *   outputs      512 descriptors that a batch function fills and a driver's send takes
 *   headers      512 x 128 B: outer headers of flood copies, each right-aligned at the end
 *   pieces       2048 x 16 B: struct iovec, process addresses: what a train or a coalesced super-frame consists of
 *   chains       16 x 64 B: the super-frames that a pass of decapCoalesce is still adding to; encapGather has its trains here
 *   io           tables of the drivers (iovec, mmsghdr, addresses, control messages)
 */
export const CONTEXT_PENDING: usize = 0; // u32: inputs of the current batch not finished yet; 0: the batch is done
export const CONTEXT_NEXT: usize = CONTEXT_PENDING + 4; // u32: index of the input to go on with
export const CONTEXT_FLOOD: usize = CONTEXT_NEXT + 4; // u32: index of the next copy of that input
export const CONTEXT_SEGMENT: usize = CONTEXT_FLOOD + 4; // u32: first of its segments that this copy is still to be made of
export const CONTEXT_FLAGS: usize = CONTEXT_SEGMENT + 4; // u32: CONTEXT_FLAG_*
export const CONTEXT_COUNT: usize = CONTEXT_FLAGS + 4; // u32: inputs of the current batch
export const CONTEXT_TOUCHED: usize = CONTEXT_COUNT + 4; // u32: what the first stage of a batch read, so that its loads are not dropped
export const CONTEXT_ICMP_CLOCK: usize = CONTEXT_TOUCHED + 4; // u32: the second that CONTEXT_ICMP_SENT belongs to
export const CONTEXT_ICMP_SENT: usize = CONTEXT_ICMP_CLOCK + 4; // u32: `too big` messages of that second
export const CONTEXT_ROOM: usize = CONTEXT_ICMP_SENT + 4; // u32: bytes of SEGMENTS taken since the batch function was called
export const CONTEXT_EPOCH: usize = 64; // u32: the epoch this worker has seen; a line of its own, control reads
export const CONTEXT_STATE: usize = CONTEXT_EPOCH + 4; // u32: WORKER_STATE_*
export const CONTEXT_BUSY_NS: usize = CONTEXT_EPOCH + 8; // u64: time not spent waiting
export const CONTEXT_HEARTBEAT: usize = CONTEXT_EPOCH + 16; // u32: rounds
export const CONTEXT_THREAD: usize = CONTEXT_EPOCH + 20; // u32: the kernel's id of its thread
export const CONTEXT_COMMAND: usize = 128; // u32: control writes, WORKER_COMMAND_*
export const CONTEXT_SCRATCH: usize = 192; // 64 B for calls from control (addresses, MACs)
export const CONTEXT_SIZE: usize = 256;

export const CONTEXT_FLAG_DRY_RUN: u32 = 1; // a trace: no learning, no stamps, no counters
export const WORKER_STATE_ABSENT: u32 = 0;
export const WORKER_STATE_RUNNING: u32 = 1;
export const WORKER_STATE_ASLEEP: u32 = 2; // in epoll_wait: counts as having passed every epoch
export const WORKER_STATE_STOPPED: u32 = 3;
export const WORKER_COMMAND_RUN: u32 = 0;
export const WORKER_COMMAND_STOP: u32 = 1;

export const WORKER_INPUTS: usize = CONTEXT_SIZE;
export const DESC_SIZE: usize = 128;
export const WORKER_OUTPUTS: usize = WORKER_INPUTS + DESC_SIZE * INPUTS_MAX;
export const WORKER_HEADERS: usize = WORKER_OUTPUTS + DESC_SIZE * OUTPUTS_MAX;
export const HEADER_SLOT_SIZE: usize = 128;
export const WORKER_PIECES: usize = WORKER_HEADERS + HEADER_SLOT_SIZE * OUTPUTS_MAX;
export const PIECES_MAX: u32 = 2048; // the slot in front of an output's first piece is its driver's, for a virtio-net header
export const PIECE_SIZE: usize = 16; // 0 process address (8) | 8 length (8)
export const WORKER_CHAINS: usize = WORKER_PIECES + PIECE_SIZE * PIECES_MAX;
export const CHAINS_MAX: u32 = 16;
export const CHAIN_FLOW: usize = 0; // u64: flow hash | attachment << 32
export const CHAIN_HEAD: usize = 8; // u32: index of the output
export const CHAIN_TAIL: usize = CHAIN_HEAD + 4; // u32: the same
export const CHAIN_SEGMENT: usize = CHAIN_TAIL + 4; // u32: data bytes of each segment but the last; 0: the chain takes no more
export const CHAIN_SEQ: usize = CHAIN_SEGMENT + 4; // u32: TCP sequence number that comes next
export const CHAIN_LEN: usize = CHAIN_SEQ + 4; // u32: bytes of the IP packet so far
export const CHAIN_COUNT: usize = CHAIN_LEN + 4; // u32: segments so far
export const CHAIN_CHECKED: usize = CHAIN_COUNT + 4; // u32: 1: the head's checksum holds
export const CHAIN_SIZE: usize = 64;
export const GATHER_SLOTS: u32 = 64; // u16 each, by a hash of VTEP and source port: index + 1 of the newest train's head
export const WORKER_IO: usize = WORKER_CHAINS + CHAIN_SIZE * CHAINS_MAX;
export const WORKER_IO_SIZE: usize = 524288;
export const WORKER_SIZE: usize = WORKER_IO + WORKER_IO_SIZE;
export const WORKERS: usize = EVENTS_END;
export const WORKERS_END: usize = WORKERS + WORKER_SIZE * WORKER_SLOTS;

/* ---------------------------------------------------------------------------------------------------------
 * Descriptor, 128 B. A driver's receive fills an input; a batch function fills outputs; a driver's send takes
 * outputs and sets DROP where it failed. The payload of an input starts at the inner Ethernet header (encap), at the
 * tunnel header (decap from a socket) or at the outer Ethernet header (decap with DESC_FLAG_OUTER).
 *
 *   0 header ptr | 4 header len | 8 payload ptr | 12 payload len | 16 buffer ptr | 20 attachment |
 *   24 network (2) | 26 group id (2) | 28 outer port (2) | 30 outer TOS (1) | 31 outer TTL (1) | 32 outer address (16) |
 *   48 verdict (1) | 49 drop (1) | 50 flags (2) | 52 entry | 56 target | 60 target kind (1) | 61 result (1) | 62 origin (2) |
 *   64 virtio-net header (24) |
 *   88 inner (8) | 96 payload sum (8) | 104 flood list | 108 source VTEP | 112 copies |
 *   116 segments (2) | 118 segment headers (2) | 120 chain (2) | 122 train size (2) | 124 failed (2) | 126 train segments (2)
 *
 * Outputs have other things in one place: 88 pieces (4) | 92 piece count (2) | 94 chain tail (2) | 96 pieces len (4) | 100 datagrams (2).
 * Inputs that are cut for one VTEP have others, too: 96 failed bytes (4) | 104 VTEP record.
 *
 * A chain is what leaves together: datagrams of one flow as a train (UDP_SEGMENT), frames of one flow as a super-frame. Its
 * head says what to send (PIECES); the members after it have DESC_FLAG_CHAINED, the driver passes them by, and sets
 * DROP of every member to what became of the head. So each copy is still booked as itself.
 */
export const DESC_HEADER_PTR: usize = 0;
export const DESC_HEADER_LEN: usize = DESC_HEADER_PTR + 4;
export const DESC_PAYLOAD_PTR: usize = DESC_HEADER_LEN + 4;
export const DESC_PAYLOAD_LEN: usize = DESC_PAYLOAD_PTR + 4;
export const DESC_BUFFER_PTR: usize = DESC_PAYLOAD_LEN + 4; // the packet buffer; COPIES counts the outputs that refer to it
export const DESC_ATTACHMENT: usize = DESC_BUFFER_PTR + 4; // u32: ingress attachment, 0 from the underlay
export const DESC_NETWORK: usize = DESC_ATTACHMENT + 4; // u16
export const DESC_GROUP: usize = DESC_NETWORK + 2; // u16: group id (GBP)
export const DESC_OUTER_PORT: usize = DESC_GROUP + 2; // u16, host order: source port, received or chosen
export const DESC_OUTER_TOS: usize = DESC_OUTER_PORT + 2; // u8
export const DESC_OUTER_TTL: usize = DESC_OUTER_TOS + 1; // u8
export const DESC_OUTER_ADDRESS: usize = DESC_OUTER_TTL + 1; // 16 B, wire order, IPv4 mapped: source as received
export const DESC_VERDICT: usize = DESC_OUTER_ADDRESS + 16; // u8: VERDICT_*
export const DESC_DROP: usize = DESC_VERDICT + 1; // u8: inputs: Drop. Outputs: SEND_*, set by the driver
export const DESC_FLAGS: usize = DESC_DROP + 1; // u16: DESC_FLAG_*
export const DESC_ENTRY: usize = DESC_FLAGS + 2; // u32: id of the entry that decided (attachment or VTEP), 0 none
export const DESC_TARGET: usize = DESC_ENTRY + 4; // u32: outputs: attachment or VTEP id to send to
export const DESC_TARGET_KIND: usize = DESC_TARGET + 4; // u8: outputs: FDB_KIND_ATTACHMENT or FDB_KIND_VTEP
export const DESC_RESULT: usize = DESC_TARGET_KIND + 1; // u8: inputs: RESULT_* bits, set by settle
export const DESC_ORIGIN: usize = DESC_RESULT + 1; // u16: outputs: index of the input
export const DESC_VIRTIO: usize = 64; // struct virtio_net_hdr_v1_hash_tunnel, 24 B
export const DESC_INNER: usize = DESC_VIRTIO + 24; // u64, inputs: what parseInner found (wire/inner.ts)
export const DESC_PAYLOAD_SUM: usize = DESC_INNER + 8; // u64, inputs: checksum of a flooded payload, counted once for all copies
export const DESC_FLOOD_LIST: usize = DESC_PAYLOAD_SUM + 8; // u32, inputs: the list that this frame's copies follow; VERDICT_CUT: the VTEP's record
export const DESC_SOURCE_VTEP: usize = DESC_FLOOD_LIST + 4; // u32, inputs of decap: the sending VTEP
export const DESC_COPIES: usize = DESC_SOURCE_VTEP + 4; // u32, inputs: outputs made of it, the count of its buffer's users
export const DESC_SEGMENTS: usize = DESC_COPIES + 4; // u16, inputs with DESC_FLAG_SUPER, and outputs: frames that this one counts as
export const DESC_SEGMENT_HEADERS: usize = DESC_SEGMENTS + 2; // u16, beside it: bytes that every segment repeats
export const DESC_CHAIN: usize = DESC_SEGMENT_HEADERS + 2; // u16, outputs: index + 1 of the chain's next output, 0 the last
export const DESC_TRAIN_SIZE: usize = DESC_CHAIN + 2; // u16, outputs: bytes of each datagram of a train from the tunnel header on; 0: one datagram
export const DESC_FAILED: usize = DESC_TRAIN_SIZE + 2; // u16, inputs with DESC_FLAG_SUPER: segments that could not be sent
export const DESC_TRAIN_SEGMENTS: usize = DESC_FAILED + 2; // u16, inputs with DESC_FLAG_SUPER: segments that leave as one train; 1: each alone

export const DESC_PIECES: usize = DESC_INNER; // u32, outputs: first of its pieces, 0: header and payload are all
export const DESC_PIECE_COUNT: usize = DESC_PIECES + 4; // u16, outputs
export const DESC_CHAIN_TAIL: usize = DESC_PIECE_COUNT + 2; // u16, outputs: encapGather's own, at a head: index of the last member
export const DESC_PIECES_LEN: usize = DESC_PIECES + 8; // u32, outputs: bytes of all pieces
export const DESC_DATAGRAMS: usize = DESC_PIECES_LEN + 4; // u16, outputs: encapGather's own, at a head: datagrams of the train
export const DESC_FAILED_BYTES: usize = DESC_PAYLOAD_SUM; // u32, inputs that are cut for one VTEP: bytes of the segments in FAILED

export const DESC_FLAG_OUTER: u32 = 1; // decap: the outer headers are part of the payload, checksums unverified
export const DESC_FLAG_FRAGMENT: u32 = 2; // decap: the datagram came in fragments
export const DESC_FLAG_TRUNCATED: u32 = 4; // the frame was longer than its buffer
export const DESC_FLAG_UNFINISHED: u32 = 8; // decap's own: the inner TCP or UDP checksum is the pseudo-header sum only
export const DESC_FLAG_SUPER: u32 = 16; // the batch functions' own: counts as DESC_SEGMENTS frames
export const DESC_FLAG_CHAINED: u32 = 32; // outputs: leaves with an earlier one, the head of its chain

/** Limits of a train: Linux's UDP_MAX_SEGMENTS, and what fits into one IPv4 packet with a margin. */
export const TRAIN_DATAGRAMS_MAX: u32 = 64;
export const TRAIN_BYTES_MAX: u32 = 65000;

/** What a driver's send made of an output; settle turns it into the Drop of the direction and the target. */
export const SEND_OK: u32 = 0;
export const SEND_FULL: u32 = 1; // EAGAIN, ENOBUFS
export const SEND_DOWN: u32 = 2; // the port is gone or not up
export const SEND_TOO_BIG: u32 = 3; // EMSGSIZE
export const SEND_ERROR: u32 = 4;
export const SEND_ELSEWHERE: u32 = 5; // between the parts of a driver: this one's other way has to send it

export const VERDICT_NONE: u32 = 0;
export const VERDICT_UNICAST: u32 = 1; // to a VTEP (encap) or to a port (decap)
export const VERDICT_LOCAL: u32 = 2; // encap: to a port of the same network
export const VERDICT_FLOOD: u32 = 3;
export const VERDICT_DROP: u32 = 4;
export const VERDICT_CUT: u32 = 7; // encap's own: to a VTEP in segments, and some are still to be made; then it is VERDICT_UNICAST
export const VERDICT_COPIES: u32 = 3; // the bits that VERDICT_FLOOD and VERDICT_CUT share

export const RESULT_UNDERLAY: u32 = 1; // a copy left for a VTEP
export const RESULT_PORT: u32 = 2; // a copy left for a port

/** Offsets in the virtio-net header (linux/virtio_net.h), little-endian. */
export const VIRTIO_FLAGS: usize = 0; // u8
export const VIRTIO_GSO_TYPE: usize = VIRTIO_FLAGS + 1; // u8
export const VIRTIO_HDR_LEN: usize = VIRTIO_GSO_TYPE + 1; // u16
export const VIRTIO_GSO_SIZE: usize = VIRTIO_HDR_LEN + 2; // u16
export const VIRTIO_CSUM_START: usize = VIRTIO_GSO_SIZE + 2; // u16, from the start of the frame
export const VIRTIO_CSUM_OFFSET: usize = VIRTIO_CSUM_START + 2; // u16
export const VIRTIO_OUTER_TRANSPORT: usize = 20; // u16: offset of the outer UDP header, with a VIRTIO_GSO_UDP_TUNNEL type
export const VIRTIO_INNER_NETWORK: usize = VIRTIO_OUTER_TRANSPORT + 2; // u16: offset of the inner IP header, likewise
export const VIRTIO_LEN: usize = 24;
export const VIRTIO_FLAG_NEEDS_CSUM: u32 = 1;
export const VIRTIO_GSO_NONE: u32 = 0;
export const VIRTIO_GSO_TCPV4: u32 = 1;
export const VIRTIO_GSO_TCPV6: u32 = 4;
export const VIRTIO_GSO_UDP_L4: u32 = 5;
export const VIRTIO_GSO_UDP_TUNNEL_IPV4: u32 = 0x20; // or'ed to the inner type
export const VIRTIO_GSO_UDP_TUNNEL_IPV6: u32 = 0x40;
export const VIRTIO_GSO_ECN: u32 = 0x80;
export const VIRTIO_FLAG_DATA_VALID: u32 = 2;
export const VIRTIO_FLAG_UDP_TUNNEL_CSUM: u32 = 8;

/* ---------------------------------------------------------------------------------------------------------
 * BUFFERS: INPUTS_MAX packet buffers a worker slot. Input i owns buffer i. An odd number of cache lines, so that
 * buffers spread over all cache sets.
 *
 *   0 HEADROOM 256, for headers in front | 256 frame or datagram, up to 65,535 B
 */
export const HEADROOM: usize = 256;
export const FRAME_MAX: usize = 65535;
export const BUFFER_SIZE: usize = 65856; // 1029 lines: 256 + 65,600
export const BUFFERS: usize = WORKERS_END;
export const BUFFERS_SIZE: usize = BUFFER_SIZE * INPUTS_MAX; // of one worker slot
export const BUFFERS_END: usize = BUFFERS + BUFFERS_SIZE * WORKER_SLOTS;

/* ---------------------------------------------------------------------------------------------------------
 * SEGMENTS: a worker slot's room for the segments that it cuts super-frames into. Small enough to stay in a core's cache:
 * a batch that needs more pauses (CONTEXT_SEGMENT), is sent, and goes on at the beginning of the room.
 */
export const SEGMENTS_SIZE: usize = 524288; // of one worker slot
export const SEGMENTS_SLACK: usize = 64; // at its end, for copies that go on to the next 16 bytes
export const SEGMENT_HEADROOM: usize = 72; // in front of a train, or of a segment that leaves alone: outer and tunnel header
export const SEGMENTS: usize = BUFFERS_END;
export const SEGMENTS_END: usize = SEGMENTS + SEGMENTS_SIZE * WORKER_SLOTS;

/* ---------------------------------------------------------------------------------------------------------
 * XSK: what AF_XDP shares with the kernel, for each worker (not for control or traces).
 *
 *   0 UMEM       8 MiB: 4096 frames of 2048 B, or 2048 of 4096 B; control chooses while no socket is open
 *   then STATE   one page: geometry, sockets, free frames, owners
 *   then rings   XSK_SOCKETS_MAX x 64 KiB: the kernel's four rings of each socket, mapped over these pages
 *
 * A frame is free, in a batch, or a socket's (in one of its rings, or in the kernel's hands); XSK_OWNERS says so, and the free
 * ones are on the stack too. Only the worker moves frames, so whatever dies, the owners tell where each frame was.
 *
 * A socket's record: control writes it while STATE is free, then stores STATE open. The worker's own words have a line of their own.
 *
 *   free -> open (control) -> closing (control: the worker lets go) -> closed (control, an epoch later, when the socket
 *   is closed and its rings are unmapped) -> free (the worker, when it has its frames back)
 *
 * The kernel's ring words: who produces stores the entries, then the producer (release); who consumes loads the producer
 * (acquire), then the entries, then stores the consumer. WebAssembly's atomics are stronger than both.
 */
export const UMEM_SIZE: usize = 8388608;
export const XSK_RINGS_SIZE: usize = 1048576; // state and rings
export const XSK_SIZE: usize = UMEM_SIZE + XSK_RINGS_SIZE;
export const XSK: usize = ((SEGMENTS_END + PAGE - 1) >>> 16) * PAGE;
export const XSK_END: usize = XSK + XSK_SIZE * WORKERS_MAX;

export const XSK_FRAMES_MAX: u32 = 4096;
export const XSK_FRAME_SHIFT_MIN: u32 = 11; // 2048 B
export const XSK_FRAME_SHIFT_MAX: u32 = 12; // 4096 B
export const XSK_KERNEL_HEADROOM: usize = 256; // XDP_PACKET_HEADROOM: the kernel puts what it receives behind it
export const XSK_SOCKETS_MAX: u32 = 15;
export const XSK_RING: u32 = 1024; // entries of each ring: the four take 64 KiB with pages of 4 KiB

export const XSK_STATE: usize = UMEM_SIZE; // from the worker's XSK region on
export const XSK_STATE_SIZE: usize = PAGE;
export const XSK_RINGS: usize = XSK_STATE + XSK_STATE_SIZE;
export const XSK_SOCKET_RINGS_SIZE: usize = PAGE;

/** Offsets in the state. */
export const XSK_FRAME_SHIFT: usize = 0; // u32: 11 or 12, 0: no UMEM
export const XSK_FREE_COUNT: usize = 64; // u32, the worker's
export const XSK_SHARE: usize = XSK_FREE_COUNT + 4; // u32, the worker's: frames that one direction of one socket may hold
export const XSK_SOCKETS: usize = 128;
export const XSK_SOCKET_SIZE: usize = 256;
export const XSK_FREE: usize = XSK_SOCKETS + XSK_SOCKET_SIZE * XSK_SOCKETS_MAX; // u32 frame numbers, a stack
export const XSK_OWNERS: usize = XSK_FREE + 4 * XSK_FRAMES_MAX; // u8 a frame
export const XSK_MESSAGE: usize = XSK_OWNERS + XSK_FRAMES_MAX; // what the driver hands to a packet socket: mmsghdr 64 B, sockaddr_ll 32 B, two iovecs
export const XSK_MESSAGE_SIZE: usize = 128;
export const XSK_STATE_USED: usize = XSK_MESSAGE + XSK_MESSAGE_SIZE;

export const XSK_OWNER_FREE: u32 = 0; // 1 to XSK_SOCKETS_MAX: socket slot + 1
export const XSK_OWNER_BATCH: u32 = 255;

/** Offsets in a socket's record. Pointers are addresses of the shared memory. */
export const XSK_SOCKET_STATE: usize = 0; // u32: XSK_SOCKET_*
export const XSK_SOCKET_FD: usize = XSK_SOCKET_STATE + 4; // i32
export const XSK_SOCKET_IFINDEX: usize = XSK_SOCKET_FD + 4; // u32
export const XSK_SOCKET_PORT: usize = XSK_SOCKET_IFINDEX + 4; // u32: port id, 0: the underlay
export const XSK_RX: usize = 16; // a ring: producer, consumer, flags, entries, u32 pointers each
export const XSK_TX: usize = XSK_RX + 16;
export const XSK_FILL: usize = XSK_TX + 16;
export const XSK_DONE: usize = XSK_FILL + 16; // the kernel's completion ring
export const XSK_RING_PRODUCER: usize = 0;
export const XSK_RING_CONSUMER: usize = 4;
export const XSK_RING_FLAGS: usize = 8;
export const XSK_RING_ENTRIES: usize = 12;
export const XSK_SOCKET_LEN_MAX: usize = 124; // u32, control's: longest frame that its interface sends, bytes
export const XSK_SOCKET_DOWN: usize = 128; // u32, the worker's: its interface took no frames when last asked

export const XSK_SOCKET_FREE: u32 = 0;
export const XSK_SOCKET_OPEN: u32 = 1;
export const XSK_SOCKET_CLOSING: u32 = 2;
export const XSK_SOCKET_CLOSED: u32 = 3;

/** struct xdp_desc (linux/if_xdp.h), and the flag of a ring whose kernel side sleeps. */
export const XDP_DESC_ADDR: usize = 0; // u64, from the UMEM's start
export const XDP_DESC_LEN: usize = XDP_DESC_ADDR + 8; // u32
export const XDP_DESC_OPTIONS: usize = XDP_DESC_LEN + 4; // u32
export const XDP_DESC_SIZE: usize = 16;
export const XDP_FILL_SIZE: usize = 8; // an entry of the fill and completion rings: u64 address
export const XDP_RING_NEED_WAKEUP: u32 = 1;

/** In PORT_QUEUES: a socket slot of that worker; or an interface index, for a worker that has none there. Row 0 has the underlay's. */
export const PORT_QUEUE_XSK: u32 = 0x40000000;
export const PORT_QUEUE_INTERFACE: u32 = 0x20000000;

/* ---------------------------------------------------------------------------------------------------------
 * Counters, u64, per worker slot: only that worker adds, anybody sums. Row 0 of the network counters takes what
 * happens before the network is known.
 */
export const COUNTER_RECEIVED_ENCAP: usize = 0;
export const COUNTER_RECEIVED_DECAP: usize = COUNTER_RECEIVED_ENCAP + 8;
export const COUNTER_FRAMES_ENCAP: usize = COUNTER_RECEIVED_DECAP + 8;
export const COUNTER_FRAMES_DECAP: usize = COUNTER_FRAMES_ENCAP + 8;
export const COUNTER_BYTES_ENCAP: usize = COUNTER_FRAMES_DECAP + 8; // inner Ethernet frames without FCS
export const COUNTER_BYTES_DECAP: usize = COUNTER_BYTES_ENCAP + 8;
export const COUNTER_LOCAL: usize = COUNTER_BYTES_DECAP + 8;
export const COUNTER_FLOODED_ENCAP: usize = COUNTER_LOCAL + 8;
export const COUNTER_FLOODED_DECAP: usize = COUNTER_FLOODED_ENCAP + 8;
export const COUNTER_LEARNED: usize = COUNTER_FLOODED_DECAP + 8;
export const COUNTER_MOVED: usize = COUNTER_LEARNED + 8;
export const COUNTER_AGED: usize = COUNTER_MOVED + 8;
export const COUNTER_LIMIT: usize = COUNTER_AGED + 8; // frames whose source was not learned for a limit or a full bucket
export const COUNTER_ECN_ALARM: usize = COUNTER_LIMIT + 8; // RFC 6040 combinations that it calls currently unused
export const COUNTER_ICMP: usize = COUNTER_ECN_ALARM + 8; // `too big` messages sent to a port
export const COUNTER_DROPS: usize = 128; // one u64 for each member of Drop
export const NETWORK_COUNTERS_SIZE: usize = 448;
export const NETWORK_COUNTERS: usize = XSK_END;
export const NETWORK_COUNTERS_WORKER: usize = NETWORK_COUNTERS_SIZE * NETWORKS_MAX;
export const NETWORK_COUNTERS_END: usize = NETWORK_COUNTERS + NETWORK_COUNTERS_WORKER * WORKER_SLOTS;

export const VTEP_COUNTER_FRAMES_ENCAP: usize = 0;
export const VTEP_COUNTER_FRAMES_DECAP: usize = 8;
export const VTEP_COUNTER_BYTES_ENCAP: usize = 16;
export const VTEP_COUNTER_BYTES_DECAP: usize = 24;
export const VTEP_COUNTER_DROPS_ENCAP: usize = 32;
export const VTEP_COUNTER_DROPS_DECAP: usize = 40;
export const VTEP_COUNTERS_SIZE: usize = 64;
export const VTEP_COUNTERS: usize = NETWORK_COUNTERS_END;
export const VTEP_COUNTERS_WORKER: usize = VTEP_COUNTERS_SIZE * VTEPS_MAX;
export const VTEP_COUNTERS_END: usize = VTEP_COUNTERS + VTEP_COUNTERS_WORKER * WORKER_SLOTS;

/** BATCHES: per worker slot, a histogram of batch sizes: u64 for batches of up to 1, 2, 4 ... 256 frames, then sum and count. */
export const BATCHES_SIZE: usize = 128;
export const BATCHES: usize = VTEP_COUNTERS_END;
export const BATCHES_END: usize = BATCHES + BATCHES_SIZE * WORKER_SLOTS;

export const MEMORY_END: usize = BATCHES_END;
export const MEMORY_PAGES: u32 = (MEMORY_END + PAGE - 1) >>> 16;

// Descriptor, 128 B. A driver's receive fills an input; a batch function fills outputs; a driver's send takes
// outputs and sets DROP where it failed. The payload of an input starts at the inner Ethernet header (encap), at the
// tunnel header (decap from a socket) or at the outer Ethernet header (decap with DESC_FLAG_OUTER).
//
//   0 header ptr | 4 header len | 8 payload ptr | 12 payload len | 16 buffer ptr | 20 attachment |
//   24 network (2) | 26 group id (2) | 28 outer port (2) | 30 outer TOS (1) | 31 outer TTL (1) | 32 outer address (16) |
//   48 verdict (1) | 49 drop (1) | 50 flags (2) | 52 entry | 56 target | 60 target kind (1) | 61 result (1) | 62 origin (2) |
//   64 virtio-net header (24) |
//   88 inner (8) | 96 payload sum (8) | 104 flood list | 108 source VTEP | 112 copies |
//   116 segments (2) | 118 segment headers (2) | 120 chain (2) | 122 train size (2) | 124 failed (2) | 126 train segments (2)
//
// Outputs have other things in one place: 88 pieces (4) | 92 piece count (2) | 94 chain tail (2) | 96 pieces len (4) | 100 datagrams (2).
// Inputs that are cut for one VTEP have others, too: 96 failed bytes (4) | 104 VTEP record.
//
// A chain is what leaves together: datagrams of one flow as a train (UDP_SEGMENT), frames of one flow as a super-frame. Its
// head says what to send (PIECES); the members after it have DESC_FLAG_CHAINED, the driver passes them by, and sets
// DROP of every member to what became of the head. So each copy is still booked as itself.

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

// WORKERS: everything of one worker slot but its packet buffers and counters. Only that worker writes, except
// where noted.
//
//   context      cursors of the batch functions, epoch, state
//   inputs       256 descriptors that a driver's receive fills
//   outputs      512 descriptors that a batch function fills and a driver's send takes
//   headers      512 x 128 B: outer headers of flood copies, each right-aligned at the end
//   pieces       2048 x 16 B: struct iovec, process addresses: what a train or a coalesced super-frame consists of
//   chains       16 x 64 B: the super-frames that a pass of decapCoalesce is still adding to; encapGather has its trains here
//   io           tables of the drivers (iovec, mmsghdr, addresses, control messages)

import { EVENTS_END } from "./events.ts";
import { INPUTS_MAX, OUTPUTS_MAX, WORKER_SLOTS } from "./maxima.ts";

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
export const CONTEXT_OPEN_TRAIN: usize = CONTEXT_ROOM + 4; // u32: segments of the last train cut since then, if more may follow in it
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

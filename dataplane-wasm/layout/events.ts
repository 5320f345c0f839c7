// EVENTS: a ring a worker slot, one producer, control consumes. The producer fills the record, then stores HEAD;
// a full ring counts LOST and goes on. HEAD and TAIL run freely; index = value & (EVENT_RING - 1).
//
// Who wants to know where a MAC came from needs its first move, so moves are numbered, of all workers' together, under the
// lock of the entry's bucket; the second half of a ring is for them alone; and a ring says which was the first that it lost.

import { LISTS_END } from "./lists.ts";
import { WORKER_SLOTS } from "./maxima.ts";

export const EVENT_RING: u32 = 4096;
export const EVENT_RING_OTHERS: u32 = EVENT_RING / 2; // so many may be waiting when something other than a move is added
export const EVENT_HEAD: usize = 0; // u32, the producer's line
export const EVENT_LOST: usize = 8; // u64, the producer's line
export const EVENT_LIMIT_CLOCK: usize = 16; // u32, the producer's line: clock + 1 of the last limit event, 0 none yet
export const EVENT_LOST_MOVES: usize = 20; // u32, the producer's line: those of LOST that were moves
export const EVENT_LOST_MOVE: usize = 24; // u32, the producer's line: number of the first of them since HEAD was what it is
export const EVENT_LOST_MOVE_HEAD: usize = 28; // u32, the producer's line: HEAD when LOST_MOVE was stored
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
export const EVENT_NUMBER: usize = 24; // u32: of a move, in the order of all workers' moves
export const EVENT_SIZE: usize = 32;
export const EVENT_LEARNED: u32 = 1;
export const EVENT_MOVED: u32 = 2;
export const EVENT_AGED: u32 = 3;
export const EVENT_LIMIT: u32 = 4;
export const EVENT_RING_SIZE: usize = EVENT_RECORDS + EVENT_SIZE * EVENT_RING;
export const EVENTS: usize = LISTS_END;
export const EVENTS_END: usize = EVENTS + EVENT_RING_SIZE * WORKER_SLOTS;

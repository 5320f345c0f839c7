// BUFFERS: INPUTS_MAX packet buffers a worker slot. Input i owns buffer i. An odd number of cache lines, so that
// buffers spread over all cache sets.
//
//   0 HEADROOM 256, for headers in front | 256 frame or datagram, up to 65,535 B

import { INPUTS_MAX, WORKER_SLOTS } from "./maxima.ts";
import { WORKERS_END } from "./worker.ts";

export const HEADROOM: usize = 256;
export const FRAME_MAX: usize = 65535;
export const BUFFER_SIZE: usize = 65856; // 1029 lines: 256 + 65,600
export const BUFFERS: usize = WORKERS_END;
export const BUFFERS_SIZE: usize = BUFFER_SIZE * INPUTS_MAX; // of one worker slot
export const BUFFERS_END: usize = BUFFERS + BUFFERS_SIZE * WORKER_SLOTS;

// SEGMENTS: a worker slot's room for the segments that it cuts super-frames into. Small enough to stay in a core's cache:
// a batch that needs more pauses (CONTEXT_SEGMENT), is sent, and goes on at the beginning of the room.

export const SEGMENTS_SIZE: usize = 524288; // of one worker slot
export const SEGMENTS_SLACK: usize = 64; // at its end, for copies that go on to the next 16 bytes
export const SEGMENT_HEADROOM: usize = 72; // in front of a train, or of a segment that leaves alone: outer and tunnel header
export const SEGMENTS: usize = BUFFERS_END;
export const SEGMENTS_END: usize = SEGMENTS + SEGMENTS_SIZE * WORKER_SLOTS;

// io_uring: a queue of requests and one of results, shared with the kernel, so that many reads are one system call. Both
// lie in pages of the shared memory that we lend to the kernel (it does not let its own be mapped to a place of our choice);
// the buffers that requests read into are registered, which spares it to look their pages up, and to check them, for each
// request. Lent and registered pages stay in RAM until the descriptor is closed.

import type { SharedMemory } from "../memory.js";
import { baseAddress, check, close, uringRegister, uringSetup } from "./libc.js";

/* From linux/io_uring.h */

const IORING_SETUP_SUBMIT_ALL = 0x80;
const IORING_SETUP_NO_MMAP = 0x4000; // Linux 6.5; before 6.14 rings and requests have a page each
const IORING_REGISTER_BUFFERS = 0;

/*
 * struct io_uring_params: 0 submission entries (4) | 4 completion entries (4) | 8 flags (4) | ...
 *   40 offsets in the rings: submissions' head, tail, mask, entries, flags, dropped, array (4 each) ... | 72 where the requests lie (8)
 *   80 and completions' head, tail, mask, entries, overflow, results (4 each) ... | 112 where the rings lie (8)
 */
const PARAMS_SIZE = 120;
const PARAMS_CQ_ENTRIES = 4;
const PARAMS_FLAGS = 8;
const PARAMS_SQ_HEAD = 40;
const PARAMS_SQ_TAIL = 44;
const PARAMS_SQ_ARRAY = 64;
const PARAMS_REQUESTS = 72;
const PARAMS_CQ_HEAD = 80;
const PARAMS_CQ_TAIL = 84;
const PARAMS_CQ_RESULTS = 100;
const PARAMS_RINGS = 112;

/** struct io_uring_sqe: 0 opcode (1) | 1 flags (1) | 4 descriptor (4) | 16 address (8) | 24 length (4) | 28 read flags (4) | 32 user data (8) */
export const SQE_SIZE = 64;
export const SQE_OPCODE = 0;
export const SQE_FD = 4;
export const SQE_ADDRESS = 16;
export const SQE_LEN = 24;
export const SQE_READ_FLAGS = 28;
export const SQE_USER_DATA = 32;
/** struct io_uring_cqe: 0 user data (8) | 8 result (4), negative: an errno */
export const CQE_SIZE = 16;
export const CQE_USER_DATA = 0;
export const CQE_RESULT = 8;

export const IORING_OP_READ_FIXED = 4;
export const IORING_ENTER_GETEVENTS = 1;
/** From linux/fs.h: a request that would wait ends with EAGAIN. */
export const RWF_NOWAIT = 8;

export interface UringPlace {
  /** Requests that are under way at most, a power of 2. */
  readonly entries: number;
  /** Addresses in the shared memory, on pages of the process, of `size` bytes each: for the rings, and for the requests. */
  readonly ringsPtr: number;
  readonly requestsPtr: number;
  readonly size: number;
  /** What requests may read into. */
  readonly buffersPtr: number;
  readonly buffersLen: number;
}

/** An open ring; plain values, so that a worker can be told. Pointers are addresses of the shared memory. */
export interface Uring extends UringPlace {
  readonly fd: number;
  /** u32 each: whoever produces moves the tail, whoever consumes the head. */
  readonly sqHeadPtr: number;
  readonly sqTailPtr: number;
  readonly cqHeadPtr: number;
  readonly cqTailPtr: number;
  /** Numbers of requests, u32, `entries`; and results, twice as many. */
  readonly sqArrayPtr: number;
  readonly resultsPtr: number;
  readonly resultCount: number;
}

/**
 * Opens a ring. On failure nothing stays open or registered.
 * @throws SyscallError EPERM: forbidden (kernel.io_uring_disabled, a container's seccomp); ENOSYS; EINVAL: before Linux 6.5;
 *   ENOMEM: locked memory is limited
 */
export function openUring(memory: SharedMemory, place: UringPlace): Uring {
  const { entries, ringsPtr, requestsPtr, size, buffersPtr, buffersLen } = place;
  const base = baseAddress(memory);
  const params = Buffer.alloc(PARAMS_SIZE);
  params.writeUInt32LE(IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_MMAP, PARAMS_FLAGS);
  params.writeBigUInt64LE(BigInt(base + requestsPtr), PARAMS_REQUESTS);
  params.writeBigUInt64LE(BigInt(base + ringsPtr), PARAMS_RINGS);
  memory.u8.fill(0, ringsPtr, ringsPtr + size);
  const fd = check(uringSetup(entries, params), "io_uring_setup");
  try {
    registerBuffer(fd, base + buffersPtr, buffersLen);
  } catch (error) {
    close(fd);
    throw error;
  }
  const at = (field: number): number => ringsPtr + params.readUInt32LE(field);
  return {
    ...place,
    fd,
    sqHeadPtr: at(PARAMS_SQ_HEAD),
    sqTailPtr: at(PARAMS_SQ_TAIL),
    cqHeadPtr: at(PARAMS_CQ_HEAD),
    cqTailPtr: at(PARAMS_CQ_TAIL),
    sqArrayPtr: at(PARAMS_SQ_ARRAY),
    resultsPtr: at(PARAMS_CQ_RESULTS),
    resultCount: params.readUInt32LE(PARAMS_CQ_ENTRIES),
  };
}

/** Registers one buffer, number 0. */
function registerBuffer(fd: number, address: number, length: number): void {
  const iovec = Buffer.alloc(16);
  iovec.writeBigUInt64LE(BigInt(address), 0);
  iovec.writeBigUInt64LE(BigInt(length), 8);
  check(uringRegister(fd, IORING_REGISTER_BUFFERS, iovec, 1), "io_uring_register buffers");
}

// AF_XDP sockets: opened on one queue of an interface, their frames (UMEM) and their four rings lying in the shared memory. The frames
// are registered where they are; the rings belong to the kernel and are mapped over pages of the memory.
//
// A mapping keeps its socket alive, so a socket is gone only when its descriptor is closed and its pages are ours again.

import {
  UMEM_SIZE,
  XDP_DESC_SIZE,
  XDP_FILL_SIZE,
  XSK_RING,
  XSK_RING_CONSUMER,
  XSK_RING_ENTRIES,
  XSK_RING_FLAGS,
  XSK_RING_PRODUCER,
} from "../../dataplane-wasm/layout.js";
import type { SharedMemory } from "../memory.js";
import { SO_SNDBUF, SO_SNDBUFFORCE, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, SOL_SOCKET } from "./constants.js";
import { EINVAL, ENOPROTOOPT, EOPNOTSUPP, SyscallError } from "./errno.js";
import { baseAddress, bind, check, close, getsockopt, lastErrno, mmap, setsockopt, socket } from "./libc.js";

/* From linux/if_xdp.h and sys/mman.h */

const AF_XDP = 44;
const SOL_XDP = 283;
const XDP_MMAP_OFFSETS = 1;
const XDP_RX_RING = 2;
const XDP_TX_RING = 3;
const XDP_UMEM_REG = 4;
const XDP_UMEM_FILL_RING = 5;
const XDP_UMEM_COMPLETION_RING = 6;
const XDP_STATISTICS = 7;
const XDP_OPTIONS = 8;
const XDP_MAX_TX_SKB_BUDGET = 9;
const XDP_OPTIONS_ZEROCOPY = 1;
const XDP_SHARED_UMEM = 1;
const XDP_COPY = 2;
const XDP_USE_NEED_WAKEUP = 8;
const PROT_READ_WRITE = 3; // an atomic access to a page that may not be written kills the process
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_POPULATE = 0x8000;

/* struct xdp_umem_reg:  0 address (8) | 8 length (8) | 16 frame size (4) | 20 headroom (4) | 24 flags (4) | 28 metadata length (4) */
const UMEM_REG_LENGTH = 8;
const UMEM_REG_FRAME_SIZE = 16;
const UMEM_REG_SIZE = 32;

/* struct sockaddr_xdp:  0 family (2) | 2 flags (2) | 4 interface (4) | 8 queue (4) | 12 descriptor of the socket that shares its UMEM (4) */
const SXDP_FLAGS = 2;
const SXDP_IFINDEX = 4;
const SXDP_QUEUE = 8;
const SXDP_SHARED = 12;
const SOCKADDR_XDP_SIZE = 16;

/* struct xdp_mmap_offsets: four rings (rx, tx, fill, completion) of  0 producer (8) | 8 consumer (8) | 16 entries (8) | 24 flags (8) */
const RING_OFFSETS_SIZE = 32;
const MMAP_OFFSETS_SIZE = 4 * RING_OFFSETS_SIZE;

/* struct xdp_statistics: u64s */
const STATISTICS_SIZE = 48;
const STATISTICS_RX_DROPPED = 0;
const STATISTICS_RX_RING_FULL = 24;
const STATISTICS_FILL_RING_EMPTY = 32;

/** In the order of the record's rings and of struct xdp_mmap_offsets. */
const RINGS = [
  { option: XDP_RX_RING, page: 0, entrySize: XDP_DESC_SIZE },
  { option: XDP_TX_RING, page: 0x80000000, entrySize: XDP_DESC_SIZE },
  { option: XDP_UMEM_FILL_RING, page: 0x100000000, entrySize: XDP_FILL_SIZE },
  { option: XDP_UMEM_COMPLETION_RING, page: 0x180000000, entrySize: XDP_FILL_SIZE },
];
const RING_WORDS = 4; // XSK_RING_*

/* Our choices */

const SEND_BUFFER = 16 << 20; // frames that a slow receiver behind the interface has not taken yet
/** Frames of one call to send; kernels before 6.17 have 32 and no option. */
const SEND_BUDGET = XSK_RING;

export interface XskOptions {
  readonly ifIndex: number;
  readonly queue: number;
  /** Where the frames lie in the shared memory, UMEM_SIZE bytes, and bytes of each. */
  readonly umemPtr: number;
  readonly frameSize: number;
  /** Pages for the rings in the shared memory. */
  readonly ringsPtr: number;
  readonly ringsSize: number;
  /** A socket that has these frames already. */
  readonly sharedFd?: number;
  /** Let the driver write into the frames itself where it can. Not with `sharedFd`, which decides. */
  readonly zeroCopy: boolean;
}

export interface Xsk {
  readonly fd: number;
  /** Pointers as a socket's record has them from XSK_RX on. */
  readonly rings: Uint32Array;
  readonly isZeroCopy: boolean;
}

/**
 * Opens a socket and maps its rings. On failure nothing stays open or mapped.
 * @throws SyscallError EINVAL: no such queue; EBUSY: another socket has it; EPERM without CAP_NET_RAW; ENOBUFS: locked memory is limited
 */
export function openXsk(memory: SharedMemory, options: XskOptions): Xsk {
  const fd = check(socket(AF_XDP, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket AF_XDP");
  try {
    const { sharedFd } = options;
    if (sharedFd === undefined) registerUmem(memory, fd, options);
    for (const { option } of RINGS) setXdpOption(fd, option, XSK_RING);
    setSendBuffer(fd);
    const rings = mapRings(memory, fd, options);
    bindXsk(fd, options);
    return { fd, rings, isZeroCopy: isZeroCopy(fd) };
  } catch (error) {
    close(fd);
    unmapRings(memory, options.ringsPtr, options.ringsSize);
    throw error;
  }
}

/** Gives the pages of a socket's rings back to the memory, zeroed. */
export function unmapRings(memory: SharedMemory, ringsPtr: number, ringsSize: number): void {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  mapAt(memory, ringsPtr, ringsSize, flags, -1, 0, "mmap memory over rings");
}

export interface XskLosses {
  /** Frames for which there was no room: none free, or the RX ring full. */
  readonly lost: number;
  /** Frames that were larger than one of the UMEM. */
  readonly tooBig: number;
}

/** What the kernel could not hand over since the socket was opened. */
export function readXskLosses(fd: number): XskLosses {
  const statistics = getXdpOption(fd, XDP_STATISTICS, STATISTICS_SIZE, "XDP_STATISTICS");
  const read = (offset: number) => Number(statistics.readBigUInt64LE(offset));
  // The kernel has one figure for what finds no free frame and what is too large, and another for the former (net/xdp/xsk.c).
  const dropped = read(STATISTICS_RX_DROPPED);
  const tooBig = Math.max(0, dropped - read(STATISTICS_FILL_RING_EMPTY));
  return { lost: dropped - tooBig + read(STATISTICS_RX_RING_FULL), tooBig };
}

function registerUmem(memory: SharedMemory, fd: number, { umemPtr, frameSize }: XskOptions): void {
  const registration = Buffer.alloc(UMEM_REG_SIZE);
  registration.writeBigUInt64LE(BigInt(baseAddress(memory) + umemPtr), 0);
  registration.writeBigUInt64LE(BigInt(UMEM_SIZE), UMEM_REG_LENGTH);
  registration.writeUInt32LE(frameSize, UMEM_REG_FRAME_SIZE);
  check(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, registration, UMEM_REG_SIZE), "setsockopt XDP_UMEM_REG");
}

function mapRings(memory: SharedMemory, fd: number, { ringsPtr, ringsSize }: XskOptions): Uint32Array {
  const offsets = getXdpOption(fd, XDP_MMAP_OFFSETS, MMAP_OFFSETS_SIZE, "XDP_MMAP_OFFSETS");
  const pointers = new Uint32Array(RINGS.length * RING_WORDS);
  let at = ringsPtr;
  RINGS.forEach(({ page, entrySize }, index) => {
    const [producer, consumer, entries, flags] = [0, 8, 16, 24].map((field) =>
      Number(offsets.readBigUInt64LE(index * RING_OFFSETS_SIZE + field)),
    );
    const size = roundToPage(entries + XSK_RING * entrySize);
    if (at + size > ringsPtr + ringsSize) throw new SyscallError("mmap of an XDP ring: no room for it", EINVAL);
    mapAt(memory, at, size, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, page, "mmap XDP ring");
    const ring = index * RING_WORDS;
    pointers[ring + XSK_RING_PRODUCER / 4] = at + producer;
    pointers[ring + XSK_RING_CONSUMER / 4] = at + consumer;
    pointers[ring + XSK_RING_FLAGS / 4] = at + flags;
    pointers[ring + XSK_RING_ENTRIES / 4] = at + entries;
    at += size;
  });
  return pointers;
}

/* Our choice: the smallest page; where pages are larger, the kernel asks for larger rings than fit, and says so. */
const PAGE_SIZE = 4096;
function roundToPage(size: number): number {
  return Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
}

function mapAt(
  memory: SharedMemory,
  ptr: number,
  size: number,
  flags: number,
  fd: number,
  offset: number,
  call: string,
): void {
  const wanted = baseAddress(memory) + ptr;
  const got = mmap(wanted, size, PROT_READ_WRITE, flags, fd, offset);
  if (got !== wanted) throw new SyscallError(call, lastErrno());
}

function bindXsk(fd: number, { ifIndex, queue, sharedFd, zeroCopy }: XskOptions): void {
  const address = Buffer.alloc(SOCKADDR_XDP_SIZE);
  const own = XDP_USE_NEED_WAKEUP | (zeroCopy ? 0 : XDP_COPY);
  address.writeUInt16LE(AF_XDP);
  address.writeUInt16LE(sharedFd === undefined ? own : XDP_SHARED_UMEM, SXDP_FLAGS);
  address.writeUInt32LE(ifIndex, SXDP_IFINDEX);
  address.writeUInt32LE(queue, SXDP_QUEUE);
  address.writeUInt32LE(sharedFd ?? 0, SXDP_SHARED);
  check(bind(fd, address, SOCKADDR_XDP_SIZE), `bind AF_XDP interface ${ifIndex} queue ${queue}`);
}

function isZeroCopy(fd: number): boolean {
  return (getXdpOption(fd, XDP_OPTIONS, 4, "XDP_OPTIONS").readUInt32LE(0) & XDP_OPTIONS_ZEROCOPY) !== 0;
}

function setSendBuffer(fd: number): void {
  const value = intBytes(SEND_BUFFER);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, value, 4) < 0)
    check(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, 4), "setsockopt SO_SNDBUF");
  if (setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, intBytes(SEND_BUDGET), 4) >= 0) return;
  const errno = lastErrno();
  if (errno !== ENOPROTOOPT && errno !== EOPNOTSUPP && errno !== EINVAL)
    throw new SyscallError("setsockopt XDP_MAX_TX_SKB_BUDGET", errno);
}

function setXdpOption(fd: number, option: number, value: number): void {
  check(setsockopt(fd, SOL_XDP, option, intBytes(value), 4), `setsockopt XDP option ${option}`);
}

function getXdpOption(fd: number, option: number, size: number, name: string): Buffer {
  const value = Buffer.alloc(size);
  check(getsockopt(fd, SOL_XDP, option, value, intBytes(size)), `getsockopt ${name}`);
  return value;
}

function intBytes(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number);
  return bytes;
}

// XSK: what AF_XDP shares with the kernel, for each worker (not for control or traces).
//
//   0 UMEM       8 MiB: 4096 frames of 2048 B, or 2048 of 4096 B; control chooses while no socket is open
//   then STATE   one page: geometry, sockets, free frames, owners
//   then rings   XSK_SOCKETS_MAX x 64 KiB: the kernel's four rings of each socket, mapped over these pages
//
// A frame is free, in a batch, or a socket's (in one of its rings, or in the kernel's hands); XSK_OWNERS says so, and the free
// ones are on the stack too. Only the worker moves frames, so whatever dies, the owners tell where each frame was.
//
// A socket's record: control writes it while STATE is free, then stores STATE open. The worker's own words have a line of their own.
//
//   free -> open (control) -> closing (control: the worker lets go) -> closed (control, an epoch later, when the socket
//   is closed and its rings are unmapped) -> free (the worker, when it has its frames back)
//
// The kernel's ring words: who produces stores the entries, then the producer (release); who consumes loads the producer
// (acquire), then the entries, then stores the consumer. WebAssembly's atomics are stronger than both.

import { SEGMENTS_END } from "./buffers.ts";
import { PAGE, WORKERS_MAX } from "./maxima.ts";

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
export const XSK_SOCKET_ZERO_COPY: usize = 120; // u32, control's: 1 if the interface's driver reads the TX ring by itself, at any time
export const XSK_SOCKET_LEN_MAX: usize = XSK_SOCKET_ZERO_COPY + 4; // u32, control's: longest frame that its interface sends, bytes
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

// What a worker waits in. Control makes one epoll set a worker and adds and removes descriptors from the main thread
// (epoll_ctl may run while another thread waits); the worker waits, with a table of events in the shared memory.
//
// An event carries a token, kind and id, that names what is ready: see EPOLL_WAKE and its siblings.

import type { SharedMemory } from "../memory.js";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, O_CLOEXEC } from "./constants.js";
import { EINTR, SyscallError } from "./errno.js";
import { baseAddress, check, epollCreate, epollCtl, epollWaitRaw, lastErrno } from "./libc.js";
import { EPOLL_DATA, EPOLL_EVENT_SIZE, EPOLL_EVENTS } from "./structs.js";

/** Kinds of token. */
export const EPOLL_WAKE = 1; // the worker's eventfd; id unused
export const EPOLL_PORT = 2; // id: the port
export const EPOLL_UNDERLAY = 3; // id: the source, as UnderlayDriver.receive takes it (udp: the descriptor itself)

export function createEpoll(): number {
  return check(epollCreate(O_CLOEXEC), "epoll_create1");
}

/** Lets `epoll` report when `fd` can be read. @throws SyscallError */
export function epollAdd(epoll: number, fd: number, kind: number, id: number): void {
  const event = Buffer.alloc(EPOLL_EVENT_SIZE);
  event.writeUInt32LE(EPOLLIN, EPOLL_EVENTS);
  event.writeUInt32LE(id, EPOLL_DATA);
  event.writeUInt32LE(kind, EPOLL_DATA + 4);
  check(epollCtl(epoll, EPOLL_CTL_ADD, fd, event), "epoll_ctl add");
}

/** The worker may still hold an event of `fd` that it waited for before: wait an epoch before closing it. */
export function epollRemove(epoll: number, fd: number): void {
  check(epollCtl(epoll, EPOLL_CTL_DEL, fd, null), "epoll_ctl remove");
}

/** The worker's side: takes descriptors out of its set and in again, without an allocation. Who is in, or out, already stays so. */
export class EpollDoor {
  readonly #epoll: number;
  readonly #event = Buffer.alloc(EPOLL_EVENT_SIZE);

  constructor(epoll: number) {
    this.#epoll = epoll;
    this.#event.writeUInt32LE(EPOLLIN, EPOLL_EVENTS);
  }

  enter(fd: number, kind: number, id: number): void {
    this.#event.writeUInt32LE(id, EPOLL_DATA);
    this.#event.writeUInt32LE(kind, EPOLL_DATA + 4);
    epollCtl(this.#epoll, EPOLL_CTL_ADD, fd, this.#event);
  }

  leave(fd: number): void {
    epollCtl(this.#epoll, EPOLL_CTL_DEL, fd, null);
  }
}

/** The worker's side: a table of events. */
export class EpollTable {
  readonly #u32: Uint32Array;
  readonly #tableAddress: number;
  readonly #tablePtr: number;
  readonly #max: number;

  /**
   * @param tablePtr address in the shared memory, 4-byte aligned, of `max` times EPOLL_EVENT_SIZE bytes
   * @param max most events that one wait reports
   */
  constructor(memory: SharedMemory, tablePtr: number, max: number) {
    this.#u32 = memory.u32;
    this.#tableAddress = baseAddress(memory) + tablePtr;
    this.#tablePtr = tablePtr;
    this.#max = max;
  }

  /**
   * Waits until something of `epoll` is ready.
   * @param timeoutMs -1 for ever, 0 not at all
   * @returns how many events the table holds; 0 after the timeout or a signal
   */
  wait(epoll: number, timeoutMs: number): number {
    const count = epollWaitRaw(epoll, this.#tableAddress, this.#max, timeoutMs);
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === EINTR) return 0;
    throw new SyscallError("epoll_wait", errno);
  }

  /** EPOLLIN, EPOLLERR, EPOLLHUP */
  events(index: number): number {
    return this.#u32[(this.#tablePtr + index * EPOLL_EVENT_SIZE + EPOLL_EVENTS) >>> 2];
  }

  id(index: number): number {
    return this.#u32[(this.#tablePtr + index * EPOLL_EVENT_SIZE + EPOLL_DATA) >>> 2];
  }

  /** EPOLL_WAKE, EPOLL_PORT or EPOLL_UNDERLAY */
  kind(index: number): number {
    return this.#u32[(this.#tablePtr + index * EPOLL_EVENT_SIZE + EPOLL_DATA + 4) >>> 2];
  }
}

// The AF_XDP sockets of one worker, whatever they belong to. All work on rings is done in WebAssembly (dataplane-wasm/xdp); what is
// left are the calls that wake the kernel.
//
// An interface whose driver cannot take our frames itself (copy mode: veth, tap) sends only while we call it, and tells by EAGAIN that
// it has not sent all: after some progress we call again, without any we come back in the next round.

import {
  XSK,
  XSK_SIZE,
  XSK_SOCKET_DOWN,
  XSK_SOCKET_FD,
  XSK_SOCKET_SIZE,
  XSK_SOCKETS,
  XSK_SOCKETS_MAX,
  XSK_STATE,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import { MSG_DONTWAIT } from "../linux/constants.js";
import { EAGAIN, EBUSY, EINTR, ENETDOWN, ENOBUFS, ENXIO } from "../linux/errno.js";
import { lastErrno, recvfrom, sendto } from "../linux/libc.js";
import type { SharedMemory } from "../memory.js";

const SOCKET_WORDS = XSK_SOCKET_SIZE >>> 2;
const WORD_FD = XSK_SOCKET_FD >>> 2;
const WORD_DOWN = XSK_SOCKET_DOWN >>> 2;
const RECEIVE_SHIFT = 16; // of xskTick's answer

/* What became of frames in a ring. */
const DONE = 0;
/** Some wait for a full interface. */
const WAITING = 1;
/** The kernel has not looked at them: the interface is down or gone. */
const UNSEEN = 2;

export class XskRings {
  readonly #memory: SharedMemory;
  readonly #dataplane: Dataplane;
  readonly #worker: number;
  readonly #socketsWord: number;

  /** Takes back the frames that an earlier run of this worker had in hand. */
  constructor(memory: SharedMemory, dataplane: Dataplane, worker: number) {
    this.#memory = memory;
    this.#dataplane = dataplane;
    this.#worker = worker;
    this.#socketsWord = (XSK + worker * XSK_SIZE + XSK_STATE + XSK_SOCKETS) >>> 2;
    dataplane.xskRecover(worker);
  }

  /** Fills inputs 0 to n - 1 from a socket, and returns n. */
  receive(slot: number, max: number): number {
    return this.#dataplane.xskReceive(this.#worker, slot, max);
  }

  /** Sends outputs first to first + count - 1. Returns how many are left as SEND_ELSEWHERE. */
  send(slot: number, first: number, count: number): number {
    const elsewhere = this.#dataplane.xskSend(this.#worker, slot, first, count);
    if (elsewhere < count && this.#push(slot) === UNSEEN) this.#dataplane.xskTakeBack(this.#worker, slot, first, count);
    return elsewhere;
  }

  done(count: number): void {
    this.#dataplane.xskFinish(this.#worker, count);
  }

  /** To be called at the end of each round. True if frames wait for an interface that is full. */
  tick(): boolean {
    const calls = this.#dataplane.xskTick(this.#worker);
    if (calls === 0) return false;
    let isWaiting = false;
    for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
      if ((calls & (1 << slot)) !== 0 && this.#push(slot) === WAITING) isWaiting = true;
      if ((calls & (1 << (slot + RECEIVE_SHIFT))) !== 0) recvfrom(this.#fd(slot), 0, 0, MSG_DONTWAIT, 0, 0);
    }
    return isWaiting;
  }

  /** Has the kernel send what waits. Returns what became of it. */
  #push(slot: number): number {
    const downWord = this.#socketsWord + slot * SOCKET_WORDS + WORD_DOWN;
    const all = this.#dataplane.xskWaiting(this.#worker, slot);
    let waiting = all;
    while (waiting > 0) {
      const result = sendto(this.#fd(slot), 0, 0, MSG_DONTWAIT, 0, 0);
      const errno = result < 0 ? lastErrno() : 0;
      const left = this.#dataplane.xskWaiting(this.#worker, slot);
      const isBusy = errno === EAGAIN || errno === EBUSY || errno === ENOBUFS || errno === EINTR;
      if (errno !== 0 && !isBusy) {
        // Down or gone: control looks after that. What stays in the ring leaves when it is back.
        this.#memory.u32[downWord] = 1;
        return waiting === all && (errno === ENETDOWN || errno === ENXIO) ? UNSEEN : DONE;
      }
      if (left >= waiting) return left === 0 ? DONE : WAITING;
      waiting = left;
    }
    this.#memory.u32[downWord] = 0;
    return DONE;
  }

  #fd(slot: number): number {
    return this.#memory.i32[this.#socketsWord + slot * SOCKET_WORDS + WORD_FD];
  }
}

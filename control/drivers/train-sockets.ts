// The sockets through which a worker's trains leave, one a source port, opened when the port sends its first train.
//
// The worker opens them itself, though descriptors are control's to open. A request to control and its answer would take the
// main thread's time for every new flow, and until then, or while that thread is busy, the flow would go the slow way. Opening
// one is seven short system calls that cannot block, 15 us; the host's network namespace is the process's, so the thread is in
// it; and the socket only sends, nobody but this worker ever names it. Their descriptors stand in the worker's tables, so
// the worker that takes over a dead one's slot closes what that left.
//
// There is room for so many. A full table gives up the socket of a port that has been silent for two seconds; where there is
// none, or where another program has the port, trains leave as single datagrams. So a thousand busy flows never open and close
// sockets in turns. A table that is not full gives up a port after longer silence: other programs may want it, and an idle
// daemon holds no more descriptors than a new one.
//
// The VTEP's own port may be a source port too. A socket there would join the group of those that receive, and take its share of
// what peers send: trains from it leave as single datagrams.

import { SYSTEM_CLOCK, SYSTEM_LOCAL, SYSTEM_UDP_PORT } from "../../dataplane-wasm/layout.js";
import { ADDRESS_LEN } from "../address.js";
import { SyscallError } from "../linux/errno.js";
import { close } from "../linux/libc.js";
import { openTrainSocket } from "../linux/sockets.js";
import type { SharedMemory } from "../memory.js";
import { IO_TRAIN_SOCKETS, ioPtr, TRAIN_SOCKETS_MAX } from "./io-tables.js";

/* Our choices. */
const IDLE_SECONDS = 2;
const SILENT_SECONDS = 5;
/** Sockets that one tick closes: a thousand at once would hold up the batches behind it. */
const CLOSED_AT_ONCE = 32;
/** How long a port that could not be bound is left alone. */
const REFUSED_SECONDS = 30;
/** Places that one look for a silent port passes. */
const LOOKS = 8;

const PORTS = 65536;
const NONE = 0xffff;
/** In place of a descriptor: the port could not be bound. */
const REFUSED = -1;

export class TrainSockets {
  readonly #memory: SharedMemory;
  readonly #size: number;
  readonly #fds: Int32Array; // by place, in the shared memory
  readonly #places = new Uint16Array(PORTS).fill(NONE); // by port
  readonly #ports: Uint16Array; // by place
  readonly #usedAt: Uint32Array; // by place, SYSTEM_CLOCK
  #count = 0;
  #hand = 0;
  #tickedAt = 0;

  /** @param size sockets that this worker may have, at most TRAIN_SOCKETS_MAX */
  constructor(memory: SharedMemory, worker: number, size: number) {
    this.#memory = memory;
    this.#size = size;
    this.#fds = new Int32Array(memory.memory.buffer, ioPtr(worker) + IO_TRAIN_SOCKETS, TRAIN_SOCKETS_MAX);
    this.#ports = new Uint16Array(size);
    this.#usedAt = new Uint32Array(size);
    this.close();
  }

  /** The socket of a source port (host order); -1: there is none to be had. */
  fdOf(port: number): number {
    const now = this.#memory.u32[SYSTEM_CLOCK >>> 2];
    const place = this.#places[port];
    if (place === NONE) return port === this.#memory.u32[SYSTEM_UDP_PORT >>> 2] ? REFUSED : this.#openFor(port, now);
    const fd = this.#fds[place];
    if (fd !== REFUSED) this.#usedAt[place] = now;
    else if (now - this.#usedAt[place] >= REFUSED_SECONDS) return this.#open(place, port, now);
    return fd;
  }

  /** Gives up silent ports. To be called often; it looks once a second. */
  tick(): void {
    const now = this.#memory.u32[SYSTEM_CLOCK >>> 2];
    if (now === this.#tickedAt) return;
    this.#tickedAt = now;
    let closed = 0;
    for (let place = this.#count - 1; place >= 0 && closed < CLOSED_AT_ONCE; place--) {
      if (now - this.#usedAt[place] < (this.#fds[place] === REFUSED ? REFUSED_SECONDS : SILENT_SECONDS)) continue;
      this.#remove(place);
      closed++;
    }
  }

  /** Closes all, a predecessor's too. */
  close(): void {
    for (let place = 0; place < TRAIN_SOCKETS_MAX; place++) this.#closeAt(place);
    this.#places.fill(NONE);
    this.#count = 0;
  }

  #openFor(port: number, now: number): number {
    const place = this.#count < this.#size ? this.#count++ : this.#giveUp(now);
    if (place === NONE) return REFUSED;
    this.#places[port] = place;
    this.#ports[place] = port;
    return this.#open(place, port, now);
  }

  #open(place: number, port: number, now: number): number {
    const { u8 } = this.#memory;
    this.#usedAt[place] = now;
    let fd = REFUSED;
    try {
      fd = openTrainSocket(u8.slice(SYSTEM_LOCAL, SYSTEM_LOCAL + ADDRESS_LEN), port);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
    this.#fds[place] = fd;
    return fd;
  }

  /** The place of a port that has been silent, free again; NONE if there is none near the hand. */
  #giveUp(now: number): number {
    for (let looks = 0; looks < LOOKS && looks < this.#size; looks++) {
      const place = this.#hand;
      this.#hand = (this.#hand + 1) % this.#size;
      if (now - this.#usedAt[place] < IDLE_SECONDS) continue;
      this.#closeAt(place);
      this.#places[this.#ports[place]] = NONE;
      return place;
    }
    return NONE;
  }

  /** Closes the socket of a place; the last place moves there. */
  #remove(place: number): void {
    this.#closeAt(place);
    this.#places[this.#ports[place]] = NONE;
    const last = --this.#count;
    if (place === last) return;
    const fd = this.#fds[last];
    this.#fds[last] = 0;
    this.#fds[place] = fd;
    this.#ports[place] = this.#ports[last];
    this.#usedAt[place] = this.#usedAt[last];
    this.#places[this.#ports[place]] = place;
  }

  #closeAt(place: number): void {
    if (this.#fds[place] > 0) close(this.#fds[place]);
    this.#fds[place] = 0;
  }
}

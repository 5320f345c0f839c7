// The rings of one worker's AF_XDP sockets as its loop watches them. Whether frames have come is seen in the shared memory; control
// puts a socket into the epoll set when it opens it, and takes it out before it closes it, whatever the worker does meanwhile.

import {
  XSK,
  XSK_FRAME_SHIFT,
  XSK_RING_CONSUMER,
  XSK_RING_PRODUCER,
  XSK_RX,
  XSK_SIZE,
  XSK_SOCKET_FD,
  XSK_SOCKET_OPEN,
  XSK_SOCKET_PORT,
  XSK_SOCKET_SIZE,
  XSK_SOCKET_STATE,
  XSK_SOCKETS,
  XSK_SOCKETS_MAX,
  XSK_STATE,
} from "../../dataplane-wasm/layout.js";
import { xskTokenId, xskTokenKind } from "../drivers/xdp-ports.js";
import { EPOLL_PORT, EpollDoor } from "../linux/index.js";
import type { SharedMemory } from "../memory.js";
import type { Served, Watched } from "./loop.js";

const SOCKET_WORDS = XSK_SOCKET_SIZE >>> 2;
const STATE = XSK_SOCKET_STATE >>> 2;
const FD = XSK_SOCKET_FD >>> 2;
const PORT = XSK_SOCKET_PORT >>> 2;
const PRODUCER = (XSK_RX + XSK_RING_PRODUCER) >>> 2;
const CONSUMER = (XSK_RX + XSK_RING_CONSUMER) >>> 2;

export class WatchedRings implements Watched {
  readonly #u32: Uint32Array;
  readonly #engine: Served;
  readonly #door: EpollDoor;
  readonly #shiftWord: number;
  readonly #socketsWord: number;

  /** @param epoll the worker's epoll set */
  constructor({ u32 }: Pick<SharedMemory, "u32">, worker: number, engine: Served, epoll: number) {
    this.#u32 = u32;
    this.#engine = engine;
    this.#door = new EpollDoor(epoll);
    const state = XSK + worker * XSK_SIZE + XSK_STATE;
    this.#shiftWord = (state + XSK_FRAME_SHIFT) >>> 2;
    this.#socketsWord = (state + XSK_SOCKETS) >>> 2;
  }

  serve(): number {
    if (this.#u32[this.#shiftWord] === 0) return 0; // never had a socket
    let served = 0;
    for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
      const socket = this.#socketsWord + slot * SOCKET_WORDS;
      if (!this.#isOpen(socket) || this.#isEmpty(socket)) continue;
      const port = this.#u32[socket + PORT];
      const id = xskTokenId(port, slot);
      served += xskTokenKind(port) === EPOLL_PORT ? this.#engine.servePort(id) : this.#engine.serveUnderlay(id);
    }
    return served;
  }

  leaveEpoll(): void {
    for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
      const socket = this.#socketsWord + slot * SOCKET_WORDS;
      if (this.#isOpen(socket)) this.#door.leave(this.#u32[socket + FD]);
    }
  }

  enterEpoll(): void {
    for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
      const socket = this.#socketsWord + slot * SOCKET_WORDS;
      if (!this.#isOpen(socket)) continue;
      const port = this.#u32[socket + PORT];
      this.#door.enter(this.#u32[socket + FD], xskTokenKind(port), xskTokenId(port, slot));
    }
  }

  #isOpen(socket: number): boolean {
    return Atomics.load(this.#u32, socket + STATE) === XSK_SOCKET_OPEN;
  }

  /** The kernel has put nothing behind what we have taken. */
  #isEmpty(socket: number): boolean {
    const u32 = this.#u32;
    return Atomics.load(u32, u32[socket + PRODUCER] >>> 2) === u32[u32[socket + CONSUMER] >>> 2];
  }
}

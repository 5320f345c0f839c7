// Sends single outputs out of an interface through a packet socket, for what an AF_XDP ring cannot take: super-frames, which the kernel
// cuts, and frames of a worker that has no queue there. One call a frame: this is the way around, not the way.

import {
  DESC_CHAIN,
  DESC_DROP,
  DESC_FLAG_CHAINED,
  DESC_FLAGS,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_PIECE_COUNT,
  DESC_PIECES,
  DESC_SIZE,
  DESC_VIRTIO,
  PIECE_SIZE,
  SEND_OK,
  XSK,
  XSK_MESSAGE,
  XSK_SIZE,
  XSK_STATE,
} from "../../dataplane-wasm/layout.js";
import { MSG_DONTWAIT } from "../linux/constants.js";
import { EINTR } from "../linux/errno.js";
import { baseAddress, lastErrno, sendmmsg } from "../linux/libc.js";
import { AF_PACKET, PACKET_VIRTIO_LEN, SLL_FAMILY, SLL_IFINDEX, SOCKADDR_LL_SIZE } from "../linux/packet.js";
import {
  IOVEC_BASE,
  IOVEC_LEN,
  IOVEC_SIZE,
  MMSG_IOVEC_COUNT,
  MMSG_IOVECS,
  MMSG_NAME,
  MMSG_NAME_LEN,
  MMSG_SIZE,
} from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import { outputPtr, writeU64 } from "./io-tables.js";
import { sendResult } from "./send-result.js";

const MESSAGE_NAME = MMSG_SIZE;
const MESSAGE_IOVECS = MESSAGE_NAME + 32;

export class PacketSender {
  readonly #memory: SharedMemory;
  readonly #fd: number;
  readonly #base: number;
  readonly #message: number;
  readonly #outputs: number;

  /** @param fd of `openPacketSocket`, this worker's own */
  constructor(memory: SharedMemory, worker: number, fd: number) {
    this.#memory = memory;
    this.#fd = fd;
    this.#base = baseAddress(memory);
    this.#message = XSK + worker * XSK_SIZE + XSK_STATE + XSK_MESSAGE;
    this.#outputs = outputPtr(worker, 0);
    const { u16, u32 } = memory;
    const name = this.#message + MESSAGE_NAME;
    u16[(name + SLL_FAMILY) >>> 1] = AF_PACKET;
    writeU64(u32, this.#message + MMSG_NAME, this.#base + name);
    u32[(this.#message + MMSG_NAME_LEN) >>> 2] = SOCKADDR_LL_SIZE;
  }

  /** Sends one output, and whatever is chained to it. */
  send(ifIndex: number, index: number): void {
    const { u8, u16, u32 } = this.#memory;
    const output = this.#outputs + index * DESC_SIZE;
    if ((u16[(output + DESC_FLAGS) >>> 1] & DESC_FLAG_CHAINED) !== 0) return;
    const pieces = u32[(output + DESC_PIECES) >>> 2];
    const iovecs = pieces === 0 ? this.#message + MESSAGE_IOVECS : pieces - PIECE_SIZE;
    writeU64(u32, iovecs + IOVEC_BASE, this.#base + output + DESC_VIRTIO);
    writeU64(u32, iovecs + IOVEC_LEN, PACKET_VIRTIO_LEN);
    if (pieces === 0) {
      writeU64(u32, iovecs + IOVEC_SIZE + IOVEC_BASE, this.#base + u32[(output + DESC_PAYLOAD_PTR) >>> 2]);
      writeU64(u32, iovecs + IOVEC_SIZE + IOVEC_LEN, u32[(output + DESC_PAYLOAD_LEN) >>> 2]);
    }
    u32[(this.#message + MESSAGE_NAME + SLL_IFINDEX) >>> 2] = ifIndex;
    writeU64(u32, this.#message + MMSG_IOVECS, this.#base + iovecs);
    u32[(this.#message + MMSG_IOVEC_COUNT) >>> 2] = pieces === 0 ? 2 : u16[(output + DESC_PIECE_COUNT) >>> 1] + 1;
    const result = this.#sendMessage();
    let member = output;
    for (;;) {
      u8[member + DESC_DROP] = result;
      const next = u16[(member + DESC_CHAIN) >>> 1];
      if (next === 0) return;
      member = this.#outputs + (next - 1) * DESC_SIZE;
    }
  }

  #sendMessage(): number {
    while (sendmmsg(this.#fd, this.#base + this.#message, 1, MSG_DONTWAIT) < 0) {
      const errno = lastErrno();
      if (errno !== EINTR) return sendResult(errno);
    }
    return SEND_OK;
  }
}

// The receiving half of the tap underlay driver: one read a frame from the TAP's queue into the worker's buffers, with its
// virtio-net header in the descriptor. A super-frame stays one input.
//
// A NIC that gathers datagrams for the socket (UDP_GRO) hands up a train: one outer header, and datagrams of equal length
// behind each other. It is taken apart here into one input for each, without moving a byte.

import {
  DESC_FLAG_OUTER,
  DESC_FLAG_TRUNCATED,
  DESC_SIZE,
  DESC_VIRTIO,
  FRAME_MAX,
  HEADROOM,
  INPUTS_MAX,
  VIRTIO_GSO_TYPE,
  VIRTIO_GSO_UDP_L4,
  VIRTIO_LEN,
} from "../../dataplane-wasm/layout.js";
import { EAGAIN, EINTR } from "../linux/errno.js";
import { baseAddress, lastErrno, readv } from "../linux/libc.js";
import { IOVEC_BASE, IOVEC_LEN, IOVEC_SIZE } from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import { clearVirtio, writeInput, writeOuter, writeOuterAddress } from "./descriptors.js";
import { bufferPtr, IO_TUNNEL_RECEIVE, IOVEC_PAIR_SIZE, inputPtr, ioPtr, writeU64 } from "./io-tables.js";

/* From IEEE 802.3, RFC 791, RFC 8200, RFC 768 and RFC 7348 */

const ETHERNET_LEN = 14;
const ETHERTYPE = 12;
const ETHERTYPE_IPV6_WIRE = 0xdd86;
const IPV4_LEN = 20;
const IPV4_TOS = 1;
const IPV4_TTL = 8;
const IPV4_SRC = 12;
const IPV6_LEN = 40;
const IPV6_HOP_LIMIT = 7;
const IPV6_SRC = 8;
const UDP_LEN = 8;
const VXLAN_LEN = 8;
// 00 00 ff ff in wire order: RFC 4291 section 2.5.5.2.
const MAPPED_WORD = 0xffff0000;

/* Our choices */
/** Where a frame begins in its buffer: a whole number of cache lines, and the inner frame still leaves headroom. */
const FRAME_OFFSET = HEADROOM - 64;
/** What the 16-bit lengths of a super-frame's parts can tell, behind the outer headers. */
const FRAME_LEN_MAX = FRAME_MAX + ETHERNET_LEN + IPV4_LEN + UDP_LEN;
/** A batch ends when it has so many bytes, one super-frame: what was read is still in the cache when it is written. */
const BATCH_BYTES = 65535;
/** Datagrams of a train: the kernel gathers at most 64, and cuts into at most 128. */
const TRAIN_MAX = 128;

const DESC_WORDS = DESC_SIZE >>> 2;

/** Receives from the TAP, for one worker. */
export class TapUnderlayReceiver {
  /** The errno that ended the last `receive`, 0 if that was an empty queue. EBADFD: the device was deleted. */
  errno = 0;

  readonly #memory: SharedMemory;
  readonly #worker: number;
  readonly #fd: number;
  readonly #view: DataView; // the parts of outer headers may lie on any byte
  readonly #table: number; // process address
  readonly #inputPtr: number;

  /** Writes the tables. @param fd the worker's queue */
  constructor(memory: SharedMemory, worker: number, fd: number) {
    const base = baseAddress(memory);
    const table = ioPtr(worker) + IO_TUNNEL_RECEIVE;
    this.#memory = memory;
    this.#worker = worker;
    this.#fd = fd;
    this.#view = new DataView(memory.memory.buffer);
    this.#table = base + table;
    this.#inputPtr = inputPtr(worker, 0);
    const { u32 } = memory;
    for (let i = 0; i < INPUTS_MAX; i++) {
      const pair = table + i * IOVEC_PAIR_SIZE;
      writeU64(u32, pair + IOVEC_BASE, base + inputPtr(worker, i) + DESC_VIRTIO);
      writeU64(u32, pair + IOVEC_LEN, VIRTIO_LEN);
      writeU64(u32, pair + IOVEC_SIZE + IOVEC_BASE, base + bufferPtr(worker, i) + FRAME_OFFSET);
      writeU64(u32, pair + IOVEC_SIZE + IOVEC_LEN, FRAME_LEN_MAX + 1); // so that a longer one shows
    }
  }

  /** Receives until the queue is empty, or there is no room for another train. Returns the number of inputs. */
  receive(max: number): number {
    this.errno = 0;
    const { u8, u32 } = this.#memory;
    let inputs = 0;
    let bytes = 0;
    const most = Math.min(max, INPUTS_MAX - TRAIN_MAX); // room for a train behind the last
    while (inputs < most && bytes < BATCH_BYTES) {
      const got = readv(this.#fd, this.#table + inputs * IOVEC_PAIR_SIZE, 2);
      if (got < 0) {
        const errno = lastErrno();
        if (errno === EINTR) continue;
        if (errno !== EAGAIN) this.errno = errno;
        break;
      }
      bytes += got;
      const input = this.#inputPtr + inputs * DESC_SIZE;
      const frame = bufferPtr(this.#worker, inputs) + FRAME_OFFSET;
      const length = Math.max(0, got - VIRTIO_LEN);
      if (u8[input + DESC_VIRTIO + VIRTIO_GSO_TYPE] === VIRTIO_GSO_UDP_L4) {
        inputs += this.#takeApart(inputs, frame, length);
        continue;
      }
      const flags = length > FRAME_LEN_MAX ? DESC_FLAG_TRUNCATED : DESC_FLAG_OUTER;
      writeInput(u32, input >>> 2, bufferPtr(this.#worker, inputs), frame, Math.min(length, FRAME_LEN_MAX), 0, flags);
      inputs++;
    }
    return inputs;
  }

  /** Makes inputs of the datagrams of a train, the first of them `first`. Returns how many. */
  #takeApart(first: number, frame: number, length: number): number {
    const { u8, u32, u16 } = this.#memory;
    const isIpv6 = u16[(frame + ETHERTYPE) >>> 1] === ETHERTYPE_IPV6_WIRE;
    const packet = frame + ETHERNET_LEN;
    const headers = ETHERNET_LEN + (isIpv6 ? IPV6_LEN : IPV4_LEN) + UDP_LEN;
    const size = u32[(this.#inputPtr + first * DESC_SIZE + DESC_VIRTIO + 4) >>> 2] & 0xffff;
    const buffer = bufferPtr(this.#worker, first);
    const word = (this.#inputPtr + first * DESC_SIZE) >>> 2;
    const count = size < VXLAN_LEN ? 0 : Math.ceil((length - headers) / size);
    if (count <= 0 || first + count > INPUTS_MAX || length > FRAME_LEN_MAX) {
      // Nobody gathers so many, or so short ones: not a train of tunnel packets.
      writeInput(u32, word, buffer, frame, 0, 0, DESC_FLAG_TRUNCATED);
      clearVirtio(u32, word);
      return 1;
    }
    const portBe = this.#view.getUint16(frame + headers - UDP_LEN);
    const tos = isIpv6 ? (this.#view.getUint16(packet) >>> 4) & 0xff : u8[packet + IPV4_TOS];
    const ttl = u8[packet + (isIpv6 ? IPV6_HOP_LIMIT : IPV4_TTL)];
    const end = frame + length;
    let at = frame + headers;
    for (let i = 0; i < count; i++) {
      const input = word + i * DESC_WORDS;
      writeInput(u32, input, buffer, at, Math.min(size, end - at), 0, 0);
      clearVirtio(u32, input);
      writeOuter(u32, input, portBe, tos, ttl);
      if (isIpv6) {
        const src = packet + IPV6_SRC;
        writeOuterAddress(
          u32,
          input,
          this.#view.getUint32(src, true),
          this.#view.getUint32(src + 4, true),
          this.#view.getUint32(src + 8, true),
          this.#view.getUint32(src + 12, true),
        );
      } else {
        writeOuterAddress(u32, input, 0, 0, MAPPED_WORD, this.#view.getUint32(packet + IPV4_SRC, true));
      }
      at += size;
    }
    return count;
  }
}

// The tap underlay driver: whole outer frames through a TAP that is joined to the underlay's interface
// (linux/tunnel-tap.ts). One read or write moves a super-frame of up to 64 KiB with its virtio-net header; the kernel or
// the NIC cuts it, and gathers what it receives.
//
// The sockets of the udp driver stay, and take what has no way through the TAP: groups, VTEPs whose route goes elsewhere,
// trains of small datagrams, and everything while the interface is away. So one driver serves both kinds of source.
//
// A NIC that gathers datagrams for the socket (UDP_GRO) hands up a train: one outer header, and datagrams of equal length
// behind each other. It is taken apart here into one input for each, without moving a byte.

import {
  DESC_DROP,
  DESC_FLAG_CHAINED,
  DESC_FLAG_OUTER,
  DESC_FLAG_TRUNCATED,
  DESC_FLAGS,
  DESC_HEADER_LEN,
  DESC_HEADER_PTR,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_PIECES,
  DESC_SIZE,
  DESC_TARGET,
  DESC_TRAIN_SIZE,
  DESC_VIRTIO,
  FRAME_MAX,
  HEADROOM,
  INPUTS_MAX,
  OFFLOAD_TUNNEL_GSO,
  SEND_DOWN,
  SEND_OK,
  SEND_TOO_BIG,
  SYSTEM_UNDERLAY_MTU,
  VIRTIO_GSO_TYPE,
  VIRTIO_GSO_UDP_L4,
  VIRTIO_LEN,
  VTEP_FLAG_GROUP,
  VTEP_FLAG_SOCKET,
  VTEP_FLAGS,
  VTEP_POINTERS,
} from "../../dataplane-wasm/layout.js";
import { EAGAIN, EINTR, EINVAL } from "../linux/errno.js";
import { baseAddress, lastErrno, readv, writev } from "../linux/libc.js";
import { IOVEC_BASE, IOVEC_LEN, IOVEC_SIZE } from "../linux/structs.js";
import type { SharedMemory } from "../memory.js";
import { clearVirtio, writeInput, writeOuter, writeOuterAddress } from "./descriptors.js";
import {
  bufferPtr,
  IO_TUNNEL_RECEIVE,
  IO_TUNNEL_SEND,
  IOVEC_PAIR_SIZE,
  inputPtr,
  ioPtr,
  outputPtr,
  writeAddress,
  writeU64,
} from "./io-tables.js";
import { noteRefusal } from "./refusal.js";
import type { UnderlayDriver } from "./seams.js";
import { sendResult } from "./send-result.js";

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
/** A batch ends when it has so many bytes: what is read should still be in the cache when it is written. */
const BATCH_BYTES = 262144;
/** Datagrams of a train: the kernel gathers at most 64, and cuts into at most 128. */
const TRAIN_MAX = 128;
/** Refusals in a row, without a success between them, that make us give the TAP up. One may be a frame's own fault. */
const REFUSALS_MAX = 64;

const DESC_WORDS = DESC_SIZE >>> 2;
const WORD_BASE = IOVEC_BASE >>> 2;
const WORD_LEN = IOVEC_LEN >>> 2;
const WORD_IOVEC = IOVEC_SIZE >>> 2;
const WORD_VIRTIO = DESC_VIRTIO >>> 2;
const WORD_GSO_SIZE = (DESC_VIRTIO + 4) >>> 2; // low half; csum_start is the high one
const GSO_TYPE_SHIFT = 8; // of the first word, HDR_LEN is its high half
const BY_SOCKET = VTEP_FLAG_GROUP | VTEP_FLAG_SOCKET;

export interface TapUnderlayOptions {
  /** The worker's queue: `tunnelTap.queueFds[worker]`. */
  readonly queueFd: number;
}

/** The tap underlay of one worker. */
export class TapUnderlay implements UnderlayDriver {
  readonly #memory: SharedMemory;
  readonly #worker: number;
  readonly #fd: number;
  readonly #sockets: UnderlayDriver;
  readonly #view: DataView; // the parts of outer headers may lie on any byte
  readonly #baseLow: number;
  readonly #baseHigh: number;
  readonly #receiveTable: number; // process address
  readonly #sendTable: number; // process address
  readonly #sendWord: number;
  readonly #inputPtr: number;
  readonly #outputPtr: number;
  #refusals = 0;
  #receiveErrno = 0;

  /** Writes the tables. @param sockets the udp driver of this worker */
  constructor(memory: SharedMemory, worker: number, { queueFd }: TapUnderlayOptions, sockets: UnderlayDriver) {
    const base = baseAddress(memory);
    const io = ioPtr(worker);
    this.#memory = memory;
    this.#worker = worker;
    this.#fd = queueFd;
    this.#sockets = sockets;
    this.#view = new DataView(memory.memory.buffer);
    this.#baseLow = base % 2 ** 32;
    this.#baseHigh = Math.floor(base / 2 ** 32);
    this.#receiveTable = base + io + IO_TUNNEL_RECEIVE;
    this.#sendTable = base + io + IO_TUNNEL_SEND;
    this.#sendWord = (io + IO_TUNNEL_SEND) >>> 2;
    this.#inputPtr = inputPtr(worker, 0);
    this.#outputPtr = outputPtr(worker, 0);
    const { u32 } = memory;
    for (let i = 0; i < INPUTS_MAX; i++) {
      const pair = io + IO_TUNNEL_RECEIVE + i * IOVEC_PAIR_SIZE;
      writeU64(u32, pair + IOVEC_BASE, base + inputPtr(worker, i) + DESC_VIRTIO);
      writeU64(u32, pair + IOVEC_LEN, VIRTIO_LEN);
      writeU64(u32, pair + IOVEC_SIZE + IOVEC_BASE, base + bufferPtr(worker, i) + FRAME_OFFSET);
      writeU64(u32, pair + IOVEC_SIZE + IOVEC_LEN, FRAME_LEN_MAX + 1); // so that a longer one shows
    }
    for (let i = 0; i < 3; i++) writeU64(u32, io + IO_TUNNEL_SEND + i * IOVEC_SIZE + IOVEC_LEN, 0);
    writeU64(u32, io + IO_TUNNEL_SEND + IOVEC_LEN, VIRTIO_LEN);
  }

  /** The errno that ended the last `receive` from the TAP, 0 if that was an empty queue. EBADFD: the device was deleted. */
  get receiveErrno(): number {
    return this.#receiveErrno;
  }

  get held(): number {
    return this.#sockets.held;
  }

  /** @param source descriptor of the TAP's queue, or of a socket */
  receive(source: number, max: number): number {
    this.#receiveErrno = 0;
    return source === this.#fd ? this.#receiveFrames(max) : this.#sockets.receive(source, max);
  }

  send(first: number, count: number): void {
    const end = first + count;
    for (let i = first; i < end; ) {
      let next = i;
      while (next < end && !this.#goesThroughTap(next)) next++;
      if (next > i) this.#sockets.send(i, next - i);
      if (next < end) this.#sendFrame(next++);
      i = next;
    }
  }

  tick(): void {
    this.#sockets.tick?.();
  }

  #receiveFrames(max: number): number {
    const { u8, u32 } = this.#memory;
    let inputs = 0;
    let bytes = 0;
    const most = Math.min(max, INPUTS_MAX - TRAIN_MAX); // room for a train behind the last
    while (inputs < most && bytes < BATCH_BYTES) {
      const got = readv(this.#fd, this.#receiveTable + inputs * IOVEC_PAIR_SIZE, 2);
      if (got < 0) {
        const errno = lastErrno();
        if (errno === EINTR) continue;
        if (errno !== EAGAIN) this.#receiveErrno = errno;
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

  /** What a socket sends: the rest of a chain, trains, and what has no way through the TAP. */
  #goesThroughTap(i: number): boolean {
    const { u16, u32 } = this.#memory;
    const output = this.#outputPtr + i * DESC_SIZE;
    if ((u16[(output + DESC_FLAGS) >>> 1] & DESC_FLAG_CHAINED) !== 0) return false;
    if (u16[(output + DESC_TRAIN_SIZE) >>> 1] !== 0 || u32[(output + DESC_PIECES) >>> 2] !== 0) return false;
    // Made for the TAP: no socket could finish it.
    if (u32[(output + DESC_VIRTIO) >>> 2] !== 0) return true;
    if (u32[SYSTEM_UNDERLAY_MTU >>> 2] === 0) return false;
    const record = u32[(VTEP_POINTERS >>> 2) + u32[(output + DESC_TARGET) >>> 2]];
    return record !== 0 && (u32[(record + VTEP_FLAGS) >>> 2] & BY_SOCKET) === 0;
  }

  #sendFrame(i: number): void {
    const { u8, u32 } = this.#memory;
    const output = this.#outputPtr + i * DESC_SIZE;
    const headerPtr = u32[(output + DESC_HEADER_PTR) >>> 2];
    const headerLen = u32[(output + DESC_HEADER_LEN) >>> 2];
    const payloadPtr = u32[(output + DESC_PAYLOAD_PTR) >>> 2];
    const payloadLen = u32[(output + DESC_PAYLOAD_LEN) >>> 2];
    const mtu = u32[SYSTEM_UNDERLAY_MTU >>> 2];
    if (this.#packetLen(output, headerLen + payloadLen) > mtu) {
      u8[output + DESC_DROP] = mtu === 0 ? SEND_DOWN : SEND_TOO_BIG;
      return;
    }
    const word = this.#sendWord;
    this.#writeBase(word, output + DESC_VIRTIO);
    this.#writeBase(word + WORD_IOVEC, headerPtr);
    let iovecs = 2;
    if (headerPtr + headerLen === payloadPtr) {
      u32[word + WORD_IOVEC + WORD_LEN] = headerLen + payloadLen;
    } else {
      u32[word + WORD_IOVEC + WORD_LEN] = headerLen;
      this.#writeBase(word + 2 * WORD_IOVEC, payloadPtr);
      u32[word + 2 * WORD_IOVEC + WORD_LEN] = payloadLen;
      iovecs = 3;
    }
    u8[output + DESC_DROP] = this.#write(iovecs, u32[(output + DESC_VIRTIO) >>> 2] !== 0);
  }

  /** Bytes of the largest packet that comes of a frame, from the outer IP header on. */
  #packetLen(output: number, length: number): number {
    const { u32 } = this.#memory;
    const virtio = u32[(output >>> 2) + WORD_VIRTIO];
    if (((virtio >>> GSO_TYPE_SHIFT) & 0xff) === 0) return length - ETHERNET_LEN;
    return (virtio >>> 16) + (u32[(output >>> 2) + WORD_GSO_SIZE] & 0xffff) - ETHERNET_LEN;
  }

  #write(iovecs: number, isUnfinished: boolean): number {
    while (writev(this.#fd, this.#sendTable, iovecs) < 0) {
      const errno = lastErrno();
      if (errno === EINTR) continue;
      if (errno === EINVAL && isUnfinished && ++this.#refusals === REFUSALS_MAX) {
        noteRefusal(this.#memory, OFFLOAD_TUNNEL_GSO, errno);
      }
      return sendResult(errno);
    }
    if (isUnfinished) this.#refusals = 0;
    return SEND_OK;
  }

  #writeBase(iovec: number, ptr: number): void {
    writeAddress(this.#memory.u32, iovec + WORD_BASE, this.#baseLow, this.#baseHigh, ptr);
  }
}

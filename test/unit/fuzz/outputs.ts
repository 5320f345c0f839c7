// Judges what a batch function and the passes behind it hand to the drivers: each output points into slots of its worker,
// chains lead on and no output is in two of them, no piece is used twice, and the lengths that a driver or the kernel will
// believe are those of what is there.

import * as L from "../../../dataplane-wasm/layout.js";
import type { Engine } from "../../support/engine.js";

/** Encap writes its template in front of the frame: 64 bytes and the tunnel header. */
export const HEADER_ROOM = 72;

const VXLAN_LEN = 8;
const TUNNEL_TYPES = L.VIRTIO_GSO_UDP_TUNNEL_IPV4 | L.VIRTIO_GSO_UDP_TUNNEL_IPV6;
/** Headers and 64 KiB less one of IP packet; two tags. */
const SUPER_MAX = 65535 + 14 + 8;

export class Outputs {
  /** Of all calls: datagrams in trains, segments of coalesced super-frames, super-frames that left whole. */
  readonly seen = { train: 0, coalesced: 0, tunnel: 0 };
  readonly #engine: Engine;
  readonly #inputs: number;
  readonly #isMember = new Uint8Array(L.OUTPUTS_MAX);
  #piecesEnd = 0;

  /** @param inputs how many a batch has */
  constructor(engine: Engine, inputs: number) {
    this.#engine = engine;
    this.#inputs = inputs;
  }

  /** @throws naming the output and what is wrong with it */
  check(ready: number): void {
    if (ready > L.OUTPUTS_MAX) throw new Error(`${ready} outputs`);
    this.#piecesEnd = this.#engine.context + L.WORKER_PIECES;
    this.#isMember.fill(0);
    for (let n = 0; n < ready; n++) this.#checkPlaces(n);
    for (let n = 0; n < ready; n++) {
      const chained = (this.#half(n, L.DESC_FLAGS) & L.DESC_FLAG_CHAINED) !== 0;
      if (chained !== (this.#isMember[n] === 1)) throw new Error(`output ${n}: CHAINED, and in no chain before it`);
      if (!chained) this.#checkHead(n, ready);
    }
  }

  #word(n: number, offset: number): number {
    return this.#engine.shared.u32[(this.#engine.output(n) + offset) >>> 2];
  }

  #half(n: number, offset: number): number {
    return this.#engine.view.getUint16(this.#engine.output(n) + offset, true);
  }

  #byte(n: number, offset: number): number {
    return this.#engine.shared.u8[this.#engine.output(n) + offset];
  }

  /** Header and payload lie in slots of this worker, the payload in the buffer of its input or in the room for segments. */
  #checkPlaces(n: number): void {
    const engine = this.#engine;
    const origin = this.#half(n, L.DESC_ORIGIN);
    if (origin >= this.#inputs) throw new Error(`output ${n} comes from input ${origin}`);
    const [payload, length] = [this.#word(n, L.DESC_PAYLOAD_PTR), this.#word(n, L.DESC_PAYLOAD_LEN)];
    const buffer = engine.buffer(origin);
    const inRoom = this.#inRoom(payload, length);
    if (!inRoom && (payload < buffer + 4 || payload + length > buffer + L.BUFFER_SIZE)) {
      throw new Error(`output ${n}: its payload is not in the buffer of input ${origin}`);
    }
    const [header, headerLen] = [this.#word(n, L.DESC_HEADER_PTR), this.#word(n, L.DESC_HEADER_LEN)];
    if (headerLen === 0 && header === 0) return;
    const inFront = inRoom ? this.#inRoom(header, headerLen) : header >= buffer + 4;
    // The tunnel header of a train is in its payload.
    const isInFront = inFront && header + headerLen === payload;
    if (headerLen > HEADER_ROOM || !(this.#inSlots(header, headerLen) || isInFront)) {
      throw new Error(`output ${n}: its header is nowhere`);
    }
  }

  #checkHead(n: number, ready: number): void {
    const isTrain = this.#half(n, L.DESC_TRAIN_SIZE) !== 0;
    let [members, segments, last] = [0, 0, n];
    for (let next = n + 1; next !== 0; next = this.#half(last, L.DESC_CHAIN)) {
      if (members > 0) {
        if (next - 1 <= last || next > ready) throw new Error(`output ${last} leads to ${next - 1}`);
        if (this.#isMember[next - 1] === 1) throw new Error(`output ${next - 1} is in two chains`);
        this.#isMember[next - 1] = 1;
      }
      last = next - 1;
      members++;
      segments += this.#half(last, L.DESC_SEGMENTS);
      const same = [L.DESC_TARGET, L.DESC_TARGET_KIND].every((at) => this.#byte(last, at) === this.#byte(n, at));
      if (!same) throw new Error(`output ${last} is in a chain to somewhere else`);
      if (isTrain && this.#byte(last, L.DESC_VIRTIO) !== 0) throw new Error(`output ${last}: unfinished, in a train`);
    }
    const pieces = this.#word(n, L.DESC_PIECES);
    if ((pieces !== 0) !== members > 1) throw new Error(`output ${n}: a chain of ${members}, pieces at ${pieces}`);
    const length = pieces === 0 ? this.#word(n, L.DESC_PAYLOAD_LEN) : this.#checkPieces(n, pieces);
    if (this.#byte(n, L.DESC_TARGET_KIND) === L.FDB_KIND_ATTACHMENT) {
      if (pieces !== 0) this.#checkCoalesced(n, length, members);
    } else if (isTrain) {
      this.#checkTrain(n, length, segments);
    } else if (this.#byte(n, L.DESC_VIRTIO) !== 0) {
      this.#checkTunnel(n);
    } else if (segments !== 1) {
      throw new Error(`output ${n}: one frame that counts as ${segments}`);
    }
  }

  #checkTrain(n: number, length: number, segments: number): void {
    const size = this.#half(n, L.DESC_TRAIN_SIZE);
    const datagrams = Math.ceil(length / size);
    if (datagrams !== segments || datagrams > L.TRAIN_DATAGRAMS_MAX || length > L.TRAIN_BYTES_MAX || size < VXLAN_LEN) {
      throw new Error(`output ${n}: a train of ${length} bytes by ${size}, which counts as ${segments}`);
    }
    this.seen.train += datagrams;
  }

  #checkCoalesced(n: number, length: number, members: number): void {
    const [hdrLen, size] = [this.#half(n, L.DESC_VIRTIO + 2), this.#half(n, L.DESC_VIRTIO + 4)];
    if (hdrLen >= length || length > SUPER_MAX || Math.ceil((length - hdrLen) / size) !== members) {
      throw new Error(`output ${n}: ${members} frames make ${length} bytes, ${hdrLen} of headers, by ${size}`);
    }
    this.seen.coalesced += members;
  }

  /** What an underlay with tunnel GSO is told. */
  #checkTunnel(n: number): void {
    const { u32 } = this.#engine.shared;
    const total = this.#word(n, L.DESC_HEADER_LEN) + this.#word(n, L.DESC_PAYLOAD_LEN);
    const field = this.#half(n, L.DESC_VIRTIO + 6) + this.#half(n, L.DESC_VIRTIO + 8);
    if ((u32[L.SYSTEM_OFFLOADS >>> 2] & L.OFFLOAD_TUNNEL_GSO) === 0 || field + 2 > total) {
      throw new Error(`output ${n}: an unfinished checksum at ${field} of ${total} bytes`);
    }
    if ((this.#byte(n, L.DESC_VIRTIO + 1) & TUNNEL_TYPES) === 0) return;
    const outer = this.#half(n, L.DESC_VIRTIO + L.VIRTIO_OUTER_TRANSPORT);
    const inner = this.#half(n, L.DESC_VIRTIO + L.VIRTIO_INNER_NETWORK);
    if (outer < 34 || inner < outer + 30 || this.#half(n, L.DESC_VIRTIO + 6) < inner + 20) {
      throw new Error(`output ${n}: headers at ${outer} and ${inner}`);
    }
    this.seen.tunnel++;
  }

  /**
   * Process addresses are those of the memory here, which says that it begins at 0. In front of the first piece there is
   * room for one of the driver's. Returns the bytes of all.
   */
  #checkPieces(n: number, first: number): number {
    const { u32 } = this.#engine.shared;
    const end = this.#engine.context + L.WORKER_PIECES + L.PIECE_SIZE * L.PIECES_MAX;
    const behind = first + this.#half(n, L.DESC_PIECE_COUNT) * L.PIECE_SIZE;
    if (first < this.#piecesEnd + L.PIECE_SIZE || behind > end) throw new Error(`output ${n}: its pieces are nowhere`);
    this.#piecesEnd = behind;
    const from = this.#engine.buffer(0);
    const to = this.#engine.buffer(this.#inputs);
    let total = 0;
    for (let piece = first; piece < behind; piece += L.PIECE_SIZE) {
      const [ptr, length] = [u32[piece >>> 2], u32[(piece >>> 2) + 2]];
      const inBuffers = ptr >= from && ptr + length <= to;
      if (!inBuffers && !this.#inSlots(ptr, length) && !this.#inRoom(ptr, length)) {
        throw new Error(`output ${n}: a piece is nowhere`);
      }
      total += length;
    }
    if (total !== this.#word(n, L.DESC_PIECES_LEN)) throw new Error(`output ${n}: pieces of ${total} bytes`);
    return total;
  }

  #inSlots(ptr: number, length: number): boolean {
    const slots = this.#engine.context + L.WORKER_HEADERS;
    return ptr >= slots && ptr + length <= slots + L.HEADER_SLOT_SIZE * L.OUTPUTS_MAX;
  }

  #inRoom(ptr: number, length: number): boolean {
    const room = L.SEGMENTS + this.#engine.worker * L.SEGMENTS_SIZE;
    return ptr >= room && ptr + length <= room + L.SEGMENTS_SIZE - L.SEGMENTS_SLACK;
  }
}

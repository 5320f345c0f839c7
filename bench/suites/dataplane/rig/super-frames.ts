// Batches for what encap makes of a host's output: TCP super-frames as a TAP hands them over, or equal small datagrams, of a
// few flows by turns, from one port to one VTEP. The frames stay as they are between batches.

import { writeInput } from "../../../../control/drivers/descriptors.js";
import {
  BUFFER_SIZE,
  BUFFERS,
  DESC_SIZE,
  DESC_VIRTIO,
  HEADROOM,
  OFFLOAD_UDP_SEGMENT,
  SYSTEM_OFFLOADS,
  VIRTIO_FLAG_NEEDS_CSUM,
  VIRTIO_GSO_NONE,
  VIRTIO_GSO_TCPV4,
  WORKER_INPUTS,
  WORKERS,
} from "../../../../dataplane-wasm/layout.js";
import type { Source } from "./frames.js";
import { localEntries, macHigh, macLow, type World } from "./world.js";

const ETH_LEN = 14;
const IPV4_LEN = 20;
const TCP_LEN = 32; // with a timestamp, as Linux sends it
const TCP_CHECKSUM = 16;
const CSUM_START = ETH_LEN + IPV4_LEN;
export const HEADERS = CSUM_START + TCP_LEN;
const NETWORK = 1;

export interface SuperShape {
  readonly flows: number;
  /** Data bytes of a frame, and of each segment of it; as many: it is no super-frame. */
  readonly dataLen: number;
  readonly size: number;
  /** Frames a batch. */
  readonly frames: number;
  /** Datagrams leave as trains. */
  readonly trains: boolean;
}

export class SuperSource implements Source {
  readonly worker = 0;
  readonly direction = "encap";
  /** Segments a batch: what the figures are by. */
  readonly count: number;

  constructor(
    readonly world: World,
    readonly shape: SuperShape,
  ) {
    const { frames, dataLen, size } = shape;
    this.count = frames * Math.ceil(dataLen / size);
    for (let i = 0; i < frames; i++) world.shared.u8.set(this.#frame(i), BUFFERS + i * BUFFER_SIZE + HEADROOM);
  }

  fill(): void {
    const { u32 } = this.world.shared;
    const { frames, dataLen, size, trains } = this.shape;
    u32[SYSTEM_OFFLOADS / 4] = trains ? OFFLOAD_UDP_SEGMENT : 0;
    for (let i = 0; i < frames; i++) {
      const word = (WORKERS + WORKER_INPUTS + i * DESC_SIZE) >>> 2;
      const buffer = BUFFERS + i * BUFFER_SIZE;
      writeInput(u32, word, buffer, buffer + HEADROOM, HEADERS + dataLen, NETWORK, 0);
      const virtio = word + (DESC_VIRTIO >>> 2);
      const isSuper = dataLen > size;
      const type = isSuper ? VIRTIO_GSO_TCPV4 : VIRTIO_GSO_NONE;
      u32[virtio] = isSuper ? VIRTIO_FLAG_NEEDS_CSUM | (type << 8) | (HEADERS << 16) : 0;
      u32[virtio + 1] = isSuper ? size | (CSUM_START << 16) : 0;
      u32[virtio + 2] = isSuper ? TCP_CHECKSUM : 0;
    }
  }

  #frame(i: number): Uint8Array {
    const { flows, dataLen } = this.shape;
    const flow = i % flows;
    const bytes = Buffer.alloc(HEADERS + dataLen);
    for (let at = HEADERS; at < bytes.length; at++) bytes[at] = Math.imul(at + i, 0x9e3779b1) >>> 24;
    // To an entry behind a VTEP from one on the port.
    writeMac(bytes, 0, localEntries(this.world.entries));
    writeMac(bytes, 6, 0);
    bytes.writeUInt16BE(0x0800, 12);
    const ip = bytes.subarray(ETH_LEN);
    ip.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 60, 0, 1, 10, 60, 0, 2]);
    ip.writeUInt16BE(ip.length, 2);
    const tcp = ip.subarray(IPV4_LEN);
    tcp.writeUInt16BE(1000 + flow, 0);
    tcp.writeUInt16BE(80, 2);
    tcp.set([(TCP_LEN / 4) << 4, 0x18, 0xff, 0xff], 12);
    tcp.set([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], 20);
    return bytes;
  }
}

/** What gathering finds: the outputs of an encap batch, which are booked when the next fill begins. */
export class GatherSource extends SuperSource {
  #outputs = 0;

  override fill(): void {
    const { dataplane } = this.world;
    dataplane.encapSettle(this.worker, this.#outputs);
    super.fill();
    this.#outputs = dataplane.encapBatch(this.worker, this.count);
    if (this.#outputs !== this.count) throw new Error(`${this.#outputs} outputs of ${this.count} frames`);
  }
}

function writeMac(frame: Buffer, at: number, entry: number): void {
  frame.writeUInt32LE(macLow(entry), at);
  frame.writeUInt16LE(macHigh(entry), at + 4);
}

// Batches as UDP_GRO hands them over: TCP segments of a few flows, in order and by turns, from one VTEP to one port. `fill`
// does the decap batch, so that the pass behind it is what is timed; its outputs are booked when the next fill begins.

import { clearVirtio, writeInput, writeOuter, writeOuterAddress } from "../../../../control/drivers/descriptors.js";
import {
  BUFFER_SIZE,
  BUFFERS,
  DESC_SIZE,
  HEADROOM,
  INPUTS_MAX,
  OFFLOAD_PORT_TSO,
  SYSTEM_OFFLOADS,
  WORKER_INPUTS,
  WORKERS,
} from "../../../../dataplane-wasm/layout.js";
import type { Source } from "./frames.js";
import {
  localEntries,
  MAPPED,
  macHigh,
  macLow,
  tunnelHeader,
  vniOf,
  vtepAddress,
  vtepOf,
  type World,
} from "./world.js";

const VXLAN_LEN = 8;
const ETH_LEN = 14;
const IPV4_LEN = 20;
const TCP_LEN = 32; // with a timestamp, as Linux sends it
const HEADERS = ETH_LEN + IPV4_LEN + TCP_LEN;
const NETWORK = 1;

export class TrainSource implements Source {
  readonly worker = 0;
  readonly direction = "decap";
  readonly count = INPUTS_MAX;
  #outputs = 0;

  /** @param dataLen bytes of data in each segment */
  constructor(
    readonly world: World,
    readonly flows: number,
    readonly dataLen: number,
  ) {
    const { u32, u8 } = world.shared;
    u32[SYSTEM_OFFLOADS / 4] = OFFLOAD_PORT_TSO;
    for (let i = 0; i < this.count; i++) u8.set(this.#segment(i), BUFFERS + i * BUFFER_SIZE + HEADROOM - VXLAN_LEN);
  }

  fill(): void {
    const { shared, dataplane } = this.world;
    const { u32 } = shared;
    dataplane.decapSettle(this.worker, this.#outputs);
    for (let i = 0; i < this.count; i++) {
      const word = (WORKERS + WORKER_INPUTS + i * DESC_SIZE) >>> 2;
      const buffer = BUFFERS + i * BUFFER_SIZE;
      writeInput(u32, word, buffer, buffer + HEADROOM - VXLAN_LEN, VXLAN_LEN + HEADERS + this.dataLen, 0, 0);
      clearVirtio(u32, word);
      writeOuter(u32, word, 50000, 0, 64);
      writeOuterAddress(u32, word, 0, 0, MAPPED, vtepAddress(vtepOf(this.#remote)));
    }
    this.#outputs = dataplane.decapBatch(this.worker, this.count);
    if (this.#outputs !== this.count) throw new Error(`${this.#outputs} outputs of ${this.count} segments`);
  }

  /** An entry of the first network that is behind a VTEP. */
  get #remote(): number {
    return localEntries(this.world.entries);
  }

  /** VXLAN header and segment `i`. */
  #segment(i: number): Uint8Array {
    const flow = i % this.flows;
    const number = Math.floor(i / this.flows);
    const bytes = Buffer.alloc(VXLAN_LEN + HEADERS + this.dataLen, 0x5a);
    bytes.writeBigUInt64LE(tunnelHeader(vniOf(NETWORK)), 0);
    const frame = bytes.subarray(VXLAN_LEN);
    writeMac(frame, 0, 0);
    writeMac(frame, 6, this.#remote);
    frame.writeUInt16BE(0x0800, 12);
    const ip = frame.subarray(ETH_LEN);
    ip.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 60, 0, 1, 10, 60, 0, 2]);
    ip.writeUInt16BE(ip.length, 2);
    ip.writeUInt16BE(number, 4);
    ip.writeUInt16BE(0xffff - sum(ip.subarray(0, IPV4_LEN)), 10);
    const tcp = ip.subarray(IPV4_LEN);
    tcp.fill(0, 0, TCP_LEN);
    tcp.writeUInt16BE(1000 + flow, 0);
    tcp.writeUInt16BE(80, 2);
    tcp.writeUInt32BE(number * this.dataLen, 4);
    tcp.set([(TCP_LEN / 4) << 4, 0x10, 0xff, 0xff], 12);
    tcp.set([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], 20);
    const pseudo = Buffer.concat([ip.subarray(12, IPV4_LEN), Buffer.from([0, 6, tcp.length >>> 8, tcp.length & 0xff])]);
    tcp.writeUInt16BE(0xffff - sum(Buffer.concat([pseudo, tcp])), 16);
    return bytes;
  }
}

function writeMac(frame: Buffer, at: number, entry: number): void {
  frame.writeUInt32LE(macLow(entry), at);
  frame.writeUInt16LE(macHigh(entry), at + 4);
}

/** One's complement, folded: RFC 1071. */
function sum(bytes: Buffer): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 65536);
  return total;
}

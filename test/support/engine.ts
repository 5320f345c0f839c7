// The compiled hot path with a world written into its memory, and frames put in and taken out by hand.
//
// It depends on the layout and on the module's exports alone, not on control's tables, so that a fault in one cannot
// hide a fault in the other. Memory around every frame is filled with 0xa5; a run fails when a guard has changed.

import { compileDataplane, type Dataplane, instantiateDataplane } from "../../control/dataplane.js";
import { createMemory, type SharedMemory } from "../../control/memory.js";
import * as L from "../../dataplane-wasm/layout.js";
import type { Output } from "../oracle/encap.js";
import { cutTunnel, isTunnel } from "../oracle/tunnel-gso.js";
import { finish, PLAIN, type Virtio } from "../oracle/virtio.js";
import type { World } from "../oracle/world.js";
import { concat, ip, mapped } from "./bytes.js";
import { Loader } from "./load.js";
import { cutTrain } from "./train.js";

const GUARD = 0xa5;
const GUARD_LEN = 192;

let compiled: Promise<WebAssembly.Module> | undefined;

/** The built module, compiled once a test file. */
export function dataplaneModule(): Promise<WebAssembly.Module> {
  compiled ??= compileDataplane();
  return compiled;
}

export interface Placed {
  /** 1 to 255. */
  readonly attachment?: number;
  readonly bytes: Uint8Array;
  readonly virtio?: Virtio;
  readonly from?: string;
  readonly port?: number;
  readonly tos?: number;
  readonly flags?: number;
}

export interface EngineOutput extends Output {
  readonly headerPtr: number;
  readonly payloadPtr: number;
  readonly bufferPtr: number;
  readonly outerPort: number;
  /** virtio-net bytes that are neither flags nor offsets. */
  readonly strayVirtio: number;
}

export class Engine {
  readonly view: DataView;
  readonly loader: Loader;

  private constructor(
    readonly world: World,
    readonly shared: SharedMemory,
    readonly dataplane: Dataplane,
    readonly worker: number,
  ) {
    this.view = new DataView(shared.memory.buffer);
    this.loader = new Loader(world, shared, this.view, dataplane);
  }

  static async create(world: World, worker = 0): Promise<Engine> {
    const shared = createMemory();
    const dataplane = await instantiateDataplane(await dataplaneModule(), shared.memory);
    const engine = new Engine(world, shared, dataplane, worker);
    engine.loader.load();
    return engine;
  }

  set clock(seconds: number) {
    this.view.setUint32(L.SYSTEM_CLOCK, seconds, true);
  }

  get context(): number {
    return L.WORKERS + this.worker * L.WORKER_SIZE;
  }

  buffer(index: number): number {
    return L.BUFFERS + this.worker * L.BUFFERS_SIZE + index * L.BUFFER_SIZE;
  }

  /** Payload pointer of input `index`: of the inner frame, also in the direction that has a tunnel header before it. */
  frameAt(index: number): number {
    return this.buffer(index) + L.HEADROOM;
  }

  /** Descriptor `index` of the inputs. */
  input(index: number): number {
    return this.context + L.WORKER_INPUTS + index * L.DESC_SIZE;
  }

  output(index: number): number {
    return this.context + L.WORKER_OUTPUTS + index * L.DESC_SIZE;
  }

  /** Fills input descriptor `index`. `lead`: how many of the bytes precede the inner frame. */
  place(index: number, item: Placed, lead: number): void {
    const { view } = this;
    const at = this.input(index);
    const ptr = this.frameAt(index) - lead;
    // What a driver does not write may hold anything.
    this.shared.u8.fill(GUARD, at, at + L.DESC_SIZE);
    this.shared.u8.fill(GUARD, this.buffer(index), this.guardEnd(index, ptr + item.bytes.length));
    this.shared.u8.set(item.bytes, ptr);
    view.setUint32(this.buffer(index), 0, true);
    view.setUint32(at + L.DESC_PAYLOAD_PTR, ptr, true);
    view.setUint32(at + L.DESC_PAYLOAD_LEN, item.bytes.length, true);
    view.setUint32(at + L.DESC_BUFFER_PTR, this.buffer(index), true);
    view.setUint32(at + L.DESC_ATTACHMENT, item.attachment ?? 0, true);
    view.setUint16(at + L.DESC_OUTER_PORT, item.port ?? 0, true);
    view.setUint8(at + L.DESC_OUTER_TOS, item.tos ?? 0);
    view.setUint8(at + L.DESC_OUTER_TTL, 64);
    view.setUint16(at + L.DESC_FLAGS, item.flags ?? 0, true);
    if (item.from !== undefined) this.shared.u8.set(mapped(ip(item.from)), at + L.DESC_OUTER_ADDRESS);
    this.writeVirtio(at + L.DESC_VIRTIO, item.virtio ?? PLAIN);
  }

  /** Bytes behind and before the frame of input `index` that are not as `place` left them. */
  brokenGuards(index: number, item: Placed, lead: number, headers: number): number[] {
    const ptr = this.frameAt(index) - lead;
    const end = ptr + item.bytes.length;
    const broken: number[] = [];
    const check = (from: number, to: number) => {
      for (let at = from; at < to; at++) if (this.shared.u8[at] !== GUARD) broken.push(at - this.frameAt(index));
    };
    check(this.buffer(index) + 4, ptr - headers);
    check(end, this.guardEnd(index, end));
    return broken;
  }

  private guardEnd(index: number, frameEnd: number): number {
    return Math.min(frameEnd + GUARD_LEN, this.buffer(index) + L.BUFFER_SIZE);
  }

  /** Runs a batch to its end, as the worker's loop does. `send` gives each output its SEND_*. */
  run(direction: "encap" | "decap", count: number, send: (output: Output) => number = () => L.SEND_OK): EngineOutput[] {
    const { dataplane, worker } = this;
    const all: EngineOutput[] = [];
    const trains = new Map<string, number>();
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const ready =
        (direction === "encap" ? dataplane.encapBatch(worker, count) : dataplane.decapBatch(worker, count)) >>> 0;
      if (ready > L.OUTPUTS_MAX) throw new Error(`${ready} outputs`);
      for (let i = 0; i < ready; i++) {
        const output = this.collect(i);
        const copies = this.datagrams(i, output);
        const key = `${output.origin} ${output.kind} ${output.target}`;
        const train = trains.get(key) ?? 0;
        trains.set(key, train + 1);
        all.push(...copies);
        this.view.setUint8(this.output(i) + L.DESC_DROP, send({ ...copies[0], train }));
      }
      if (direction === "encap") dataplane.encapSettle(worker, ready);
      else dataplane.decapSettle(worker, ready);
      if (this.view.getUint32(this.context + L.CONTEXT_PENDING, true) === 0) return all;
    }
    throw new Error("the batch does not end");
  }

  /** What an output leaves as: itself, or the datagrams that the kernel makes of a train or of a tunnel's super-frame. */
  private datagrams(index: number, output: EngineOutput): EngineOutput[] {
    if (output.kind === "vtep" && output.virtio.needsCsum) return this.tunnelled(index, output);
    const trainSize = this.view.getUint16(this.output(index) + L.DESC_TRAIN_SIZE, true);
    if (trainSize === 0) return [output];
    const made = cutTrain(output.header, output.payload, trainSize);
    const segments = this.view.getUint16(this.output(index) + L.DESC_SEGMENTS, true);
    if (segments !== made.length || segments < 2) throw new Error(`a train of ${made.length} says ${segments}`);
    return made.map((datagram) => ({ ...output, ...datagram }));
  }

  /** What the tap underlay's kernel makes of an unfinished frame. */
  private tunnelled(index: number, output: EngineOutput): EngineOutput[] {
    const at = this.output(index) + L.DESC_VIRTIO;
    const header = this.shared.u8.slice(at, at + L.VIRTIO_LEN);
    const packet = concat(output.header, output.payload);
    const made = isTunnel(header) ? cutTunnel(packet, header) : [finish(packet, output.virtio)];
    const segments = this.view.getUint16(this.output(index) + L.DESC_SEGMENTS, true);
    if (segments !== made.length) throw new Error(`${made.length} datagrams say ${segments}`);
    const split = output.header.length;
    return made.map((bytes) => ({ ...output, header: bytes.subarray(0, split), payload: bytes.subarray(split) }));
  }

  private collect(index: number): EngineOutput {
    const { view, shared } = this;
    const at = this.output(index);
    const headerPtr = view.getUint32(at + L.DESC_HEADER_PTR, true);
    const headerLen = view.getUint32(at + L.DESC_HEADER_LEN, true);
    const payloadPtr = view.getUint32(at + L.DESC_PAYLOAD_PTR, true);
    const payloadLen = view.getUint32(at + L.DESC_PAYLOAD_LEN, true);
    const kind = view.getUint8(at + L.DESC_TARGET_KIND);
    if (kind !== L.FDB_KIND_VTEP && kind !== L.FDB_KIND_ATTACHMENT) throw new Error(`target kind ${kind}`);
    const virtio = at + L.DESC_VIRTIO;
    return {
      origin: view.getUint16(at + L.DESC_ORIGIN, true),
      kind: kind === L.FDB_KIND_VTEP ? "vtep" : "attachment",
      target: view.getUint32(at + L.DESC_TARGET, true),
      header: shared.u8.slice(headerPtr, headerPtr + headerLen),
      payload: shared.u8.slice(payloadPtr, payloadPtr + payloadLen),
      virtio: {
        needsCsum: (view.getUint8(virtio + L.VIRTIO_FLAGS) & L.VIRTIO_FLAG_NEEDS_CSUM) !== 0,
        gsoType: view.getUint8(virtio + L.VIRTIO_GSO_TYPE),
        hdrLen: view.getUint16(virtio + L.VIRTIO_HDR_LEN, true),
        gsoSize: view.getUint16(virtio + L.VIRTIO_GSO_SIZE, true),
        csumStart: view.getUint16(virtio + L.VIRTIO_CSUM_START, true),
        csumOffset: view.getUint16(virtio + L.VIRTIO_CSUM_OFFSET, true),
      },
      headerPtr,
      payloadPtr,
      bufferPtr: view.getUint32(at + L.DESC_BUFFER_PTR, true),
      outerPort: view.getUint16(at + L.DESC_OUTER_PORT, true),
      strayVirtio: shared.u8.subarray(virtio + 10, virtio + L.VIRTIO_LEN).filter((byte) => byte !== 0).length,
    };
  }

  private writeVirtio(at: number, virtio: Virtio): void {
    const { view } = this;
    this.shared.u8.fill(0, at, at + L.VIRTIO_LEN);
    view.setUint8(at + L.VIRTIO_FLAGS, virtio.needsCsum ? L.VIRTIO_FLAG_NEEDS_CSUM : 0);
    view.setUint8(at + L.VIRTIO_GSO_TYPE, virtio.gsoType);
    view.setUint16(at + L.VIRTIO_HDR_LEN, virtio.hdrLen, true);
    view.setUint16(at + L.VIRTIO_GSO_SIZE, virtio.gsoSize, true);
    view.setUint16(at + L.VIRTIO_CSUM_START, virtio.csumStart, true);
    view.setUint16(at + L.VIRTIO_CSUM_OFFSET, virtio.csumOffset, true);
  }
}

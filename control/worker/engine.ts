// One worker's packet engine: takes a batch from a port or from the underlay, has the dataplane decide it, and hands
// the outputs to the drivers. It knows no threads and no waiting, so tests run it with the drivers' doubles.
//
// Outputs keep the order in which the dataplane made them, so frames of a flow are never reordered: neighbours that
// go the same way (all to the underlay, or all to one port) are one call of the driver. Nothing here allocates.

import {
  ATTACHMENT_PORT,
  ATTACHMENT_SIZE,
  ATTACHMENTS,
  BATCHES,
  BATCHES_SIZE,
  CONTEXT_PENDING,
  DESC_SIZE,
  DESC_TARGET,
  DESC_TARGET_KIND,
  FDB_KIND_VTEP,
  INPUTS_MAX,
  OFFLOAD_PORT_TSO,
  OFFLOAD_PORT_USO,
  OFFLOAD_UDP_SEGMENT,
  SYSTEM_OFFLOADS,
  WORKER_OUTPUTS,
  WORKER_SIZE,
  WORKERS,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import type { PortDriver, UnderlayDriver } from "../drivers/seams.js";
import type { SharedMemory } from "../memory.js";
import { readU64, storeU64 } from "../u64.js";

const OFFLOADS_INDEX = SYSTEM_OFFLOADS / 4;
const COALESCING = OFFLOAD_PORT_TSO | OFFLOAD_PORT_USO;

/* Our choices. */
/** Frames of a batch: enough to share the cost of a system call, few enough to stay in the cache. */
export const BATCH = 64;
/** Frames that one source may have before the next one gets its turn. */
export const BUDGET = 256;

/** The last bucket of the batch histogram takes 129 to 256 frames; then come sum and count. */
const BATCH_SUM = 9 * 8;
const BATCH_COUNT = BATCH_SUM + 8;

export class Engine {
  readonly #memory: SharedMemory;
  readonly #dataplane: Dataplane;
  readonly #worker: number;
  readonly #ports: PortDriver;
  readonly #underlay: UnderlayDriver;
  readonly #trainMin: number;
  readonly #pendingIndex: number;
  readonly #outputs: number;
  readonly #batches: number;

  constructor(memory: SharedMemory, dataplane: Dataplane, worker: number, ports: PortDriver, underlay: UnderlayDriver) {
    this.#memory = memory;
    this.#dataplane = dataplane;
    this.#worker = worker;
    this.#ports = ports;
    this.#underlay = underlay;
    this.#trainMin = underlay.trainMin ?? 2;
    const context = WORKERS + worker * WORKER_SIZE;
    this.#pendingIndex = (context + CONTEXT_PENDING) / 4;
    this.#outputs = context + WORKER_OUTPUTS;
    this.#batches = BATCHES + worker * BATCHES_SIZE;
  }

  /** Serves a port until it is empty or has had its turn. Returns how many frames it took. */
  servePort(port: number): number {
    let served = 0;
    while (served < BUDGET) {
      const count = this.#ports.receive(port, BATCH);
      if (count > 0) this.#encap(count);
      served += count;
      if (count < BATCH) break;
    }
    return served;
  }

  /** Serves a source of the underlay until it is empty or has had its turn. Returns how many datagrams it took. */
  serveUnderlay(source: number): number {
    let served = 0;
    // What the driver holds comes with no event of its own.
    while (served < BUDGET || this.#underlay.held > 0) {
      const count = this.#underlay.receive(source, INPUTS_MAX);
      if (count > 0) this.#decap(count);
      served += count;
      if (count < BATCH && this.#underlay.held === 0) break;
    }
    return served;
  }

  #encap(count: number): void {
    this.#note(count);
    do {
      const outputs = this.#dataplane.encapBatch(this.#worker, count);
      if (outputs >= this.#trainMin && (this.#memory.u32[OFFLOADS_INDEX] & OFFLOAD_UDP_SEGMENT) !== 0) {
        this.#dataplane.encapGather(this.#worker, outputs);
      }
      this.#send(outputs);
      this.#dataplane.encapSettle(this.#worker, outputs);
    } while (this.#memory.u32[this.#pendingIndex] !== 0);
    this.#ports.done?.(count);
  }

  #decap(count: number): void {
    this.#note(count);
    do {
      const outputs = this.#dataplane.decapBatch(this.#worker, count);
      if ((this.#memory.u32[OFFLOADS_INDEX] & COALESCING) !== 0) this.#dataplane.decapCoalesce(this.#worker, outputs);
      this.#send(outputs);
      this.#dataplane.decapSettle(this.#worker, outputs);
    } while (this.#memory.u32[this.#pendingIndex] !== 0);
    this.#underlay.done?.(count);
  }

  #send(outputs: number): void {
    for (let first = 0; first < outputs; ) {
      const way = this.#wayOf(first);
      let end = first + 1;
      while (end < outputs && this.#wayOf(end) === way) end++;
      if (way === 0) this.#underlay.send(first, end - first);
      else this.#ports.send(way, first, end - first);
      first = end;
    }
  }

  /** 0: the underlay; otherwise the port id. */
  #wayOf(output: number): number {
    const { u8, u32 } = this.#memory;
    const desc = this.#outputs + output * DESC_SIZE;
    if (u8[desc + DESC_TARGET_KIND] === FDB_KIND_VTEP) return 0;
    const attachment = u32[(desc + DESC_TARGET) / 4];
    return u32[(ATTACHMENTS + attachment * ATTACHMENT_SIZE + ATTACHMENT_PORT) / 4];
  }

  /** Notes a batch in the histogram: bucket n takes batches of up to 2^n frames. */
  #note(count: number): void {
    this.#add(this.#batches + 8 * (32 - Math.clz32(count - 1)), 1);
    this.#add(this.#batches + BATCH_SUM, count);
    this.#add(this.#batches + BATCH_COUNT, 1);
  }

  #add(address: number, by: number): void {
    storeU64(this.#memory, address, readU64(this.#memory, address) + by);
  }
}

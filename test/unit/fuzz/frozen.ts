// What no batch may write, whatever it is fed: configuration and tables, other workers' slots, the ends of its own ones.

import * as L from "../../../dataplane-wasm/layout.js";
import type { Engine } from "../../support/engine.js";

/** An output has two pieces at most, and half of a chain's outputs one of the driver's in front. */
const PIECES_USED_MAX = 2 * L.OUTPUTS_MAX + L.OUTPUTS_MAX / 2;

export class Frozen {
  readonly #regions: readonly { readonly name: string; readonly live: Buffer; readonly copy: Buffer }[];

  /** Takes the snapshot. @param inputs how many a batch has */
  constructor(engine: Engine, inputs: number) {
    this.#regions = regions(engine, inputs).map(([name, at, length]) => {
      const live = Buffer.from(engine.shared.memory.buffer as unknown as ArrayBuffer, at, length);
      return { name, live, copy: Buffer.from(live) };
    });
  }

  /** Compares all. @throws naming the region */
  check(): void {
    for (const { name, live, copy } of this.#regions) {
      if (live.compare(copy) === 0) continue;
      const at = copy.findIndex((byte, i) => live[i] !== byte);
      throw new Error(`${name}: byte ${at} was ${copy[at]} and is ${live[at]}`);
    }
  }
}

function regions(engine: Engine, inputs: number): [string, number, number][] {
  const { context, worker } = engine;
  const neighbours = [worker - 1, worker + 1].flatMap((other): [string, number, number][] => [
    [`context of worker ${other}`, L.WORKERS + other * L.WORKER_SIZE, L.WORKER_IO + 4096],
    [`end of worker ${other}`, L.WORKERS + (other + 1) * L.WORKER_SIZE - 4096, 4096],
    [`buffers of worker ${other}`, L.BUFFERS + other * L.BUFFERS_SIZE, 2 * L.BUFFER_SIZE],
    [`segments of worker ${other}`, L.SEGMENTS + other * L.SEGMENTS_SIZE, L.SEGMENTS_SIZE],
    [`last buffer of worker ${other}`, L.BUFFERS + (other + 1) * L.BUFFERS_SIZE - L.BUFFER_SIZE, L.BUFFER_SIZE],
    [`events of worker ${other}`, L.EVENTS + other * L.EVENT_RING_SIZE, L.EVENT_RING_SIZE],
    [`rings of worker ${other}`, L.XSK + other * L.XSK_SIZE + L.XSK_STATE, L.PAGE],
    [`counters of worker ${other}`, L.NETWORK_COUNTERS + other * L.NETWORK_COUNTERS_WORKER, L.PAGE],
    [`VTEP counters of worker ${other}`, L.VTEP_COUNTERS + other * L.VTEP_COUNTERS_WORKER, L.PAGE],
    [`batches of worker ${other}`, L.BATCHES + other * L.BATCHES_SIZE, L.BATCHES_SIZE],
  ]);
  const networks = engine.world.networks.map(({ id }): [string, number, number] => {
    return [`network ${id}`, L.NETWORKS + id * L.NETWORK_SIZE, L.NETWORK_LEARNED];
  });
  // Those that are named in the configuration; others are made on receipt.
  const vteps = engine.world.vteps.map(({ id }): [string, number, number] => {
    return [`records of VTEP ${id}`, L.VTEP_RECORDS + 2 * id * L.VTEP_RECORD_SIZE, 2 * L.VTEP_RECORD_SIZE];
  });
  return [
    ["page 0", 0, L.PAGE],
    ["configuration", L.SYSTEM, 128],
    ["constants", L.CONSTANTS, L.CONSTANTS_SIZE],
    ["attachments", L.ATTACHMENTS, 64 * L.ATTACHMENT_SIZE],
    ["port queues", L.PORT_QUEUES, 64 * L.PORT_QUEUES_SIZE],
    ["lists", L.LISTS, 65_536],
    ["VNI table", L.VNI_TABLE, 65_536],
    ...networks,
    ...vteps,
    ["inputs behind the batch", engine.input(inputs), (L.INPUTS_MAX - inputs) * L.DESC_SIZE],
    ["pieces that no batch needs", ...span(context + L.WORKER_PIECES, PIECES_USED_MAX, L.PIECES_MAX, L.PIECE_SIZE)],
    ["drivers' tables", context + L.WORKER_IO, L.WORKER_IO_SIZE],
    ["end of the room for segments", L.SEGMENTS + (worker + 1) * L.SEGMENTS_SIZE - 32, 32],
    ["first buffer behind the batch", engine.buffer(inputs), L.BUFFER_SIZE],
    ["rings", L.XSK + worker * L.XSK_SIZE + L.XSK_STATE, L.PAGE],
    ...neighbours,
  ];
}

/** Where entries `from` to `to - 1` of a table are. */
function span(table: number, from: number, to: number, size: number): [number, number] {
  return [table + from * size, (to - from) * size];
}

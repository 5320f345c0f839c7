// The engine and the oracle side by side: the same world, the same frames, and a comparison of everything that comes
// out and everything that stays behind.

import { expect } from "vitest";
import { packFdbKey } from "../../control/address.js";
import * as L from "../../dataplane-wasm/layout.js";
import { imbalances } from "../oracle/counters.js";
import { superOf } from "../oracle/cut.js";
import type { DecapInput } from "../oracle/decap.js";
import type { EncapInput, Output } from "../oracle/encap.js";
import { Model, type Send } from "../oracle/model.js";
import { finish } from "../oracle/virtio.js";
import type { World } from "../oracle/world.js";
import { concat } from "./bytes.js";
import { decode, decodeOuter, expectBytes } from "./decode.js";
import { Engine, type EngineOutput, type Placed } from "./engine.js";
import { drainEvents, fdbText, readCounters, readFdb } from "./readings.js";

const VXLAN_LEN = 8;
/** Encap may write its headers in front of the frame; a template is copied whole, 64 bytes and the tunnel header. */
const HEADER_ROOM = 72;

export class Pair {
  private constructor(
    readonly engine: Engine,
    readonly model: Model,
  ) {}

  static async create(world: World): Promise<Pair> {
    return new Pair(await Engine.create(world), new Model(world));
  }

  set clock(seconds: number) {
    this.engine.clock = seconds;
    this.model.clock = seconds;
  }

  /** One batch of up to 256 frames from ports. Compares the outputs, and returns the engine's. */
  encap(inputs: readonly EncapInput[], send?: Send): EngineOutput[] {
    const placed = inputs.map(({ attachment, frame, virtio }) => ({ attachment, bytes: frame, virtio }));
    const outputs = this.run("encap", placed, 0, send);
    compare(outputs, this.model.encap(inputs, send));
    return outputs;
  }

  /** One batch of up to 256 datagrams from the underlay. */
  decap(inputs: readonly DecapInput[], send?: Send): EngineOutput[] {
    const placed = inputs.map(({ datagram, from, tos, fragment }) => {
      return { bytes: datagram, from, tos, flags: fragment ? L.DESC_FLAG_FRAGMENT : 0 };
    });
    const outputs = this.run("decap", placed, VXLAN_LEN, send);
    compare(outputs, this.model.decap(inputs, send));
    return outputs;
  }

  sweep(): void {
    this.engine.dataplane.fdbSweep(L.WORKER_CONTROL, 0, this.engine.world.fdbBuckets);
    this.model.sweep();
  }

  /** Forgets what a network has learned, as control does it: by its next generation. */
  flush(network: number): void {
    const generation = ((this.model.fdb.generations.get(network) ?? 0) + 1) & 0xff;
    this.model.fdb.generations.set(network, generation);
    this.engine.view.setUint32(L.NETWORKS + network * L.NETWORK_SIZE + L.NETWORK_GENERATION, generation, true);
  }

  /** Freezes an entry where it is, or thaws it, as control does. @param mac as the oracle writes it */
  freeze(network: number, mac: string, frozen: boolean): void {
    const key = packFdbKey(Buffer.from(mac, "hex"), network);
    const wasFrozen = this.model.fdb.lookup(network, mac)?.frozen === true;
    this.engine.dataplane.fdbFreeze(L.WORKER_CONTROL, key, frozen ? 1 : 0);
    this.model.fdb.freeze(network, mac, frozen);
    const isFrozen = this.model.fdb.lookup(network, mac)?.frozen === true;
    if (isFrozen && !wasFrozen) this.model.counters.network(network, "frozen");
  }

  /** Counters, FDB and balance. */
  settle(): void {
    const counters = readCounters(this.engine);
    expect(counters).toEqual(this.model.counters.all);
    expect(imbalances(counters)).toEqual([]);
    const entries = [...this.model.fdb.entries.values()];
    const expected = entries.map((entry) => [`${entry.network} ${entry.mac}`, fdbText(entry)]);
    expect(readFdb(this.engine)).toEqual(Object.fromEntries(expected));
    const told = this.model.fdb.events.splice(0).map((event) => {
      return `${event.event} ${event.network} ${event.mac} ${event.to}`;
    });
    // Limits are told once a second, so their number is the engine's affair; ageing goes in the order of the buckets.
    const engineTold = drainEvents(this.engine).filter((event) => !event.startsWith("limit"));
    expect(engineTold).toEqual(told.filter((event) => !/^(limit|aged)/.test(event)));
    const aged = drainEvents(this.engine, L.WORKER_CONTROL).sort();
    expect(aged).toEqual(told.filter((event) => event.startsWith("aged")).sort());
  }

  private run(direction: "encap" | "decap", items: readonly Placed[], lead: number, send?: Send): EngineOutput[] {
    const { engine } = this;
    for (const [i, item] of items.entries()) engine.place(i, item, lead);
    const outputs = engine.run(direction, items.length, send);
    for (const [i, item] of items.entries()) {
      const broken = engine.brokenGuards(i, item, lead, direction === "encap" ? HEADER_ROOM : 0);
      if (broken.length > 0) expect.fail(`input ${i}: written outside the frame, at ${broken.join(", ")}`);
    }
    return outputs;
  }
}

function summary(output: Output): string {
  return `input ${output.origin} to ${output.kind} ${output.target}`;
}

/** Same copies in the same order, same bytes; a checksum that may be finished by either side is finished first. */
export function compare(actual: readonly EngineOutput[], expected: readonly Output[]): void {
  expect(actual.map(summary)).toEqual(expected.map(summary));
  for (const [i, want] of expected.entries()) {
    const got = actual[i];
    if (want.kind === "vtep") {
      expectBytes(concat(got.header, got.payload), concat(want.header, want.payload), decodeOuter);
      continue;
    }
    if (got.header.length > 0 || got.strayVirtio > 0) expect.fail("a header, or stray virtio-net bytes, to a port");
    // A flood to VTEPs too finishes the checksum in the shared payload; then the copy to a port says nothing of it.
    const isSuper = superOf(want.payload, want.virtio) !== undefined;
    const finished = want.virtio.needsCsum && !isSuper && !got.virtio.needsCsum;
    expectBytes(got.payload, finished ? finish(want.payload, want.virtio) : want.payload, decode);
    if (!finished) expect(got.virtio).toEqual(want.virtio);
  }
}

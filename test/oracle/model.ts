// The naive VTEP: one frame after the other, Maps and lists, the whole state in plain objects.
//
// It owns what outlives a frame (FDB, counters, VTEPs made on receipt, the clock) and the counting: a frame lands in
// exactly one of frames, local and dropped, by what became of its copies.

import { SEND_DOWN, SEND_FULL, SEND_OK, SEND_TOO_BIG } from "../../dataplane-wasm/layout.js";
import { ip, ipText } from "../support/bytes.js";
import { type NetworkCounter, OracleCounters } from "./counters.js";
import { type DecapInput, decapFrame, inPrefix } from "./decap.js";
import { type EncapInput, encapFrame, type Output } from "./encap.js";
import { type Learned, OracleFdb, type TargetKind } from "./fdb.js";
import { ANSWERS_PER_SECOND } from "./icmp.js";
import { encapWeight, type Weight } from "./segments.js";
import { PLAIN } from "./virtio.js";
import type { World, WorldAttachment, WorldNetwork, WorldVtep } from "./world.js";

/** What the driver makes of an output: SEND_*. */
export type Send = (output: Output) => number;

export class Model {
  readonly fdb: OracleFdb;
  readonly counters = new OracleCounters();
  readonly vteps: WorldVtep[];
  clock = 0;
  private answered = { second: 0, count: 0 };

  constructor(
    readonly world: World,
    private readonly learnedTtl = 64,
  ) {
    this.fdb = new OracleFdb(world);
    this.vteps = [...world.vteps];
  }

  encap(inputs: readonly EncapInput[], send: Send = () => SEND_OK): Output[] {
    return inputs.flatMap((input, origin) => {
      const outcome = encapFrame(this, origin, input);
      const { network } = outcome;
      const weight = encapWeight(input.frame, input.virtio ?? PLAIN);
      this.counters.network(network, "receivedEncap", weight.frames);
      for (const vtep of outcome.narrow ?? []) this.countVtep(vtep, "Encap", false, weight);
      const results = outcome.outputs.map((output) => {
        const result = send(output);
        if (output.kind === "vtep") {
          this.countVtep(output.target, "Encap", result === SEND_OK, { frames: 1, bytes: output.payload.length });
        }
        return { kind: output.kind, result, bytes: output.payload.length };
      });
      const left = (kind: Output["kind"]) => results.some((copy) => copy.kind === kind && copy.result === SEND_OK);
      if (outcome.drop !== undefined) {
        // Whether the answer gets through changes nothing about the frame.
        this.counters.drop(network, `Encap${outcome.drop}`, weight.frames);
        if (results.length > 0) this.counters.network(network, "icmp");
        return outcome.outputs;
      }
      const any = results.some((copy) => copy.result === SEND_OK);
      if (outcome.flooded && any) this.counters.network(network, "floodedEncap", weight.frames);
      const failed = results.filter((copy) => copy.result !== SEND_OK);
      if (left("vtep") && !outcome.flooded && failed.length > 0) {
        // A super-frame that left in parts.
        const sent = results.filter((copy) => copy.result === SEND_OK);
        this.counters.network(network, "framesEncap", sent.length);
        this.counters.network(network, "bytesEncap", sum(sent));
        this.counters.drop(network, sendDrop("Encap", failed), failed.length);
      } else if (left("vtep")) {
        this.counters.network(network, "framesEncap", weight.frames);
        this.counters.network(network, "bytesEncap", weight.bytes);
      } else if (left("attachment")) this.counters.network(network, "local", weight.frames);
      else this.counters.drop(network, sendDrop("Encap", results), weight.frames);
      return outcome.outputs;
    });
  }

  decap(inputs: readonly DecapInput[], send: Send = () => SEND_OK): Output[] {
    return inputs.flatMap((input, origin) => {
      const outcome = decapFrame(this, origin, input);
      const { network, vtep, weight } = outcome;
      this.counters.network(network, "receivedDecap", weight.frames);
      const results = outcome.outputs.map((output) => ({ kind: output.kind, result: send(output) }));
      const left = results.some((copy) => copy.result === SEND_OK);
      if (outcome.flooded && left) this.counters.network(network, "floodedDecap", weight.frames);
      if (left) {
        this.counters.network(network, "framesDecap", weight.frames);
        this.counters.network(network, "bytesDecap", weight.bytes);
      } else {
        const reason = outcome.drop ? `Decap${outcome.drop}` : sendDrop("Decap", results);
        this.counters.drop(network, reason, weight.frames);
      }
      if (vtep !== 0) this.countVtep(vtep, "Decap", left, weight);
      return outcome.outputs;
    });
  }

  sweep(): void {
    for (const entry of this.fdb.sweep(this.clock)) this.counters.network(entry.network, "aged");
  }

  learn(network: number, mac: string, kind: TargetKind, id: number): Learned {
    const result = this.fdb.learn(network, mac, kind, id, this.clock);
    if (["learned", "moved", "held", "limit"].includes(result))
      this.counters.network(network, result as NetworkCounter);
    return result;
  }

  /** The VTEP of a source address that some network allows; one that only a prefix allows is made now. */
  source(from: string): number | undefined {
    const address = ipText(ip(from));
    const known = this.vteps.find((vtep) => ipText(ip(vtep.address)) === address);
    const named = (id: number) => this.world.networks.some((network) => network.sources.includes(id));
    if (known !== undefined && named(known.id)) return known.id;
    if (!this.world.networks.some((network) => network.prefixes.some((prefix) => inPrefix(from, prefix)))) {
      return undefined;
    }
    if (known !== undefined) return known.id;
    const id = Math.max(0, ...this.vteps.map((vtep) => vtep.id)) + 1;
    this.vteps.push({ id, address: from, ttl: this.learnedTtl });
    return id;
  }

  /** Takes one of the second's answers. */
  mayAnswer(): boolean {
    if (this.answered.second !== this.clock) this.answered = { second: this.clock, count: 0 };
    return this.answered.count++ < ANSWERS_PER_SECOND;
  }

  maySend(network: WorldNetwork, vtep: number): boolean {
    const { address } = this.vtep(vtep);
    return network.sources.includes(vtep) || network.prefixes.some((prefix) => inPrefix(address, prefix));
  }

  network(id: number): WorldNetwork {
    return found(this.world.networks, id);
  }

  attachment(id: number): WorldAttachment {
    return found(this.world.attachments, id);
  }

  vtep(id: number): WorldVtep {
    return found(this.vteps, id);
  }

  private countVtep(vtep: number, direction: "Encap" | "Decap", ok: boolean, { frames, bytes }: Weight): void {
    this.counters.vtep(vtep, ok ? `frames${direction}` : `drops${direction}`, frames);
    if (ok) this.counters.vtep(vtep, `bytes${direction}`, bytes);
  }
}

function sum(copies: readonly { readonly bytes: number }[]): number {
  return copies.reduce((total, copy) => total + copy.bytes, 0);
}

function found<T extends { readonly id: number }>(records: readonly T[], id: number): T {
  const record = records.find((candidate) => candidate.id === id);
  if (record === undefined) throw new Error(`the world has no ${id}`);
  return record;
}

/** No copy left: the last failure names the reason. */
function sendDrop(direction: "Encap" | "Decap", copies: readonly { kind: Output["kind"]; result: number }[]): string {
  const copy = copies[copies.length - 1];
  if (copy.result === SEND_TOO_BIG) return `${direction}TooBig`;
  if (copy.result === SEND_FULL) return copy.kind === "vtep" ? "EncapUnderlayFull" : `${direction}PortFull`;
  return copy.result === SEND_DOWN && copy.kind === "attachment" ? `${direction}PortDown` : `${direction}SendError`;
}

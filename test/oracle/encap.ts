// Encapsulation, one frame at a time, in the order of behaviour's list: source MAC, VLAN policy, learning, FDB, local
// switching or flooding, MTU, outer headers.
//
// `encapFrame` decides; the model in model.ts counts, since what a frame is counted as depends on its sending too.

import type { Drop } from "../../dataplane-wasm/drop.js";
import { cut, superOf } from "./cut.js";
import { encapEcn } from "./ecn.js";
import { outerSourcePort } from "./flow.js";
import { tooBigAnswer } from "./icmp.js";
import type { Model } from "./model.js";
import { outerHeader } from "./outer.js";
import { l3Length, parse } from "./parse.js";
import { finish, PLAIN, type Virtio } from "./virtio.js";
import type { WorldNetwork, WorldVtep } from "./world.js";

export interface Output {
  /** Index of the input. */
  readonly origin: number;
  readonly kind: "attachment" | "vtep";
  readonly target: number;
  /** Outer headers; empty to an attachment. */
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
  readonly virtio: Virtio;
  /** Of a super-frame that was cut, where none of its flow came right before it: which of its trains this segment leaves with, for each VTEP from 0 on. */
  readonly train?: number;
}

export interface EncapInput {
  readonly attachment: number;
  readonly frame: Uint8Array;
  readonly virtio?: Virtio;
}

/** A label of Drop without its direction. */
export type Reason<Direction extends string> = keyof typeof Drop extends infer Name
  ? Name extends `${Direction}${infer Label}`
    ? Label
    : never
  : never;

export interface EncapOutcome {
  readonly network: number;
  /** Of a dropped frame: the answer to its sender. */
  readonly outputs: readonly Output[];
  readonly flooded: boolean;
  readonly drop?: Reason<"Encap">;
  /** VTEPs whose way is too narrow for it, and nothing else. */
  readonly narrow?: readonly number[];
}

/* Limits of a train: as many datagrams and bytes as one call takes. */
const TRAIN_DATAGRAMS = 64;
const TRAIN_BYTES = 65000;

export function encapFrame(model: Model, origin: number, input: EncapInput): EncapOutcome {
  const { frame } = input;
  const virtio = input.virtio ?? PLAIN;
  const attachment = model.attachment(input.attachment);
  const network = model.network(attachment.network);
  const dropped = (drop: Reason<"Encap">): EncapOutcome => ({
    network: network.id,
    outputs: [],
    flooded: false,
    drop,
  });

  const parsed = parse(frame);
  if (parsed === undefined) return dropped("InnerShort");
  if (!validSource(frame)) return dropped("SourceMacInvalid");
  if (network.dropVlan && parsed.tagged) return dropped("InnerVlan");
  model.learn(network.id, parsed.src, "attachment", attachment.id);

  const toPort = (target: number): Output => ({
    origin,
    kind: "attachment",
    target,
    header: new Uint8Array(0),
    payload: frame,
    virtio,
  });
  const found = superOf(frame, virtio);
  const pieces = found === undefined ? [finish(frame, virtio)] : cut(frame, found);
  const perTrain = found === undefined ? 1 : trainLength(model, found.headers + found.size);
  // One train after the other to each of them: what a pause leaves behind is small.
  const toVteps = (targets: readonly number[]): Output[] =>
    chunks(pieces, perTrain).flatMap((train, n) =>
      targets.flatMap((target) =>
        train.map((inner) => ({
          ...encapsulate(model, network, model.vtep(target), origin, inner),
          ...(found === undefined ? {} : { train: n }),
        })),
      ),
    );
  const fits = l3Length(pieces[0]) <= network.mtu;
  const pathMtu = (target: number) =>
    (model.vtep(target).frameMax ?? Infinity) - (pieces[0].length - l3Length(pieces[0]));
  const narrowOf = (targets: readonly number[]) =>
    fits ? targets.filter((target) => l3Length(pieces[0]) > pathMtu(target)) : [];
  /** For want of a way to any of these. */
  const tooBig = (targets: readonly number[]): EncapOutcome => {
    const outcome = { ...dropped("TooBig"), narrow: narrowOf(targets) };
    const answer = tooBigAnswer(frame, Math.min(network.mtu, ...targets.map(pathMtu)));
    if (answer === undefined || !model.mayAnswer()) return outcome;
    const back = { ...toPort(attachment.id), payload: answer, virtio: PLAIN };
    return { ...outcome, outputs: [back] };
  };

  const group = (frame[0] & 1) === 1;
  const entry = group ? undefined : model.fdb.lookup(network.id, parsed.dst);
  if (entry?.kind === "drop") return dropped("Filtered");
  if (entry?.kind === "attachment") {
    if (entry.id === attachment.id) return dropped("SamePort");
    return { network: network.id, outputs: [toPort(entry.id)], flooded: false };
  }
  if (entry?.kind === "vtep") {
    if (!fits || l3Length(pieces[0]) > pathMtu(entry.id)) return tooBig([entry.id]);
    return { network: network.id, outputs: toVteps([entry.id]), flooded: false };
  }

  const ports = network.flood.attachments.filter((id) => id !== attachment.id);
  const vteps = network.flood.vteps;
  if (ports.length + vteps.length === 0) return dropped("FloodNone");
  const narrow = narrowOf(vteps);
  const reached = fits ? vteps.filter((target) => !narrow.includes(target)) : [];
  const outputs = [...ports.map(toPort), ...toVteps(reached)];
  if (outputs.length === 0) return tooBig(vteps);
  return { network: network.id, outputs, flooded: true, narrow };
}

/** Neither zero nor a group address. */
export function validSource(frame: Uint8Array): boolean {
  return (frame[6] & 1) === 0 && frame.subarray(6, 12).some((byte) => byte !== 0);
}

/** Segments of a train; a train needs outer checksums, and two segments. */
function trainLength({ world }: Model, segmentLength: number): number {
  if (!world.trains || !(world.outerChecksum || world.local.includes(":"))) return 1;
  return Math.max(1, Math.min(TRAIN_DATAGRAMS, Math.floor(TRAIN_BYTES / (segmentLength + 8))));
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size));
}

function encapsulate(model: Model, network: WorldNetwork, vtep: WorldVtep, origin: number, inner: Uint8Array): Output {
  const header = outerHeader({
    world: model.world,
    vtep,
    vni: network.vni,
    srcPort: outerSourcePort(model.world, inner),
    ecn: encapEcn(inner),
    inner,
  });
  return { origin, kind: "vtep", target: vtep.id, header, payload: inner, virtio: PLAIN };
}

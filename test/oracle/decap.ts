// Decapsulation, one datagram at a time, in the order of behaviour's list. The datagram starts at the VXLAN header, or
// at the outer Ethernet header when `outer` says so; then the outer checksums are checked here.

import { be16, concat, hex, ip, ipText, readBe16 } from "../support/bytes.js";
import { PROTOCOL } from "../support/frames.js";
import { checksum, pseudoHeader } from "./checksum.js";
import { decapEcn } from "./ecn.js";
import { type Output, type Reason, validSource } from "./encap.js";
import type { Model } from "./model.js";
import { parse } from "./parse.js";
import { decapWeight, type Weight } from "./segments.js";
import { PLAIN, superFrame, unfinished } from "./virtio.js";
import type { WorldAttachment } from "./world.js";

export interface DecapInput {
  readonly datagram: Uint8Array;
  /** Source address of the datagram, as text. */
  readonly from: string;
  readonly tos?: number;
  /** It came in fragments. */
  readonly fragment?: boolean;
}

export interface DecapOutcome {
  /** 0: not known when the frame was dropped. */
  readonly network: number;
  readonly vtep: number;
  readonly outputs: readonly Output[];
  readonly flooded: boolean;
  /** What it counts as; its bytes matter only if it is not dropped. */
  readonly weight: Weight;
  readonly drop?: Reason<"Decap">;
}

export function decapFrame(model: Model, origin: number, input: DecapInput): DecapOutcome {
  const { datagram } = input;
  let network = 0;
  let vtep = 0;
  let flooded = false;
  let weight: Weight = { frames: 1, bytes: 0 };
  const dropped = (drop: Reason<"Decap">): DecapOutcome => ({
    network,
    vtep,
    outputs: [],
    flooded,
    weight,
    drop,
  });

  if (input.fragment) return dropped("Fragment");
  if (datagram.length < 8) return dropped("Truncated");
  const source = model.source(input.from);
  if (source === undefined) return dropped("VtepNotAllowed");
  vtep = source;
  if ((datagram[0] & 0x08) === 0) return dropped("FlagIClear");
  if ((BigInt(`0x${hex(datagram.subarray(0, 8))}`) & model.world.reservedMask) !== 0n) return dropped("ReservedBits");
  const vni = datagram[4] * 65536 + datagram[5] * 256 + datagram[6];
  const settings = model.world.networks.find((candidate) => candidate.vni === vni);
  if (settings === undefined) return dropped("UnknownVni");
  network = settings.id;
  if (!model.maySend(settings, vtep)) return dropped("VtepNotInNetwork");

  const frame = datagram.subarray(8);
  const parsed = parse(frame);
  if (parsed === undefined) return dropped("InnerShort");
  weight = decapWeight(frame, settings.mtu);
  if (!validSource(frame)) return dropped("SourceMacInvalid");
  if (model.fdb.lookup(network, parsed.src)?.own) return dropped("SourceMacOwn");
  if (model.learn(network, parsed.src, "vtep", vtep) === "conflict") return dropped("StaticConflict");
  const ecn = decapEcn(frame, input.tos ?? 0);
  if (ecn.alarm) model.counters.network(network, "ecnAlarm");
  if (ecn.frame === "drop") return dropped("Ecn");
  if (settings.dropVlan && parsed.tagged) return dropped("InnerVlan");

  const inner = ecn.frame;
  const group = (frame[0] & 1) === 1;
  const entry = group ? undefined : model.fdb.lookup(network, parsed.dst);
  if (entry?.kind === "drop") return dropped("Filtered");
  if (entry?.kind === "vtep") return dropped("SplitHorizon");
  flooded = entry === undefined;
  const targets = entry === undefined ? settings.flood.attachments : [entry.id];
  if (targets.length === 0) return dropped("NoDestination");
  const outputs = targets.flatMap((target) => toPort(origin, model.attachment(target), inner));
  if (outputs.length === 0) return dropped("TooBig");
  return { network, vtep, outputs, flooded, weight };
}

function toPort(origin: number, attachment: WorldAttachment, inner: Uint8Array): Output[] {
  const base = { origin, kind: "attachment", target: attachment.id, header: new Uint8Array(0) } as const;
  const l3 = parse(inner)?.l3 ?? 0;
  if (inner.length - l3 > attachment.mtu) {
    const found = superFrame(inner, attachment.mtu);
    return found === undefined ? [] : [{ ...base, payload: found.frame, virtio: found.virtio }];
  }
  return [{ ...base, payload: inner, virtio: unfinished(inner) ?? PLAIN }];
}

export interface OuterUdp {
  readonly drop?: "Fragment" | "Truncated" | "BadChecksum";
  readonly from: string;
  readonly tos: number;
  readonly datagram: Uint8Array;
}

/** The outer headers of an Ethernet frame that carries VXLAN: what the kernel does for a UDP socket. */
export function stripOuter(frame: Uint8Array): OuterUdp {
  const none = new Uint8Array(0);
  const parsed = parse(frame);
  if (parsed?.ip === undefined) return { drop: "Truncated", from: "", tos: 0, datagram: none };
  const { ip: outer, l3 } = parsed;
  const from = ipText(outer.src);
  const failed = (drop: OuterUdp["drop"]): OuterUdp => ({ drop, from, tos: outer.tos, datagram: none });
  if (outer.fragment) return failed("Fragment");
  if (outer.protocol !== PROTOCOL.udp || outer.end > frame.length || outer.end - outer.l4 < 16) {
    return failed("Truncated");
  }
  const udpLen = readBe16(frame, outer.l4 + 4);
  if (udpLen < 16 || outer.l4 + udpLen > outer.end) return failed("Truncated");
  const udp = frame.subarray(outer.l4, outer.l4 + udpLen);
  if (outer.version === 4 && checksum(frame.subarray(l3, outer.l4)) !== 0) return failed("BadChecksum");
  const pseudo = pseudoHeader(outer.src, outer.dst, PROTOCOL.udp, udpLen);
  if (readBe16(udp, 6) !== 0 && checksum(pseudo, udp) !== 0) return failed("BadChecksum");
  return { from, tos: outer.tos, datagram: udp.subarray(8) };
}

/** A datagram from the VXLAN header on. */
export function vxlan(vni: number, inner: Uint8Array, flags = 0x08): Uint8Array {
  return concat([flags, 0, 0, 0], be16(vni >>> 8), [vni & 0xff, 0], inner);
}

/** Whether `address` lies in `prefix` (`10.0.0.0/8`). */
export function inPrefix(address: string, prefix: string): boolean {
  const [base, bits] = prefix.split("/");
  const a = ip(address);
  const b = ip(base);
  if (a.length !== b.length) return false;
  for (let bit = 0; bit < Number(bits); bit++) {
    const mask = 0x80 >>> (bit & 7);
    if ((a[bit >>> 3] & mask) !== (b[bit >>> 3] & mask)) return false;
  }
  return true;
}

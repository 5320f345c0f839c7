// What a frame counts as: a super-frame is as many frames as somebody will cut it into, each with the headers again.

import { PROTOCOL } from "../support/frames.js";
import { superOf } from "./cut.js";
import { parse } from "./parse.js";
import type { Virtio } from "./virtio.js";

export interface Weight {
  readonly frames: number;
  /** Of all of them, from the Ethernet header on. */
  readonly bytes: number;
}

/** A frame from a port: its virtio-net header tells. */
export function encapWeight(frame: Uint8Array, virtio: Virtio): Weight {
  const found = superOf(frame, virtio);
  return found === undefined ? one(frame) : cut(frame, found.headers, found.size);
}

/** A frame from a VTEP: a TCP packet above the network's MTU is a super-frame. */
export function decapWeight(frame: Uint8Array, mtu: number): Weight {
  const headers = headersLength(frame, PROTOCOL.tcp);
  const l3 = parse(frame)?.l3 ?? 0;
  if (headers === undefined || frame.length - l3 <= mtu) return one(frame);
  return cut(frame, headers, mtu - (headers - l3));
}

function one(frame: Uint8Array): Weight {
  return { frames: 1, bytes: frame.length };
}

function cut(frame: Uint8Array, headers: number, size: number): Weight {
  if (size <= 0 || headers >= frame.length) return one(frame);
  const lengths: number[] = [];
  for (let at = headers; at < frame.length; at += size) lengths.push(headers + Math.min(size, frame.length - at));
  return { frames: lengths.length, bytes: lengths.reduce((sum, length) => sum + length, 0) };
}

/** Ethernet to transport header of a whole packet of that protocol. */
function headersLength(frame: Uint8Array, protocol: number): number | undefined {
  const parsed = parse(frame);
  if (parsed?.ip === undefined || parsed.ip.fragment || parsed.ip.protocol !== protocol) return undefined;
  const { l4, end } = parsed.ip;
  const least = protocol === PROTOCOL.tcp ? 20 : 8;
  if (end > frame.length || end - l4 < least) return undefined;
  const length = protocol === PROTOCOL.tcp ? (frame[l4 + 12] >>> 4) * 4 : 8;
  return length < least || l4 + length > end ? undefined : l4 + length;
}

// What devices have counted, read without starting a process: /proc/PID/net/dev of anybody who lives in the namespace.
//
// A reading takes a tenth of a millisecond and has its clocks taken beside it, so that a rate over half a second is not
// spoilt by the time that `ip -s link` needs to start on a machine whose cores are all busy.

import { readFileSync } from "node:fs";
import { machineCpuSeconds } from "../../host.js";
import { HEADERS_LEN } from "./frames.js";

/** Frames that a device has taken from its host (tx) and handed to it (rx), and those that it dropped; a super-frame is one. */
export interface DeviceCounters {
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly rxDropped: number;
  readonly txFrames: number;
  readonly txDropped: number;
}

export interface Reading extends DeviceCounters {
  readonly atMs: number;
  readonly cpuSeconds: number;
}

/* Columns of /proc/net/dev after the name: 8 of reception, 8 of transmission. */
const RX_BYTES = 0;
const RX_FRAMES = 1;
const RX_DROPPED = 3;
const TX_FRAMES = 9;
const TX_ERRORS = 10;
const TX_DROPPED = 11;

/** @throws if there is no such device */
export function parseNetDev(text: string, device: string): DeviceCounters {
  const line = text.split("\n").find((line) => line.trimStart().startsWith(`${device}:`));
  if (line === undefined) throw new Error(`${device} is gone: /proc/net/dev does not list it`);
  const columns = line
    .slice(line.indexOf(":") + 1)
    .trim()
    .split(/\s+/)
    .map(Number);
  const column = (index: number): number => columns[index] ?? Number.NaN;
  return {
    rxFrames: column(RX_FRAMES),
    rxBytes: column(RX_BYTES),
    rxDropped: column(RX_DROPPED),
    txFrames: column(TX_FRAMES),
    txDropped: column(TX_DROPPED) + column(TX_ERRORS),
  };
}

/** @param pid any process in the namespace of the device */
export function readDevice(pid: number, device: string): Reading {
  const counters = parseNetDev(readFileSync(`/proc/${pid}/net/dev`, "utf8"), device);
  return { ...counters, atMs: performance.now(), cpuSeconds: machineCpuSeconds() };
}

/** What happened between two readings of a receiver, as rates. */
export interface Rate {
  readonly millionPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  /** Of the whole machine, busy meanwhile. */
  readonly cores: number;
}

/**
 * Frames that came between two readings.
 * @param joined length of each, if the device may be given several of them as one super-frame: that has their data one behind
 *   the other, but the headers once, and tells by its bytes how many they were
 */
export function framesBetween(from: DeviceCounters, to: DeviceCounters, joined?: number): number {
  const frames = to.rxFrames - from.rxFrames;
  if (joined === undefined) return frames;
  return (to.rxBytes - from.rxBytes - frames * HEADERS_LEN) / (joined - HEADERS_LEN);
}

/** @param joined as of framesBetween. @throws if nothing was received in between */
export function receivedBetween(from: Reading, to: Reading, joined?: number): Rate {
  const millions = framesBetween(from, to, joined) / 1e6;
  if (!(millions > 0)) throw new Error("nothing arrived");
  const seconds = (to.atMs - from.atMs) / 1000;
  const cpuSeconds = to.cpuSeconds - from.cpuSeconds;
  return {
    millionPerSecond: millions / seconds,
    cpuSecondsPerMillion: cpuSeconds / millions,
    cores: cpuSeconds / seconds,
  };
}

/** Frames over a whole flow: what was given to the sending device, what the receiving one handed on. */
export interface Flow {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

/**
 * The books of a flow. A frame that the sending device refuses (a TAP whose queue is full) was sent and is lost.
 * @param joined as of framesBetween
 * @throws if more arrived than was sent: then somebody else's frames were counted
 */
export function books(
  sender: { readonly before: DeviceCounters; readonly after: DeviceCounters },
  receiver: { readonly before: DeviceCounters; readonly after: DeviceCounters },
  joined?: number,
): Flow {
  const taken = sender.after.txFrames - sender.before.txFrames;
  const refused = sender.after.txDropped - sender.before.txDropped;
  const received = framesBetween(receiver.before, receiver.after, joined);
  const onTheWay = taken - received;
  if (onTheWay < 0)
    throw new Error(`${received} frames arrived, but only ${taken} were sent: something else sends too`);
  return { sent: taken + refused, received, lost: refused + onTheWay };
}

// What the driver tests share: an underlay, waiting for frames, and what is open in this process. The devices and sockets live in a
// lab's namespaces, the drivers run here.

import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { openUnderlay, type Underlay, type UnderlayOptions } from "../../control/linux/index.js";
import type { SharedMemory } from "../../control/memory.js";
import type { Host } from "../support/netns.js";
import { readInput } from "../unit/drivers/support.js";

export const PORT = 4789;

/* Our choices. */
const PATIENCE_MS = 20_000;
const QUIET_MS = 150;
const MORE_MS = 20;

export const namespaceFile = ({ ns }: Host) => `/run/netns/${ns.name}`;

/** An underlay of `host` with one worker, closed with the test. */
export function underlayOf(host: Host, options: Partial<UnderlayOptions> = {}): Underlay {
  const netns = namespaceFile(host);
  const underlay = openUnderlay({ local: host.address, port: PORT, workers: 1, netns, ...options });
  onTestFinished(() => underlay.close());
  return underlay;
}

export type Input = ReturnType<typeof readInput>;

/** Receives until `count` inputs that `wanted` accepts have come. @throws if they do not come */
export async function receiveInputs(
  memory: SharedMemory,
  worker: number,
  receive: () => number,
  count: number,
  wanted: (input: Input) => boolean = () => true,
): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const end = Date.now() + PATIENCE_MS; inputs.length < count; ) {
    inputs.push(...inputsNow(memory, worker, receive).filter(wanted));
    if (inputs.length >= count) break;
    if (Date.now() > end) throw new Error(`${inputs.length} of ${count} frames came`);
    await sleep(5);
  }
  return inputs;
}

/** Everything that comes until it is quiet, and at least `count` inputs. @throws if they do not come */
export async function receiveAll(
  memory: SharedMemory,
  worker: number,
  receive: () => number,
  count = 0,
): Promise<Input[]> {
  const inputs = await receiveInputs(memory, worker, receive, count);
  for (let last = Date.now(); Date.now() - last < QUIET_MS; ) {
    const now = inputsNow(memory, worker, receive);
    if (now.length > 0) last = Date.now();
    inputs.push(...now);
    await sleep(5);
  }
  return inputs;
}

/** Ends a capture once so many of the frames that come in and are wanted are there, and a moment later. @throws if they do not come */
export async function caughtFrames(
  { agent }: Host,
  capture: number,
  count: number,
  wanted: (data: Uint8Array) => boolean,
): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  const look = async (isLast: boolean) => {
    const caught = await agent.call("caught", capture, !isLast);
    frames.push(...caught.filter(({ outgoing, data }) => !outgoing && wanted(data)).map(({ data }) => data));
  };
  for (const end = Date.now() + PATIENCE_MS; frames.length < count; await sleep(5)) {
    if (Date.now() > end) throw new Error(`${frames.length} of ${count} frames were caught`);
    await look(false);
  }
  await sleep(MORE_MS);
  await look(true);
  return frames;
}

function inputsNow(memory: SharedMemory, worker: number, receive: () => number): Input[] {
  const count = receive();
  return Array.from({ length: count }, (_, i) => readInput(memory, worker, i));
}

/** Descriptors of sockets and devices that this process has open, by what they are. */
export function openDescriptors(): string[] {
  return readdirSync("/proc/self/fd")
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).replace(/\[\d+\]/, "");
      } catch {
        return ""; // the directory that is being read
      }
    })
    .filter((target) => target.startsWith("socket") || target.startsWith("/dev/net"))
    .sort();
}

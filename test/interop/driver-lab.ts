// What the driver tests share: waiting for frames, and what is open in this process. The devices and sockets live in a
// lab's namespaces, the drivers run here.

import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { SharedMemory } from "../../control/memory.js";
import type { Host } from "../support/netns.js";
import { readInput } from "../unit/drivers/support.js";

/* Our choices. */
const PATIENCE_MS = 3000;
const QUIET_MS = 150;

export const namespaceFile = ({ ns }: Host) => `/run/netns/${ns.name}`;

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
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    inputs.push(...inputsNow(memory, worker, receive).filter(wanted));
    if (inputs.length >= count) return inputs;
    await sleep(5);
  }
  throw new Error(`${inputs.length} of ${count} frames came`);
}

/** Everything that comes until it is quiet. */
export async function receiveAll(memory: SharedMemory, worker: number, receive: () => number): Promise<Input[]> {
  const inputs: Input[] = [];
  for (let last = Date.now(); Date.now() - last < QUIET_MS; ) {
    const now = inputsNow(memory, worker, receive);
    if (now.length > 0) last = Date.now();
    inputs.push(...now);
    await sleep(5);
  }
  return inputs;
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

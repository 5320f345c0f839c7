// Sends frames into a device and counts them where they arrive.
//
// trafgen writes frames of one flow into a packet ring, past the queueing discipline, as fast as one core can. Where that
// is too slow to tell forwarders apart, live frames flood them (live-frames.ts). What each reaches when the receiver drops
// everything at once is the ceiling that stands beside each rate.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pause, spawnIn, stop } from "../../host.js";
import { folderPrefix } from "../../orphans.js";
import type { Run } from "../../suite.js";
import { books, type DeviceCounters, type Flow, type Rate, readDevice, receivedBetween } from "./counters.js";
import { trafgenConfig } from "./frames.js";
import { type Direction, type End, inside, type Way } from "./hosts.js";
import { LIVE_FRAMES } from "./live-frames.js";
import { pinned } from "./pinning.js";

export interface Blast extends Rate {
  readonly flow: Flow;
}

const FIRST_FRAME_MS = 3000;
const WARM_UP_SECONDS = 0.2;
const POLL_MS = 10;
/** The way is empty when nothing has arrived for so long. */
const QUIET_MS = 60;
const DRAIN_MS = 2000;

/** How frames are made: a program that sends until it gets a SIGINT. */
export interface Generator {
  readonly program: string;
  /** @param folder for files of its own */
  commandLine(device: string, frame: Uint8Array, folder: string): readonly string[];
  /** The device that receives first has to take frames in batches (GRO on). */
  readonly polled: boolean;
}

export const TRAFGEN: Generator = {
  program: "trafgen",
  commandLine: (device, frame, folder) => {
    const file = join(folder, "frame.cfg");
    writeFileSync(file, trafgenConfig(frame));
    return ["trafgen", "--no-sock-mem", "--notouch-irq", "--dev", device, "--conf", file, "-n", "0", "-P", "1"];
  },
  polled: false,
};

export const FLOOD: Generator = {
  program: "ethtool",
  commandLine: (device, frame) => {
    const node = [process.execPath, LIVE_FRAMES, "send", device, Buffer.from(frame).toString("hex")];
    return pinned("sender", node[0] ?? "", node.slice(1), 2);
  },
  polled: true,
};

export interface BlastOptions {
  readonly direction: Direction;
  readonly frameLen: number;
  readonly seconds: number;
  readonly generator: Generator;
}

/** One sender for `seconds`, after a warm-up. @throws with the reason if nothing arrives or the books do not balance */
export async function blast(run: Run, way: Way, options: BlastOptions): Promise<Blast> {
  const { direction, frameLen, seconds, generator } = options;
  const [from, to] = direction === "out" ? [way.a, way.b] : [way.b, way.a];
  const folder = mkdtempSync(folderPrefix());
  run.defer(() => rmSync(folder, { recursive: true, force: true }));
  const [file = "", ...args] = generator.commandLine(from.device, way.frame(direction, frameLen), folder);
  const joined = to.joins === true ? frameLen : undefined;
  if (generator.polled) await gro(run, way, direction, "on");

  const before = { sender: read(from), receiver: read(to) };
  const sender = spawnIn(run, from.namespace, file, args, ["ignore", "ignore", "pipe"]);
  let complaint = "";
  sender.stderr?.on("data", (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(-300);
  });
  const alive = (): void => {
    if (sender.exitCode !== null)
      throw new Error(`${generator.program} ended with ${sender.exitCode}: ${complaint.trim()}`);
  };
  let rate: Rate;
  try {
    await started(run, from, before.sender, alive);
    await pause(run, WARM_UP_SECONDS);
    const first = readDevice(to.pid, to.device);
    await pause(run, seconds);
    rate = receivedBetween(first, readDevice(to.pid, to.device), joined);
    alive();
  } finally {
    await stop(sender, "SIGINT");
    rmSync(folder, { recursive: true, force: true });
  }
  await drained(run, to);
  if (generator.polled) await gro(run, way, direction, "off");
  const [sent, received] = [
    { before: before.sender, after: read(from) },
    { before: before.receiver, after: read(to) },
  ];
  return { ...rate, flow: books(sent, received, joined) };
}

/** A veth's receiver polls when GRO is on, and only then takes live frames. */
async function gro(run: Run, { entry }: Way, direction: Direction, state: "on" | "off"): Promise<void> {
  const first = entry?.[direction];
  if (first !== undefined) await inside(run, first, "ethtool", ["-K", first.device, "gro", state]);
}

function read({ pid, device }: End): DeviceCounters {
  return readDevice(pid, device);
}

async function started(run: Run, from: End, before: DeviceCounters, alive: () => void): Promise<void> {
  const until = performance.now() + FIRST_FRAME_MS;
  for (;;) {
    const { txFrames, txDropped } = read(from);
    if (txFrames + txDropped > before.txFrames + before.txDropped) return;
    alive();
    if (performance.now() > until) throw new Error(`the generator sent nothing for ${FIRST_FRAME_MS} ms`);
    await sleep(POLL_MS, undefined, { signal: run.signal });
  }
}

/** Waits until what is still on its way has arrived. */
async function drained(run: Run, to: End): Promise<void> {
  const until = performance.now() + DRAIN_MS;
  let last = read(to).rxFrames;
  let quietSince = performance.now();
  while (performance.now() < until && performance.now() - quietSince < QUIET_MS) {
    await sleep(POLL_MS, undefined, { signal: run.signal });
    const now = read(to).rxFrames;
    if (now !== last) quietSince = performance.now();
    last = now;
  }
}

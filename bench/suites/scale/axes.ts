// What may be large, and how it is driven: networks, VTEPs in a flood list, learned MACs. Each size gets a daemon of its
// own; its figures are taken in this order: time to ready, memory, forwarding rate.

import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Daemon } from "../../daemon.js";
import { hasProgram, pause, spawnIn, stop } from "../../host.js";
import { folderPrefix } from "../../orphans.js";
import type { Run } from "../../suite.js";
import { pinned } from "../path/pinning.js";
import {
  GENERATOR,
  type Lab,
  learned,
  PORT,
  peerFrames,
  portFrames,
  portMac,
  type Size,
  sinkFrames,
  startSender,
  underlayDatagrams,
} from "./lab.js";
import { DATAGRAM_LEN, FRAME_LEN } from "./sender.js";

export interface Axis {
  readonly id: "networks" | "vteps" | "macs";
  /** One of them, in full and in short. */
  readonly one: string;
  readonly short: string;
  readonly many: string;
  readonly sizes: readonly number[];
  readonly quickSizes: readonly number[];
  size(count: number): Size;
  /** Memory is what it takes once they are learned, not at the ready line. */
  readonly fillsByTraffic: boolean;
  readonly rateTitle: string;
  readonly rateUnit: string;
  readonly source: Source;
  /** Frames that come of one of the source's. */
  copies(count: number): number;
  /** Gets traffic flowing, and the tables as full as they are to be. */
  drive(run: Run, lab: Lab, daemon: Daemon, count: number): Promise<Traffic>;
}

/** What makes the traffic. */
export interface Source {
  /** What is missing for it, or undefined. */
  obstacle(): string | undefined;
  /** Lets it run with nothing in its way. */
  alone(run: Run, lab: Lab): Promise<Traffic>;
}

export interface Traffic {
  /** That have arrived. */
  readonly frames: () => number;
  stop(): Promise<unknown>;
}

/** Our choices. */
const SETTLE_SECONDS = 0.3;
const LEARN_SECONDS_MAX = 60;
/** The sender goes round faster than anybody reads, and what is lost comes again; the last few take long. */
const LEARNED_ENOUGH = 0.95;
const FEW_MACS = 16;
/** Ethernet, IPv4, UDP. */
const HEADERS_LEN = 14 + 20 + 8;

const sender: Source = {
  obstacle: () => undefined,
  alone: async (run, lab) => {
    const child = startSender(run, lab, "02:00:00:00:00:01", FEW_MACS);
    await settle(run, child, "the sender");
    return { frames: () => underlayDatagrams(lab, DATAGRAM_LEN), stop: () => stop(child) };
  },
};

const trafgen: Source = {
  obstacle: () => (hasProgram("trafgen") ? undefined : "no trafgen: apt-get install netsniff-ng"),
  alone: async (run, lab) => {
    const child = startTrafgen(run, lab, GENERATOR);
    await settle(run, child, "trafgen");
    return { frames: () => sinkFrames(lab), stop: () => stop(child, "SIGINT") };
  },
};

const networks: Axis = {
  id: "networks",
  one: "network",
  short: "network",
  many: "networks",
  sizes: [1, 10, 100, 1000, 10_000],
  quickSizes: [1, 100, 1000],
  size: (count) => ({ networks: count }),
  fillsByTraffic: false,
  rateTitle: "forwarded to a port",
  rateUnit: "M frames/s",
  source: sender,
  copies: () => 1,
  drive: (run, lab, daemon) => fromTunnel(run, lab, daemon, FEW_MACS),
};

const vteps: Axis = {
  id: "vteps",
  one: "VTEP in a flood list",
  short: "VTEP",
  many: "VTEPs in a flood list",
  sizes: [1, 10, 100, 1000],
  quickSizes: [1, 30, 1000],
  size: (count) => ({ vteps: count }),
  fillsByTraffic: false,
  rateTitle: "copies of broadcasts",
  rateUnit: "M copies/s",
  source: trafgen,
  copies: (count) => count,
  drive: (run, lab) => broadcasts(run, lab),
};

const macs: Axis = {
  id: "macs",
  one: "learned MAC",
  short: "MAC",
  many: "learned MACs",
  sizes: [1024, 16_384, 131_072, 1_048_576],
  quickSizes: [1024, 65_536],
  size: (count) => ({ macs: count }),
  fillsByTraffic: true,
  rateTitle: "forwarded to a port, from all of them",
  rateUnit: "M frames/s",
  source: sender,
  copies: () => 1,
  drive: (run, lab, daemon, count) => fromTunnel(run, lab, daemon, count),
};

export const AXES: readonly Axis[] = [networks, vteps, macs];

/** 64-byte frames from as many MACs behind the tunnel, one VTEP, to the port. */
async function fromTunnel(run: Run, lab: Lab, daemon: Daemon, count: number): Promise<Traffic> {
  const child = startSender(run, lab, await portMac(lab), count);
  await settle(run, child, "the sender");
  const deadline = performance.now() + LEARN_SECONDS_MAX * 1000;
  for (let known = await learned(run, lab); known < count * LEARNED_ENOUGH; known = await learned(run, lab)) {
    if (performance.now() > deadline) {
      throw new Error(`only ${known} of ${count} MACs were learned in ${LEARN_SECONDS_MAX} s`);
    }
    await pause(run, SETTLE_SECONDS);
  }
  return { frames: () => portFrames(daemon), stop: () => stop(child) };
}

/** Broadcasts into the port, each a copy for every VTEP; all of them come out of host b. */
async function broadcasts(run: Run, lab: Lab): Promise<Traffic> {
  const child = startTrafgen(run, lab, PORT);
  await settle(run, child, "trafgen");
  return { frames: () => peerFrames(lab), stop: () => stop(child, "SIGINT") };
}

/** Broadcasts of 64 bytes into a device of host a. */
function startTrafgen(run: Run, { a }: Lab, device: string): ChildProcess {
  const folder = mkdtempSync(folderPrefix());
  run.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "frames.cfg");
  const headers = [
    "eth(da=ff:ff:ff:ff:ff:ff, sa=02:56:00:00:00:01)",
    "ipv4(saddr=10.60.0.1, daddr=10.60.0.99)",
    "udp(sport=9, dport=9)",
    `fill(0x5a, ${FRAME_LEN - HEADERS_LEN})`,
  ];
  writeFileSync(file, `{ ${headers.join(", ")} }\n`);
  const options = ["--dev", device, "--conf", file, "-n", "0", "-P", "1"];
  const [program = "trafgen", ...args] = pinned("sender", "trafgen", options);
  return spawnIn(run, a, program, args);
}

async function settle(run: Run, child: ChildProcess, name: string): Promise<void> {
  await pause(run, SETTLE_SECONDS);
  if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
}

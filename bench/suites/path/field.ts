// The contenders of a run as they stand: built or refused, and the turns that they take.
//
// Whoever fails twice in a test is not asked for it again, so that a dead contender costs seconds and not the run.

import { hasProgram, pause, spawnIn } from "../../host.js";
import type { Measure } from "../../measure.js";
import { inRound, type Run } from "../../suite.js";
import type { Contender } from "./contenders.js";
import { type Reach, serve } from "./flows.js";
import { udpFrame } from "./frames.js";
import { blast, type Generator } from "./generator.js";
import { describe, type End, inside, NOBODYS_MAC, twoHosts, UNDERLAY, UNDERLAY_DEVICE, type Way } from "./hosts.js";
import { LIVE_FRAMES } from "./live-frames.js";
import type { Dropped, Known, Test } from "./tests.js";

const PACKAGES: Readonly<Record<string, string>> = {
  iperf3: "iperf3",
  trafgen: "netsniff-ng",
  sockperf: "sockperf",
  gcc: "gcc libc6-dev",
  perf: "linux-perf",
  "ovsdb-tool": "openvswitch-common",
  "ovsdb-server": "openvswitch-switch",
  "ovs-vswitchd": "openvswitch-switch",
  "ovs-vsctl": "openvswitch-switch",
  "ovs-appctl": "openvswitch-common",
};

const SERVERS = new Set(["iperf3", "sockperf"]);
const FAILURES = 2;
/** Of the length of a measurement: the ceiling hardly varies. */
const CEILING_SHARE = 0.3;

export interface Member {
  readonly contender: Contender;
  /** Or why there is none. */
  readonly way: Way | string;
}

/** Builds one. @throws only if the run is interrupted */
export async function build(run: Run, contender: Contender, label: string): Promise<Member> {
  try {
    const missing = contender.programs?.filter((program) => !hasProgram(program)) ?? [];
    if (missing.length > 0) throw new Error(`no ${howToInstall(...missing)}`);
    const way = await contender.build(run, label);
    if (contender.endToEnd) {
      await reach(run, way);
      serve(run, way.b, new Set([...SERVERS].filter(hasProgram)));
    }
    run.progress(`${contender.name}${contender.endToEnd ? "" : ", forwarding only"}: up`);
    return { contender, way };
  } catch (error) {
    run.checkpoint();
    run.progress(`${contender.name}: absent: ${message(error)}`);
    return { contender, way: message(error) };
  }
}

export function howToInstall(...programs: readonly string[]): string {
  const packages = new Set(programs.map((program) => PACKAGES[program] ?? program));
  return `${programs.join(", ")} (apt-get install ${[...packages].join(" ")})`;
}

/** Waits until a ping comes back, which is also how both sides learn. @throws if none does */
export async function reach(run: Run, { a, b }: Reach): Promise<void> {
  if (!hasProgram("ping")) return pause(run, 1);
  try {
    await inside(run, a, "ping", ["-n", "-c", "1", "-i", "0.2", "-w", "4", b.address]);
  } catch {
    run.checkpoint();
    throw new Error("it is up, but no ping comes through");
  }
}

/** One turn of everybody in one test. */
export class Turns {
  readonly #failures = new Map<string, number>();

  constructor(
    readonly run: Run,
    readonly test: Test,
    readonly measures: readonly Measure[],
    readonly members: readonly Member[],
  ) {}

  /** Why nobody can take this test. */
  get #missing(): string | undefined {
    return hasProgram(this.test.program) ? undefined : `no ${howToInstall(this.test.program)}`;
  }

  async take(round: number, known: (contender: string) => Known): Promise<void> {
    const apart = this.test.apart?.(this.run.settings.seconds);
    const started: Promise<void>[] = [];
    for (const { contender, way } of inRound(this.members, round)) {
      this.run.checkpoint();
      const obstacle = typeof way === "string" ? way : this.#missing;
      if (obstacle !== undefined) this.#refuse(contender, obstacle);
      if (typeof way === "string" || obstacle !== undefined || this.#failed(contender) >= FAILURES) continue;
      const turn = this.#once(contender, way, round, known(contender.name));
      started.push(turn);
      if (apart === undefined) await turn;
      else await pause(this.run, apart);
    }
    await Promise.all(started);
  }

  async #once(contender: Contender, way: Way, round: number, known: Known): Promise<void> {
    try {
      const before = way.broken?.();
      if (before !== undefined) throw new Error(before);
      const { values, cores, counts } = await this.test.sample(this.run, way, known);
      this.measures.forEach((measure, index) => {
        measure.add(contender.name, round, values[index] ?? Number.NaN, cores);
      });
      if (counts !== undefined) this.measures[0]?.count(contender.name, counts);
    } catch (error) {
      this.run.checkpoint();
      this.#failures.set(contender.name, this.#failed(contender) + 1);
      const reason = way.broken?.() ?? message(error);
      this.#refuse(contender, reason);
      this.run.progress(`${contender.name}: ${this.test.id}: ${reason}`);
    }
  }

  #failed({ name }: Contender): number {
    return this.#failures.get(name) ?? 0;
  }

  #refuse({ name }: Contender, reason: string): void {
    for (const measure of this.measures) measure.absent(name, reason);
  }
}

/** What a generator does when the receiver drops each frame at once. */
export class Ceiling {
  readonly #ways = new Map<Dropped, Promise<Way>>();

  constructor(readonly run: Run) {}

  /** @returns million frames a second */
  async frames(frameLen: number, generator: Generator, dropped: Dropped): Promise<number> {
    const seconds = Math.max(0.2, this.run.settings.seconds * CEILING_SHARE);
    const way = this.#ways.get(dropped) ?? this.#build(dropped);
    this.#ways.set(dropped, way);
    return (await blast(this.run, await way, { direction: "out", frameLen, seconds, generator })).millionPerSecond;
  }

  async #build(dropped: Dropped): Promise<Way> {
    const { a, b } = await twoHosts(this.run, dropped === "XDP" ? "y" : "z");
    const [one, other] = [
      await describe(a, UNDERLAY_DEVICE, UNDERLAY.a),
      await describe(b, UNDERLAY_DEVICE, UNDERLAY.b),
    ];
    if (dropped === "XDP") await dropAll(this.run, other);
    const addresses = { srcMac: one.mac, dstMac: NOBODYS_MAC, src: UNDERLAY.a, dst: UNDERLAY.b };
    return { a: one, b: other, frame: (_direction, frameLen) => udpFrame(addresses, frameLen) };
  }
}

/** Drops in XDP, before a socket buffer is made: an AF_XDP driver makes none either. */
async function dropAll(run: Run, { namespace, device }: End): Promise<void> {
  const dropper = spawnIn(
    run,
    namespace,
    process.execPath,
    [LIVE_FRAMES, "drop", device],
    ["ignore", "pipe", "ignore"],
  );
  await new Promise<void>((resolve, reject) => {
    dropper.stdout?.once("data", () => resolve());
    dropper.once("exit", (code) => reject(new Error(`the XDP program that drops frames ended with ${code}`)));
  });
}

/** The first line of what was thrown. */
export function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "unknown";
}

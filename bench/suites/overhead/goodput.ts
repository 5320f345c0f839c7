// What is left of the host with and without a tunnel: TCP payload a second, and CPU seconds of the whole machine a
// gigabyte. On a veth no line limits anything, so this is what the tunnel costs in work, where the computed rows say what
// it costs in bytes.

import { hasProgram, isRoot, pause, spawnIn } from "../../host.js";
import type { Measure } from "../../measure.js";
import { inRound, type Run } from "../../suite.js";
import { howToInstall, message } from "../path/field.js";
import { tcp, tcpSeconds } from "../path/flows.js";
import { pinned, pinning } from "../path/pinning.js";
import { CONTENDERS, makeHosts, openPath, type Path, UNDERLAYS, VETH } from "./lab.js";

const DIRECTIONS = ["out", "in"] as const;
const QUICK_DIRECTIONS = ["out"] as const;
type Direction = (typeof DIRECTIONS)[number];
const SERVER_SECONDS = 0.3;

interface Test {
  readonly underlay: (typeof UNDERLAYS)[number];
  readonly direction: Direction;
  readonly rate: Measure;
  readonly cpu: Measure;
}

export function missing(): string[] {
  return [
    ...(isRoot() ? [] : ["root, for network namespaces: run it with sudo"]),
    ...(hasProgram("iperf3") ? [] : [howToInstall("iperf3")]),
  ];
}

export function goodputSeconds({
  quick,
  rounds,
  seconds,
}: {
  quick: boolean;
  rounds: number;
  seconds: number;
}): number {
  const samples = rounds * UNDERLAYS.length * (quick ? 1 : 2) * (CONTENDERS.length - 1);
  return samples * tcpSeconds(seconds) + 4;
}

export function goodputIds(quick: boolean): string[] {
  return UNDERLAYS.flatMap((underlay) =>
    (quick ? QUICK_DIRECTIONS : DIRECTIONS).flatMap((direction) =>
      ["goodput", "cpu"].map((what) => idOf(what, underlay, direction)),
    ),
  );
}

function idOf(what: string, underlay: string, direction: string): string {
  return `${what}-${underlay.toLowerCase()}-${direction}`;
}

export async function measureGoodput(run: Run): Promise<void> {
  if (goodputIds(run.settings.quick).filter((id) => run.wants(id)).length === 0) return;
  const tests = declare(run);
  const [obstacle] = missing();
  const contenders = CONTENDERS.filter((name) => run.wantsPeer(name));
  if (obstacle !== undefined) {
    for (const test of tests) for (const contender of contenders) refuse(test, contender, obstacle);
    return;
  }
  if (!contenders.includes(VETH)) {
    for (const { rate } of tests) rate.noCeiling(`--peers leaves ${VETH} out`);
  }
  const paths = await build(run, tests, contenders);
  for (let round = 0; round < run.settings.rounds; round++) {
    for (const test of tests) {
      const own = paths.filter(({ underlay }) => underlay === test.underlay);
      for (const path of inRound(own, round)) await once(run, path, test, round);
    }
    run.progress(`goodput: round ${round + 1} of ${run.settings.rounds}`);
  }
  say(run, tests);
  run.note("ceiling of TCP: plain veth");
  run.note(
    "goodput: TCP payload of one flow that arrived, iperf3 through two namespaces on a veth of MTU 1500, whole run",
  );
  run.note(
    "CPU: of the whole machine, sender and receiver included; veth without a tunnel moves super-frames of 64 KiB",
  );
}

function declare(run: Run): Test[] {
  return UNDERLAYS.flatMap((underlay) =>
    (run.settings.quick ? QUICK_DIRECTIONS : DIRECTIONS).map((direction) => {
      const title = `one TCP flow ${direction}, underlay ${underlay}`;
      const plot = (chart: string) => ({ chart, x: `${underlay} ${direction}`, xLabel: "underlay and direction" });
      return {
        underlay,
        direction,
        rate: run.measure({
          id: idOf("goodput", underlay, direction),
          title,
          unit: "Gbit/s",
          better: "higher",
          baseline: VETH,
          plot: plot("measured goodput"),
        }),
        cpu: run.measure({
          id: idOf("cpu", underlay, direction),
          title,
          unit: "CPU s/GB",
          better: "lower",
          baseline: VETH,
          plot: plot("measured CPU"),
        }),
      };
    }),
  );
}

function refuse({ rate, cpu }: Test, contender: string, reason: string): void {
  for (const measure of [rate, cpu]) measure.absent(contender, reason);
}

/** Those that came up; a contender that did not has its reason in every row of its own. */
async function build(run: Run, tests: readonly Test[], contenders: readonly string[]): Promise<Path[]> {
  const hosts = await makeHosts(run);
  const paths: Path[] = [];
  for (const contender of contenders) {
    for (const underlay of UNDERLAYS) {
      run.checkpoint();
      try {
        paths.push(await openPath(run, hosts, contender, underlay));
        run.progress(`${contender} over ${underlay}: up`);
      } catch (error) {
        run.checkpoint();
        const reason = message(error);
        for (const test of tests.filter((own) => own.underlay === underlay)) refuse(test, contender, reason);
        run.progress(`${contender} over ${underlay}: absent: ${reason}`);
      }
    }
  }
  const [file = "iperf3", ...args] = pinned("receiver", "iperf3", ["-s"]);
  spawnIn(run, hosts.b, file, args);
  run.fact("pinning of overhead", pinning());
  await pause(run, SERVER_SECONDS);
  return paths;
}

async function once(run: Run, path: Path, test: Test, round: number): Promise<void> {
  run.checkpoint();
  try {
    const { gigabitPerSecond, cpuSecondsPerGigabyte, cores } = await tcp(run, path, 1, test.direction);
    test.rate.add(path.contender, round, gigabitPerSecond, cores);
    if (path.contender === VETH) test.rate.ceiling(round, gigabitPerSecond);
    test.cpu.add(path.contender, round, cpuSecondsPerGigabyte, cores);
  } catch (error) {
    run.checkpoint();
    refuse(test, path.contender, message(error));
  }
}

function say(run: Run, tests: readonly Test[]): void {
  for (const { underlay, direction, rate, cpu } of tests) {
    if (direction !== "out") continue;
    for (const contender of CONTENDERS.filter((name) => name !== VETH)) {
      const value = rate.value(contender);
      const [share, work] = [rate.ratio(contender), cpu.ratio(contender)];
      if (value === undefined || share === undefined || work === undefined) continue;
      const mega =
        value.median < 1 ? `${(value.median * 1000).toFixed(0)} Mbit/s` : `${value.median.toFixed(1)} Gbit/s`;
      run.headline(
        `one TCP flow out through ${contender} over ${underlay}: ${mega}, ${share.median.toFixed(2)} of no tunnel's; ${work.median.toFixed(1)} times its CPU a byte`,
      );
    }
  }
}

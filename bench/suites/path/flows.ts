// TCP by iperf3 and round trips by sockperf, through a way. Servers run at end b from the moment that a contender is up.

import { machineCpuSeconds, pause, spawnIn, watched } from "../../host.js";
import type { Run } from "../../suite.js";
import { type Direction, type End, inside } from "./hosts.js";
import { complaint, type Goodput, parseIperf3, parseSockperf, type RoundTrips } from "./output.js";
import { pinned } from "./pinning.js";

const CONNECT_MS = "3000";
/** What iperf3 takes before and after its seconds. */
const CLIENT_SECONDS = 0.1;
const SOCKPERF_PORT = "11111";
/** Answers a second under load: enough for a p99.9, too few to be a load. */
const ANSWERS_PER_SECOND = 5000;
/* sockperf sleeps for 2 s, then sends; it does not count the first 400 ms, nor the last 50. */
const SOCKPERF_UNCOUNTED_SECONDS = 2.4;
const SOCKPERF_COUNTS_LESS_SECONDS = 0.45;

export function serve(run: Run, { namespace, address }: End, programs: ReadonlySet<string>): void {
  const server = (program: string, ...args: string[]): void => {
    const [file = program, ...rest] = pinned("receiver", program, args);
    if (programs.has(program)) spawnIn(run, namespace, file, rest);
  };
  server("iperf3", "-s", "-B", address);
  server("sockperf", "server", "-i", address, "-p", SOCKPERF_PORT);
}

export interface Tcp extends Goodput {
  readonly cores: number;
  readonly cpuSecondsPerGigabyte: number;
}

/** Where a client runs, and where its server is found. */
export interface Reach {
  readonly a: Pick<End, "namespace">;
  readonly b: Pick<End, "address">;
}

/** How long `tcp` takes: whole seconds, since iperf3 takes 0.5 for 0, which is for ever; and its beginning and end. */
export function tcpSeconds(seconds: number): number {
  return wholeSeconds(seconds) + CLIENT_SECONDS;
}

export async function tcp(run: Run, { a, b }: Reach, flows: number, direction: Direction): Promise<Tcp> {
  const seconds = wholeSeconds(run.settings.seconds);
  const args = ["-c", b.address, "-t", String(seconds), "-P", String(flows), "-J", "--connect-timeout", CONNECT_MS];
  if (direction === "in") args.push("-R");
  const [file = "iperf3", ...rest] = pinned("sender", "iperf3", args);
  const before = machineCpuSeconds();
  const { result, cores } = await watched(() => inside(run, a, file, rest, (seconds + 10) * 1000));
  const cpuSeconds = machineCpuSeconds() - before;
  const goodput = parseIperf3(result);
  return { ...goodput, cores, cpuSecondsPerGigabyte: cpuSeconds / goodput.gigabytes };
}

export interface Latency extends RoundTrips {
  readonly cores: number;
}

/**
 * How long after one contender's `roundTrips` the next can begin, so that it sends when the first is done and starts no
 * process while the first is being counted. undefined: only when the first has ended.
 */
export function roundTripsApart(seconds: number): number | undefined {
  return seconds <= 2 ? wholeSeconds(seconds) + 0.15 : undefined;
}

/** @param load messages a second, of which some are answered; undefined: one after the other */
export async function roundTrips(run: Run, { a, b }: Reach, load?: number): Promise<Latency> {
  const seconds = wholeSeconds(run.settings.seconds);
  const args = [load === undefined ? "ping-pong" : "under-load", "-i", b.address, "-p", SOCKPERF_PORT];
  args.push("-t", String(seconds), "--full-rtt");
  if (load !== undefined) {
    const every = Math.max(1, Math.round(load / ANSWERS_PER_SECOND));
    args.push("--mps", String(Math.max(1, Math.round(load))), "--reply-every", String(every));
  }
  const [file = "sockperf", ...rest] = pinned("sender", "sockperf", args);
  const [output, cores] = await Promise.all([
    inside(run, a, file, rest, (seconds + 15) * 1000).catch((error) => {
      throw new Error(`sockperf: ${complaint(String(error))}`);
    }),
    pause(run, SOCKPERF_UNCOUNTED_SECONDS)
      .then(() => watched(() => pause(run, seconds - SOCKPERF_COUNTS_LESS_SECONDS)))
      .then(({ cores }) => cores),
  ]);
  return { ...parseSockperf(output), cores };
}

function wholeSeconds(seconds: number): number {
  return Math.max(1, Math.round(seconds));
}

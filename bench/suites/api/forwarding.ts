// What requests do to the forwarding at the same time: frames that arrive and round trips through the tunnel, without
// requests and with them. This is the figure that matters of an API.
//
// 64 B frames go into the port, at a steady half of the rate that the tunnel can do, because an engine without a free core
// has none to lend: on a host whose every core is forwarding, whatever else runs takes from it. That case is measured too, in
// a full run, with as many frames as the generator can make.

import { command, pause, stop, watched } from "../../host.js";
import type { Measure } from "../../measure.js";
import { quantile } from "../../statistics.js";
import { inRound, type Run, type Settings } from "../../suite.js";
import { type Books, balance, readBooks, received } from "./books.js";
import type { Shot } from "./cannon.js";
import { Client, message } from "./client.js";
import { generate, requireAlive, writeFrame } from "./generator.js";
import { type Lab, PEER_ADDRESS } from "./lab.js";
import { bareShot, ENTRY, LIST, PAGE, SCRAPE, shotAt, type Target } from "./requests.js";

/* Our choices. */
const LEAD_SECONDS = 0.4;
const CAPACITY_SECONDS = 1;
/** One is not enough: on two shared cores one in four brought half as many frames as the others. */
const CAPACITY_RUNS = 3;
const SETTLE_SECONDS = 0.3;
/** A ping that is to send more often than 100 times a second spins on a core all the while: so several of them take turns. */
const PINGS = 4;
const PING_INTERVAL_MS = 20;

export const QUIET = "no requests";

export interface Load {
  readonly name: string;
  /** Undefined: the bare server. */
  readonly target: Target | undefined;
  readonly connections: number;
}

export const GETS: Load = { name: "GETs of an entry, 10 connections", target: ENTRY, connections: 10 };
/** What Node and these cores give, whoever answers. */
export const BARE_GETS: Load = { name: "the same of a bare server", target: undefined, connections: 10 };
const SCRAPES: Load = { name: "scrapes, 10 connections", target: SCRAPE, connections: 10 };
const MANY: Load = { name: "GETs of an entry, 100 connections", target: ENTRY, connections: 100 };
const PAGES: Load = { name: "pages of 100 entries, 10 connections", target: PAGE, connections: 10 };
const DUMPS: Load = { name: "the whole FDB, one reader", target: LIST, connections: 1 };

export function loads({ quick }: Pick<Settings, "quick">): readonly Load[] {
  return quick ? [GETS, BARE_GETS] : [GETS, BARE_GETS, MANY, PAGES, DUMPS, SCRAPES];
}

export interface Measures {
  readonly entries: number;
  readonly forwarded: Measure;
  readonly answered: Measure;
  readonly p50: Measure;
  readonly p99: Measure;
}

export type Kind = "half" | "flat-out";

/** Their ids. */
export function measuresOf(entries: number, kind: Kind): Readonly<Record<Exclude<keyof Measures, "entries">, string>> {
  const where = `${kind}-${entries}`;
  return {
    forwarded: `forwarded-${where}`,
    answered: `answered-${where}`,
    p50: `round-trip-p50-${where}`,
    p99: `round-trip-p99-${where}`,
  };
}

export function declare(run: Run, entries: number, kind: Kind): Measures {
  const ids = measuresOf(entries, kind);
  const where = `${kind === "half" ? "half of what it can" : "all it can"}, ${entries} entries`;
  const compared = { baseline: QUIET };
  const trip = (id: string, share: string) =>
    run.measure({ id, title: `round trip ${share}, ${where}`, unit: "us", better: "lower", ...compared });
  return {
    entries,
    forwarded: run.measure({
      id: ids.forwarded,
      title: `64 B frames, ${where}`,
      unit: "k/s",
      better: "higher",
      ...compared,
    }),
    answered: run.measure({
      id: ids.answered,
      title: `requests answered meanwhile, ${where}`,
      unit: "requests/s",
      better: "higher",
    }),
    p50: trip(ids.p50, "p50"),
    p99: trip(ids.p99, "p99"),
  };
}

export async function measureForwarding(
  run: Run,
  lab: Lab,
  bareSocket: string,
  measures: Measures,
  kind: Kind,
): Promise<void> {
  const { forwarded, answered, p50, p99 } = measures;
  const wanted = [forwarded, answered, p50, p99];
  if (!wanted.some((measure) => run.wants(measure.options.id))) return;
  const frames = writeFrame(run);
  await command("ip", ["netns", "exec", lab.host, "ping", "-c", "3", "-i", "0.2", PEER_ADDRESS], 10_000, run.signal);
  const rate = kind === "half" ? Math.floor((await capacity(run, lab, frames)) / 2000) * 1000 : undefined;
  if (rate !== undefined) run.fact(`frames offered, ${lab.entries} entries`, `${rate} a second`);
  const { rounds } = run.settings;
  for (let round = 0; round < rounds; round++) {
    for (const load of inRound<Load | undefined>([undefined, ...loads(run.settings)], round)) {
      run.checkpoint();
      const name = load?.name ?? QUIET;
      try {
        await oneRound(run, lab, measures, { name, load, bareSocket, round, rate, frames });
      } catch (error) {
        run.checkpoint();
        for (const measure of wanted) {
          if (measure !== answered || load !== undefined) measure.absent(name, message(error));
        }
      }
    }
    run.progress(`forwarding, ${lab.entries} entries: round ${round + 1} of ${rounds}`);
  }
}

interface Turn {
  readonly name: string;
  readonly load: Load | undefined;
  readonly bareSocket: string;
  readonly round: number;
  /** Frames a second; undefined: as many as there can be. */
  readonly rate: number | undefined;
  readonly frames: string;
}

async function oneRound(run: Run, lab: Lab, measures: Measures, turn: Turn): Promise<void> {
  const { name, load, bareSocket, round, rate, frames } = turn;
  const { seconds } = run.settings;
  const client = load && (await Client.load(run, lab.host, shotOf(lab, load, bareSocket)));
  const before: Books = await readBooks(lab);
  const generator = generate(run, lab, frames, rate);
  try {
    await pause(run, LEAD_SECONDS);
    requireAlive(generator);
    client?.begin();
    const startFrames = await received(lab);
    const startMs = performance.now();
    const { result: times, cores } = await watched(() => ping(run, lab, seconds));
    const count = (await received(lab)) - startFrames;
    const wallSeconds = (performance.now() - startMs) / 1000;
    const hits = await client?.end();
    measures.forwarded.add(name, round, count / wallSeconds / 1000, cores);
    if (hits !== undefined) measures.answered.add(name, round, hits.rate);
    measures.p50.add(name, round, quantile(times, 0.5));
    measures.p99.add(name, round, quantile(times, 0.99));
  } finally {
    await stop(generator, "SIGINT");
  }
  await pause(run, SETTLE_SECONDS);
  measures.forwarded.count(name, balance(before, await readBooks(lab)));
}

function shotOf(lab: Lab, { target, connections }: Load, bareSocket: string): Shot {
  return target === undefined ? bareShot(bareSocket, connections) : shotAt(lab, target, connections);
}

/** Frames a second that arrive when the generator does what it can, at best. */
async function capacity(run: Run, lab: Lab, frames: string): Promise<number> {
  let most = 0;
  for (let i = 0; i < CAPACITY_RUNS; i++) most = Math.max(most, await arriving(run, lab, frames));
  return most;
}

async function arriving(run: Run, lab: Lab, frames: string): Promise<number> {
  const generator = generate(run, lab, frames, undefined);
  try {
    await pause(run, LEAD_SECONDS);
    requireAlive(generator);
    const start = await received(lab);
    const startMs = performance.now();
    await pause(run, CAPACITY_SECONDS);
    return ((await received(lab)) - start) / ((performance.now() - startMs) / 1000);
  } finally {
    await stop(generator, "SIGINT");
    await pause(run, SETTLE_SECONDS);
  }
}

/** Round trips through the tunnel for so long, microseconds in rising order. */
async function ping(run: Run, lab: Lab, seconds: number): Promise<number[]> {
  const count = String(Math.max(5, Math.round((seconds * 1000) / PING_INTERVAL_MS)));
  const interval = String(PING_INTERVAL_MS / 1000);
  const args = ["netns", "exec", lab.host, "ping", "-n", "-c", count, "-i", interval, "-W", "1", PEER_ADDRESS];
  const outputs = Array.from({ length: PINGS }, async (_, turn) => {
    await pause(run, (turn * PING_INTERVAL_MS) / PINGS / 1000);
    return command("ip", args, seconds * 2000 + 15_000, run.signal);
  });
  const lines = (await Promise.all(outputs)).join("");
  return [...lines.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000).sort((a, b) => a - b);
}

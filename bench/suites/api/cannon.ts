// The client, a process of its own, so that it takes nothing from the thread that measures: autocannon over a unix socket or
// TCP. It warms up, says `ready`, begins with the first line on its stdin, and ends when its stdin does; then it prints
// what it counted, as JSON.
//
// Both sides of a fresh connection run uncompiled code at first, which takes several times the CPU. A short measurement
// would be made of little else.
//
//   node cannon.js '{"url":"http://localhost/…","socketPath":"…","connections":10}'

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";

export interface Shot {
  readonly url: string;
  readonly socketPath?: string;
  readonly connections: number;
}

export interface Hits {
  /** Answers a second, those with status 200 only. */
  readonly rate: number;
  /** Milliseconds; autocannon's histogram has whole ones. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers with another status, and requests without an answer. */
  readonly failed: number;
}

/** Longer than any measurement: the end of stdin ends it. */
const FOREVER_SECONDS = 3600;
/** It looks so often whether it is to stop. */
const SAMPLE_MS = 50;
/** Until the code of both sides is compiled. */
const WARM_UP_MS = 400;

export const CANNON = new URL(import.meta.url).pathname;

async function main(): Promise<void> {
  const shot = JSON.parse(process.argv[2] ?? "") as Shot;
  const warmUp = shoot(shot);
  await sleep(WARM_UP_MS);
  warmUp.stop();
  await warmUp.result;
  process.stdout.write("ready\n");
  await once(process.stdin, "data");
  const startedAt = performance.now();
  const { stop, result } = shoot(shot);
  await once(process.stdin, "end");
  stop();
  const { latency, errors, non2xx, ...counted } = await result;
  const seconds = (performance.now() - startedAt) / 1000;
  const hits: Hits = {
    rate: counted["2xx"] / seconds,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed: errors + non2xx,
  };
  process.stdout.write(`${JSON.stringify(hits)}\n`);
  process.exit();
}

/** Sends requests until it is stopped. */
function shoot({ url, socketPath, connections }: Shot): { stop(): void; result: Promise<autocannon.Result> } {
  const instance = autocannon({
    url,
    connections,
    duration: FOREVER_SECONDS,
    sampleInt: SAMPLE_MS,
    ...(socketPath === undefined ? {} : { socketPath }),
  });
  return { stop: () => (instance as unknown as { stop(): void }).stop(), result: Promise.resolve(instance) };
}

if (process.argv[1] === CANNON) await main();

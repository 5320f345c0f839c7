// The client, a process of its own, so that it takes nothing from the thread that measures: autocannon over a unix socket or
// TCP. It says `ready`, begins with the first line on its stdin, and ends when its stdin does; then it prints what it
// counted, as JSON.
//
//   node cannon.js '{"url":"http://localhost/…","socketPath":"…","connections":10}'

import { once } from "node:events";
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

export const CANNON = new URL(import.meta.url).pathname;

async function main(): Promise<void> {
  const { url, socketPath, connections } = JSON.parse(process.argv[2] ?? "") as Shot;
  process.stdout.write("ready\n");
  await once(process.stdin, "data");
  const startedAt = performance.now();
  const instance = autocannon({
    url,
    connections,
    duration: FOREVER_SECONDS,
    sampleInt: SAMPLE_MS,
    ...(socketPath === undefined ? {} : { socketPath }),
  });
  await once(process.stdin, "end");
  (instance as unknown as { stop(): void }).stop();
  const { latency, errors, non2xx, ...result } = await instance;
  const seconds = (performance.now() - startedAt) / 1000;
  const hits: Hits = { rate: result["2xx"] / seconds, p50Ms: latency.p50, p99Ms: latency.p99, failed: errors + non2xx };
  process.stdout.write(`${JSON.stringify(hits)}\n`);
  process.exit();
}

if (process.argv[1] === CANNON) await main();

// One load and the samples of the worker that carries it. A load would run for minutes; it is broken off when it has been sampled.

import { pause, threadCpuSeconds } from "../../host.js";
import { Run } from "../../suite.js";
import type { Way } from "../path/hosts.js";
import type { Test } from "../path/tests.js";
import type { Part } from "./parts.js";
import { Recording } from "./perf.js";
import { busiest, sharesOf } from "./shares.js";

/** Until a load flows evenly, and V8 has compiled what it calls often. */
export const WARM_UP_SECONDS = 1;
/** Longer than anything is sampled. */
const LOAD_SECONDS = 600;

export interface Sampled {
  readonly shares: Readonly<Record<Part, number>>;
  /** That the worker kept busy. */
  readonly cores: number;
  readonly samples: number;
}

/** Lets a load run and samples the worker meanwhile. */
export async function sample(run: Run, test: Test, way: Way): Promise<Sampled> {
  const { tunnel } = way;
  if (tunnel === undefined) throw new Error("there is no process to sample");
  const end = new AbortController();
  const load = new Run({
    settings: { ...run.settings, seconds: LOAD_SECONDS },
    signal: AbortSignal.any([run.signal, end.signal]),
    progress: run.progress,
  });
  run.defer(() => load.cleanUp());
  const recording = new Recording(run, tunnel);
  const running = test.sample(load, way, { frameRate: undefined });
  const early = running.then(() => Promise.reject(new Error(`${test.id} ended before it was sampled`)));
  try {
    return await Promise.race([early, take(run, recording, tunnel)]);
  } finally {
    end.abort();
    await running.catch(() => undefined); // what went wrong before it was broken off came by `early`
    await load.cleanUp();
    await recording.discard();
  }
}

async function take(run: Run, recording: Recording, pid: number): Promise<Sampled> {
  await pause(run, WARM_UP_SECONDS);
  await recording.begin();
  const [before, beganAt] = [threadCpuSeconds(pid), performance.now()];
  await pause(run, run.settings.seconds);
  const [after, endedAt] = [threadCpuSeconds(pid), performance.now()];
  await recording.end();
  const { thread, samples } = busiest(await recording.samples(), pid);
  const cpuSeconds = (after.get(thread) ?? Number.NaN) - (before.get(thread) ?? Number.NaN);
  return { shares: sharesOf(samples), cores: cpuSeconds / ((endedAt - beganAt) / 1000), samples: samples.length };
}

// The threads of the workers: a piscina pool with one for each, all started at once and never idle for long enough to be ended.

import { Piscina } from "piscina";
import { VxlaneError } from "../errors.js";
import type { WorkerTask } from "../worker/main.js";

// A worker thread has no TypeScript loader: from the sources the built file serves.
const WORKER_FILE = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/control/worker/main.js" : "../worker/main.js",
  import.meta.url,
);

/** Our choice: the loop allocates nothing; what there is belongs to start-up. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };

export type WorkerPool = Piscina<WorkerTask, void>;

/** @throws VxlaneError ERR_LIMIT: the host gives no more threads */
export function openPool(count: number): WorkerPool {
  try {
    return new Piscina<WorkerTask, void>({
      filename: WORKER_FILE.href,
      minThreads: count,
      maxThreads: count,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      atomics: "disabled",
      recordTiming: false,
      resourceLimits: RESOURCE_LIMITS,
    });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_WORKER_INIT_FAILED")) throw error;
    const remedy =
      "raise the limit of threads (systemd: TasksMax, LimitNPROC; pids.max of the container), or set fewer workers";
    throw new VxlaneError("ERR_LIMIT", `cannot start ${count} worker threads: ${error.message}: ${remedy}`, {
      cause: error,
    });
  }
}

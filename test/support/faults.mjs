// What a test does to a daemon from inside, without a hook in the product: loaded in front of it by `node --import`, it
// waits for SIGUSR2 and then does what VXTEST_FAULT says.
//
//   block   keeps the main thread busy for three seconds, as a huge call or a garbage collection might
//   kill    ends the first worker thread there and then

import { createRequire, syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

const BLOCK_MS = 3000;

if (isMainThread) {
  const threads = [];
  const workerThreads = createRequire(import.meta.url)("node:worker_threads");
  workerThreads.Worker = class extends workerThreads.Worker {
    constructor(...parameters) {
      super(...parameters);
      threads.push(this);
    }
  };
  syncBuiltinESMExports();
  const faults = {
    block() {
      for (const end = performance.now() + BLOCK_MS; performance.now() < end; );
    },
    kill() {
      threads.shift()?.terminate();
    },
  };
  process.on("SIGUSR2", faults[process.env.VXTEST_FAULT]);
}

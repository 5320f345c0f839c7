// Ending a worker's thread that does not end by itself: Node can stop its JavaScript and its WebAssembly, and not a system
// call that it waits in. A signal to the thread gets it out of that.

import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { interruptThread } from "../linux/index.js";

/* Our choices. */
const INTERRUPT_MS = 50;
/** A thread that does not end in so long is said. */
const END_MS = 2000;

const NOT_YET = Symbol("not yet");

/** Gets threads that are being ended out of their system calls until they have ended. @param threads the kernel's ids; 0: none */
export async function insistOnEnd(
  threads: readonly number[],
  ended: Promise<unknown>,
  log: Pick<Logger, "error">,
): Promise<void> {
  const startMs = performance.now();
  let isSaid = false;
  while ((await Promise.race([ended, sleep(INTERRUPT_MS, NOT_YET)])) === NOT_YET) {
    for (const thread of threads) if (thread !== 0) interruptThread(thread);
    if (isSaid || performance.now() - startMs < END_MS) continue;
    log.error({ threads }, "a worker's thread does not end: the kernel does not let it go");
    isSaid = true;
  }
}

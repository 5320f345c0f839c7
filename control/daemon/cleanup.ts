// What has been made and how to unmake it, in the opposite order: used when a start fails half way and when a daemon
// stops, so both leave nothing behind by the same steps.

import type { Logger } from "pino";

export class Cleanup {
  readonly #steps: { what: string; action: () => void | Promise<void> }[] = [];

  /** @param what for the log, as in `close the API` */
  add(what: string, action: () => void | Promise<void>): void {
    this.#steps.push({ what, action });
  }

  /** Runs every step once, last first; one that fails is logged and does not keep the others. Returns whether all went well. */
  async run(log: Logger): Promise<boolean> {
    let isClean = true;
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.action();
      } catch (error) {
        isClean = false;
        log.error({ err: error }, `could not ${step.what}`);
      }
    }
    return isClean;
  }
}

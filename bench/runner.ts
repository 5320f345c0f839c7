// Runs suites one after the other, shows how far it is, and takes everything away again, whatever ends the run: its end,
// a failure, Ctrl-C, a lost terminal, an error that nobody caught.

import { removeOrphans } from "./orphans.js";
import type { Finished } from "./report/document.js";
import type { Request } from "./request.js";
import { type Plan, Run, type Suite } from "./suite.js";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Our choice: after so long without a word there is one. */
const SILENCE_MS = 10_000;

export interface Planned {
  readonly suite: Suite;
  readonly plan: Plan;
}

/** The user, or an error outside of any suite, ended the run. */
export class Interrupted extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** @throws {Interrupted} after everything is gone again */
export async function runAll(
  planned: readonly Planned[],
  request: Request,
  say: (line: string) => void,
): Promise<Finished[]> {
  const interrupt = new AbortController();
  const stopListening = listen(interrupt, say);
  const finished: Finished[] = [];
  try {
    await removeOrphans(say);
    for (const [index, { suite, plan }] of planned.entries()) {
      const after = planned.slice(index + 1).reduce((sum, next) => sum + next.plan.seconds, 0);
      say(`running ${suite.name}`);
      finished.push(await runOne({ suite, plan }, request, after, interrupt.signal, say));
      if (interrupt.signal.aborted) throw interrupt.signal.reason;
    }
  } finally {
    stopListening();
  }
  return finished;
}

async function runOne(
  { suite, plan }: Planned,
  request: Request,
  secondsAfter: number,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Finished> {
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  let spokeAt = startedAt;
  const progress = (line: string): void => {
    spokeAt = performance.now();
    const left = Math.max(0, plan.seconds - seconds()) + secondsAfter;
    say(`  ${seconds().toFixed(0).padStart(4)} s, ${minutes(left)} left  ${line}`);
  };
  const silence = setInterval(() => {
    if (performance.now() - spokeAt >= SILENCE_MS) progress("…");
  }, 1000);
  const run = new Run({ settings: request.settingsOf(suite), signal, progress });
  let failed: string | undefined;
  try {
    await suite.run(run);
  } catch (error) {
    if (!signal.aborted) {
      failed = error instanceof Error ? error.message : String(error);
      say(`${suite.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  } finally {
    clearInterval(silence);
    await run.cleanUp();
  }
  return {
    suite,
    plan,
    run,
    seconds: seconds(),
    options: request.repeat,
    ...(failed === undefined ? {} : { failed }),
  };
}

/** Turns what would end the process into the end of the run. @returns stops doing so */
function listen(interrupt: AbortController, say: (line: string) => void): () => void {
  const end = (reason: Interrupted): void => {
    if (!interrupt.signal.aborted) say(`${reason.message}; taking everything away again`);
    interrupt.abort(reason);
  };
  const onSignal = (signal: keyof typeof SIGNALS): void =>
    end(new Interrupted(`interrupted by ${signal}`, SIGNALS[signal]));
  const onError = (error: unknown): void =>
    end(new Interrupted(`an error outside of the run: ${String(error)}`, 1, { cause: error }));
  const signals = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
  for (const signal of signals) process.on(signal, onSignal);
  process.on("uncaughtException", onError);
  process.stderr.on("error", onError);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
    process.off("uncaughtException", onError);
    process.stderr.off("error", onError);
  };
}

/** `1:05`: minutes and seconds. */
export function minutes(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// The shape of a scenario, and what the runner gives it: one file in `scenarios/` exports one `Scenario`.
//
// A scenario first says what it is going to do (the plan is printed before anything happens), then runs and puts its
// samples into measures. Whatever it makes on the machine it hands to `defer` in the same breath, so that an
// interruption at any point takes it away again, newest first.

import { type Floor, Measure, type MeasureOptions } from "./measure.js";

export interface Settings {
  readonly rounds: number;
  /** Length of one measurement of one contender. */
  readonly seconds: number;
}

export interface Plan {
  readonly lines: readonly string[];
  /** How long the whole will take. */
  readonly seconds: number;
  /** What rows will be absent for want of something, and how to get it. */
  readonly missing: readonly string[];
}

export interface Scenario {
  readonly name: string;
  readonly summary: string;
  readonly defaults: Settings;
  plan(settings: Settings): Plan | Promise<Plan>;
  run(run: Run): Promise<void>;
}

type Cleanup = () => void | Promise<void>;

/** One run of one scenario: its settings, what it measured, and what it has to take away again. */
export class Run {
  readonly measures: Measure[] = [];
  readonly floors: Floor[] = [];
  readonly notes: string[] = [];
  readonly #cleanups: Cleanup[] = [];

  constructor(
    readonly settings: Settings,
    readonly signal: AbortSignal,
    /** One line on stderr. */
    readonly progress: (line: string) => void,
  ) {}

  measure(options: MeasureOptions): Measure {
    const measure = new Measure(options);
    this.measures.push(measure);
    return measure;
  }

  floor(floor: Floor): void {
    this.floors.push(floor);
  }

  /** Something that a reader of the figures has to know. */
  note(text: string): void {
    this.notes.push(text);
  }

  defer(cleanup: Cleanup): void {
    this.#cleanups.push(cleanup);
  }

  /** Throws once the user has interrupted; scenarios call it between measurements. */
  checkpoint(): void {
    this.signal.throwIfAborted();
  }

  /** Undoes everything; a failure does not keep the others from running. Safe to call twice. */
  async cleanUp(): Promise<void> {
    for (let cleanup = this.#cleanups.pop(); cleanup !== undefined; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup();
      } catch (error) {
        this.progress(`cleaning up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** Order of the contenders in a round: forth in even rounds, back in odd ones, so that nobody is always the first. */
export function inRound<T>(contenders: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...contenders] : [...contenders].reverse();
}

// The shape of a suite, and what the runner gives it: a folder in `suites/` exports one `Suite`, and has one scenario a
// file beside it.
//
// A suite first says what it is going to do (the plan is printed before anything happens), then runs and puts its
// samples into measures. Whatever it makes on the machine it hands to `defer` in the same breath, so that an
// interruption at any point takes it away again, newest first.

import { type Floor, Measure, type MeasureOptions } from "./measure.js";

/** How much a suite measures; a suite has one such pair for a full run and one for `--quick`. */
export interface Extent {
  readonly rounds: number;
  /** Length of one measurement of one contender. */
  readonly seconds: number;
}

export interface Settings extends Extent {
  /** Parameter lists shrink too. */
  readonly quick: boolean;
  /** `--peers`: contenders that are wanted; undefined: all. */
  readonly peers: readonly string[] | undefined;
  /** `--only`: whether a measure is wanted. */
  readonly only: (measureId: string) => boolean;
}

export interface Plan {
  readonly lines: readonly string[];
  /** How long the whole will take. */
  readonly seconds: number;
  /** What rows will be absent for want of something, and how to get it. */
  readonly missing: readonly string[];
  /** Ids of the measures, where they are known in advance: `--only` is checked against them before anything runs. */
  readonly ids?: readonly string[];
  /** Names of the contenders, where they are known in advance: for `--peers`, as `ids` for `--only`. */
  readonly peers?: readonly string[];
}

export interface Suite {
  readonly name: string;
  readonly summary: string;
  readonly defaults: Extent;
  readonly quick: Extent;
  plan(settings: Settings): Plan | Promise<Plan>;
  run(run: Run): Promise<void>;
}

export interface RunOptions {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** Takes one line for stderr; the runner puts the time that is left before it. */
  readonly progress: (line: string) => void;
}

type Cleanup = () => void | Promise<void>;

/** One run of one suite: its settings, what it measured, and what it has to take away again. */
export class Run {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** One line on stderr, with the time that is left. */
  readonly progress: (line: string) => void;
  readonly measures: Measure[] = [];
  readonly floors: Floor[] = [];
  readonly notes: string[] = [];
  readonly headlines: string[] = [];
  readonly facts = new Map<string, string>();
  /** Ids that were asked for, wanted or not. */
  readonly ids = new Set<string>();
  /** Contenders that were asked for, wanted or not. */
  readonly peers = new Set<string>();
  readonly #cleanups: Cleanup[] = [];

  constructor({ settings, signal, progress }: RunOptions) {
    this.settings = settings;
    this.signal = signal;
    this.progress = progress;
  }

  /** Whether `--only` wants this measure; a scenario does not even prepare what nobody wants. */
  wants(measureId: string): boolean {
    this.ids.add(measureId);
    return this.settings.only(measureId);
  }

  /** A measure of the report; one that `--only` does not want takes samples and is left out. */
  measure(options: MeasureOptions): Measure {
    if (this.measures.some((measure) => measure.options.id === options.id)) {
      throw new Error(`two measures have the id ${options.id}`);
    }
    const { plot } = options;
    const isThere = ({ options: other }: Measure): boolean =>
      other.unit === options.unit && other.plot?.chart === plot?.chart && other.plot?.x === plot?.x;
    if (plot !== undefined && this.measures.some(isThere)) {
      throw new Error(`two measures stand at ${plot.x} of the chart ${plot.chart}`);
    }
    const measure = new Measure(options);
    if (this.wants(options.id)) this.measures.push(measure);
    return measure;
  }

  /** Whether `--peers` wants this contender. */
  wantsPeer(contender: string): boolean {
    this.peers.add(contender);
    return wantsPeer(this.settings, contender);
  }

  floor(floor: Floor): void {
    this.floors.push(floor);
  }

  /** Something that a reader of the figures has to know. */
  note(text: string): void {
    this.notes.push(text);
  }

  /** A sentence for the report's summary: `one TCP flow out: 12.1 Gbit/s, 0.78 of the kernel's; 1.9 times its CPU`. */
  headline(sentence: string): void {
    this.headlines.push(sentence);
  }

  /** Something about where it was measured: a peer's version, a device's offloads, which process was pinned where. */
  fact(name: string, value: string): void {
    this.facts.set(name, value);
  }

  defer(cleanup: Cleanup): void {
    this.#cleanups.push(cleanup);
  }

  /** Throws once the user has interrupted; suites call it between measurements. */
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

/** `vxlane` stands for every contender of vxlane's, `vxlane udp` (or `vxlane-udp`) for one; case does not count. */
export function wantsPeer({ peers }: Pick<Settings, "peers">, contender: string): boolean {
  const plain = (name: string): string =>
    name
      .toLowerCase()
      .replaceAll(/[\s_-]+/g, " ")
      .trim();
  const name = plain(contender);
  return peers === undefined || peers.map(plain).some((peer) => name === peer || name.startsWith(`${peer} `));
}

/** Order of the contenders in a round: forth in even rounds, back in odd ones, so that nobody is always the first. */
export function inRound<T>(contenders: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...contenders] : [...contenders].reverse();
}

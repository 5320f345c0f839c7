// The shape of a scenario of this suite, and what all of them share. To add one: write a file beside this one that exports
// a `Scenario`, and name it in suite.ts.
//
// Worlds are made once for each size and shared by the scenarios that leave them as they were; who changes what is in
// the table makes one of its own.

import type { Measure } from "../../measure.js";
import type { Run, Settings } from "../../suite.js";
import { type Contender, TWIN, twinContender, WASM, wasmContender } from "./rig/contender.js";
import { createWorld, type World } from "./rig/world.js";

/** What a scenario adds to the suite's plan. */
export interface Part {
  readonly line: string;
  readonly seconds: number;
  /** Of its measures. */
  readonly ids: readonly string[];
}

export interface Scenario {
  plan(settings: Settings): Part;
  run(bench: Bench): Promise<void>;
}

/** As `--peers` names it. */
export const VXLANE = "vxlane";

export const DIRECTIONS = ["encap", "decap"] as const;

/** Our choice: the FDB of those who do not measure its size. */
export const ENTRIES = 65536;

export class Bench {
  readonly #worlds = new Map<number, World>();

  constructor(
    readonly run: Run,
    readonly module: WebAssembly.Module,
    /** The C twin. */
    readonly library: string | undefined,
    /** Why there is none. */
    readonly missing: string,
  ) {}

  get settings(): Settings {
    return this.run.settings;
  }

  /** A world for those who leave its table as it was. */
  async world(entries: number = ENTRIES): Promise<World> {
    const world = this.#worlds.get(entries) ?? (await createWorld(this.module, entries));
    this.#worlds.set(entries, world);
    return world;
  }

  /** Those that are there and wanted. */
  contenders(world: World): Contender[] {
    const contenders: Contender[] = [];
    if (this.wantsPeer(WASM)) contenders.push(wasmContender(world));
    if (this.wantsPeer(TWIN) && this.library !== undefined) contenders.push(twinContender(this.library, world));
    return contenders;
  }

  /** WebAssembly is what vxlane is here: who wants the one by name wants the other. */
  wantsPeer(contender: string): boolean {
    return this.run.wantsPeer(contender) || (contender === WASM && this.run.wantsPeer(VXLANE));
  }

  /** Gives the twin's reason in measures that it cannot take part in. */
  excuse(measures: readonly Measure[]): void {
    if (this.library !== undefined || !this.wantsPeer(TWIN)) return;
    for (const measure of measures) measure.absent(TWIN, this.missing);
  }

  /** True if `--only` wants one of these measures; a scenario does not prepare what nobody wants. */
  wantsAny(ids: readonly string[]): boolean {
    return ids.filter((id) => this.run.wants(id)).length > 0;
  }
}

/** 65536 as `64k`. */
export function shortCount(count: number): string {
  if (count >= 1048576) return `${count / 1048576}M`;
  return count >= 1024 ? `${count / 1024}k` : String(count);
}

// The shape of a scenario of this suite.

import type { Run, Settings } from "../../suite.js";

/** The only contender here: nobody else has these figures. */
export const VXLANE = "vxlane";

export interface Scenario {
  plan(settings: Settings): { readonly line: string; readonly seconds: number; readonly ids: readonly string[] };
  /** @param obstacle why nothing can be measured here */
  run(run: Run, obstacle: string | undefined): Promise<void>;
}

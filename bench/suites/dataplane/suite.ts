// The packet work of workers without any system call, beside the C twin of the same algorithm on the same memory, built on
// the spot: ns a frame by everything that it may depend on.

import { compileDataplane } from "../../../control/dataplane.js";
import type { Plan, Run, Settings, Suite } from "../../suite.js";
import { batches } from "./batches.js";
import { coalescing } from "./coalescing.js";
import { counters } from "./counters.js";
import { entries } from "./entries.js";
import { fdb } from "./fdb.js";
import { frameSizes } from "./frame-sizes.js";
import { hash } from "./hash.js";
import { TWIN, WASM } from "./rig/contender.js";
import { RUN } from "./rig/frames.js";
import { tryTwin, twinMissing } from "./rig/twin.js";
import { Bench, type Scenario, VXLANE } from "./scenario.js";
import { segmentation } from "./segmentation.js";
import { walks } from "./walks.js";
import { workers } from "./workers.js";

const SCENARIOS: readonly Scenario[] = [
  entries,
  frameSizes,
  batches,
  fdb,
  walks,
  hash,
  segmentation,
  coalescing,
  workers,
  counters,
];
const COMPILING_SECONDS = 2;

export const dataplane: Suite = {
  name: "dataplane",
  summary: "encap, decap, hash and FDB without a system call, WebAssembly beside C",
  defaults: { rounds: 5, seconds: 0.15 },
  quick: { rounds: 3, seconds: 0.03 },
  plan,
  run,
};

function plan(settings: Settings): Plan {
  const missing = twinMissing();
  const parts = SCENARIOS.map((scenario) => scenario.plan(settings));
  return {
    lines: parts.map(({ line }) => line),
    seconds: COMPILING_SECONDS + parts.reduce((sum, { seconds }) => sum + seconds, 0),
    missing: missing === undefined ? [] : [missing],
    ids: parts.flatMap(({ ids }) => ids),
    peers: [WASM, TWIN, VXLANE],
  };
}

async function run(run: Run): Promise<void> {
  const { library, missing }: { library?: string; missing: string } = run.wantsPeer(TWIN)
    ? await tryTwin(run)
    : { missing: "" };
  const bench = new Bench(run, await compileDataplane(), library, missing);
  for (const scenario of SCENARIOS) await scenario.run(bench);
  run.note(
    "ns a frame: batches of 64 unless said, batch function and settle; filling the inputs, the clock and the call into C are taken off",
  );
  run.note("8 networks, 64 VTEPs, 64k MACs unless said, drawn evenly; outer UDP checksum on; learning on, all known");
  run.note(`encap: a batch from one port to random VTEPs; decap: the sender changes every ${RUN} datagrams on average`);
}

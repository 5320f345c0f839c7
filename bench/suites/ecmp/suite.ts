// How well outer source ports spread tunnels over equal-cost paths: vxlane's hash beside throws of dice, Linux's formula
// and Open vSwitch's. Computed, not sent: every contender sees the same inner flows and the same switches.

import { setImmediate as breathe } from "node:timers/promises";
import { compileDataplane } from "../../../control/dataplane.js";
import type { Measure } from "../../measure.js";
import type { Plan, Run, Settings, Suite } from "../../suite.js";
import { chiSquareBand } from "./evenness.js";
import { idOf, measureFullest, sizes } from "./fullest-path.js";
import { CHI_IDS, measureSpread, SLICES } from "./source-port-spread.js";
import { type Chooser, LINUX, linux, OVS, ovs, PERFECT, perfect, VXLANE, vxlane } from "./source-ports.js";

const HEADLINE_PATHS = 16;
const HEADLINE_FLOWS = 1024;
/** Seconds of one figure of one round, all contenders. */
const FIGURE_SECONDS = 0.15;

export const ecmp: Suite = {
  name: "ecmp",
  summary: "source-port entropy: load of the fullest of equal-cost paths, and chi-square",
  defaults: { rounds: 5, seconds: 1 },
  quick: { rounds: 2, seconds: 0.1 },
  plan,
  run,
};

function plan(settings: Settings): Plan {
  const { flows, paths } = sizes(settings);
  const chiSeconds = settings.quick ? 0.1 : 0.4;
  return {
    lines: [
      `the fullest of ${paths.join(", ")} paths for ${flows.join(", ")} flows; chi-square of source ports`,
      `contenders: ${[PERFECT, VXLANE, LINUX, OVS].join(", ")}; computed, nothing is sent`,
    ],
    seconds: settings.rounds * (flows.length * FIGURE_SECONDS + CHI_IDS.length * chiSeconds),
    missing: [],
    ids: [...paths.flatMap((count) => flows.map((size) => idOf(count, size))), ...CHI_IDS],
    peers: [PERFECT, VXLANE, LINUX, OVS],
  };
}

async function run(run: Run): Promise<void> {
  const all = [perfect, await vxlane(await compileDataplane()), linux, ovs];
  const choosers = all.filter(({ name }) => run.wantsPeer(name));
  if (choosers.length === 0) return;
  const breath = (): Promise<void> => breathe();
  const loads = await measureFullest(run, choosers, breath);
  const chi = await measureSpread(run, choosers, breath);
  sayLoads(run, choosers, loads.get(idOf(HEADLINE_PATHS, HEADLINE_FLOWS)));
  sayChi(run, chi);
  run.note(
    "the switch is modelled: CRC-32 over the outer 5-tuple on the wire, seeded, modulo the paths; the flows run between one pair of VTEPs, so only the source port differs",
  );
  run.note(
    "perfect hash: a throw of dice a flow; Linux formula: udp_flow_src_port over SipHash-2-4 of the 5-tuple, ports 32768 to 60998; OVS formula: MurmurHash3 of the 5-tuple, 32768 to 60999; vxlane: the compiled module, 49152 to 65535",
  );
  run.note(
    "flows over paths: clients of a service (4096 addresses, 16 servers, TCP 443); a figure is the mean over trials",
  );
}

function sayLoads(run: Run, choosers: readonly Chooser[], measure: Measure | undefined): void {
  const own = measure?.value(VXLANE);
  if (own === undefined) return;
  const others = choosers.flatMap(({ name }) => {
    const value = measure?.value(name);
    return name === VXLANE || value === undefined ? [] : [`${name} ${value.median.toFixed(2)}`];
  });
  const where = `${HEADLINE_FLOWS} flows over ${HEADLINE_PATHS} equal-cost paths`;
  const words = `the fullest carries ${own.median.toFixed(2)} times its fair share with vxlane`;
  run.headline(`${where}: ${[words, ...others].join(", ")}`);
}

function sayChi(run: Run, measures: readonly Measure[]): void {
  const { low, high } = chiSquareBand(SLICES - 1);
  const band = `95 % of dice are between ${low.toFixed(2)} and ${high.toFixed(2)}`;
  run.note(
    `chi-square a degree of freedom, ${SLICES} slices of each range: 1 is random, 0 is dealt out in turn; ${band}`,
  );
  const worst = Math.max(...measures.map((measure) => measure.value(VXLANE)?.median ?? Number.NaN));
  if (Number.isFinite(worst)) {
    run.headline(
      `chi-square of vxlane's source ports is ${worst.toFixed(2)} a degree of freedom at its worst; ${band}`,
    );
  }
}

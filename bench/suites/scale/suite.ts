// What vxlane takes when there is much of everything: memory, time to ready and forwarding rate with many networks, long
// flood lists and full tables; and what it takes with next to nothing.

import { daemonMissing } from "../../daemon.js";
import { hasProgram, isRoot } from "../../host.js";
import type { Plan, Run, Settings, Suite } from "../../suite.js";
import { pinning } from "../path/pinning.js";
import { SCENARIOS as GROWING } from "./growing.js";
import { type Scenario, VXLANE } from "./scenario.js";
import { start } from "./start.js";

const SCENARIOS: readonly Scenario[] = [start, ...GROWING];

export const scale: Suite = {
  name: "scale",
  summary: "start, memory and forwarding rate with many networks, VTEPs and MACs",
  defaults: { rounds: 3, seconds: 1 },
  quick: { rounds: 1, seconds: 0.3 },
  plan,
  run,
};

function obstacle(): string | undefined {
  return isRoot() ? daemonMissing() : "needs root, for network namespaces and a TAP: run it with sudo";
}

function plan(settings: Settings): Plan {
  const missing = obstacle();
  const parts = SCENARIOS.map((scenario) => scenario.plan(settings));
  return {
    lines: [...parts.map(({ line }) => line), "each size with a daemon of its own, in two network namespaces"],
    seconds: parts.reduce((sum, { seconds }) => sum + seconds, 0),
    missing: [
      ...(missing === undefined ? [] : [missing]),
      ...(hasProgram("trafgen") ? [] : ["trafgen: apt-get install netsniff-ng"]),
    ],
    ids: parts.flatMap(({ ids }) => ids),
    peers: [VXLANE],
  };
}

async function run(run: Run): Promise<void> {
  if (!run.wantsPeer(VXLANE)) return;
  run.fact("pinning of scale", pinning());
  for (const scenario of SCENARIOS) await scenario.run(run, obstacle());
  run.note(
    "networks: one with a port, the others with a flood list of one VTEP; 64 B frames from 16 MACs in the first one",
  );
  run.note("VTEPs: broadcasts of 64 B into a port, their copies counted behind the peer's vxlan device");
  run.note(
    "learned MACs: 64 B frames from all of them by turns through one VTEP, counted at the port; 95 % learned at the least",
  );
  run.note(
    "ceilings: datagrams that reach the host with no daemon there; broadcasts into a veth that leads nowhere, times the VTEPs",
  );
  run.note("exponents: of what is added to the figure of the smallest size; a fit of the logarithms by least squares");
}

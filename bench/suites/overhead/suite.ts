// What a tunnel costs in bytes, computed from the RFCs, and what it costs this host in goodput and CPU, measured.

import type { Plan, Run, Settings, Suite } from "../../suite.js";
import { compute, rows } from "./computed.js";
import { goodputIds, goodputSeconds, measureGoodput, missing } from "./goodput.js";
import { CONTENDERS } from "./lab.js";
import { WAYS } from "./wire.js";

export const overhead: Suite = {
  name: "overhead",
  summary: "bytes on the wire, ceilings of a line, MTU; goodput and CPU with and without the tunnel",
  defaults: { rounds: 3, seconds: 2 },
  quick: { rounds: 1, seconds: 1 },
  plan,
  run,
};

function plan(settings: Settings): Plan {
  return {
    lines: [
      "computed: bytes on the wire, share of the line, ceilings at 10, 25 and 100 Gbit/s, MTU; over IPv4 and IPv6",
      `measured: one TCP flow between two namespaces; ${CONTENDERS.join(", ")}`,
    ],
    seconds: goodputSeconds(settings),
    missing: missing(),
    ids: [...rows(settings).map(({ options }) => options.id), ...goodputIds(settings.quick)],
    peers: [...WAYS, ...CONTENDERS],
  };
}

async function run(run: Run): Promise<void> {
  compute(run);
  await measureGoodput(run);
}

// What it costs to make super-frames for a port of what came in as segments: the pass alone, ns a segment, checksums
// verified, no byte moved. Both contenders must chain the same segments in the same way.

import { WORKER_HEADERS, WORKER_IO, WORKER_OUTPUTS, WORKERS } from "../../../dataplane-wasm/layout.js";
import { type Case, casesSeconds, nanoseconds, timeCases } from "./rig/cases.js";
import { type Contender, WASM } from "./rig/contender.js";
import { TrainSource } from "./rig/trains.js";
import { createWorld, type World } from "./rig/world.js";
import type { Scenario } from "./scenario.js";

const FLOWS = [1, 4, 16];
const QUICK_FLOWS = [1, 16];
const DATA_LENGTHS = [1396, 536];
const ENTRIES = 1024;
const RATIO_MAX = 1.2;

interface Kind {
  readonly flows: number;
  readonly dataLen: number;
}

export const coalescing: Scenario = {
  plan({ quick, ...settings }) {
    const kinds = kindsOf(quick);
    return {
      line: `coalescing of TCP segments, ${[...new Set(kinds.map(({ flows }) => flows))].join(", ")} flows by turns`,
      seconds: casesSeconds(kinds.length, settings),
      ids: kinds.map(idOf),
    };
  },
  async run(bench) {
    const kinds = kindsOf(bench.settings.quick).filter((kind) => bench.run.wants(idOf(kind)));
    if (kinds.length === 0) return;
    const world = await createWorld(bench.module, ENTRIES);
    for (const kind of kinds) {
      const one = caseOf(world, kind);
      assertSame(bench.contenders(world), one.source as TrainSource);
      const measures = await timeCases(bench, world, [one]);
      for (const measure of measures) {
        bench.run.floor({ measure, contender: WASM, of: "ratio", relation: "at most", limit: RATIO_MAX });
      }
    }
    bench.run.note(
      "coalescing: 256 segments a batch; the pass alone, decap before it and writing after it are not in it",
    );
  },
};

function kindsOf(quick: boolean): Kind[] {
  const lengths = quick ? DATA_LENGTHS.slice(0, 1) : DATA_LENGTHS;
  return lengths.flatMap((dataLen) => (quick ? QUICK_FLOWS : FLOWS).map((flows) => ({ flows, dataLen })));
}

function idOf({ flows, dataLen }: Kind): string {
  return `coalesce-${dataLen}b-${flows}`;
}

function caseOf(world: World, kind: Kind): Case {
  const title = `coalescing, segments of ${kind.dataLen} B, ${kind.flows === 1 ? "one flow" : `${kind.flows} flows`}`;
  const plot = { chart: "coalescing by flows", x: kind.flows, xLabel: "flows by turns", scale: "log" } as const;
  const options = kind.dataLen === DATA_LENGTHS[0] ? plot : undefined;
  return {
    figures: [nanoseconds(idOf(kind), title, options)],
    work: (contender) => contender.coalesce,
    source: new TrainSource(world, kind.flows, kind.dataLen),
  };
}

/** @throws if one chains otherwise than the other */
function assertSame(contenders: readonly Contender[], source: TrainSource): void {
  const { u8 } = source.world.shared;
  const made = contenders.map((contender) => {
    source.fill();
    u8.fill(0, WORKERS + WORKER_HEADERS, WORKERS + WORKER_IO);
    contender.coalesce.batch(source.worker, source.count);
    return Buffer.from(u8.slice(WORKERS + WORKER_OUTPUTS, WORKERS + WORKER_IO));
  });
  for (const other of made.slice(1)) {
    if (made[0]?.equals(other) === false) throw new Error("coalescing: the contenders' outputs differ");
  }
}

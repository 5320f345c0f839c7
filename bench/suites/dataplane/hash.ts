// Parsing a frame and hashing its flow, by itself: what picks the outer source port.

import { casesSeconds, timeCases } from "./rig/cases.js";
import { type Contender, TWIN } from "./rig/contender.js";
import { FrameSource, KIND_NAMES } from "./rig/frames.js";
import type { Scenario } from "./scenario.js";

const QUICK_KINDS = ["IPv4 TCP", "IPv6 UDP"];
const COUNT = 256;

export const hash: Scenario = {
  plan(settings) {
    const kinds = settings.quick ? QUICK_KINDS : KIND_NAMES;
    return {
      line: `flow hashes of ${kinds.join(", ")}`,
      seconds: casesSeconds(kinds.length, settings),
      ids: kinds.map(idOf),
    };
  },
  async run(bench) {
    const kinds = bench.settings.quick ? QUICK_KINDS : KIND_NAMES;
    if (!bench.wantsAny(kinds.map(idOf))) return;
    const world = await bench.world();
    const cases = kinds.map((kind) => ({
      figures: [
        {
          options: {
            id: idOf(kind),
            title: `parse and hash, ${kind}`,
            unit: "ns/hash",
            better: "lower",
            baseline: TWIN,
            plot: { chart: "parse and hash a flow", x: kind, xLabel: "frame" },
          },
          of: (ns: number) => ns,
        } as const,
      ],
      work: (contender: Contender) => contender.hash,
      source: new FrameSource(world, "encap", { count: COUNT, kind }),
    }));
    for (const { source } of cases) assertSame(bench.contenders(world), source);
    await timeCases(bench, world, cases);
    bench.run.note("hash: 256 frames a call");
  },
};

/** @throws if one hashes otherwise than the other */
function assertSame(contenders: readonly Contender[], source: FrameSource): void {
  source.fill();
  const sums = contenders.map(({ hash }) => hash.batch(source.worker, source.count) >>> 0);
  if (new Set(sums).size > 1) throw new Error(`hash: the contenders' sums differ: ${sums.join(", ")}`);
}

function idOf(kind: string): string {
  return `hash-${kind.toLowerCase().replace(" ", "-")}`;
}

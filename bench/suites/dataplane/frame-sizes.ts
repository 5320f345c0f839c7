// The packet work of one worker by frame size: encap sums every byte for the outer UDP checksum, decap looks at headers only
// (a socket has verified the outer checksum), so one grows with the frame and the other does not.

import { type Case, casesSeconds, gigabytes, nanoseconds, timeCases } from "./rig/cases.js";
import { type Direction, FrameSource } from "./rig/frames.js";
import type { World } from "./rig/world.js";
import { DIRECTIONS, type Scenario } from "./scenario.js";

const LENGTHS = [64, 128, 256, 512, 1024, 1500, 4096, 9000];
const QUICK_LENGTHS = [64, 1500, 9000];

export const frameSizes: Scenario = {
  plan(settings) {
    const lengths = settings.quick ? QUICK_LENGTHS : LENGTHS;
    return {
      line: `encap and decap of frames of ${lengths.join(", ")} B`,
      seconds: casesSeconds(lengths.length * 2, settings),
      ids: DIRECTIONS.flatMap((direction) => lengths.flatMap((length) => idsOf(direction, length))),
    };
  },
  async run(bench) {
    const lengths = bench.settings.quick ? QUICK_LENGTHS : LENGTHS;
    if (!bench.wantsAny(DIRECTIONS.flatMap((direction) => lengths.flatMap((length) => idsOf(direction, length)))))
      return;
    const world = await bench.world();
    // A source writes the bodies of its frames when it is made, so it is made when it is its turn.
    for (const direction of DIRECTIONS) {
      for (const length of lengths) await timeCases(bench, world, [caseOf(world, direction, length)]);
    }
    bench.run.note(
      "frame sizes: from the Ethernet header on, without FCS; GB/s of these bytes, all of which encap sums and decap leaves alone",
    );
  },
};

function idsOf(direction: Direction, length: number): string[] {
  return [`${direction}-${length}b`, `${direction}-${length}b-bytes`];
}

function caseOf(world: World, direction: Direction, length: number): Case {
  const source = new FrameSource(world, direction, { length });
  const [nsId = "", bytesId = ""] = idsOf(direction, length);
  const plot = { x: length, xLabel: "frame, bytes", scale: "log" } as const;
  return {
    figures: [
      nanoseconds(nsId, `${direction}, ${length} B`, { chart: `${direction} by frame size`, ...plot }),
      gigabytes(bytesId, `${direction}, ${length} B`, source.meanLength, {
        chart: `${direction} by frame size, bytes a second`,
        ...plot,
      }),
    ],
    work: ({ forward }) => forward[direction],
    source,
  };
}

// Every inner length from an empty Ethernet frame to a jumbo frame, both directions, byte for byte.

import { describe, it } from "vitest";
import { vxlan } from "../../oracle/decap.js";
import { frameOfLength } from "../../support/flows.js";
import { Pair } from "../../support/pair.js";
import { HOST_A, HOST_FAR, pointToPoint, UNDERLAYS } from "../../support/worlds.js";

const SHORTEST = 14;
const LONGEST = 9000;
const BATCH = 256;

function* batches(): Generator<number[]> {
  for (let from = SHORTEST; from <= LONGEST; from += BATCH) {
    yield Array.from({ length: Math.min(BATCH, LONGEST + 1 - from) }, (_, i) => from + i);
  }
}

describe.each(UNDERLAYS)("every inner length over %s", (_name, underlay) => {
  it("encapsulates as the oracle does", async () => {
    const pair = await Pair.create(pointToPoint(underlay));
    for (const lengths of batches()) {
      pair.encap(lengths.map((length) => ({ attachment: 1, frame: frameOfLength(length, HOST_FAR, HOST_A) })));
    }
    pair.settle();
  });

  it("decapsulates as the oracle does", async () => {
    const world = pointToPoint(underlay);
    const pair = await Pair.create(world);
    pair.encap([{ attachment: 1, frame: frameOfLength(64, HOST_FAR, HOST_A) }]);
    for (const lengths of batches()) {
      pair.decap(
        lengths.map((length) => ({
          datagram: vxlan(100, frameOfLength(length, HOST_A, HOST_FAR)),
          from: world.vteps[0].address,
        })),
      );
    }
    pair.settle();
  });
});

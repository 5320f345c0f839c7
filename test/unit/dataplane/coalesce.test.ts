// Coalescing beside its oracle: random streams of a few flows, well-behaved and not, give the same super-frames, in the
// same order, made of the same frames; and what breaks a train or ends it, one by one.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coalesce, type SuperFrame } from "../../oracle/coalesce.js";
import { Engine } from "../../support/engine.js";
import { tags } from "../../support/flows.js";
import { type Flow, MTU, type Step, stream, tcpFlow, through, WORLD } from "./coalescing.js";

const flowArbitrary = fc.record({
  v6: fc.boolean(),
  isUdp: fc.boolean(),
  size: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 300 }) }, fc.integer({ min: 301, max: 8900 })),
  tags,
});
const stepArbitrary = fc.record({
  flow: fc.nat(3),
  kind: fc.oneof(
    { weight: 20, arbitrary: fc.constant("next" as const) },
    { weight: 4, arbitrary: fc.constantFrom("short", "empty", "gap", "again", "push", "fin", "odd") },
  ),
  odd: fc.nat(13),
  checksum: fc.oneof(
    { weight: 20, arbitrary: fc.constant("right" as const) },
    { weight: 2, arbitrary: fc.constantFrom("unfinished", "wrong", "zero") },
  ),
});

const strip = ({ members, frame, gsoSize }: SuperFrame) => ({
  members,
  frame: Buffer.from(frame).toString("hex"),
  gsoSize,
});

describe("decapCoalesce", () => {
  it("does as the oracle, for random streams", async () => {
    const engine = await Engine.create(WORLD);
    fc.assert(
      fc.property(
        fc.array(flowArbitrary, { minLength: 1, maxLength: 4 }),
        fc.array(stepArbitrary, { minLength: 1, maxLength: 100, size: "max" }),
        (kinds, steps) => {
          const { frames, ports } = stream(
            kinds.map((kind, number) => ({ ...kind, number })),
            steps,
          );
          expect(through(engine, frames).map(strip)).toEqual(coalesce(frames, ports, MTU).map(strip));
        },
      ),
      { numRuns: 300 },
    );
  });

  const [v4, v6] = [{ v6: false }, { v6: true }];
  const tcpOnly = { isUdp: false };
  it.each<[string, Partial<Flow>, Partial<Step>]>([
    ["another acknowledgement", tcpOnly, { odd: 0 }],
    ["SYN", tcpOnly, { odd: 1 }],
    ["CWR", tcpOnly, { odd: 2 }],
    ["ECE", tcpOnly, { odd: 3 }],
    ["URG", tcpOnly, { odd: 4 }],
    ["other options", tcpOnly, { odd: 5 }],
    ["another timestamp", tcpOnly, { odd: 6 }],
    ["a gap before it", tcpOnly, { kind: "gap" }],
    ["data that came before", tcpOnly, { kind: "again" }],
    ["another ECN field", v4, { odd: 7 }],
    ["another TTL", v4, { odd: 8 }],
    ["another id", v4, { odd: 9 }],
    ["no DF", v4, { odd: 10 }],
    ["IPv4 options", v4, { odd: 11 }],
    ["a damaged header", v4, { odd: 13 }],
    ["another traffic class", v6, { odd: 7 }],
    ["another hop limit", v6, { odd: 8 }],
    ["another flow label", v6, { odd: 9 }],
    ["an extension header", v6, { odd: 11 }],
    ["a damaged segment", {}, { kind: "next", checksum: "wrong" }],
    ["no data", {}, { kind: "empty" }],
  ])("breaks a train before and behind a frame with %s", async (_name, flow, step) => {
    const engine = await Engine.create(WORLD);
    const plainStep: Step = { flow: 0, kind: "next", odd: 0, checksum: "right" };
    for (const v6 of [flow.v6 ?? false, flow.v6 ?? true]) {
      for (const isUdp of [flow.isUdp ?? false, flow.isUdp ?? true]) {
        const odd: Step = { ...plainStep, kind: "odd", ...step };
        const steps = [plainStep, plainStep, odd, plainStep, plainStep];
        const { frames } = stream([{ number: 0, size: 500, tags: [], v6, isUdp }], steps);
        const made = through(engine, frames).map(({ members }) => members);
        // What moves the sequence number along leads the frames behind it.
        const leads = step.kind === "gap" || step.kind === "again";
        expect(made).toEqual(
          leads
            ? [
                [0, 1],
                [2, 3, 4],
              ]
            : [[0, 1], [2], [3, 4]],
        );
      }
    }
  });

  it.each([
    ["PSH", "push"],
    ["FIN", "fin"],
    ["less data", "short"],
  ] as const)("ends a train with a frame that has %s", async (_name, kind) => {
    const engine = await Engine.create(WORLD);
    const steps = (["next", "next", kind, "next", "next"] as const).map((each): Step => {
      return { flow: 0, kind: each, odd: 0, checksum: "right" };
    });
    const { frames } = stream([{ ...tcpFlow, size: 500 }], steps);
    expect(through(engine, frames).map(({ members }) => members)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
  });
});

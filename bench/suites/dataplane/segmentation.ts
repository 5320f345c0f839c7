// What it costs to cut super-frames into segments with finished checksums, ns a segment, by segment size and by how they
// leave: as trains, or each alone with outer headers and an outer checksum. Then gathering: the pass that makes trains
// of small datagrams, ns a datagram. Both contenders must make the same bytes.

import {
  INPUTS_MAX,
  SEGMENTS,
  SEGMENTS_SIZE,
  SEGMENTS_SLACK,
  WORKER_HEADERS,
  WORKER_IO,
  WORKERS,
} from "../../../dataplane-wasm/layout.js";
import { type Case, casesSeconds, gigabytes, nanoseconds, timeCases } from "./rig/cases.js";
import { type Contender, WASM, type Work } from "./rig/contender.js";
import { GatherSource, HEADERS, type SuperShape, SuperSource } from "./rig/super-frames.js";
import { createWorld, type World } from "./rig/world.js";
import type { Bench, Scenario } from "./scenario.js";

const SIZES = [1398, 536, 128];
const QUICK_SIZES = [1398];
/** Behind the headers of a super-frame of 65,000 bytes. */
const SUPER_DATA = 65_000 - HEADERS;
const FLOWS = [1, 4, 16];
const QUICK_FLOWS = [1];
/** 64 B frames and a little. */
const SMALL_DATA = 6;
const ENTRIES = 1024;
const RATIO_MAX = 1.2;

interface Kind extends SuperShape {
  readonly id: string;
  readonly title: string;
  readonly gathers: boolean;
}

export const segmentation: Scenario = {
  plan({ quick, ...settings }) {
    const kinds = kindsOf(quick);
    return {
      line: `super-frames cut into segments of ${sizesOf(quick).join(", ")} B of data; trains of small datagrams`,
      seconds: casesSeconds(kinds.length, settings),
      ids: kinds.flatMap(({ id, gathers }) => (gathers ? [id] : [id, `${id}-bytes`])),
    };
  },
  async run(bench) {
    const kinds = kindsOf(bench.settings.quick).filter(({ id }) => bench.wantsAny([id, `${id}-bytes`]));
    if (kinds.length === 0) return;
    const world = await createWorld(bench.module, ENTRIES);
    for (const kind of kinds) {
      const source = kind.gathers ? new GatherSource(world, kind) : new SuperSource(world, kind);
      const work = workOf(kind);
      assertSame(bench, world, source, work);
      const [measure] = await timeCases(bench, world, [caseOf(kind, source, work)]);
      if (measure !== undefined) {
        bench.run.floor({ measure, contender: WASM, of: "ratio", relation: "at most", limit: RATIO_MAX });
      }
    }
    bench.run.note(
      "segmentation: 8 super-frames of 65,000 B a batch, IPv4 and TCP; batch function and settle, by the segment",
    );
    bench.run.note(
      "gathering: 256 datagrams a batch; the pass alone, encap before it and sending after it are not in it",
    );
  },
};

function sizesOf(quick: boolean): readonly number[] {
  return quick ? QUICK_SIZES : SIZES;
}

function kindsOf(quick: boolean): Kind[] {
  const cuts = sizesOf(quick).flatMap((size) =>
    [true, false].map((trains): Kind => {
      const how = trains ? "trains" : "alone";
      const title = `segments of ${size} B of data, ${trains ? "in trains" : "each alone"}`;
      return {
        id: `segment-${how}-${size}b`,
        title,
        size,
        trains,
        dataLen: SUPER_DATA,
        flows: 1,
        frames: 8,
        gathers: false,
      };
    }),
  );
  const passes = (quick ? QUICK_FLOWS : FLOWS).map((flows): Kind => {
    const title = `gathering, ${flows === 1 ? "one flow" : `${flows} flows`}`;
    const shape = { size: SMALL_DATA, dataLen: SMALL_DATA, flows, frames: INPUTS_MAX, trains: true };
    return { id: `gather-${flows}`, title, ...shape, gathers: true };
  });
  return [...cuts, ...passes];
}

function caseOf(kind: Kind, source: SuperSource, work: (contender: Contender) => Work): Case {
  const how = kind.trains ? "in trains" : "each alone";
  const plot = { chart: `segments ${how}, by size`, x: kind.size, xLabel: "bytes of data", scale: "log" } as const;
  if (kind.gathers) {
    const options = { chart: "gathering by flows", x: kind.flows, xLabel: "flows by turns", scale: "log" } as const;
    return { figures: [nanoseconds(kind.id, kind.title, options)], work, source };
  }
  const bytes = (SUPER_DATA + HEADERS) / Math.ceil(SUPER_DATA / kind.size);
  const figures = [
    nanoseconds(kind.id, kind.title, plot),
    gigabytes(`${kind.id}-bytes`, `${kind.title}, bytes of super-frames`, bytes, {
      ...plot,
      chart: `segmentation, ${how}`,
    }),
  ];
  return { figures, work, source };
}

/** The source counts segments, which the figures are by; a batch has fewer frames. */
function workOf(kind: Kind): (contender: Contender) => Work {
  return (contender) => {
    const { batch, nothing } = kind.gathers ? contender.gather : contender.forward.encap;
    return { batch: (worker) => batch(worker, kind.frames), nothing };
  };
}

/** @throws if one makes other bytes than the other */
function assertSame(bench: Bench, world: World, source: SuperSource, work: (contender: Contender) => Work): void {
  const { u8 } = world.shared;
  const room = SEGMENTS + SEGMENTS_SIZE;
  const made = bench.contenders(world).map((contender) => {
    source.fill();
    u8.fill(0, WORKERS + WORKER_HEADERS, WORKERS + WORKER_IO);
    u8.fill(0, SEGMENTS, room);
    const outputs = work(contender).batch(source.worker, source.count);
    return Buffer.concat([
      Buffer.of(outputs & 0xff, outputs >>> 8),
      Buffer.from(u8.slice(WORKERS, WORKERS + WORKER_IO)),
      Buffer.from(u8.slice(SEGMENTS, room - SEGMENTS_SLACK)),
    ]);
  });
  for (const other of made.slice(1)) {
    if (made[0]?.equals(other) !== false) continue;
    const at = made[0].findIndex((byte, index) => byte !== other[index]);
    throw new Error(`${source.shape.size} B: the contenders' outputs differ, first at byte ${at}`);
  }
}

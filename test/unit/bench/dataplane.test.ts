// The rig of the dataplane benchmark: that its frames do what a row says that they do, frame by frame, at every length, and
// that a table that was emptied comes back. Times are nobody's business here.

import { beforeAll, describe, expect, test } from "vitest";
import { Run, type Settings } from "../../../bench/suite.js";
import { fdb, freshSource, movingSource } from "../../../bench/suites/dataplane/fdb.js";
import { coreOf, maskOf } from "../../../bench/suites/dataplane/rig/affinity.js";
import { wasmContender } from "../../../bench/suites/dataplane/rig/contender.js";
import { FrameSource, KIND_NAMES, type Source } from "../../../bench/suites/dataplane/rig/frames.js";
import { PAGE_FAULTS, PerfCounters } from "../../../bench/suites/dataplane/rig/perf.js";
import { Meter } from "../../../bench/suites/dataplane/rig/timing.js";
import { counterOf, createWorld, keepFdb, type World } from "../../../bench/suites/dataplane/rig/world.js";
import { Bench, shortCount } from "../../../bench/suites/dataplane/scenario.js";
import { dataplane } from "../../../bench/suites/dataplane/suite.js";
import { emptyTable } from "../../../bench/suites/dataplane/walks.js";
import { workerCounts } from "../../../bench/suites/dataplane/workers.js";
import { compileDataplane } from "../../../control/dataplane.js";
import {
  BUFFER_SIZE,
  BUFFERS,
  COUNTER_BYTES_DECAP,
  COUNTER_BYTES_ENCAP,
  COUNTER_FLOODED_ENCAP,
  COUNTER_FRAMES_DECAP,
  COUNTER_FRAMES_ENCAP,
  COUNTER_LEARNED,
  COUNTER_MOVED,
  HEADROOM,
  SYSTEM_FDB_COUNT,
} from "../../../dataplane-wasm/layout.js";

const ENTRIES = 4096;
/** Threads want compiled files; the interop tests run them. */
const isHere = (id: string): boolean => !/-(workers|scaling)-/.test(id);
const QUICK: Settings = { rounds: 1, seconds: 0.001, quick: true, peers: ["WebAssembly"], only: isHere };

let module: WebAssembly.Module;
let world: World;

beforeAll(async () => {
  module = await compileDataplane();
  world = await createWorld(module, ENTRIES);
});

/** What `batches` batches add to a counter. */
function added(within: World, source: Source, counter: number, batches = 5): number {
  const work = wasmContender(within).forward[source.direction];
  const before = counterOf(within.shared, source.worker, counter);
  for (let n = 0; n < batches; n++) {
    source.fill();
    work.batch(source.worker, source.count);
  }
  return counterOf(within.shared, source.worker, counter) - before;
}

describe("frames", () => {
  test.each([64, 75, 512, 1500, 9000])("of %i B all go through the tunnel, whole", (length) => {
    for (const direction of ["encap", "decap"] as const) {
      const source = new FrameSource(world, direction, { length, kind: "IPv4 UDP" });
      const [frames, bytes] =
        direction === "encap"
          ? [COUNTER_FRAMES_ENCAP, COUNTER_BYTES_ENCAP]
          : [COUNTER_FRAMES_DECAP, COUNTER_BYTES_DECAP];
      expect(added(world, source, frames)).toBe(5 * 64);
      expect(added(world, source, bytes)).toBe(5 * 64 * length);
    }
  });

  test.each([64, 9000])("of %i B name their own length in their headers", (length) => {
    for (const kind of KIND_NAMES) {
      const source = new FrameSource(world, "encap", { length, kind, count: 1 });
      source.fill();
      const made = source.meanLength;
      const frame = Buffer.from(world.shared.u8.slice(BUFFERS + HEADROOM, BUFFERS + HEADROOM + made));
      expect(made).toBe(kind === "IPv6 TCP" && length === 64 ? 74 : length);
      const isIpv4 = kind.startsWith("IPv4");
      expect(frame.readUInt16BE(12)).toBe(isIpv4 ? 0x0800 : 0x86dd);
      expect(isIpv4 ? frame.readUInt16BE(16) : frame.readUInt16BE(18) + 40).toBe(made - 14);
      const transport = isIpv4 ? 34 : 54;
      expect(frame[isIpv4 ? 23 : 20]).toBe(kind.endsWith("TCP") ? 6 : 17);
      if (kind.endsWith("UDP")) expect(frame.readUInt16BE(transport + 4)).toBe(made - transport);
      expect(frame[made - 1]).toBe(kind.endsWith("TCP") && made === 74 ? 0 : 0x5a);
    }
  });

  test.each(KIND_NAMES)("of %s are hashed, all of a batch together", (kind) => {
    const source = new FrameSource(world, "encap", { kind, count: 7 });
    source.fill();
    const { dataplane: wasm } = world;
    const hashes = Array.from({ length: 7 }, (_, n) => wasm.flowHash(BUFFERS + n * BUFFER_SIZE + HEADROOM, 64));
    expect(new Set(hashes).size).toBe(7);
    const all = hashes.reduce((sum, one) => sum ^ one, 0);
    expect(wasmContender(world).hash.batch(source.worker, source.count) >>> 0).toBe(all >>> 0);
  });

  test("the same seed gives the same frames, another worker's lie elsewhere", () => {
    const bytes = (worker: number, seed: number): Buffer => {
      new FrameSource(world, "encap", { worker, seed, count: 8 }).fill();
      const start = BUFFERS + worker * BUFFER_SIZE * 256 + HEADROOM;
      return Buffer.from(world.shared.u8.slice(start, start + 64));
    };
    expect(bytes(0, 3)).toEqual(bytes(1, 3));
    expect(bytes(0, 3)).not.toEqual(bytes(0, 4));
  });
});

describe("what a frame finds in the FDB", () => {
  test("miss: every frame is flooded", () => {
    let unknown = 2 ** 23;
    const source = new FrameSource(world, "encap", { nextDestination: () => unknown++ });
    expect(added(world, source, COUNTER_FLOODED_ENCAP)).toBe(5 * 64);
  });

  test("hit: none is flooded, moved or learned", () => {
    for (const counter of [COUNTER_FLOODED_ENCAP, COUNTER_MOVED, COUNTER_LEARNED]) {
      expect(added(world, new FrameSource(world, "encap"), counter)).toBe(0);
      expect(added(world, new FrameSource(world, "decap"), counter)).toBe(0);
    }
  });

  test("move: every frame moves its source, lap after lap", async () => {
    const own = await createWorld(module, ENTRIES);
    const batches = (3 * ENTRIES) / 64;
    expect(added(own, movingSource(own), COUNTER_MOVED, batches)).toBe(batches * 64);
  });

  test.each(["encap", "decap"] as const)("learn: every frame of %s is learned", async (direction) => {
    const own = await createWorld(module, 1024, 1048576);
    expect(added(own, freshSource(own, direction), COUNTER_LEARNED, 100)).toBe(6400);
  });
});

describe("walks", () => {
  test.each(["age", "flush"] as const)("%s empties the table, and it comes back", async (walk) => {
    const own = await createWorld(module, ENTRIES);
    const restore = keepFdb(own.shared);
    const count = (): number => own.shared.u32[SYSTEM_FDB_COUNT / 4] ?? -1;
    for (let lap = 0; lap < 2; lap++) {
      expect(count()).toBe(ENTRIES);
      expect(emptyTable(own, wasmContender(own), walk)).not.toBeNaN();
      expect(count()).toBe(0);
      restore();
    }
    expect(added(own, new FrameSource(own, "encap"), COUNTER_FRAMES_ENCAP)).toBe(5 * 64);
    expect(added(own, new FrameSource(own, "encap"), COUNTER_FLOODED_ENCAP)).toBe(0);
  });

  test("a table that has entries which may stay gives no figure", async () => {
    const own = await createWorld(module, ENTRIES);
    const { sweep, flush, ...rest } = wasmContender(own);
    const lazy = { ...rest, sweep: () => 0, flush: (from: number) => (from === 0 ? flush(0, 1) : 0) };
    expect(sweep(0, 1)).toBe(0);
    expect(emptyTable(own, lazy, "flush")).toBeNaN();
  });
});

describe("the suite", () => {
  test("counts the frames of its blocks", () => {
    const source = new FrameSource(world, "encap", { count: 16 });
    const meter = new Meter("nobody", wasmContender(world).forward.encap, source);
    const before = counterOf(world.shared, 0, COUNTER_FRAMES_ENCAP);
    meter.turn(0.005);
    expect(meter.frames()).toBe(counterOf(world.shared, 0, COUNTER_FRAMES_ENCAP) - before);
    expect(meter.frames()).toBeGreaterThan(0);
  });

  test("workers: powers of two and all", () => {
    expect([1, 2, 3, 6, 8, 96].map(workerCounts)).toEqual([
      [],
      [2],
      [2, 3],
      [2, 4, 6],
      [2, 4, 8],
      [2, 4, 8, 16, 32, 64],
    ]);
  });

  test("pins worker n to core n where there are more than two", () => {
    expect([0, 1].map((worker) => coreOf(worker, 2))).toEqual([undefined, undefined]);
    expect([0, 1, 2, 3].map((worker) => coreOf(worker, 3))).toEqual([0, 1, 2, 0]);
    expect([...maskOf(0).subarray(0, 3)]).toEqual([1, 0, 0]);
    expect([...maskOf(17).subarray(0, 4)]).toEqual([0, 0, 2, 0]);
  });

  test("names counts", () => {
    expect([1, 1000, 1024, 65536, 4194304].map(shortCount)).toEqual(["1", "1000", "1k", "64k", "4M"]);
  });

  test("announces the measures that it makes, and each has a figure or a reason", async () => {
    const run = new Run({ settings: QUICK, signal: new AbortController().signal, progress: () => undefined });
    const { ids = [] } = await dataplane.plan(QUICK);
    await dataplane.run(run);
    await run.cleanUp();
    expect(run.measures.map(({ options }) => options.id).sort()).toEqual(ids.filter(isHere).sort());
    for (const measure of run.measures) {
      expect(measure.value("WebAssembly") ?? measure.reason("WebAssembly")).toBeDefined();
    }
    expect(run.headlines.join()).toMatch(/encap.*decap.*learned/s);
  });

  test("takes vxlane for its WebAssembly", () => {
    const wants = (peers: string[]): boolean => {
      const run = new Run({ settings: { ...QUICK, peers }, signal: new AbortController().signal, progress: () => {} });
      return new Bench(run, module, undefined, "").wantsPeer("WebAssembly");
    };
    expect([["vxlane"], ["webassembly"], ["kernel"], ["C twin"]].map(wants)).toEqual([true, true, false, false]);
  });

  test("prepares nothing that --only leaves out", async () => {
    const settings = { ...QUICK, only: (id: string) => id === "hit-64k" };
    const run = new Run({ settings, signal: new AbortController().signal, progress: () => undefined });
    await dataplane.run(run);
    await run.cleanUp();
    expect(run.measures.map(({ options }) => options.id)).toEqual(["hit-64k"]);
    expect(fdb.plan(settings).ids).toContain("hit-64k");
  });
});

describe("perf", () => {
  test("counts page faults, or says why it cannot", () => {
    const perf = PerfCounters.open([PAGE_FAULTS]);
    if (typeof perf === "string") {
      expect(perf).toMatch(/perf_event/);
      return;
    }
    const before = perf.read()[1] ?? 0n;
    new Uint8Array(64 * 2 ** 20).fill(1);
    const [counters, after = 0n] = perf.read();
    perf.close();
    expect(counters).toBe(1n);
    expect(after - before).toBeGreaterThan(100n);
  });

  test("an event that nobody has is refused with words", () => {
    expect(PerfCounters.open([{ type: 0, config: 4000 }])).toMatch(/hardware counters/);
  });
});

// A trace: the same code in the spare worker slot with the dry-run flag. The verdict can be read from the input, and
// nothing else remembers the frame. Also what the input's descriptor says after an ordinary batch.

import { beforeEach, describe, expect, it } from "vitest";
import { Drop } from "../../../dataplane-wasm/drop.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { vxlan } from "../../oracle/decap.js";
import { Engine } from "../../support/engine.js";
import { frameOfLength } from "../../support/flows.js";
import { drainEvents, readCounters, readFdb } from "../../support/readings.js";
import { plainSuper } from "../../support/super.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, macKey, pointToPoint } from "../../support/worlds.js";

const FROM = "10.99.0.2";
const WORLD = pointToPoint(
  {
    statics: [
      { network: 1, mac: macKey(HOST_FAR), target: "vtep", id: 1 },
      { network: 1, mac: macKey(HOST_B), target: "attachment", id: 2 },
    ],
  },
  { mtu: 1450 },
);
const STRANGER = "02:00:00:00:0f:01";

let engine: Engine;

function verdict(index = 0): string {
  const at = engine.input(index);
  const names = ["none", "unicast", "local", "flood", "drop"];
  const drop = Drop[engine.view.getUint8(at + L.DESC_DROP)];
  const entry = engine.view.getUint32(at + L.DESC_ENTRY, true);
  return `${names[engine.view.getUint8(at + L.DESC_VERDICT)]} ${drop} entry ${entry}`;
}

function encap(dst: string, length = 64, src = HOST_A): string {
  engine.place(0, { attachment: 1, bytes: frameOfLength(length, dst, src) }, 0);
  engine.run("encap", 1);
  return verdict();
}

function decap(dst: string, src = HOST_FAR): string {
  engine.place(0, { bytes: vxlan(100, frameOfLength(64, dst, src)), from: FROM }, 8);
  engine.run("decap", 1);
  return verdict();
}

describe.each([
  ["an ordinary worker", 0, 0],
  ["the trace slot", L.WORKER_TRACE, L.CONTEXT_FLAG_DRY_RUN],
])("%s", (_name, worker, flags) => {
  beforeEach(async () => {
    engine = await Engine.create(WORLD, worker);
    engine.view.setUint32(engine.context + L.CONTEXT_FLAGS, flags, true);
  });

  it("leaves the verdict and the entry that decided in the input", () => {
    expect(encap(HOST_FAR)).toBe("unicast None entry 1");
    expect(encap(HOST_B)).toBe("local None entry 2");
    expect(encap(BROADCAST)).toBe("flood None entry 0");
    expect(encap(HOST_FAR, 3000)).toBe("drop EncapTooBig entry 1");
    expect(encap(HOST_FAR, 64, BROADCAST)).toBe("drop EncapSourceMacInvalid entry 0");
    expect(decap(HOST_B)).toBe("unicast None entry 2");
    expect(decap(BROADCAST)).toBe("flood None entry 0");
    expect(decap(HOST_FAR)).toBe("drop DecapSplitHorizon entry 1");
    expect(decap(HOST_B, HOST_B)).toBe("drop DecapStaticConflict entry 0");
  });
});

describe("the trace slot", () => {
  beforeEach(async () => {
    engine = await Engine.create(WORLD, L.WORKER_TRACE);
    engine.view.setUint32(engine.context + L.CONTEXT_FLAGS, L.CONTEXT_FLAG_DRY_RUN, true);
  });

  it("does not learn, move, stamp, count or tell", () => {
    const before = readFdb(engine);
    encap(HOST_FAR);
    encap(BROADCAST, 64, STRANGER);
    encap(HOST_FAR, 3000);
    decap(BROADCAST, STRANGER);
    decap(HOST_B, HOST_B);
    expect(readFdb(engine)).toEqual(before);
    expect(readCounters(engine)).toEqual({});
    expect(drainEvents(engine)).toEqual([]);
  });

  it("follows a super-frame to its end, and counts none of its segments", () => {
    for (const offloads of [0, L.OFFLOAD_UDP_SEGMENT]) {
      engine.view.setUint32(L.SYSTEM_OFFLOADS, offloads, true);
      for (const [dst, expected] of [
        [HOST_FAR, "unicast None entry 1"],
        [BROADCAST, "flood None entry 0"],
      ]) {
        const { frame, virtio } = plainSuper(dst, HOST_A, 60_000, 100);
        engine.place(0, { attachment: 1, bytes: frame, virtio }, 0);
        engine.run("encap", 1);
        expect(verdict()).toBe(expected);
      }
    }
    expect(readCounters(engine)).toEqual({});
  });

  it("refreshes no stamp of a learned entry", async () => {
    const worker = await Engine.create(WORLD, 0);
    engine = worker;
    worker.clock = 100;
    encap(HOST_FAR, 64, STRANGER);
    const learned = readFdb(worker)[`1 ${macKey(STRANGER)}`];
    expect(learned).toBe("attachment 1 stamp 100 generation 0");
    worker.clock = 150;
    worker.view.setUint32(worker.context + L.CONTEXT_FLAGS, L.CONTEXT_FLAG_DRY_RUN, true);
    encap(HOST_FAR, 64, STRANGER);
    expect(readFdb(worker)[`1 ${macKey(STRANGER)}`]).toBe(learned);
    worker.view.setUint32(worker.context + L.CONTEXT_FLAGS, 0, true);
    encap(HOST_FAR, 64, STRANGER);
    expect(readFdb(worker)[`1 ${macKey(STRANGER)}`]).toBe("attachment 1 stamp 150 generation 0");
  });
});

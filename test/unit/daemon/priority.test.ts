// In a file, and so a process, of its own: control's threads get a low priority here, for good.

import { getPriority } from "node:os";
import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { Workers } from "../../../control/daemon/workers.js";
import { compileDataplane } from "../../../control/dataplane.js";
import { contextIndex } from "../../../control/tables/epochs.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { createFixture } from "../tables/fixture.js";

it("workers come first: all other threads have a lower priority", async () => {
  const { memory, dataplane } = await createFixture({ workers: 2 });
  const before = getPriority(process.pid);
  const workers = new Workers(memory, await compileDataplane(), dataplane, 2, pino({ level: "silent" }));
  onTestFinished(() => workers.stop());
  const underlay = { kind: "udp" as const, sendFd: 0, isIpv6: false, trainSockets: 8 };
  await workers.start([underlay, underlay], 0);
  const threads = [0, 1].map((worker) => memory.u32[contextIndex(worker, L.CONTEXT_THREAD)]);
  const [nice] = threads.map((thread) => getPriority(thread));
  // As high as we may: root may.
  expect([before, Math.max(-20, before - 10)]).toContain(nice);
  expect(threads.map((thread) => getPriority(thread))).toEqual([nice, nice]);
  expect(getPriority(process.pid)).toBe(Math.min(19, (nice ?? before) + 10));
});

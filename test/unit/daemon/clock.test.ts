// Somebody sets the host's clock: nothing ages, thaws or runs out early or late by it, because everything goes by the monotonic one.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startTimers } from "../../../control/daemon/timers.js";
import { createFixture, type Fixture, mac, portSpec, sendInto, spec } from "../tables/fixture.js";

const [OURS, THEIRS] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
const AGEING_S = 60;
const YEAR_MS = 365 * 24 * 3600 * 1000;

let fixture: Fixture;
let stop: () => void;
let ticks: number;

beforeEach(async () => {
  fixture = await createFixture();
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance", "Date"] });
  const { tables } = fixture;
  tables.networks.add(spec(100, { vteps: ["10.0.0.2"], ageing: AGEING_S }));
  ticks = 0;
  stop = startTimers(tables, pino({ level: "silent" }), () => ticks++);
  const [port] = tables.ports.add(100, [portSpec("a", "02:00:00:00:00:0a")]);
  const frame = new Uint8Array(60);
  frame.set([...mac(THEIRS), ...mac(OURS), 0x88, 0xb5]);
  sendInto(fixture, port.id, frame);
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

const isLearned = () => fixture.tables.fdb.get(fixture.tables.networks.get(100).id, mac(OURS)) !== undefined;

it.each([-YEAR_MS, YEAR_MS])(
  "and sets it by %d ms: an entry is as old as it was, and ages when it is due",
  (stepMs) => {
    vi.advanceTimersByTime(1000);
    const before = fixture.tables.clock;
    vi.setSystemTime(Date.now() + stepMs);
    vi.advanceTimersByTime(1000);
    expect([ticks, fixture.tables.clock - before]).toEqual([8, 1]);
    expect(isLearned()).toBe(true);
    vi.advanceTimersByTime((AGEING_S - 5) * 1000);
    expect(isLearned()).toBe(true);
    // And a lap of the sweep.
    vi.advanceTimersByTime(20_000);
    expect(isLearned()).toBe(false);
  },
);

it("and nothing asks it what time has passed: only what people read has its time", async () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const files = (
    await Promise.all(["control", "dataplane-wasm"].map((folder) => sourcesIn(join(root, folder))))
  ).flat();
  expect(files.length).toBeGreaterThan(100);
  const asks = await Promise.all(
    files.map(async (file) => [...(await readFile(file, "utf8")).matchAll(/\bDate\b.*/g)].map(([text]) => text)),
  );
  expect(asks.flat()).toEqual([expect.stringMatching(/^Date\(\)\.toISOString\(\)/)]);
});

async function sourcesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((name) => name.endsWith(".ts")).map((name) => join(folder, name));
}

// Changes that are asked for at the same time: one after the other, each after what the one before it took away is gone.

import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, it } from "vitest";
import { setWorker } from "../tables/fixture.js";
import { Api } from "./fixture.js";

const BLUE = "/v1/networks/100";

let api: Api;
beforeEach(async () => {
  api = await Api.create();
});

it("changes that are asked for at once happen one after the other", async () => {
  const names = Array.from({ length: 12 }, (_, n) => `p${n}`);
  await api.put(BLUE, { flood: { mode: "headend", vteps: [] } });
  const answers = await Promise.all([
    ...names.map((name) => api.put(`${BLUE}/ports/${name}`)),
    ...names.map((name) => api.delete(`${BLUE}/ports/${name}`)),
    ...names.map((_, n) => api.put(`${BLUE}/vteps/10.0.1.${n}`)),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([
    ...names.map(() => 201),
    ...names.map(() => 204),
    ...names.map(() => 201),
  ]);
  expect((await api.get(`${BLUE}/vteps`)).body).toHaveLength(12);
  expect(api.devices.open.size).toBe(0);
});

it("a change waits until what the one before it took away is gone", async () => {
  await api.put(BLUE, { ports: [{ name: "a" }] });
  setWorker(api.fixture, "running");
  const answers = Promise.all([api.delete(BLUE), api.put(BLUE, { ports: [{ name: "a" }] })]);
  await sleep(30);
  expect(api.devices.open.size, "a worker may still hold it").toBe(1);
  setWorker(api.fixture, "asleep");
  expect((await answers).map(({ status }) => status)).toEqual([204, 201]);
});

it("a daemon that stops finishes what was begun, and refuses the rest", async () => {
  await api.put(BLUE);
  const port = { name: "a", driver: "tap", queues: 1, persistent: false } as const;
  const begun = api.changes.putPort(100, port);
  await Promise.resolve();
  const [late, stopped] = [api.changes.removeNetwork(100), api.changes.stop()];
  expect(await begun).toBe("created");
  await expect(late).rejects.toMatchObject({ code: "ERR_NO_DAEMON" });
  await stopped;
  expect(await api.put(BLUE)).toMatchObject({ status: 503, body: { code: "ERR_NO_DAEMON" } });
});

// FDB entries of MACs that move too often, over the API: seen, thawed, overwritten.

import { beforeEach, expect, test } from "vitest";
import { BROADCAST, frame, receiveFrom } from "../tables/fixture.js";
import { Api, BLUE, headend, OURS, THEIRS, THIRD } from "./fixture.js";

const FDB = `${BLUE}/fdb`;

let api: Api;
beforeEach(async () => {
  api = await Api.create();
  await api.put(BLUE, { flood: headend("10.0.0.2", "10.0.0.3"), ports: [{ name: "a", mac: OURS }] });
});

const learn = (mac: string, vtep = "10.0.0.2") => receiveFrom(api.fixture, vtep, 100, frame(mac, BROADCAST));

const move = () => {
  learn(THEIRS, "10.0.0.3");
  for (let turn = 0; turn < 3; turn++) for (const vtep of ["10.0.0.2", "10.0.0.3"]) learn(THEIRS, vtep);
  const { damping, events } = api.fixture.tables;
  events.drain((event) => damping.moved(event), "moved");
  damping.freeze();
};
const frozen = { mac: THEIRS, vtep: "10.0.0.3", kind: "learned", age: 0, frozen: true };

test("an entry that moves too often is frozen, alone and in lists, and counted by status", async () => {
  expect((await api.get("/v1/status")).body.fdb).toMatchObject({ frozen: 0 });
  learn(THIRD);
  move();
  learn(THEIRS, "10.0.0.2");
  expect((await api.get(`${FDB}/${THEIRS}`)).body).toEqual(frozen);
  expect((await api.get(`${FDB}?frozen=true`)).body).toEqual([frozen]);
  expect((await api.get(`${FDB}?frozen=false&kind=learned`)).body).toMatchObject([{ mac: THIRD }]);
  expect((await api.get(`${FDB}?frozen=yes`)).status).toBe(400);
  expect((await api.get("/v1/status")).body.fdb).toMatchObject({ frozen: 1 });
});

test("it thaws, which is nothing to one that is not frozen, and 404 to one that is not there", async () => {
  const thaw = (mac: string) => api.post(`${FDB}/${mac}/thaw`, {});
  move();
  expect(await thaw(THEIRS.toUpperCase())).toMatchObject({ status: 200, body: { result: "thawed" } });
  const { frozen: _, ...thawed } = frozen;
  expect((await api.get(`${FDB}/${THEIRS}`)).body).toEqual(thawed);
  expect((await api.get("/v1/status")).body.fdb).toMatchObject({ frozen: 0 });
  learn(THEIRS, "10.0.0.2");
  expect((await api.get(`${FDB}/${THEIRS}`)).body).toMatchObject({ vtep: "10.0.0.2" });
  expect(await thaw(THEIRS)).toMatchObject({ status: 200, body: { result: "unchanged" } });
  expect(await thaw(OURS)).toMatchObject({ status: 200, body: { result: "unchanged" } });
  expect(await thaw(THIRD)).toMatchObject({ status: 404, body: { code: "ERR_NOT_FOUND" } });
  expect((await api.post(`/v1/networks/7/fdb/${THEIRS}/thaw`, {})).status).toBe(404);
  expect((await api.post(`${FDB}/${THEIRS}/thaw`, { mac: THEIRS })).status).toBe(422);
});

test("it can be taken by a static entry, and be removed", async () => {
  move();
  expect((await api.put(`${FDB}/${THEIRS}`, { vtep: "10.0.0.2" })).status).toBe(201);
  expect((await api.get(`${FDB}/${THEIRS}`)).body).toEqual({
    ...frozen,
    vtep: "10.0.0.2",
    kind: "static",
    frozen: undefined,
  });
  expect((await api.delete(`${FDB}/${THEIRS}`)).status).toBe(204);
  move();
  expect((await api.delete(`${FDB}/${THEIRS}`)).status).toBe(204);
  api.fixture.tables.damping.tick(0);
  expect((await api.get("/v1/status")).body.fdb).toMatchObject({ frozen: 0 });
});

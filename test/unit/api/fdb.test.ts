// FDB entries over the API: one by one, many at once, flushed.

import { beforeEach, describe, expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { BROADCAST, frame, receiveFrom, sendInto } from "../tables/fixture.js";
import { Api, BLUE, OURS, THEIRS, THIRD } from "./fixture.js";

const FDB = `${BLUE}/fdb`;
const macOf = (n: number) =>
  `02:00:00:01:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
const entriesOf = (count: number, vtep: string) => Array.from({ length: count }, (_, n) => ({ mac: macOf(n), vtep }));
const lines = (items: readonly object[]) => ({
  payload: items.map((item) => `${JSON.stringify(item)}\n`).join(""),
  headers: { "content-type": "application/x-ndjson" },
});

let api: Api;
beforeEach(async () => {
  api = await Api.create();
  await api.put("/v1/networks/100", {
    flood: { mode: "headend", vteps: ["10.0.0.2", "10.0.0.3"] },
    ports: [{ name: "a", mac: OURS }, { name: "b" }],
  });
  await api.put("/v1/networks/200", { flood: { mode: "headend", vteps: ["10.0.0.2"] }, ports: [{ name: "c" }] });
});

const learn = (mac: string, vtep = "10.0.0.2", vni = 100) => receiveFrom(api.fixture, vtep, vni, frame(mac, BROADCAST));
const flush = (filter: object, url = "/v1/fdb/flush") => api.post(url, filter);
const macs = async (query = "", vni = 100) => {
  const { body } = await api.get(`/v1/networks/${vni}/fdb${query}`);
  return (body as unknown as { mac: string }[]).map(({ mac }) => mac).sort();
};

describe("an entry", () => {
  it("is put, is the same when put again, moves, and goes", async () => {
    const before = api.state();
    expect(await api.put(`${FDB}/${THEIRS}`, { vtep: "10.0.0.2" })).toMatchObject({
      status: 201,
      body: { result: "created" },
    });
    const once = api.state();
    expect(await api.put(`${FDB}/${THEIRS}`, { vtep: "10.0.0.2" })).toMatchObject({
      status: 200,
      body: { result: "unchanged" },
    });
    expect(api.state()).toEqual(once);
    expect((await api.get(`${FDB}/${THEIRS}`)).body).toEqual({ mac: THEIRS, vtep: "10.0.0.2", kind: "static", age: 0 });
    const port = api.fixture.tables.ports.find("a")?.id ?? 0;
    expect(sendInto(api.fixture, port, frame(OURS, THEIRS))).toEqual(["10.0.0.2"]);
    expect((await api.put(`${FDB}/${THEIRS.toUpperCase()}`, { port: "b" })).body).toEqual({ result: "changed" });
    expect((await api.get(`${FDB}/${THEIRS}`)).body).toEqual({ mac: THEIRS, port: "b", kind: "static", age: 0 });
    expect((await api.delete(`${FDB}/${THEIRS}`)).status).toBe(204);
    expect((await api.delete(`${FDB}/${THEIRS}`)).status).toBe(404);
    expect((await api.get(`${FDB}/${THEIRS}`)).status).toBe(404);
    expect(api.state()).toEqual(before);
  });

  it("that was learned is shown, is replaced by a static one, and can be removed", async () => {
    learn(THEIRS);
    learn(THIRD);
    expect((await api.get(`${FDB}/${THEIRS}`)).body).toEqual({
      mac: THEIRS,
      vtep: "10.0.0.2",
      kind: "learned",
      age: 0,
    });
    expect((await api.put(`${FDB}/${THEIRS}`, { vtep: "10.0.0.3" })).status).toBe(201);
    expect(await macs("?kind=static")).toContain(THEIRS);
    expect((await api.delete(`${FDB}/${THIRD}`)).status).toBe(204);
    expect((await api.get(`${FDB}/${THIRD}`)).status).toBe(404);
  });

  it("that has aged is not there, swept or not", async () => {
    learn(THEIRS);
    api.fixture.tables.setClock(301);
    expect((await api.get(`${FDB}/${THEIRS}`)).status).toBe(404);
  });

  it("for a port's own MAC is a conflict", async () => {
    const before = api.state();
    expect(await api.put(`${FDB}/${OURS}`, { vtep: "10.0.0.2" })).toMatchObject({
      status: 409,
      body: { code: "ERR_CONFLICT" },
    });
    expect(
      await api.put(FDB, [
        { mac: THIRD, port: "a" },
        { mac: OURS, port: "a" },
      ]),
    ).toMatchObject({ status: 409 });
    expect((await api.delete(`${FDB}/${OURS}`)).status).toBe(409);
    expect(api.state()).toEqual(before);
  });

  it("names what is wrong with it, and what is nearest", async () => {
    expect((await api.put(`${FDB}/${THEIRS}`, { port: "bb" })).body).toMatchObject({
      status: 422,
      code: "ERR_CONFIG_REFERENCE",
      problems: [{ path: "port", value: "bb", message: "is not a port", allowed: expect.stringContaining("a, b") }],
    });
    expect((await api.put(`${FDB}/${THEIRS}`, { vteb: "10.0.0.2" })).body).toMatchObject({
      status: 422,
      code: "ERR_CONFIG_KEY_UNKNOWN",
      problems: [{ path: "vteb", suggestion: "vtep" }],
    });
    expect((await api.put(`${FDB}/${THEIRS}`, {})).body).toMatchObject({ status: 422, problems: [{ path: "" }] });
  });
});

describe("many entries", () => {
  it.each(["array", "lines"])("are put at once, as %s", async (how) => {
    const put = (items: object[]) => (how === "array" ? api.put(FDB, items) : api.put(FDB, undefined, lines(items)));
    const entries = entriesOf(1500, "10.0.0.3");
    expect(await put(entries)).toMatchObject({ status: 200, body: { created: 1500, changed: 0, unchanged: 0 } });
    const once = api.state();
    expect((await put(entries)).body).toEqual({ created: 0, changed: 0, unchanged: 1500 });
    expect(api.state()).toEqual(once);
    const moved = [...entriesOf(10, "10.0.0.4"), { mac: THEIRS, port: "b" }];
    expect((await put(moved)).body).toMatchObject({ created: 1, changed: 10, unchanged: 0 });
    expect(await macs("?vtep=10.0.0.4")).toEqual(entriesOf(10, "").map(({ mac }) => mac));
  });

  it("are none if one of them is wrong, wherever it stands", async () => {
    const before = api.state();
    const entries = entriesOf(1200, "10.0.0.9");
    for (const [wrong, status, path] of [
      [{ mac: THEIRS, port: "nope" }, 422, "[1200].port"],
      [{ mac: THEIRS, vtep: "10.0.0.1" }, 422, "[1200].vtep"],
      [{ mac: "nonsense", vtep: "10.0.0.2" }, 422, "[1200].mac"],
      [{ mac: macOf(7), vtep: "10.0.0.2" }, 422, "[1200].mac"],
      [{ mac: OURS, vtep: "10.0.0.2" }, 409, undefined],
    ] as const) {
      const { status: got, body } = await api.put(FDB, [...entries, wrong]);
      expect({ got, path: body.problems?.[0].path }).toEqual({ got: status, path });
    }
    expect((await api.put(FDB, [...entries, 5])).body.problems).toMatchObject([{ path: "[1200]" }]);
    expect(api.state()).toEqual(before);
  });

  it("are none if the table is full", async () => {
    const before = api.state();
    expect(await api.put(FDB, entriesOf(2047, "10.0.0.9"))).toMatchObject({ status: 507, body: { code: "ERR_LIMIT" } });
    expect(api.state()).toEqual(before);
  });

  it("are refused if they are no list, no JSON or too large", async () => {
    const before = api.state();
    for (const body of [{}, { mac: THEIRS, vtep: "10.0.0.2" }, null]) {
      const answer = await api.put(FDB, undefined, {
        payload: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
      expect(answer.status).toBe(422);
    }
    expect((await api.put(FDB)).status).toBe(422);
    const broken = { ...lines([]), payload: `{"mac":"${THEIRS}","vtep":"10.0.0.2"}\n{"mac"` };
    expect(await api.put(FDB, undefined, broken)).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(/^line 2 is not JSON/) },
    });
    const large = { ...lines([]), payload: `${" ".repeat(9 * 1024 * 1024)}` };
    expect(await api.put(FDB, undefined, large)).toMatchObject({ status: 413, body: { code: "ERR_USAGE" } });
    expect(api.state()).toEqual(before);
  });

  it("let others have their turn", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await api.put(FDB, entriesOf(2000, "10.0.0.3"));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });
});

describe("a flush", () => {
  beforeEach(async () => {
    learn(THEIRS, "10.0.0.2");
    learn(THIRD, "10.0.0.3");
    learn(THEIRS, "10.0.0.2", 200);
    await api.put(FDB, [
      { mac: macOf(1), vtep: "10.0.0.2" },
      { mac: macOf(2), port: "a" },
    ]);
    await api.put("/v1/networks/200/fdb", [{ mac: macOf(3), vtep: "10.0.0.2" }]);
  });
  const own = () => [...api.fixture.tables.ports].map(({ mac }) => Buffer.from(mac).toString("hex")).length;

  it("of everything learned leaves what is static", async () => {
    expect(await flush({})).toMatchObject({ status: 200, body: { removed: 3 } });
    expect(await macs("?kind=learned")).toEqual([]);
    expect(await macs("?kind=learned", 200)).toEqual([]);
    expect(await macs("?kind=static")).toHaveLength(4);
    expect((await flush({})).body).toEqual({ removed: 0 });
  });

  it.each([
    [{ vni: 200 }, 1, { learned: [THEIRS, THIRD] }],
    [{ vtep: "10.0.0.2" }, 2, { learned: [THIRD] }],
    [{ vni: 100, vtep: "10.0.0.3" }, 1, { learned: [THEIRS] }],
    [{ vtep: "10.0.0.77" }, 0, { learned: [THEIRS, THIRD] }],
    [{ port: "a" }, 0, { learned: [THEIRS, THIRD] }],
    [{ kind: "static" }, 3, { static: 2 }],
    [{ kind: "static", port: "a" }, 1, { static: 3 }],
    [{ kind: "static", vtep: "10.0.0.2" }, 2, { static: 3 }],
    [{ kind: "all", vni: 100 }, 4, { learned: [], static: 2 }],
  ])("of %j removes %i", async (filter, removed, left) => {
    expect((await flush(filter)).body).toEqual({ removed });
    if ("learned" in left) expect(await macs("?kind=learned")).toEqual(left.learned);
    if ("static" in left) expect(await macs("?kind=static")).toHaveLength(left.static ?? 0);
    expect(api.fixture.tables.ports.size).toBe(own());
  });

  it("of one network by its path", async () => {
    expect((await flush({ kind: "all" }, "/v1/networks/200/fdb/flush")).body).toEqual({ removed: 2 });
    expect(await macs()).toHaveLength(6);
    expect((await flush({ port: "b" }, `${FDB}/flush`)).body).toEqual({ removed: 0 });
  });

  it.each([
    [{ vni: 300 }, 404],
    [{ port: "nope" }, 404],
    [{ vni: 100, port: "c" }, 404],
    [{ vtep: "10.0.0.2", port: "a" }, 422],
    [{ kind: "old" }, 422],
    [{ vni: "100" }, 422],
    [{ vin: 100 }, 422],
  ])("of %j is %i, and nothing goes", async (filter, status) => {
    const before = api.state();
    expect((await flush(filter)).status).toBe(status);
    expect(api.state()).toEqual(before);
  });

  it("walks again when a worker kicks entries, and counts each once", async () => {
    const { memory, tables } = api.fixture;
    let met = 0;
    for (const _ of tables.fdb.meetStatics(0, () => met++)) {
      if (met > 0 && met < 4) Atomics.add(memory.u32, L.KICK_SEQ / 4, 2);
    }
    expect(met).toBe(6); // all three twice
    const timer = setInterval(() => Atomics.add(memory.u32, L.KICK_SEQ / 4, 2), 0);
    const { body } = await flush({ kind: "static" });
    clearInterval(timer);
    expect(body).toEqual({ removed: 3 });
  });

  it("finds what was learned from a port", async () => {
    const port = api.fixture.tables.ports.find("b")?.id ?? 0;
    sendInto(api.fixture, port, frame("02:00:00:00:00:44", BROADCAST));
    expect((await flush({ port: "b" })).body).toEqual({ removed: 1 });
  });
});

// Conditional PUTs, and the whole way of a program: read, change a key, write back what was read.

import { beforeEach, describe, expect, it } from "vitest";
import { Api, type Json } from "./fixture.js";

const N = "/v1/networks/100";
const MAC = "02:00:00:00:00:0a";
const NEW = { headers: { "if-none-match": "*" } };

let api: Api;
beforeEach(async () => {
  api = await Api.create();
});

const make = () =>
  api.put(N, {
    name: "blue",
    flood: { mode: "headend", vteps: ["10.99.0.2"] },
    ports: [{ name: "blue0", mac: "02:00:00:00:00:01" }],
    fdb: [{ mac: MAC, vtep: "10.99.0.2" }],
  });

const THINGS = [
  ["a network", N, {}],
  ["a port", `${N}/ports/blue0`, { mac: "02:00:00:00:00:01" }],
  ["a VTEP", `${N}/vteps/10.99.0.2`, {}],
  ["an entry", `${N}/fdb/${MAC}`, { vtep: "10.99.0.2" }],
] as const;

describe("If-None-Match: *", () => {
  it.each(THINGS)("makes %s only if it is not there", async (_, path, body) => {
    await make();
    const before = api.state();
    const refused = await api.put(path, body, NEW);
    expect(refused).toMatchObject({ status: 412, type: "application/problem+json; charset=utf-8" });
    expect(refused.body).toMatchObject({
      code: "ERR_PRECONDITION",
      title: "Precondition Failed",
      status: 412,
      detail: expect.stringMatching(/ is there already$/),
    });
    expect(api.state()).toEqual(before);
    expect((await api.delete(path)).status).toBe(204);
    if (path === N) expect((await api.put(path, body, NEW)).status).toBe(201);
    else expect((await api.put(path, body, NEW)).body).toEqual({ result: "created" });
  });

  it("lets one of two through that come at once", async () => {
    const answers = await Promise.all([api.put(N, {}, NEW), api.put(N, { mtu: 1400 }, NEW)]);
    expect(answers.map(({ status }) => status)).toEqual([201, 412]);
    expect((await api.get(N)).body.mtu).toBe(1450);
  });

  it("tells a mistake first", async () => {
    await make();
    expect((await api.put(N, { mtu: "x" }, NEW)).status).toBe(422);
    expect((await api.put("/v1/networks/7/ports/a", {}, NEW)).status).toBe(404);
  });
});

describe("If-Match", () => {
  const tagOf = async (path: string) => String((await api.get(path)).headers.etag);
  const when = (tag: string) => ({ headers: { "if-match": tag } });

  it("changes a network only if it is still what was read", async () => {
    await make();
    const tag = await tagOf(N);
    expect(tag).toMatch(/^"[\w-]{22}"$/);
    const mine = { name: "blue", mtu: 1400, flood: { mode: "none" } };
    expect((await api.put(N, mine, when(`"other", ${tag}`))).body).toEqual({ result: "changed" });
    const refused = await api.put(N, { ...mine, mtu: 1300 }, when(tag));
    expect(refused.status).toBe(412);
    expect(refused.body.detail).toContain(await tagOf(N));
    expect((await api.get(N)).body.mtu).toBe(1400);
    expect((await api.put(N, { ...mine, mtu: 1300 }, when(await tagOf(N)))).status).toBe(200);
  });

  it("is of what can be written: counters do not change a tag, ports do", async () => {
    await make();
    const tag = await tagOf(N);
    await api.put(`${N}/fdb/02:00:00:00:00:0b`, { vtep: "10.99.0.2" });
    expect(await tagOf(N)).toBe(tag);
    await api.put(`${N}/ports/blue1`);
    expect(await tagOf(N)).not.toBe(tag);
    const port = await tagOf(`${N}/ports/blue1`);
    expect((await api.put(`${N}/ports/blue1`, {}, when(port))).body).toEqual({ result: "unchanged" });
    expect((await api.put(`${N}/ports/blue1`, {}, when(tag))).status).toBe(412);
  });

  it.each(THINGS)("* wants %s to be there", async (_, path, body) => {
    await make();
    expect((await api.put(path, body, when("*"))).status).toBe(200);
    await api.delete(path);
    const refused = await api.put(path, body, when("*"));
    expect(refused.status).toBe(412);
    expect(refused.body.detail).toMatch(/ is not there$/);
  });
});

describe("what was read is written back", () => {
  it.each(THINGS)("%s", async (_, path) => {
    await make();
    const { body } = await api.get(path);
    const before = api.state();
    expect((await api.put(path, body)).body).toEqual({ result: "unchanged" });
    expect(api.state()).toEqual(before);
  });

  it("with a key changed", async () => {
    await make();
    const { body } = await api.get(N);
    expect((await api.put(N, { ...body, mtu: 1300 })).body).toEqual({ result: "changed" });
    expect((await api.get(N)).body).toEqual({ ...body, mtu: 1300 });
  });

  it("and says that a port is up, and how many queues it has", async () => {
    await make();
    const { body } = await api.get(`${N}/ports/blue0`);
    expect(body).toMatchObject({ queues: "auto", status: { state: "up", queues: 2 } });
    const network = (await api.get(N)).body;
    expect(network.ports[0]).toEqual(body);
  });

  it.each([
    ["the vni", N, { vni: 101 }, "vni"],
    ["the name", `${N}/ports/blue0`, { name: "blue1" }, "name"],
    ["the address", `${N}/vteps/10.99.0.2`, { address: "10.99.0.3" }, "address"],
    ["the mac", `${N}/fdb/${MAC}`, { mac: "02:00:00:00:00:0b", vtep: "10.99.0.2" }, "mac"],
    ["the kind", `${N}/fdb/${MAC}`, { kind: "learned", vtep: "10.99.0.2" }, "kind"],
  ])("but not with %s of another", async (_, path, body, key) => {
    await make();
    const before = api.state();
    const answer = await api.put(path, body);
    expect(answer.status).toBe(422);
    expect(answer.body.problems).toEqual([expect.objectContaining({ code: "ERR_CONFIG_REFERENCE", path: key })]);
    expect(api.state()).toEqual(before);
  });

  it("whatever its read-only keys hold, it is no fault", async () => {
    await make();
    const odd: unknown[] = [
      null,
      [],
      {},
      { ports: 5 },
      { ports: [5] },
      { vni: {} },
      { fdb: 5 },
      { fdb: null },
      { ports: [[]] },
    ];
    for (const body of odd) {
      const { status } = await api.put(N, body as Json);
      expect([200, 400, 422], JSON.stringify(body)).toContain(status);
    }
  });
});

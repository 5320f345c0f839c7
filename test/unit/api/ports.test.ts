// What a network is joined to, one piece at a time: its ports, and the VTEPs of its flood list.

import { beforeEach, describe, expect, it } from "vitest";
import { frame, sendInto } from "../tables/fixture.js";
import { Api, BLUE, headend, OURS, THEIRS } from "./fixture.js";

let api: Api;
beforeEach(async () => {
  api = await Api.create();
});

describe("ports", () => {
  beforeEach(async () => {
    await api.put(BLUE, { name: "blue", mtu: 1400 });
  });

  it("come, are the same when put again, and go with their interface", async () => {
    const before = api.state();
    expect(await api.put(`${BLUE}/ports/p`, { mac: OURS, queues: 1 })).toMatchObject({ status: 201 });
    expect(api.devices.open.get("p")).toMatchObject({ mac: OURS, queues: 1, mtu: 1400 });
    expect((await api.put(`${BLUE}/ports/p`, { mac: OURS, queues: 1 })).body).toEqual({ result: "unchanged" });
    expect((await api.get(`${BLUE}/ports`)).body).toEqual([
      { name: "p", driver: "tap", queues: 1, mac: OURS, persistent: false, status: { state: "up", queues: 1 } },
    ]);
    expect((await api.get(`${BLUE}/ports/p`)).body).toMatchObject({ name: "p", mac: OURS });
    expect((await api.delete(`${BLUE}/ports/p`)).status).toBe(204);
    expect(api.devices.open.size).toBe(0);
    expect((await api.delete(`${BLUE}/ports/p`)).status).toBe(404);
    expect(api.state()).toEqual(before);
  });

  it("are added without the ones that are there noticing", async () => {
    await api.put(`${BLUE}/ports/a`, { mac: OURS });
    const a = api.fixture.tables.ports.find("a")?.id ?? 0;
    await api.put(`${BLUE}/ports/b`, { mac: THEIRS });
    const before = api.fixture.ports.sent.length;
    sendInto(api.fixture, a, frame(OURS, THEIRS));
    expect(api.fixture.ports.sent).toHaveLength(before + 1);
    await api.delete(`${BLUE}/ports/b`);
    expect(api.devices.open.has("a")).toBe(true);
  });

  it.each([
    ["another mac", { mac: THEIRS }],
    ["other queues", { mac: OURS, queues: 1 }],
    ["another persistence", { mac: OURS, persistent: true }],
  ])("with %s are a conflict", async (_, body) => {
    await api.put(`${BLUE}/ports/a`, { mac: OURS });
    const before = api.state();
    expect(await api.put(`${BLUE}/ports/a`, body)).toMatchObject({ status: 409, body: { code: "ERR_CONFLICT" } });
    expect(api.state()).toEqual(before);
  });

  it("whose name, MAC or network is another's are refused, and nothing stays", async () => {
    await api.put("/v1/networks/200", { ports: [{ name: "b" }] });
    await api.put(`${BLUE}/ports/a`, { mac: OURS });
    await api.put(`${BLUE}/fdb/${THEIRS}`, { vtep: "10.0.0.2" });
    const before = api.state();
    expect((await api.put(`${BLUE}/ports/b`)).status).toBe(409);
    expect((await api.put(`${BLUE}/ports/c`, { mac: OURS })).status).toBe(409);
    expect((await api.put(`${BLUE}/ports/c`, { mac: THEIRS })).status).toBe(409);
    expect((await api.put("/v1/networks/300/ports/c")).status).toBe(404);
    expect((await api.put(`${BLUE}/ports/under0`)).status).toBe(422);
    expect((await api.get(`${BLUE}/ports/b`)).body.detail).toBe("network 100 has no port b; network 200 has");
    expect(api.state()).toEqual(before);
  });
});

describe("flood lists", () => {
  it("grow and shrink by one VTEP", async () => {
    await api.put(BLUE, { flood: headend("10.0.0.2") });
    const before = api.state();
    expect(await api.put(`${BLUE}/vteps/10.0.0.3`, {})).toMatchObject({ status: 201, body: { result: "created" } });
    expect(await api.put(`${BLUE}/vteps/10.0.0.3`)).toMatchObject({ status: 200, body: { result: "unchanged" } });
    expect((await api.get(`${BLUE}/vteps`)).body).toEqual([{ address: "10.0.0.2" }, { address: "10.0.0.3" }]);
    expect((await api.get(`${BLUE}/vteps/10.0.0.3`)).body).toEqual({ address: "10.0.0.3" });
    expect((await api.delete(`${BLUE}/vteps/10.0.0.3`)).status).toBe(204);
    expect((await api.delete(`${BLUE}/vteps/10.0.0.3`)).status).toBe(404);
    expect((await api.get(`${BLUE}/vteps/10.0.0.3`)).status).toBe(404);
    expect(api.state()).toEqual(before);
  });

  it("belong to networks that flood by headend", async () => {
    await api.put(BLUE);
    expect(await api.put(`${BLUE}/vteps/10.0.0.3`)).toMatchObject({ status: 409, body: { code: "ERR_CONFLICT" } });
    expect((await api.delete(`${BLUE}/vteps/10.0.0.3`)).status).toBe(409);
    expect((await api.get(`${BLUE}/vteps`)).body).toEqual([]);
  });

  it("take no VTEP that cannot be one", async () => {
    await api.put(BLUE, { flood: headend() });
    for (const [address, code] of [
      ["10.0.0.1", "ERR_CONFIG_REFERENCE"], // this VTEP itself
      ["fd00::1", "ERR_CONFIG_REFERENCE"], // of the other family
    ]) {
      expect(await api.put(`${BLUE}/vteps/${address}`)).toMatchObject({
        status: 422,
        body: { code, problems: [{ path: "address" }] },
      });
    }
  });
});

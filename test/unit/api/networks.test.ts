// Networks that come, change and go while others forward: whole or not at all.

import { beforeEach, describe, expect, it } from "vitest";
import { SyscallError } from "../../../control/linux/index.js";
import { Drop } from "../../../dataplane-wasm/drop.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { BROADCAST, frame, receiveFrom, sendInto } from "../tables/fixture.js";
import { Api, BLUE, DEFAULT_MTU, headend, OURS, THEIRS } from "./fixture.js";

let api: Api;
beforeEach(async () => {
  api = await Api.create();
});

describe("a network", () => {
  it("is created whole, with ports and entries, and frames flow", async () => {
    const body = {
      name: "blue",
      mtu: 1400,
      learning: false,
      ageing: "1m",
      innerVlan: "drop",
      flood: headend("10.0.0.2"),
      allow: ["10.0.0.0/24"],
      ports: [{ name: "blue0", mac: OURS }],
      fdb: [{ mac: THEIRS, vtep: "10.0.0.3" }],
    };
    expect(await api.put(BLUE, body)).toMatchObject({ status: 201, body: { result: "created" } });
    expect((await api.get(BLUE)).body).toEqual({
      ...body,
      vni: 100,
      ageing: 60,
      ports: [
        {
          name: "blue0",
          driver: "tap",
          queues: "auto",
          mac: OURS,
          persistent: false,
          status: { state: "up", queues: 2 },
        },
      ],
      fdb: { learned: 0, static: 2 },
    });
    expect(api.devices.open.get("blue0")).toMatchObject({ mac: OURS, mtu: 1400, queues: 2 });
    const port = api.fixture.tables.ports.find("blue0")?.id ?? 0;
    expect(sendInto(api.fixture, port, frame(OURS, THEIRS))).toEqual(["10.0.0.3"]);
    expect(sendInto(api.fixture, port, frame(OURS, BROADCAST))).toEqual(["10.0.0.2"]);
    expect(receiveFrom(api.fixture, "10.0.0.9", 100, frame(THEIRS, OURS))).toHaveLength(0); // the static entry says else
  });

  it("has the config's defaults", async () => {
    expect((await api.put(BLUE)).status).toBe(201);
    expect((await api.get(BLUE)).body).toEqual({
      vni: 100,
      name: "vni100",
      mtu: DEFAULT_MTU,
      learning: true,
      ageing: 300,
      innerVlan: "keep",
      flood: { mode: "none" },
      ports: [],
      fdb: { learned: 0, static: 0 },
    });
  });

  it.each([
    {},
    { flood: headend("10.0.0.2", "10.0.0.3") },
    { allow: ["10.0.0.0/8"], flood: { mode: "multicast", group: "239.1.1.1", ttl: 3 } },
    { ports: [{ name: "a", mac: OURS }, { name: "b" }], fdb: [{ mac: THEIRS, port: "b" }] },
  ])("put twice changes nothing: %j", async (body) => {
    await api.put(BLUE, body);
    const before = api.state();
    expect(await api.put(BLUE, body)).toMatchObject({ status: 200, body: { result: "unchanged" } });
    expect(api.state()).toEqual(before);
  });

  it("changes, and keeps its ports, entries and what it learned", async () => {
    await api.put(BLUE, {
      flood: headend("10.0.0.2"),
      ports: [{ name: "blue0", mac: OURS }],
      fdb: [{ mac: "02:00:00:00:00:03", vtep: "10.0.0.3" }],
    });
    receiveFrom(api.fixture, "10.0.0.2", 100, frame(THEIRS, OURS));
    const change = {
      mtu: 1300,
      ageing: 10,
      learning: false,
      innerVlan: "drop",
      flood: headend("10.0.0.2", "10.0.0.4"),
    };
    expect(await api.put(BLUE, change)).toMatchObject({ status: 200, body: { result: "changed" } });
    const port = api.fixture.tables.ports.find("blue0");
    expect((await api.get(BLUE)).body).toMatchObject({
      ...change,
      ports: [{ name: "blue0" }],
      fdb: { learned: 1, static: 2 },
    });
    expect(sendInto(api.fixture, port?.id ?? 0, frame(OURS, THEIRS))).toEqual(["10.0.0.2"]);
    expect(sendInto(api.fixture, port?.id ?? 0, frame(OURS, BROADCAST))).toEqual(["10.0.0.2", "10.0.0.4"]);
    expect(api.devices.open.get("blue0")?.mtu).toBe(1300);
    const attachment = L.ATTACHMENTS + (port?.attachment ?? 0) * L.ATTACHMENT_SIZE;
    expect(api.fixture.memory.u32[(attachment + L.ATTACHMENT_MTU) / 4]).toBe(1300);
  });

  it("ends with just the ports and entries that it is put with", async () => {
    await api.put(BLUE, {
      ports: [{ name: "a" }, { name: "b" }],
      fdb: [
        { mac: OURS, vtep: "10.0.0.2" },
        { mac: THEIRS, vtep: "10.0.0.3" },
      ],
    });
    const body = { ports: [{ name: "b" }, { name: "c" }], fdb: [{ mac: THEIRS, port: "c" }] };
    expect((await api.put(BLUE, body)).body.result).toBe("changed");
    expect([...api.devices.open.keys()]).toEqual(["b", "c"]);
    expect((await api.get(`${BLUE}/fdb?vtep=10.0.0.2`)).body).toEqual([]);
    expect((await api.get(`${BLUE}/fdb/${THEIRS}`)).body).toMatchObject({ port: "c", kind: "static" });
  });

  it("joins and leaves groups", async () => {
    const group = (address: string) => ({ allow: ["10.0.0.0/8"], flood: { mode: "multicast", group: address } });
    await api.put(BLUE, group("239.1.1.1"));
    await api.put("/v1/networks/200", group("239.1.1.1"));
    expect([...api.groups.joined]).toEqual(["239.1.1.1"]);
    await api.put(BLUE, group("239.1.1.2"));
    expect([...api.groups.joined]).toEqual(["239.1.1.1", "239.1.1.2"]);
    await api.put(BLUE, { flood: headend() });
    await api.delete("/v1/networks/200");
    await api.put(BLUE);
    api.state();
    expect([...api.groups.joined]).toEqual([]);
  });

  it("is removed with its interfaces, and its VNI and names are free at once", async () => {
    const body = { name: "blue", ports: [{ name: "a" }], flood: headend("10.0.0.2") };
    const before = api.state();
    for (let round = 0; round < 3; round++) {
      expect((await api.put(BLUE, body)).status).toBe(201);
      expect(await api.delete(BLUE)).toMatchObject({ status: 204, text: "" });
      expect(api.devices.open.size).toBe(0);
    }
    expect((await api.delete(BLUE)).status).toBe(404);
    expect(api.state()).toEqual(before);
  });
});

it("names are free again when a network has another, or has gone", async () => {
  const [red, green] = ["/v1/networks/200", "/v1/networks/300"];
  await api.put(BLUE, { name: "blue" });
  expect((await api.put(red, { name: "blue" })).status).toBe(409);
  await api.put(BLUE, { name: "azure" });
  expect((await api.put(red, { name: "blue" })).status).toBe(201);
  expect((await api.put(green, { name: "azure" })).status).toBe(409);
  await api.delete(BLUE);
  expect((await api.put(green, { name: "azure" })).status).toBe(201);
});

describe("a failure half way", () => {
  const port = (name: string) => ({ name });

  it("of a new network leaves nothing", async () => {
    await api.put("/v1/networks/200", { ports: [port("taken")] });
    const before = api.state();
    const body = { flood: headend("10.0.0.2"), ports: [port("a"), port("taken")] };
    expect(await api.put(BLUE, body)).toMatchObject({ status: 409, body: { code: "ERR_CONFLICT" } });
    api.devices.refuse.set("b", new SyscallError("TUNSETIFF b", 24));
    expect(await api.put(BLUE, { ports: [port("a"), port("b")] })).toMatchObject({
      status: 507,
      body: { code: "ERR_LIMIT", detail: expect.stringContaining("EMFILE") },
    });
    expect(api.state()).toEqual(before);
  });

  it("of a change leaves what was", async () => {
    await api.put(BLUE, { mtu: 1400, flood: headend("10.0.0.2"), ports: [port("a")] });
    for (const mac of [OURS, THEIRS]) receiveFrom(api.fixture, "10.0.0.2", 100, frame(mac, BROADCAST));
    const before = api.state();
    api.devices.refuse.set("c", new SyscallError("TUNSETIFF c", 1));
    const body = { mtu: 1300, allow: ["10.0.0.0/8"], flood: { mode: "multicast", group: "239.0.0.1" } };
    const ports = [port("b"), port("c")];
    expect(await api.put(BLUE, { ...body, ports })).toMatchObject({ status: 403, body: { code: "ERR_PRIVILEGE" } });
    expect(api.state()).toEqual(before);
    // The last step, after ports are open: an entry for a MAC that is a port's own.
    const fdb = [THEIRS, api.devices.open.get("a")?.mac].map((mac) => ({ mac, vtep: "10.0.0.7" }));
    const late = { ...body, ports: [port("a"), { ...port("b"), mac: OURS }], fdb };
    expect(await api.put(BLUE, late)).toMatchObject({ status: 409, body: { code: "ERR_CONFLICT" } });
    expect(api.state()).toEqual(before);
  });

  it("of another network is not noticed", async () => {
    await api.put(BLUE, { flood: headend("10.0.0.2"), ports: [{ name: "a", mac: OURS }] });
    const id = api.fixture.tables.ports.find("a")?.id ?? 0;
    api.devices.refuse.set("b", new Error("no"));
    for (let n = 0; n < 5; n++) {
      await api.put("/v1/networks/200", { flood: headend("10.0.0.2"), ports: [port("b")] });
      expect(sendInto(api.fixture, id, frame(OURS, BROADCAST))).toEqual(["10.0.0.2"]);
    }
    expect(api.fixture.tables.counters.network(1, L.COUNTER_DROPS + Drop.EncapFloodNone * 8)).toBe(0);
  });
});

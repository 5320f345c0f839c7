// What a mistake is told: status, stable code, path, value, what is allowed, what was meant. Nothing has changed then.

import { connect } from "node:net";
import { beforeEach, describe, expect, it } from "vitest";
import { checkNetwork } from "../../../control/api/rules.js";
import { checkConfig } from "../../../control/config/config.js";
import { Api } from "./fixture.js";

const BLUE = "/v1/networks/100";
const JSON_TYPE = { "content-type": "application/json" };

let api: Api;
beforeEach(async () => {
  api = await Api.create();
  await api.put(BLUE, { name: "blue", flood: { mode: "headend", vteps: ["10.0.0.2"] }, ports: [{ name: "a" }] });
  await api.put("/v1/networks/200", { name: "red" });
});

describe("a body", () => {
  it.each([
    ["an unknown key", { learnin: true }, "ERR_CONFIG_KEY_UNKNOWN", { path: "learnin", suggestion: "learning" }],
    ["another VNI than the path says", { vni: 101 }, "ERR_CONFIG_REFERENCE", { path: "vni", value: "101" }],
    ["a wrong type", { mtu: "1400" }, "ERR_CONFIG_VALUE", { path: "mtu", suggestion: "1400" }],
    ["a value out of range", { mtu: 5 }, "ERR_CONFIG_VALUE", { path: "mtu", value: "5", suggestion: "68" }],
    [
      "a wrong address",
      { flood: { mode: "headend", vteps: ["10.0.0.2", "10.0.0.300"] } },
      "ERR_CONFIG_VALUE",
      { path: "flood.vteps[1]", value: "10.0.0.300", allowed: expect.stringContaining("unicast") },
    ],
    ["a wrong mode", { flood: { mode: "headen" } }, "ERR_CONFIG_VALUE", { path: "flood.mode", suggestion: "headend" }],
    [
      "a VTEP twice",
      { flood: { mode: "headend", vteps: ["10.0.0.2", "10.0.0.2"] } },
      "ERR_CONFIG_DUPLICATE",
      { path: "flood.vteps[1]", value: "10.0.0.2", message: "is also flood.vteps[0]" },
    ],
    [
      "this VTEP itself",
      { fdb: [{ mac: "02:00:00:00:00:09", vtep: "10.0.0.1" }] },
      "ERR_CONFIG_REFERENCE",
      { path: "fdb[0].vtep", value: "10.0.0.1" },
    ],
    [
      "a port that is not there",
      { fdb: [{ mac: "02:00:00:00:00:09", port: "b" }] },
      "ERR_CONFIG_REFERENCE",
      { path: "fdb[0].port" },
    ],
    [
      "a group without allow",
      { flood: { mode: "multicast", group: "239.0.0.1" } },
      "ERR_CONFIG_KEY_MISSING",
      { path: "allow" },
    ],
    ["no map", [], "ERR_CONFIG_VALUE", { path: "" }],
  ])("with %s is 422", async (_, body, code, problem) => {
    const before = api.state();
    const answer = await api.put(BLUE, body);
    expect(answer).toMatchObject({ status: 422, body: { status: 422, code, problems: [problem] } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
    expect(answer.body.detail).not.toContain("networks[0]");
    expect(api.state()).toEqual(before);
  });

  it("is called this network, not by its place in a config", () => {
    const { config } = checkConfig({ local: "10.0.0.1" });
    const flood = { mode: "multicast", group: "239.0.0.1" };
    const problem = { path: "underlay.interface", allowed: expect.stringContaining("the group of this network") };
    expect(() => checkNetwork(config, { vni: 100, flood, allow: ["10.0.0.0/8"] })).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining(problem)] }),
    );
  });

  it("has all its mistakes told at once", async () => {
    const { body } = await api.put(BLUE, { mtu: 5, learning: "yes", flood: { mode: "none" }, ports: [{ nam: "b" }] });
    expect(body.problems.map(({ path }) => path)).toEqual(["mtu", "learning", "ports[0].nam", "ports[0].name"]);
    expect(body.code).toBe("ERR_CONFIG");
  });

  it("that is legal, but most likely not meant, comes with a warning", async () => {
    const body = { flood: { mode: "headend", vteps: ["10.0.0.2"] }, allow: ["10.1.0.0/16"] };
    expect((await api.put("/v1/networks/300", body)).body).toEqual({
      result: "created",
      warnings: ["flood.vteps[0]: 10.0.0.2 is not in allow: what it sends is dropped"],
    });
  });

  it.each([
    ["broken JSON", "{", JSON_TYPE, 400],
    ["an empty one that says JSON", "", JSON_TYPE, 400],
    ["a prototype", '{"__proto__":{"mtu":1400}}', JSON_TYPE, 400],
    ["null", "null", JSON_TYPE, 422],
    ["a number without end", '{"mtu":1e999}', JSON_TYPE, 422],
    ["lines where one thing is wanted", '{"mtu":1400}\n', { "content-type": "application/x-ndjson" }, 422],
    ["another type", "mtu: 1400", { "content-type": "application/yaml" }, 415],
    ["text", '{"mtu":1400}', { "content-type": "text/plain" }, 415],
    ["too much", `{"name":"${"x".repeat(9_000_000)}"}`, JSON_TYPE, 413],
  ])("of %s is refused", async (_, payload, headers, status) => {
    const before = api.state();
    const answer = await api.put(BLUE, undefined, { payload, headers });
    expect(answer).toMatchObject({ status, body: { status } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
    expect(api.state()).toEqual(before);
  });

  it("that curl sends as a form is told the type to send", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const { status, body } = await api.put(BLUE, undefined, { payload: '{"mtu":1400}', headers });
    expect(status).toBe(415);
    expect(body.detail).toContain("-H 'content-type: application/json'");
  });

  it("of a small thing may not be large", async () => {
    const payload = JSON.stringify({ port: "x".repeat(70_000) });
    expect((await api.put(`${BLUE}/fdb/02:00:00:00:00:09`, undefined, { payload, headers: JSON_TYPE })).status).toBe(
      413,
    );
  });

  it("where none is wanted is refused", async () => {
    expect((await api.ask("DELETE", BLUE, { really: true })).status).toBe(400);
    expect((await api.get(BLUE)).status).toBe(200);
  });
});

describe("a conflict", () => {
  it.each([
    ["a network's name", "PUT", BLUE, { name: "red" }],
    ["a new network's name", "PUT", "/v1/networks/300", { name: "red" }],
    ["a port's name", "PUT", "/v1/networks/200/ports/a", {}],
    ["a port's name in a whole network", "PUT", "/v1/networks/300", { ports: [{ name: "a" }] }],
    ["a VTEP of a network without a list", "PUT", "/v1/networks/200/vteps/10.0.0.9", {}],
  ] as const)("of %s is 409, and nothing changes", async (_, method, url, body) => {
    const before = api.state();
    expect(await api.ask(method, url, body)).toMatchObject({ status: 409, body: { code: "ERR_CONFLICT" } });
    expect(api.state()).toEqual(before);
  });

  it("of a group's TTL is 409", async () => {
    const flood = (ttl: number) => ({ flood: { mode: "multicast", group: "239.0.0.1", ttl }, allow: ["10.0.0.0/8"] });
    expect((await api.put("/v1/networks/300", flood(4))).status).toBe(201);
    const before = api.state();
    expect((await api.put("/v1/networks/301", flood(5))).status).toBe(409);
    expect((await api.put("/v1/networks/200", flood(5))).status).toBe(409);
    expect(api.state()).toEqual(before);
  });
});

describe("a path", () => {
  it.each([
    ["GET", "/v1/networks/-1", 400],
    ["GET", "/v1/networks/0x10", 400],
    ["GET", "/v1/networks/", 400],
    ["DELETE", "/v1/networks/16777216", 400],
    ["GET", `${BLUE}/fdb/02-00-00-00-00-01`, 400],
    ["PUT", `${BLUE}/fdb/01:00:00:00:00:01`, 400],
    ["GET", `${BLUE}/vteps/10.0.0`, 400],
    ["PUT", `${BLUE}/vteps/239.0.0.1`, 400],
    ["PUT", `${BLUE}/ports/${"x".repeat(16)}`, 400],
    ["PUT", `${BLUE}/ports/a%2Fb`, 400],
    ["PUT", `${BLUE}/ports/%zz`, 400],
    ["GET", "/v1/networks/300/ports", 404],
    ["GET", "/v1/networks/300/vteps", 404],
    ["GET", "/v1/networks/300/fdb", 404],
    ["PUT", "/v1/networks/300/fdb", 404],
    ["PUT", "/v1/networks/300/ports/b", 404],
    ["PUT", "/v1/networks/300/vteps/10.0.0.9", 404],
    ["DELETE", "/v1/networks/300", 404],
    ["POST", "/v1/networks/300/fdb/flush", 404],
    ["POST", "/v1/networks", 404],
    ["GET", "/V1/status", 404],
    ["GET", "/", 404],
  ] as const)("%s %s is %i", async (method, url, status) => {
    const before = api.state();
    const answer = await api.ask(method, url, method === "PUT" && url.endsWith("fdb") ? [] : undefined);
    const code = status === 404 ? "ERR_NOT_FOUND" : "ERR_USAGE";
    expect(answer).toMatchObject({ status, body: { status, code, type: "about:blank" } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
    expect(api.state()).toEqual(before);
  });

  it("that no name is long enough for is 414", async () => {
    expect(await api.get(`${BLUE}/ports/${"x".repeat(500)}`)).toMatchObject({
      status: 414,
      body: { code: "ERR_USAGE" },
    });
  });

  it("is told the nearest right spelling", async () => {
    const { body } = await api.get(`${BLUE}/fdb/02-00-00-00-00-01`);
    expect(body.detail).toContain("did you mean 02:00:00:00:00:01?");
  });

  it("with a query that it does not know is refused", async () => {
    const { status, body } = await api.get("/v1/networks?limt=5");
    expect({ status, code: body.code }).toEqual({ status: 400, code: "ERR_USAGE" });
    expect(body.detail).toContain("did you mean limit?");
    for (const url of ["/v1/status?x=1", `${BLUE}?x=1`, "/v1/stats?vni=1"])
      expect((await api.get(url)).status).toBe(400);
    expect((await api.ask("DELETE", `${BLUE}?force=true`)).status).toBe(400);
    expect((await api.get(BLUE)).status).toBe(200);
  });
});

it("broken HTTP is a problem too", async () => {
  const port = await api.listen();
  const said = await new Promise<string>((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /v1/status HTTP/9\r\n\r\n"));
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
  expect(said).toMatch(/^HTTP\/1\.1 400 /);
  expect(JSON.parse(said.split("\r\n\r\n")[1])).toMatchObject({ status: 400, code: "ERR_USAGE" });
});

// The OpenAPI document: of the right shape, with every route in it, and true: what is answered is what it says.

import { Check } from "typebox/schema";
import { beforeEach, describe, expect, it } from "vitest";
import { routesOf } from "../../../control/api/routes.js";
import { NetworkBody, PortBody } from "../../../control/api/schemas.js";
import { ConfigSchema } from "../../../control/config/schema.js";
import { createFakeDaemon } from "../daemon/running.js";
import { BROADCAST, frame, receiveFrom } from "../tables/fixture.js";
import { Api } from "./fixture.js";

type Json = Record<string, unknown>;
interface Operation {
  operationId: string;
  summary: string;
  parameters?: { name: string; in: string; required?: boolean; schema: Json }[];
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>;
}
interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json> };
}

let api: Api;
let document: Document;
beforeEach(async () => {
  api = await Api.create();
  document = (await api.get("/v1/openapi.json")).body as unknown as Document;
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

describe("the document", () => {
  it("is OpenAPI 3.1 in shape", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: "vxlane", version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations()) {
      expect(path).toMatch(/^\/v1\//);
      expect(operation.summary).not.toBe("");
      const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      for (const parameter of inPath) expect(parameter.required).toBe(true);
      for (const parameter of operation.parameters ?? []) expect(parameter.schema).toBeTypeOf("object");
      expect(Object.keys(operation.responses).length).toBeGreaterThan(1);
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^(default|[2-5]\d\d)$/);
        expect(response.description).toBeTypeOf("string");
      }
    }
  });

  it("has only references that lead somewhere", () => {
    const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? [];
    expect(references.length).toBeGreaterThan(20);
    for (const reference of new Set(references)) {
      const name = /#\/components\/schemas\/(\w+)"$/.exec(reference)?.[1] ?? "";
      expect(Object.keys(document.components.schemas)).toContain(name);
    }
  });

  it("has every route, and no other", async () => {
    const printed = api.app.printRoutes({ commonPrefix: false, includeHooks: false });
    const served = printed.split("\n").filter((line) => /\([A-Z, ]+\)/.test(line));
    const methods = served.flatMap((line) => /\(([A-Z, ]+)\)/.exec(line)?.[1].split(", ") ?? []);
    expect(operations()).toHaveLength(methods.length);
    for (const { path, method } of operations()) {
      const url = path.replace(/\{(\w+)\}/g, ":$1");
      expect(api.app.hasRoute({ method: method.toUpperCase() as "GET", url }), `${method} ${path}`).toBe(true);
    }
    const wanted = ["status", "networks", "vteps", "stats", "openapi.json"].map((name) => `/v1/${name}`);
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(wanted));
  });

  it("knows the problems of each change", () => {
    for (const { path, method, operation } of operations()) {
      if (method === "put")
        expect(Object.keys(operation.responses), path).toEqual(expect.arrayContaining(["400", "409", "422"]));
      if (method === "delete")
        expect(Object.keys(operation.responses), path).toEqual(expect.arrayContaining(["204", "404"]));
      if (operation.requestBody === undefined) continue;
      expect(Object.keys(operation.requestBody.content)).toContain("application/json");
    }
  });

  it("has the config's fields, each of them", () => {
    const network = ConfigSchema.properties.networks.items.properties;
    expect(Object.keys(NetworkBody.properties)).toEqual(Object.keys(network).filter((key) => key !== "vni"));
    const port = network.ports.items.properties;
    expect(Object.keys(PortBody.properties)).toEqual(Object.keys(port).filter((key) => key !== "name"));
    expect(Object.keys(document.components.schemas.Network?.properties ?? {})).toEqual(
      Object.keys(NetworkBody.properties),
    );
  });

  it("of an API that only reads has nothing that writes", async () => {
    const { running } = await createFakeDaemon();
    expect(new Set(routesOf(running).map(({ method }) => method))).toEqual(new Set(["GET"]));
  });
});

describe("answers", () => {
  /** A schema of the document with its references resolved, as far as a check needs it. */
  function resolve(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map(resolve);
    if (typeof schema !== "object" || schema === null) return schema;
    const reference = (schema as { $ref?: string }).$ref;
    if (reference !== undefined) return resolve(document.components.schemas[reference.split("/").at(-1) ?? ""]);
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolve(value)]));
  }

  it("are what the document says, of every kind of request", async () => {
    const OURS = "02:00:00:00:00:01";
    const body = {
      flood: { mode: "headend", vteps: ["10.0.0.2"] },
      allow: ["10.0.0.0/8"],
      ports: [{ name: "a", mac: OURS }, { name: "b" }],
      fdb: [{ mac: "02:00:00:00:00:03", vtep: "10.0.0.3" }],
    };
    const N = "/v1/networks/{vni}";
    const at = { vni: "100", name: "a", address: "10.0.0.2", mac: OURS } as const;
    const steps: ["get" | "put" | "post" | "delete", string, unknown?, object?][] = [
      ["put", N, body],
      ["put", N, body],
      ["put", N, { ...body, flood: { mode: "multicast", group: "239.0.0.1" } }],
      ["get", N],
      ["put", N, body],
      ["get", "/v1/networks"],
      ["get", N],
      ["get", `${N}/ports`],
      ["get", `${N}/ports/{name}`],
      ["get", `${N}/vteps`],
      ["get", `${N}/vteps/{address}`],
      ["put", `${N}/vteps/{address}`, {}, { address: "10.0.0.8" }],
      ["get", `${N}/fdb`],
      ["get", `${N}/fdb/{mac}`],
      ["put", `${N}/fdb/{mac}`, { port: "b" }, { mac: "02:00:00:00:00:07" }],
      ["put", `${N}/fdb`, [{ mac: "02:00:00:00:00:08", vtep: "10.0.0.2" }]],
      ["get", "/v1/vteps"],
      ["get", "/v1/stats"],
      ["get", "/v1/status"],
      ["get", "/v1/openapi.json"],
      ["post", `${N}/fdb/{mac}/thaw`, {}, { mac: "02:00:00:00:00:07" }],
      ["post", `${N}/fdb/flush`, {}],
      ["post", "/v1/fdb/flush", { kind: "all" }],
      ["delete", `${N}/ports/{name}`],
      ["put", `${N}/ports/{name}`, {}],
      ["delete", `${N}/vteps/{address}`],
      ["get", `${N}/vteps/{address}`],
      ["put", `${N}/fdb/{mac}`, { port: "nope" }],
      ["put", `${N}/fdb`, [{ mac: 5 }]],
      ["delete", `${N}/fdb/{mac}`, undefined, { mac: "02:00:00:00:00:77" }],
      ["delete", N],
      ["get", N, undefined, { vni: "x" }],
    ];
    const seen = new Set<string>();
    for (const [method, path, payload, other] of steps) {
      const values: Record<string, string> = { ...at, ...other };
      const url = path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
      const answer = await api.ask(method.toUpperCase() as "GET", url, payload);
      const operation = document.paths[path]?.[method];
      const response = operation?.responses[answer.status];
      expect(response, `${method} ${url} answered ${answer.status} ${answer.text}`).toBeDefined();
      seen.add(`${method} ${path}`);
      const [[type, content] = []] = Object.entries(response?.content ?? {});
      if (type === undefined) expect(answer.text).toBe("");
      else {
        expect(answer.type).toContain(type);
        const schema = resolve(content?.schema) as object;
        expect(Check(schema, answer.body), `${method} ${url}: ${answer.text.slice(0, 500)}`).toBe(true);
      }
      receiveFrom(api.fixture, "10.0.0.2", 100, frame("02:00:00:00:00:55", BROADCAST));
    }
    const untried = operations().filter(({ path, method }) => !seen.has(`${method} ${path}`));
    expect(untried.map(({ path, method }) => `${method} ${path}`)).toEqual([]);
  });
});

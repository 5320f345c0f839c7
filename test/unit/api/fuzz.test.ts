// Anything may be sent: no answer is a fault of ours, and a request that is refused has changed nothing at all.
//
// Requests are drawn near the right ones (a right one with something broken in it reaches further than noise), and
// noise beside them. All of a run go to the same daemon, so that there is something to clash with.

import fc from "fast-check";
import { expect, it } from "vitest";
import { Api } from "./fixture.js";

/** One of some right texts most of the time, so that requests meet; a wrong one now and then. */
const oneOf = (right: string[], wrong: string[]) =>
  fc.oneof({ weight: 15, arbitrary: fc.constantFrom(...right) }, { weight: 1, arbitrary: fc.constantFrom(...wrong) });
const vni = oneOf(["100", "200", "300", "0", "16777215"], ["16777216", "-1", "x", "%00", ""]);
const mac = oneOf(["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:0A"], ["01:00:00:00:00:00", "02-00", ""]);
const address = oneOf(["10.0.0.2", "10.0.0.3"], ["10.0.0.1", "239.0.0.1", "fd00::1", "10.0.0.300", "0.0.0.0", ""]);
const name = oneOf(["a", "b", "c"], ["under0", "all", "x".repeat(16), "ä", ""]);
const json = fc.oneof(fc.jsonValue(), fc.constantFrom(null, -0, [], {}, "x".repeat(300)));

/** A right value most of the time, and anything else now and then. */
const mostly = <T>(right: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 20, arbitrary: right }, { weight: 1, arbitrary: json });

const port = fc.record(
  {
    driver: mostly(fc.constant("tap")),
    queues: mostly(fc.constantFrom("auto", 1, 2, 64, 65)),
    mac: mostly(mac),
    persistent: mostly(fc.boolean()),
  },
  { requiredKeys: [] },
);
const entry: fc.Arbitrary<object> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ vtep: mostly(address) }) },
  { weight: 4, arbitrary: fc.record({ port: mostly(name) }) },
  { weight: 1, arbitrary: fc.record({ vtep: mostly(address), port: mostly(name) }, { requiredKeys: [] }) },
);
const entries = fc.array(mostly(fc.tuple(mac, entry).map(([mac, rest]) => ({ mac, ...rest }))), { maxLength: 4 });
const flood = fc.oneof(
  fc.record({ mode: fc.constant("headend"), vteps: fc.array(mostly(address), { maxLength: 3 }) }),
  fc.record({
    mode: fc.constant("multicast"),
    group: mostly(fc.constant("239.0.0.1")),
    ttl: fc.constantFrom(0, 1, 8, 8, 8),
  }),
  fc.constant({ mode: "none" }),
);
const network = fc.record(
  {
    name: mostly(fc.constantFrom("blue", "red", "vni200", "100")),
    mtu: mostly(fc.constantFrom(1400, 1500, 68, 67, 65486)),
    learning: mostly(fc.boolean()),
    ageing: mostly(fc.constantFrom(0, 300, "5m", "70000s", 65001)),
    innerVlan: mostly(fc.constantFrom("keep", "drop")),
    flood: mostly(flood),
    allow: mostly(fc.array(oneOf(["10.0.0.0/8", "10.0.0.2"], ["fd00::/8", "10.0.0.0/33"]), { maxLength: 2 })),
    ports: mostly(fc.array(mostly(fc.tuple(name, port).map(([name, rest]) => ({ name, ...rest }))), { maxLength: 3 })),
    fdb: mostly(entries),
  },
  { requiredKeys: [] },
);
const filter = fc.record(
  {
    vni: mostly(fc.constantFrom(100, 200, 300)),
    port: mostly(name),
    vtep: mostly(address),
    kind: mostly(fc.constantFrom("learned", "static", "all")),
  },
  { requiredKeys: [] },
);

interface Sent {
  readonly method: "GET" | "PUT" | "DELETE" | "POST";
  readonly path: string;
  readonly body: unknown;
}

const at = (method: Sent["method"], path: fc.Arbitrary<string>, body: fc.Arbitrary<unknown>): fc.Arbitrary<Sent> =>
  fc.record({ method: fc.constant(method), path, body: mostly(body) });
const none = fc.constant(undefined);
const under = (...parts: (string | fc.Arbitrary<string>)[]) =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((texts) => `/v1/${texts.join("/")}`);

const request = fc.oneof(
  at("PUT", under("networks", vni), network),
  at("PUT", under("networks", vni), network),
  at("DELETE", under("networks", vni), none),
  at("PUT", under("networks", vni, "ports", name), port),
  at("DELETE", under("networks", vni, "ports", name), none),
  at("PUT", under("networks", vni, "vteps", address), fc.constantFrom({}, undefined)),
  at("DELETE", under("networks", vni, "vteps", address), none),
  at("PUT", under("networks", vni, "fdb", mac), entry),
  at("DELETE", under("networks", vni, "fdb", mac), none),
  at("PUT", under("networks", vni, "fdb"), entries),
  at("POST", under("networks", vni, "fdb", "flush"), filter),
  at("POST", under("fdb", "flush"), filter),
  at("GET", under(fc.constantFrom("networks", "vteps", "stats", "status", "openapi.json", "nothing")), none),
  at("GET", under("networks", vni, fc.constantFrom("ports", "vteps", "fdb", "nothing")), none),
);

const query = fc.oneof(
  { weight: 5, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: fc.webQueryParameters().map((text) => `?${text}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("?limit=1", "?limit=x", "?cursor=4", "?kind=static", "?vtep=1", "?__proto__=1", "?&=&"),
  },
);

it("right and nearly right requests are never a fault, and never half done", async () => {
  const api = await Api.create();
  const statuses = new Set<number>();
  const sending = fc.asyncProperty(fc.array(fc.tuple(request, query), { maxLength: 12 }), async (sent) => {
    for (const [{ method, path, body }, search] of sent) {
      const before = api.state();
      const answer = await api.ask(method, path + search, undefined, payloadOf(body));
      statuses.add(answer.status);
      const what = `${method} ${path}${search} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`;
      expect(answer.status, what).toBeLessThan(500);
      const after = api.state();
      if (answer.status >= 400) {
        expect(after, what).toEqual(before);
        expect(answer.type).toMatch(/^application\/problem\+json/);
        expect(answer.body, what).toMatchObject({ status: answer.status, code: expect.stringMatching(/^ERR_/) });
      } else if (method === "GET" || String(answer.body?.result) === "unchanged") {
        expect(after, what).toEqual(before);
      } else if (method === "PUT") {
        const again = await api.ask(method, path + search, undefined, payloadOf(body));
        expect(again.status, what).toBe(200);
        expect(api.state(), what).toEqual(after);
      }
    }
  });
  await fc.assert(sending, { numRuns: 500 });
  expect([...statuses].sort()).toEqual(expect.arrayContaining([200, 201, 204, 400, 404, 409, 422]));
}, 120_000);

/** Without a body, or as JSON; numbers that JSON has not are sent as they are written. */
function payloadOf(body: unknown) {
  if (body === undefined) return {};
  return { payload: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

it("noise is never a fault, and changes nothing", async () => {
  const api = await Api.create();
  await api.put("/v1/networks/100", { ports: [{ name: "a" }], flood: { mode: "headend", vteps: ["10.0.0.2"] } });
  const before = api.state();
  const method = fc.constantFrom("GET", "PUT", "DELETE", "POST", "PATCH", "HEAD", "OPTIONS") as fc.Arbitrary<
    "GET" | "HEAD"
  >;
  const path = fc.oneof(
    fc.webPath().map((text) => `/${text}`),
    fc.string().map((text) => `/v1/networks/100/${encodeURIComponent(text)}x`),
    fc
      .string({ unit: "binary-ascii" })
      .map((text) => `/v1/networks/100/ports/${text.replace(/[^!-~]|[?#]/g, "")}!!!!!!!!!!!!!!!!`),
  );
  const payload = fc.oneof(
    fc.string(),
    fc.json(),
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  );
  const type = fc.constantFrom(
    "application/json",
    "application/x-ndjson",
    "text/plain",
    "",
    "application/json; charset=x",
    "/",
  );
  const sending = fc.asyncProperty(method, path, query, payload, type, async (method, path, search, payload, type) => {
    const headers = type === "" ? {} : { "content-type": type };
    const answer = await api.app.inject({ method, url: path + search, payload, headers });
    expect(answer.statusCode, `${method} ${path}${search}`).toBeLessThan(500);
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
    if (method !== "HEAD") expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
  });
  await fc.assert(sending, { numRuns: 500 });
  const bulk = fc.asyncProperty(payload, async (payload) => {
    const headers = { "content-type": "application/x-ndjson" };
    const answer = await api.app.inject({ method: "PUT", url: "/v1/networks/100/fdb", payload, headers });
    if (String(payload).trim() !== "") expect([400, 422]).toContain(answer.statusCode);
  });
  await fc.assert(bulk, { numRuns: 200 });
  expect(api.state()).toEqual(before);
});

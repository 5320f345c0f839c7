// Lists: whole, in pages, as NDJSON; and the memory that a long one takes.

import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { Slice } from "../../../control/api/list.js";
import { address, mac } from "../tables/fixture.js";
import { type Answer, Api } from "./fixture.js";

const LINES = { headers: { accept: "application/x-ndjson" } };
const FDB = "/v1/networks/100/fdb";
const macOf = (n: number) =>
  `02:00:00:01:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;

let api: Api;
beforeEach(async () => {
  api = await Api.create();
});

const linesOf = ({ text }: Answer) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as object);

/** Follows Link headers to the end. */
async function pages(url: string): Promise<object[][]> {
  const all: object[][] = [];
  for (let next: string | undefined = url; next !== undefined; ) {
    const { status, body, headers }: Answer = await api.get(next);
    expect(status).toBe(200);
    all.push([...body]);
    next = /^<(.*)>; rel="next"$/.exec(String(headers.link))?.[1];
    expect(all.length).toBeLessThan(100);
  }
  return all;
}

async function fill(): Promise<void> {
  for (const vni of [300, 5, 100]) {
    const ports = ["zz", "b", "a"].map((name) => ({ name: `${name}${vni}` }));
    await api.put(`/v1/networks/${vni}`, { flood: { mode: "headend", vteps: ["10.0.0.9", "10.0.0.2"] }, ports });
  }
  const { statics } = api.fixture.tables;
  statics.apply(
    100,
    Array.from({ length: 500 }, (_, n) => ({ mac: mac(macOf(n)), target: { vtep: address("10.0.0.2") } })),
  );
}

describe("a list", () => {
  beforeEach(fill);

  it.each([
    ["/v1/networks", [5, 100, 300], "vni"],
    ["/v1/networks/100/ports", ["a100", "b100", "zz100"], "name"],
    ["/v1/networks/100/vteps", ["10.0.0.2", "10.0.0.9"], "address"],
    ["/v1/vteps", ["10.0.0.9", "10.0.0.2"], "address"],
  ])("%s is the same whole, in pages and in lines", async (url, keys, key) => {
    const whole = await api.get(url);
    expect(whole.type).toMatch(/^application\/json/);
    expect(whole.headers.link).toBeUndefined();
    expect(whole.body.map((item: Record<string, unknown>) => item[key])).toEqual(keys);
    for (const limit of [1, 2, 3, 10]) {
      const paged = await pages(`${url}?limit=${limit}`);
      expect(paged.flat()).toEqual(whole.body);
      expect(paged.map((page) => page.length)).toEqual(chunkSizes(keys.length, limit));
    }
    const inLines = await api.get(url, LINES);
    expect(inLines.type).toBe("application/x-ndjson");
    expect(linesOf(inLines)).toEqual(whole.body);
    expect(linesOf(await api.get(`${url}?limit=2`, LINES))).toEqual(whole.body.slice(0, 2));
  });

  it("of FDB entries is the same whole, in pages and in lines", async () => {
    const whole = (await api.get(FDB)).body as unknown as { mac: string }[];
    expect(whole).toHaveLength(503);
    for (const limit of [7, 100, 503, 10_000]) {
      const paged = await pages(`${FDB}?limit=${limit}`);
      expect(paged.flat()).toEqual(whole);
      expect(paged.map((page) => page.length)).toEqual(chunkSizes(503, limit));
    }
    expect(linesOf(await api.get(FDB, LINES))).toEqual(whole);
  });

  it("of FDB entries keeps its filters from page to page", async () => {
    const paged = await pages(`${FDB}?kind=static&vtep=10.0.0.2&limit=150`);
    expect(paged.map((page) => page.length)).toEqual([150, 150, 150, 50]);
    expect((await api.get(`${FDB}?port=a100`)).body).toHaveLength(1);
    expect((await api.get(`${FDB}?kind=learned`)).body).toEqual([]);
    expect((await api.get(`${FDB}?kind=learned`, LINES)).text).toBe("");
  });

  it("goes on where it was, though what it stood on is gone", async () => {
    const { headers } = await api.get("/v1/networks?limit=1");
    await api.delete("/v1/networks/5");
    const next = String(headers.link).match(/<(.*)>/)?.[1] ?? "";
    expect((await api.get(next)).body).toMatchObject([{ vni: 100 }]);
  });

  it("ends when its network goes, and shows nobody else's entries", async () => {
    api = await Api.create({ fdbCapacity: 400_000 });
    await api.put("/v1/networks/100", { fdb: [{ mac: macOf(1), vtep: "10.0.0.2" }] });
    const { tables } = api.fixture;
    const { id } = tables.networks.get(100);
    const answer = api.get(FDB);
    for (let n = 0; n < 5; n++) await turn();
    await api.delete("/v1/networks/100");
    for (let n = 0; n < 4; n++) api.state();
    const fdb = Array.from({ length: 200 }, (_, n) => ({ mac: macOf(n), vtep: "10.0.0.7" }));
    await api.put("/v1/networks/400", { fdb });
    expect(tables.networks.get(400).id, "the id of the network that went").toBe(id);
    for (const entry of (await answer).body) expect(entry.vtep).not.toBe("10.0.0.7");
  });

  it.each([
    "limit=0",
    "limit=10001",
    "limit=-1",
    "limit=1e3",
    "limit=",
    "limit=1&limit=2",
    "cursor=",
    "cursor=x",
    "cursor=12345678901",
    "kind=old",
    "vtep=nobody",
    "vni=100",
    "Limit=1",
    "__proto__=1",
  ])("is refused with ?%s", async (query) => {
    expect(await api.get(`${FDB}?${query}`)).toMatchObject({ status: 400, body: { code: "ERR_USAGE" } });
  });
});

function chunkSizes(total: number, limit: number): number[] {
  const whole = Array<number>(Math.floor(total / limit)).fill(limit);
  return total % limit === 0 ? whole : [...whole, total % limit];
}

it("takes little memory, and lets others have their turn, however long it is", async () => {
  const count = 200_000;
  api = await Api.create({ fdbCapacity: 400_000 });
  await api.put("/v1/networks/100");
  const wide = (n: number) => Uint8Array.of(2, 0, n >>> 24, n >>> 16, n >>> 8, n);
  const target = { vtep: address("10.0.0.2") };
  api.fixture.tables.statics.apply(
    100,
    Array.from({ length: count }, (_, n) => ({ mac: wide(n), target })),
  );
  global.gc?.();
  const before = process.memoryUsage().heapUsed;
  let [most, turns] = [0, 0];
  const timer = setInterval(() => {
    turns++;
    most = Math.max(most, process.memoryUsage().heapUsed);
  }, 1);
  const port = await api.listen();
  const answer = await fetch(`http://127.0.0.1:${port}${FDB}`, LINES);
  let lines = 0;
  for await (const chunk of answer.body ?? []) {
    for (const byte of chunk as Uint8Array) if (byte === 10) lines++;
  }
  clearInterval(timer);
  expect(lines).toBe(count);
  expect(turns).toBeGreaterThan(20);
  // As objects, they would take more than 100 bytes each: 20 MB and the text.
  expect(most - before, "bytes").toBeLessThan(100_000_000);
});

it("waits for a slow reader", async () => {
  const { sendList } = await import("../../../control/api/list.js");
  let made = 0;
  async function* slices(): AsyncGenerator<Slice> {
    for (; made < 1000; made++) {
      yield { items: ["1"], after: () => "" };
      await turn();
    }
  }
  let stream: NodeJS.ReadableStream | undefined;
  const reply = { type: () => reply, header: () => reply, send: (sent: NodeJS.ReadableStream) => (stream = sent) };
  const call = { reply, query: {}, request: { headers: {}, url: "/" } };
  await sendList(call as never, slices());
  stream?.once("data", () => stream?.pause());
  for (let n = 0; n < 100; n++) await turn();
  expect(made).toBeLessThan(20);
});

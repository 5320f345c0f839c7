// The short way says what the long way says, and leaves to it whatever it does not know.

import { get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { Api } from "./fixture.js";

const NETWORK = "/v1/networks/100";
const MAC = "02:00:00:00:00:0a";

async function ask(port: number, path: string, method = "GET") {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ port, path, method, host: "127.0.0.1" }, resolve).once("error", reject);
  });
  const { date: _, ...headers } = answer.headers;
  return { status: answer.statusCode, headers, body: await text(answer) };
}

async function listening() {
  const api = await Api.create();
  await api.put(NETWORK, {
    name: "blue",
    flood: { mode: "headend", vteps: ["10.99.0.2"] },
    ports: [{ name: "blue0", mac: "02:00:00:00:00:01" }],
    fdb: [
      { mac: MAC, vtep: "10.99.0.2" },
      { mac: "02:00:00:00:00:0b", port: "blue0" },
    ],
  });
  return { api, port: await api.listen() };
}

it("makes the very answer that the route makes", async () => {
  const { port } = await listening();
  for (const mac of [MAC, "02:00:00:00:00:0b", "02:00:00:00:00:01"]) {
    const short = await ask(port, `${NETWORK}/fdb/${mac}`);
    expect(short.status).toBe(200);
    expect(JSON.parse(short.body)).toMatchObject({ mac, kind: "static" });
    // Upper case goes the long way; the answer has the one spelling.
    expect(await ask(port, `${NETWORK}/fdb/${mac.toUpperCase()}`)).toEqual(short);
    expect(await ask(port, `${NETWORK}/fdb/${mac}?`)).toEqual(short);
  }
});

it("leaves everything else to the routes", async () => {
  const { api, port } = await listening();
  const codeOf = async (path: string, method?: string) => {
    const { status, body } = await ask(port, path, method);
    return [status, (JSON.parse(body) as { code: string }).code];
  };
  expect(await codeOf(`${NETWORK}/fdb/02:00:00:00:00:ff`)).toEqual([404, "ERR_NOT_FOUND"]);
  expect(await codeOf(`/v1/networks/999/fdb/${MAC}`)).toEqual([404, "ERR_NOT_FOUND"]);
  expect(await codeOf(`/v1/networks/16777216/fdb/${MAC}`)).toEqual([400, "ERR_USAGE"]);
  expect(await codeOf(`${NETWORK}/fdb/${MAC}?x=1`)).toEqual([400, "ERR_USAGE"]);
  expect(await codeOf(`${NETWORK}/fdb/${MAC}x`)).toEqual([400, "ERR_USAGE"]);
  expect((await ask(port, `${NETWORK}/fdb/${MAC}`, "DELETE")).status).toBe(204);
  expect(await codeOf(`${NETWORK}/fdb/${MAC}`)).toEqual([404, "ERR_NOT_FOUND"]);
  expect((await api.get(`${NETWORK}/fdb/${MAC}`)).status).toBe(404);
});

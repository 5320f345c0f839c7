// The API's answers, asked without a socket.

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { makeApi, startApi } from "../../../control/api/server.js";
import { address, BROADCAST, frame, mac, portSpec, receiveFrom, sendInto, spec } from "../tables/fixture.js";
import { createFakeDaemon, type FakeDaemon } from "./running.js";

const [OURS, THEIRS] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await createFakeDaemon();
  const { tables } = daemon;
  tables.networks.add(spec(100, { vteps: ["10.0.0.2"], allow: ["10.0.0.0/24"] }));
  const [port] = tables.ports.add(100, [portSpec("blue0", OURS)]);
  tables.statics.set(100, mac("02:00:00:00:00:03"), { vtep: address("10.0.0.3") });
  receiveFrom(daemon, "10.0.0.2", 100, frame(THEIRS, OURS));
  receiveFrom(daemon, "10.0.0.2", 999, frame(THEIRS, OURS));
  sendInto(daemon, port.id, frame(OURS, BROADCAST));
});

async function get(path: string, method: "GET" | "PATCH" = "GET") {
  const response = await makeApi(daemon.running).inject({ method, url: path });
  return { status: response.statusCode, type: response.headers["content-type"], body: response.json() };
}

describe("GET", () => {
  it("/v1/status", async () => {
    const { status, body } = await get("/v1/status");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      uptime: 42,
      local: "10.0.0.1",
      port: 4789,
      offloads: {
        outerChecksum: true,
        features: [
          { feature: "udp_segment", enabled: true },
          { feature: "udp_gro", enabled: false, reason: "no port was opened yet" },
        ],
      },
      workers: [{ id: 0, state: "asleep", busyRatio: 0.25, frames: expect.any(Number), restarts: 3 }],
      networks: 1,
      ports: 1,
      fdb: { entries: 3, capacity: 2048 },
    });
  });

  it("/v1/networks and one of them, in the words of the config", async () => {
    const blue = {
      vni: 100,
      name: "net100",
      mtu: 1450,
      learning: true,
      ageing: 300,
      innerVlan: "keep",
      flood: { mode: "headend", vteps: ["10.0.0.2"] },
      allow: ["10.0.0.0/24"],
      ports: [{ name: "blue0", mac: OURS, status: { state: "down", queues: 0 } }], // no interface here
      fdb: { learned: 1, static: 2 },
    };
    expect((await get("/v1/networks")).body).toEqual([blue]);
    expect((await get("/v1/networks/100")).body).toEqual(blue);
  });

  it("/v1/networks/{vni}/fdb", async () => {
    const { body, type } = await get("/v1/networks/100/fdb");
    expect(type).toMatch(/^application\/json/);
    expect(body).toHaveLength(3);
    expect(body).toEqual(
      expect.arrayContaining([
        { mac: OURS, port: "blue0", kind: "static", age: 0 },
        { mac: THEIRS, vtep: "10.0.0.2", kind: "learned", age: 0 },
        { mac: "02:00:00:00:00:03", vtep: "10.0.0.3", kind: "static", age: 0 },
      ]),
    );
  });

  it("an FDB of no entries", async () => {
    daemon.tables.networks.add(spec(200));
    expect((await get("/v1/networks/200/fdb")).body).toEqual([]);
  });

  it("an FDB of many entries, whole", async () => {
    daemon = await createFakeDaemon();
    daemon.tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
    const macs = Array.from({ length: 1500 }, (_, n) => `02:00:00:01:${hexByte(n >> 8)}:${hexByte(n & 255)}`);
    for (const text of macs) daemon.tables.statics.set(100, mac(text), { vtep: address("10.0.0.2") });
    const { body } = await get("/v1/networks/100/fdb");
    expect(body.map((entry: { mac: string }) => entry.mac).sort()).toEqual(macs);
  });

  it("/v1/stats", async () => {
    const { body } = await get("/v1/stats");
    expect(body.totals).toMatchObject({
      encap: { received: 1, frames: 1, flooded: 1, bytes: 60, dropped: {} },
      decap: { received: 2, frames: 1, flooded: 0, bytes: 60, dropped: { unknown_vni: 1 } },
    });
    expect(body.networks).toMatchObject([{ vni: 100, name: "net100", fdb: { learned: 1, static: 2 } }]);
    expect(body.unknown.decap).toEqual({ received: 1, dropped: { unknown_vni: 1 } });
    expect(body.drops).toEqual([{ vni: null, direction: "decap", reason: "unknown_vni", frames: 1 }]);
    expect(body.vteps).toContainEqual({
      address: "10.0.0.2",
      group: false,
      pathMtu: null,
      encap: { frames: 1, bytes: 60, dropped: 0 },
      decap: { frames: 1, bytes: 60, dropped: 1 },
    });
  });
});

const hexByte = (n: number) => n.toString(16).padStart(2, "0");

describe("problems", () => {
  it.each([
    ["/v1/networks/101", 404, "ERR_NOT_FOUND", "there is no network 101"],
    ["/v1/networks/101/fdb", 404, "ERR_NOT_FOUND", "there is no network 101"],
    ["/v1/networks/16777216", 400, "ERR_USAGE", "16777216 is not a VNI: a whole number from 0 to 16777215"],
    ["/v1/networks/1e2", 400, "ERR_USAGE", "1e2 is not a VNI: a whole number from 0 to 16777215"],
    ["/v2", 404, "ERR_NOT_FOUND", "there is no GET /v2"],
  ])("%s is %i %s", async (path, status, code, detail) => {
    const answer = await get(path);
    expect(answer.type).toMatch(/^application\/problem\+json/);
    expect(answer).toMatchObject({ status, body: { type: "about:blank", status, code, detail } });
  });

  it("a method that is not there", async () => {
    expect(await get("/v1/status", "PATCH")).toMatchObject({ status: 404, body: { code: "ERR_NOT_FOUND" } });
  });

  it("a fault of ours shows nothing of it", async () => {
    const running = { ...daemon.running, workers: { ...daemon.running.workers, state: () => fail() } };
    const response = await makeApi(running).inject({ url: "/v1/status" });
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ code: "ERR_FAILURE" });
    expect(response.body).not.toContain("secret");
  });
});

function fail(): never {
  throw new Error("secret");
}

describe("the socket", () => {
  const withPath = (path: string) => {
    const { config } = daemon.running;
    return { ...daemon.running, config: { ...config, api: { socket: path } } };
  };
  const directory = async () => {
    const path = await mkdtemp(join(tmpdir(), "vxlane-api-"));
    onTestFinished(() => rm(path, { recursive: true }));
    return path;
  };

  it("has mode 0660, in a directory that is made, and goes", async () => {
    const path = join(await directory(), "deep/er/api.sock");
    const api = await startApi(withPath(path));
    expect(api.address).toBe(path);
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe("660");
    await api.close();
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
  });

  it("replaces a stale one, and refuses a live one", async () => {
    const path = join(await directory(), "api.sock");
    const first = await startApi(withPath(path));
    await expect(startApi(withPath(path))).rejects.toMatchObject({ code: "ERR_ALREADY_RUNNING" });
    await first.close();
    await leaveStale(path);
    const second = await startApi(withPath(path));
    await second.close();
  });

  it("never removes a file that is no socket", async () => {
    const path = join(await directory(), "api.sock");
    await writeFile(path, "precious");
    await expect(startApi(withPath(path))).rejects.toMatchObject({ code: "ERR_CONFLICT" });
    expect((await stat(path)).size).toBe(8);
  });

  it("says where it cannot be, and what it wants instead", async () => {
    const remedy = expect.stringMatching(/^api\.socket: .*\/sys\/vxlane.*RuntimeDirectory/);
    await expect(startApi(withPath("/sys/vxlane/api.sock"))).rejects.toMatchObject({
      code: "ERR_PRIVILEGE",
      message: remedy,
    });
  });
});

/** A socket file that nobody serves, as a crash leaves it. */
async function leaveStale(path: string): Promise<void> {
  const script = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  spawnSync(process.execPath, ["-e", script, path]);
  expect((await stat(path)).isSocket()).toBe(true);
}

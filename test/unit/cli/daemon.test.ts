// The commands that ask a daemon, against a double of it: what they print, and what they exit with.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { socketOf } from "../../../control/cli/options.js";
import { daemon, daemonDouble, directory, MAIN, problem, vxlane } from "./command.js";

const STATUS = {
  version: "9.8.7",
  uptime: 93784,
  local: "10.99.0.1",
  port: 4789,
  sourcePorts: { min: 49152, max: 65535 },
  underlay: { driver: "udp", interface: "eth0" },
  offloads: {
    outerChecksum: true,
    features: [
      { feature: "udp_segment", enabled: true },
      { feature: "udp_gro", enabled: false, reason: "no port was opened yet" },
    ],
  },
  workers: [{ id: 0, state: "asleep", busyRatio: 0.256, frames: 1234, restarts: 3 }],
  networks: 2,
  ports: 5,
  fdb: { entries: 7, capacity: 65536, frozen: 0 },
  problems: [{ code: "port_gone", message: "the interface of port blue0 is gone", since: "2030-01-02T03:04:05.678Z" }],
};

const counts = (received: number) => ({
  received,
  frames: received - 3,
  bytes: 6400,
  flooded: 1,
  dropped: { too_big: 2, filtered: 1 },
});
const STATS = {
  totals: { encap: counts(103), decap: counts(203), local: 0 },
  networks: [{ vni: 100, name: "blue", encap: counts(103), decap: counts(203), local: 0 }],
  unknown: { encap: { received: 0, dropped: {} }, decap: { received: 4, dropped: { unknown_vni: 4 } } },
  vteps: [
    {
      address: "10.99.0.2",
      encap: { frames: 100, bytes: 9, dropped: 0 },
      decap: { frames: 200, bytes: 9, dropped: 1 },
    },
  ],
  drops: [
    { vni: 100, direction: "encap", reason: "too_big", frames: 2 },
    { vni: null, direction: "decap", reason: "unknown_vni", frames: 4 },
  ],
  eventsLost: 0,
};

const FDB = [
  { mac: "02:00:00:00:00:01", port: "blue0", kind: "static", age: 0 },
  { mac: "02:00:00:00:00:02", vtep: "10.99.0.2", kind: "learned", age: 17 },
  { mac: "02:00:00:00:00:03", vtep: "10.99.0.3", kind: "learned", age: 4 },
];

const FROZEN = { mac: "02:00:00:00:00:04", vtep: "10.99.0.3", kind: "learned", age: 1, frozen: true };

const answers = {
  "/v1/status": STATUS,
  "/v1/stats": STATS,
  "/v1/networks": [
    { vni: 100, name: "blue" },
    { vni: 200, name: "red" },
  ],
  "/v1/networks/100/fdb": FDB,
  "/v1/networks/200/fdb": [],
};

test("status", async () => {
  const socket = await daemonDouble(answers);
  const { code, stdout, stderr } = await vxlane("status", "--socket", socket);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^vxlane 9\.8\.7, up 1 d 2 h\n/);
  expect(stdout).toMatch(/10\.99\.0\.1.*4789.*49152-65535/);
  expect(stdout).toMatch(/7 of 65536 entries$/m);
  expect(stdout).toMatch(/^problem +the interface of port blue0 is gone \(since 2030-01-02T03:04:05\.678Z\)$/m);
  expect(stdout).toMatch(/^ +0 +asleep +26 % +1234 +3$/m);
  expect(JSON.parse((await vxlane("status", "--json", "--socket", socket)).stdout)).toEqual(STATUS);
});

test("status shows where AF_XDP is attached, or why not, and what the other end should do", async () => {
  const interfaces = [
    { name: "eth0", as: "underlay", mode: "native", zeroCopy: true, queues: 2 },
    { name: "veth0", as: "port", mode: "closed", zeroCopy: false, queues: 0, fault: "there is no interface veth0" },
    { name: "veth1", as: "port", mode: "generic", zeroCopy: false, queues: 1, hint: "run there: x" },
  ];
  const socket = await daemonDouble({ ...answers, "/v1/status": { ...STATUS, xdp: { interfaces, frames: [] } } });
  const { stdout } = await vxlane("status", "--socket", socket);
  expect(stdout).toMatch(/^xdp +underlay eth0: native, zero copy, 2 queues$/m);
  expect(stdout).toMatch(/^xdp +port veth0: closed, 0 queues; there is no interface veth0$/m);
  expect(stdout).toMatch(/^xdp +port veth1: generic, 1 queue; run there: x$/m);
});

test("status counts what is frozen", async () => {
  const fdb = { ...STATUS.fdb, frozen: 2 };
  const socket = await daemonDouble({ ...answers, "/v1/status": { ...STATUS, fdb } });
  expect((await vxlane("status", "-s", socket)).stdout).toMatch(/7 of 65536 entries, 2 frozen$/m);
});

test("stats", async () => {
  const socket = await daemonDouble(answers);
  const { code, stdout } = await vxlane("stats", "-s", socket);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^100 +blue +encap +103 +100 +0 +3 +1 +6400$/m);
  expect(stdout).toMatch(/^10\.99\.0\.2 +decap +200 +1 +9$/m);
  expect(stdout).toMatch(/^- +decap +unknown_vni +4$/m);
  expect(JSON.parse((await vxlane("stats", "--json", "-s", socket)).stdout)).toEqual(STATS);
});

describe("fdb show", () => {
  test("all networks, one, by number and by name", async () => {
    const socket = await daemonDouble(answers);
    const show = async (...args: string[]) => {
      const { code, stdout } = await vxlane("fdb", "show", "--socket", socket, "--json", ...args);
      expect(code).toBe(0);
      return (JSON.parse(stdout) as { mac: string }[]).map(({ mac }) => mac.slice(-1)).join("");
    };
    expect(await show()).toBe("123");
    expect(await show("100")).toBe("123");
    expect(await show("--vni", "blue")).toBe("123");
    expect(await show("200")).toBe("");
    expect(await show("red", "--vni", "red")).toBe("");
  });

  test("filters are the daemon's work, a MAC is looked up", async () => {
    const { socket, calls } = await daemon({
      "/v1/networks/100": { vni: 100 },
      "/v1/networks/100/fdb?vtep=10.99.0.3&kind=learned": [FDB[2]],
      "/v1/networks/100/fdb?port=blue0": [FDB[0]],
      "/v1/networks/100/fdb/02:00:00:00:00:03": FDB[2],
      "/v1/networks/100/fdb?frozen=true": [FROZEN],
      "/v1/networks/100/fdb/02:00:00:00:00:04": FROZEN,
    });
    const show = async (...args: string[]) => {
      const { code, stdout } = await vxlane("fdb", "show", "100", "--socket", socket, "--json", ...args);
      return code === 0 ? (JSON.parse(stdout) as { mac: string }[]).map(({ mac }) => mac.slice(-1)).join("") : code;
    };
    expect(await show("--kind", "learned", "--vtep", "10.99.0.3")).toBe("3");
    expect(await show("--port", "blue0")).toBe("1");
    expect(await show("--mac", "02:00:00:00:00:03")).toBe("3");
    expect(await show("--mac", "02:00:00:00:00:03", "--kind", "static")).toBe("");
    expect(await show("--mac", "02:00:00:00:00:09")).toBe("");
    expect(await show("--frozen")).toBe("4");
    expect(await show("--mac", "02:00:00:00:00:03", "--frozen")).toBe("");
    expect(await show("--mac", "02:00:00:00:00:04", "--frozen")).toBe("4");
    expect(await show("--mac", "02:00:00:00:00:03", "--vni", "200")).toBe(2);
    expect(calls.filter((call) => call.endsWith("/fdb"))).toEqual([]);
  });

  test("as a table", async () => {
    const socket = await daemonDouble({ ...answers, "/v1/networks/100/fdb": [...FDB, FROZEN] });
    const { stdout } = await vxlane("fdb", "show", "100", "--socket", socket);
    expect(stdout.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
      ["VNI", "MAC", "KIND", "AGE", "BEHIND"],
      ["100", "02:00:00:00:00:01", "static", "-", "port blue0"],
      ["100", "02:00:00:00:00:02", "learned", "17 s", "vtep 10.99.0.2"],
      ["100", "02:00:00:00:00:03", "learned", "4 s", "vtep 10.99.0.3"],
      ["100", "02:00:00:00:00:04", "learned frozen", "1 s", "vtep 10.99.0.3"],
      [""],
    ]);
  });

  test("a hundred thousand entries in chunks of any size", async () => {
    const entries = Array.from({ length: 100_000 }, (_, i) => ({ ...FDB[1], mac: `02:00:00:${i}`, age: i }));
    const body = `[${entries.map((entry) => JSON.stringify(entry)).join(",\n")}]\n`;
    const socket = await daemonDouble({
      "/v1/networks/7/fdb": (_request: unknown, response: ServerResponse) => {
        for (let at = 0; at < body.length; at += 65_537) response.write(body.slice(at, at + 65_537));
        response.end();
      },
    });
    const { code, stdout } = await vxlane("fdb", "show", "7", "--json", "--socket", socket);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(entries.map((entry) => ({ vni: 7, ...entry })));
  });

  test("a reader that has seen enough ends it quietly", async () => {
    const line = `${JSON.stringify(FDB[0])},\n`;
    const socket = await daemonDouble({
      "/v1/networks/7/fdb": (_request: unknown, response: ServerResponse) => {
        response.write(`[${line.repeat(200_000)}`);
        response.end(`${JSON.stringify(FDB[0])}]`);
      },
    });
    const child = spawn(process.execPath, [MAIN, "fdb", "show", "7", "--socket", socket]);
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += String(text);
    });
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = await once(child, "exit");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

describe("exit codes", () => {
  test.each([["status"], ["stats"], ["fdb show"], ["fdb show 1"]])("%s without a daemon: 3", async (command) => {
    const { code, stdout, stderr } = await vxlane(...command.split(" "), "--socket", join(directory(), "none.sock"));
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(/^vxlane: no daemon answers at .*none\.sock/);
  });

  test("a network that is not there: 4", async () => {
    const { code, stderr } = await vxlane("fdb", "show", "7", "--socket", await daemonDouble(answers));
    expect({ code, stderr }).toEqual({ code: 4, stderr: "vxlane: there is no /v1/networks/7/fdb\n" });
  });

  test.each([
    ["ERR_CONFLICT", 409, 5],
    ["ERR_PRIVILEGE", 403, 77],
    ["ERR_USAGE", 400, 2],
    ["ERR_FAILURE", 500, 1],
    ["ERR_OF_TOMORROW", 418, 1],
  ])("%s: as the table says", async (code, status, exit) => {
    const refuse = problem(status, code, "so");
    const result = await vxlane("status", "--socket", await daemonDouble({ "/v1/status": refuse }));
    expect(result.code).toBe(exit);
    expect(result.stderr).toContain("so");
  });

  test.each([
    ["status", "/v1/status"],
    ["network list", "/v1/networks"],
    ["network remove blue", "/v1/networks"],
    ["fdb show 7 --json", "/v1/networks/7/fdb"],
  ])("%s, something else than vxlane on the socket: 1", async (command, path) => {
    for (const text of ["<html>", "[7]", '{"a":']) {
      const babble = (_request: unknown, response: ServerResponse) => response.end(text);
      const result = await vxlane(...command.split(" "), "--socket", await daemonDouble({ [path]: babble }));
      if (text === "[7]" && command === "status") continue; // JSON, but see below
      expect(result).toMatchObject({ code: 1, stderr: expect.stringMatching(/^vxlane: [^\n]*JSON[^\n]*\n$/) });
    }
  });

  test.each([
    ["status", "/v1/status"],
    ["stats", "/v1/stats"],
    ["network show 7", "/v1/networks/7"],
    ["network list", "/v1/networks"],
    ["port list", "/v1/networks"],
    ["vtep list", "/v1/vteps"],
  ])("%s, a daemon that says something else: 1", async (command, path) => {
    const { code, stderr } = await vxlane(...command.split(" "), "-s", await daemonDouble({ [path]: [{ vni: 7 }] }));
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^vxlane: the daemon's answer [^\n]+\n$/),
    });
  });

  test("a daemon that dies while it answers: 3", async () => {
    const socket = await daemonDouble({
      "/v1/networks/7/fdb": (_request: unknown, response: ServerResponse) => {
        response.write(`[${JSON.stringify(FDB[0])},`, () => response.destroy());
      },
    });
    expect((await vxlane("fdb", "show", "7", "--socket", socket)).code).toBe(3);
  });
});

describe("--config", () => {
  const config = (text: string) => {
    const file = join(directory(), "vxlane.yaml");
    writeFileSync(file, text);
    return file;
  };

  test("names the socket", async () => {
    const socket = await daemonDouble(answers);
    const file = config(`local: 10.0.0.1\napi: { socket: ${socket} }\n`);
    expect((await vxlane("status", "--config", file)).code).toBe(0);
    expect((await vxlane("status", "--config", file, "--socket", `${socket}x`)).code).toBe(3);
  });

  test.each([
    ["local: 10.0.0.1\napi: { sokcet: /a/b }\n", /api\.sokcet: .*did you mean socket\?/],
    ["local: 10.0.0.1\napi: { socket: a/b }\n", /api\.socket: a\/b is not an absolute path/],
    ["local: [\n", /vxlane\.yaml:/],
  ])("that is wrong about it: 2 (%j)", async (text, sentence) => {
    const { code, stdout, stderr } = await vxlane("status", "--config", config(text));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(sentence);
  });

  test("that is not there: 2; that names no socket: the default one", async () => {
    expect((await vxlane("status", "--config", "/nowhere/vxlane.yaml")).code).toBe(2);
    expect(await socketOf({ config: config("local: 10.0.0.1\n") })).toBe("/run/vxlane/api.sock");
    expect(await socketOf({})).toBe("/run/vxlane/api.sock");
  });
});

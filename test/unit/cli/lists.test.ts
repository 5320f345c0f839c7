// Lists and single things, as tables and as JSON, against a double of the daemon.

import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { daemonDouble, MAIN, runs, vxlane } from "./command.js";

const NETWORKS = [
  {
    vni: 100,
    name: "blue",
    mtu: 1450,
    learning: true,
    ageing: 300,
    innerVlan: "keep",
    flood: { mode: "headend", vteps: ["10.99.0.2", "10.99.0.3"] },
    ports: [
      {
        name: "blue0",
        driver: "tap",
        queues: "auto",
        mac: "02:00:00:00:00:01",
        persistent: false,
        status: { state: "up", queues: 2 },
      },
    ],
    fdb: { learned: 3, static: 1 },
  },
  {
    vni: 200,
    name: "red",
    mtu: 1400,
    learning: false,
    ageing: 0,
    innerVlan: "drop",
    flood: { mode: "multicast", group: "239.1.1.1", ttl: 8 },
    allow: ["10.99.0.0/24"],
    ports: [
      {
        name: "red0",
        driver: "tap",
        queues: 2,
        mac: "02:00:00:00:00:02",
        persistent: true,
        status: { state: "deleted", queues: 2 },
      },
    ],
    fdb: { learned: 0, static: 1 },
  },
];
const [BLUE, RED] = NETWORKS;
const VTEP = {
  address: "10.99.0.2",
  group: false,
  pathMtu: 1400,
  encap: { frames: 100, bytes: 9, dropped: 0 },
  decap: { frames: 200, bytes: 9, dropped: 1 },
};
const GROUP = { ...VTEP, address: "239.1.1.1", group: true, pathMtu: null };

const inventory = {
  "/v1/networks": NETWORKS,
  "/v1/networks/100": BLUE,
  "/v1/networks/200": RED,
  "/v1/networks/200/ports": RED?.ports,
  "/v1/networks/200/ports/red0": RED?.ports[0],
  "/v1/networks/100/vteps": [{ address: "10.99.0.2" }, { address: "10.99.0.3" }],
  "/v1/vteps": [VTEP, GROUP],
};
const red0 = ["200", "red0", "deleted", "tap", "2", "02:00:00:00:00:02", "yes"];
const ports = ["VNI", "PORT", "STATE", "DRIVER", "QUEUES", "MAC", "PERSISTENT"];

test.each([
  [
    "network list",
    [
      ["VNI", "NAME", "MTU", "FLOOD", "LEARNING", "AGEING", "PORTS", "LEARNED", "STATIC"],
      ["100", "blue", "1450", "headend to 2", "on", "300 s", "1", "3", "1"],
      ["200", "red", "1400", "multicast to 239.1.1.1, TTL 8", "off", "never", "1", "0", "1"],
    ],
  ],
  ["port list", [ports, ["100", "blue0", "up", "tap", "2 (auto)", "02:00:00:00:00:01", "no"], red0]],
  ["port list red", [ports, red0]],
  [
    "vtep list 100",
    [
      ["VNI", "VTEP"],
      ["100", "10.99.0.2"],
      ["100", "10.99.0.3"],
    ],
  ],
  [
    "vtep list",
    [
      ["VTEP", "ENCAP", "BYTES", "DROPPED", "DECAP", "BYTES", "DROPPED", "PATH MTU"],
      ["10.99.0.2", "100", "9", "0", "200", "9", "1", "1400"],
      ["239.1.1.1 (group)", "100", "9", "0", "200", "9", "1", "-"],
    ],
  ],
  [
    "network show blue",
    [
      ["vni", "100"],
      ["name", "blue"],
      ["mtu", "1450"],
      ["flood", "headend to 2: 10.99.0.2 10.99.0.3"],
      ["allow", "the flood list and the VTEPs of static entries"],
      ["learning", "on"],
      ["ageing", "300 s"],
      ["inner VLAN", "keep"],
      ["fdb", "3 learned, 1 static"],
      [""],
      ["PORT", "STATE", "DRIVER", "QUEUES", "MAC", "PERSISTENT"],
      ["blue0", "up", "tap", "2 (auto)", "02:00:00:00:00:01", "no"],
    ],
  ],
  [
    "port show red red0",
    [
      ["port", "red0"],
      ["network", "200"],
      ["state", "deleted"],
      ["driver", "tap"],
      ["queues", "2"],
      ["mac", "02:00:00:00:00:02"],
      ["persistent", "yes"],
    ],
  ],
])("%s", async (command, cells) => {
  const { code, stdout } = await vxlane(...command.split(" "), "--socket", await daemonDouble(inventory));
  expect(code).toBe(0);
  expect(stdout.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([...cells, [""]]);
});

test.each([
  ["network list", NETWORKS],
  ["network show 200", RED],
  ["port list red", [{ vni: 200, ...RED?.ports[0] }]],
  ["port show 200 red0", { vni: 200, ...RED?.ports[0] }],
  ["vtep list 100", [100, 100].map((vni, i) => ({ vni, address: `10.99.0.${i + 2}` }))],
  ["vtep list", [VTEP, GROUP]],
])("%s --json", async (command, answer) => {
  const { code, stdout } = await vxlane(...command.split(" "), "--json", "-s", await daemonDouble(inventory));
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual(answer);
});

test("lists are asked for as lines, and taken as such", async () => {
  const lines = (request: IncomingMessage, response: ServerResponse) => {
    expect(request.headers.accept).toContain("application/x-ndjson");
    response.setHeader("content-type", "application/x-ndjson");
    response.end(NETWORKS.map((network) => `${JSON.stringify(network)}\n`).join(""));
  };
  const { stdout } = await vxlane("network", "list", "--json", "-s", await daemonDouble({ "/v1/networks": lines }));
  expect(JSON.parse(stdout)).toEqual(NETWORKS);
});

test("tables fit the terminal", async () => {
  const socket = await daemonDouble(inventory);
  const command = `stty cols 60; '${process.execPath}' '${MAIN}' network list -s ${socket}`;
  const { code, stdout } = await runs("script", ["-qec", command, "/dev/null"]);
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split(/\r?\n/);
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(60);
  expect(lines[2]).toMatch(/…/);
});

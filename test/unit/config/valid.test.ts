// Right configs: the issue's own, what the defaults are, how spellings become one, and that any valid config
// survives being written down and read again.

import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkConfig, loadConfig, parseConfig, readConfig } from "../../../control/config/config.js";
import { ConfigSchema } from "../../../control/config/schema.js";
import { ConfigError } from "../../../control/errors.js";
import { configs, toInput } from "./arbitrary.js";

const WHOLE = `
local: 10.99.0.1                 # this VTEP's underlay address; required
port: 4789
sourcePorts: { min: 49152, max: 65535 }
workers: auto                    # or a number
underlay: { driver: udp, checksum: auto }     # interface: eth0 is needed for multicast
fdb: { capacity: 65536, damping: { moves: 5, thaw: 180s } }
api: { socket: /run/vxlane/api.sock }
metrics: { listen: 127.0.0.1:9479 }
stateDir: /var/lib/vxlane
networks:
  - vni: 100
    name: blue
    mtu: 1450
    learning: true
    ageing: 300s
    innerVlan: keep
    flood: { mode: headend, vteps: [10.99.0.2] }    # or { mode: multicast, group: 239.1.1.1, ttl: 8 }
    allow: [10.99.0.0/24]        # source VTEPs; default: flood and fdb VTEPs; required with multicast
    ports: [ { name: blue0, driver: tap, queues: auto, mac: "02:00:00:00:00:01", persistent: false } ]
    fdb: [ { mac: "02:00:00:00:00:02", vtep: 10.99.0.2 } ]
`;

const DEFAULTS = {
  local: "10.99.0.1",
  port: 4789,
  sourcePorts: { min: 49152, max: 65535 },
  workers: "auto",
  reservedBits: "ignore",
  offloads: "auto",
  busyPoll: 0,
  underlay: { driver: "udp", checksum: "auto" },
  fdb: { capacity: 65536, damping: { moves: 5, thaw: 180 } },
  api: { socket: "/run/vxlane/api.sock" },
  metrics: { listen: { host: "127.0.0.1", port: 9479 } },
  stateDir: "/var/lib/vxlane",
  networks: [],
};

test("the whole format", () => {
  const { config, warnings } = readConfig(WHOLE, "whole.yaml");
  expect(warnings).toEqual([]);
  expect(config).toEqual({
    ...DEFAULTS,
    networks: [
      {
        vni: 100,
        name: "blue",
        mtu: 1450,
        learning: true,
        ageing: 300,
        innerVlan: "keep",
        flood: { mode: "headend", vteps: ["10.99.0.2"] },
        allow: ["10.99.0.0/24"],
        ports: [{ name: "blue0", driver: "tap", queues: "auto", mac: "02:00:00:00:00:01", persistent: false }],
        fdb: [{ mac: "02:00:00:00:00:02", vtep: "10.99.0.2" }],
      },
    ],
  });
});

test("defaults, at the top, in a network, in a port, in a group, in parts of maps", () => {
  expect(parseConfig("local: 10.99.0.1\n")).toEqual(DEFAULTS);
  const text = `local: 10.99.0.1
sourcePorts: { min: 50000 }
underlay: { interface: eth0 }
networks:
  - { vni: 0, ports: [ { name: p } ] }
  - { vni: 1, flood: { mode: multicast, group: 239.1.1.1 }, allow: [10.99.0.2] }
`;
  const config = parseConfig(text);
  expect(config.sourcePorts).toEqual({ min: 50000, max: 65535 });
  expect(config.underlay).toEqual({ driver: "udp", interface: "eth0", checksum: "auto" });
  const rest = { learning: true, ageing: 300, innerVlan: "keep", fdb: [] };
  expect(config.networks).toEqual([
    {
      vni: 0,
      name: "vni0",
      ...rest,
      flood: { mode: "none" },
      ports: [{ name: "p", driver: "tap", queues: "auto", persistent: false }],
    },
    {
      vni: 1,
      name: "vni1",
      ...rest,
      flood: { mode: "multicast", group: "239.1.1.1", ttl: 8 },
      allow: ["10.99.0.2/32"],
      ports: [],
    },
  ]);
});

test.each([
  ["0", 0],
  ['"0"', 0],
  ["0s", 0],
  ["300s", 300],
  ["300", 300],
  ["5m", 300],
  ["2h", 7200],
  ["18h", 64800],
  ["65000", 65000],
])("ageing %s is %i seconds", (text, seconds) => {
  expect(parseConfig(`local: 10.0.0.1\nnetworks: [ { vni: 1, ageing: ${text} } ]\n`).networks[0]?.ageing).toBe(seconds);
});

test.each([
  ["0", 0],
  ["50us", 50],
  ["50", 50],
  ["1ms", 1000],
])("busyPoll %s is %i microseconds", (text, us) => {
  expect(parseConfig(`local: 10.0.0.1\nbusyPoll: ${text}\n`).busyPoll).toBe(us);
});

test("spellings of addresses and MACs become one", () => {
  const text = `local: FD00:0:0:0::0001
metrics: { listen: "[0:0::1]:0" }
networks:
  - vni: 1
    flood: { mode: headend, vteps: [fd00:0::2, "FD00::ABCD"] }
    allow: [FD00::7/64, fd00:1::9, ::/0]
    ports: [ { name: p, mac: 02:00:00:00:00:AB } ]
    fdb: [ { mac: 02:00:00:00:00:CD, port: p } ]
stateDir: /var/lib/vxlane//
`;
  const config = parseConfig(text);
  expect(config.local).toBe("fd00::1");
  expect(config.metrics.listen).toEqual({ host: "::1", port: 0 });
  expect(config.stateDir).toBe("/var/lib/vxlane");
  expect(config.networks[0]).toMatchObject({
    flood: { vteps: ["fd00::2", "fd00::abcd"] },
    allow: ["fd00::/64", "fd00:1::9/128", "::/0"],
    ports: [{ mac: "02:00:00:00:00:ab" }],
    fdb: [{ mac: "02:00:00:00:00:cd", port: "p" }],
  });
});

test.each([
  ["vni 2^24 - 1", "networks: [ { vni: 16777215 } ]"],
  ["mtu 68", "networks: [ { vni: 1, mtu: 68 } ]"],
  ["mtu 65485", "networks: [ { vni: 1, mtu: 65485 } ]"],
  ["64 workers", "workers: 64"],
  ["the largest fdb", "fdb: { capacity: 4194304 }"],
  ["no damping", "fdb: { damping: { moves: 0 } }"],
  ["damping until somebody thaws", "fdb: { damping: { moves: 100, thaw: 0 } }"],
  ["damping in hours", "fdb: { damping: { thaw: 2h } }"],
  ["one source port", "sourcePorts: { min: 1024, max: 1024 }"],
  ["a port name of 15 bytes", "networks: [ { vni: 1, ports: [ { name: abcdefghijklmno } ] } ]"],
  ["a socket path of 107 bytes", `api: { socket: /${"s".repeat(106)} }`],
  [
    "one MAC in two networks",
    'networks: [ { vni: 1, fdb: [ { mac: "02:00:00:00:00:01", vtep: 10.0.0.2 } ] }, { vni: 2, fdb: [ { mac: "02:00:00:00:00:01", vtep: 10.0.0.2 } ] } ]',
  ],
  ["no interface named for loopback underlays", "underlay: { interface: lo }"],
])("at the edge: %s", (_, line) => {
  expect(() => parseConfig(`local: 10.0.0.1\n${line}\n`)).not.toThrow();
});

test("any valid config survives being written as a file and read again", () => {
  fc.assert(
    fc.property(configs(), (config) => {
      const input = toInput(config);
      expect(parseConfig(JSON.stringify(input, null, 2))).toEqual(config);
      expect(checkConfig(input).config).toEqual(config);
    }),
    { numRuns: 120 },
  );
});

test("a thousand networks are read", () => {
  const networks = Array.from({ length: 1000 }, (_, vni) => ({ vni, ports: [{ name: `p${vni}` }] }));
  expect(parseConfig(JSON.stringify({ local: "10.0.0.1", networks })).networks).toHaveLength(1000);
});

describe("a file", () => {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "vxlane-config-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const codeOf = (path: string) => {
    try {
      loadConfig(path);
    } catch (error) {
      if (error instanceof ConfigError) return [error.code, error.exitCode, error.problems[0]?.file];
      throw error;
    }
    return undefined;
  };

  test("is read", () => {
    const path = join(directory, "right.yaml");
    writeFileSync(path, WHOLE);
    expect(loadConfig(path)).toEqual(parseConfig(WHOLE));
  });

  test("that is not there, a directory, or not UTF-8, is said so", () => {
    const path = join(directory, "bytes.yaml");
    writeFileSync(path, Buffer.from([0x6c, 0xff, 0xfe]));
    for (const wrong of [path, directory, join(directory, "none.yaml"), "a\0b"]) {
      expect(codeOf(wrong)).toEqual(["ERR_CONFIG_FILE", 2, wrong]);
    }
  });

  test("that would take long to read is refused at once, with its size, the limit, and what to do", () => {
    const path = join(directory, "large.yaml");
    writeFileSync(path, "");
    truncateSync(path, 16_000_001);
    expect(codeOf(path)).toEqual(["ERR_CONFIG_FILE", 2, path]);
    expect(() => loadConfig(path)).toThrow(/large\.yaml: has 16\.1 MB; at most 16 MB: .* over the API/);
  });
});

test("the schema is JSON and describes every key", () => {
  const schema = JSON.parse(JSON.stringify(ConfigSchema));
  expect(schema.additionalProperties).toBe(false);
  expect(schema.required).toEqual(["local"]);
  expect(Object.keys(schema.properties)).toEqual([
    "local",
    "port",
    "sourcePorts",
    "workers",
    "reservedBits",
    "offloads",
    "busyPoll",
    "underlay",
    "fdb",
    "api",
    "metrics",
    "stateDir",
    "networks",
  ]);
  expect(schema.properties.networks.items.properties.vni).toMatchObject({ minimum: 0, maximum: 16777215 });
});

// What a host makes of a config: any host, through a fake; and this one, as far as that needs no rights.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostFacts } from "../../../control/config/host.js";
import { readHostFacts } from "../../../control/config/host-facts.js";
import { check, ETH0, TEXT } from "./host-fixture.js";

describe("a host", () => {
  test("that suits", async () => {
    expect(await check(TEXT)).toMatchObject({ problems: [], warnings: [] });
  });

  test.each<[string, string, Partial<HostFacts>, object]>([
    [
      "lacks the address",
      TEXT.replace("10.99.0.1", "10.99.0.12"),
      {},
      {
        path: "local",
        value: "10.99.0.12",
        allowed: expect.stringContaining("10.99.0.1 (eth0)"),
        suggestion: "10.99.0.1",
        code: "ERR_HOST_ADDRESS",
      },
    ],
    [
      "lacks any IPv6 that is up",
      "local: fd00::1\n",
      { interfaces: () => [ETH0].map((eth) => ({ ...eth, addresses: ["10.99.0.1"] })) },
      { path: "local", allowed: expect.stringContaining("no IPv6"), code: "ERR_HOST_ADDRESS" },
    ],
    [
      "has the address on what is down",
      "local: 10.98.0.1\n",
      {},
      { path: "local", message: expect.stringContaining("eth1"), code: "ERR_HOST_ADDRESS" },
    ],
    [
      "lacks the underlay interface",
      `${TEXT}underlay: { interface: eht0 }\n`,
      {},
      { path: "underlay.interface", suggestion: "eth0", code: "ERR_HOST_INTERFACE" },
    ],
    [
      "has the underlay interface down",
      `${TEXT}underlay: { interface: eth1 }\n`,
      {},
      { path: "underlay.interface", message: "is down", code: "ERR_HOST_INTERFACE" },
    ],
    [
      "has the UDP port taken",
      TEXT,
      { udpConflict: () => "it is taken by the kernel's vxlan device vx0" },
      { path: "port", value: "4789", message: expect.stringContaining("vx0"), code: "ERR_HOST_PORT_TAKEN" },
    ],
    [
      "has another interface of a port's name",
      TEXT,
      { portConflict: (name) => `${name} is an existing veth device` },
      {
        path: "networks[0].ports[0].name",
        value: "blue0",
        message: expect.stringContaining("veth"),
        line: 6,
        code: "ERR_HOST_INTERFACE",
      },
    ],
    [
      "would be cut off by a port on its underlay",
      TEXT.replace("{ name: blue0 }", "{ name: eth0, driver: xdp }"),
      {},
      {
        path: "networks[0].ports[0].name",
        value: "eth0",
        message: expect.stringContaining("has the local address"),
        line: 6,
        code: "ERR_HOST_INTERFACE",
      },
    ],
    [
      "carries less than the MTU on the route",
      TEXT,
      { route: () => ({ mtu: 1480, interface: "tun7" }) },
      {
        path: "networks[0].mtu",
        value: "1450",
        message: expect.stringMatching(/tun7.*10\.99\.0\.2.*1480/),
        suggestion: "1430",
        line: 4,
        code: "ERR_HOST_MTU",
      },
    ],
    [
      "carries less than the MTU on the interface",
      TEXT.replace("1450", "1451").replace("[10.99.0.2]", "[]"),
      {},
      {
        path: "networks[0].mtu",
        message: expect.stringMatching(/eth0.*1500/),
        suggestion: "1450",
        code: "ERR_HOST_MTU",
      },
    ],
    [
      "carries less over IPv6",
      "local: fd00::1\nunderlay: { interface: eth0 }\nnetworks: [ { vni: 1, mtu: 1431 } ]\n",
      {},
      { path: "networks[0].mtu", suggestion: "1430", code: "ERR_HOST_MTU" },
    ],
    [
      "has the metrics port in use",
      TEXT,
      { tcpConflict: async () => "EADDRINUSE" },
      { path: "metrics.listen", value: "127.0.0.1:9479", code: "ERR_HOST_PORT_TAKEN" },
    ],
    [
      "lacks the metrics address",
      `${TEXT}metrics: { listen: "[fd00::9]:80" }\n`,
      { tcpConflict: async () => "EADDRNOTAVAIL" },
      { path: "metrics.listen", value: "[fd00::9]:80", code: "ERR_HOST_ADDRESS" },
    ],
    [
      "has a file where the socket goes",
      TEXT,
      { socketState: async () => "other" },
      { path: "api.socket", value: "/run/vxlane/api.sock", code: "ERR_CONFIG_VALUE" },
    ],
  ])("that %s: exit 2", async (_, text, facts, problem) => {
    const result = await check(text, facts);
    expect(result.problems).toEqual([expect.objectContaining(problem)]);
    expect(result.exit).toBe(2);
  });

  test("with this daemon running: 5, and what it holds is no mistake", async () => {
    const taken: Partial<HostFacts> = {
      socketState: async () => "live",
      udpConflict: () => "taken",
      portConflict: () => "taken",
      tcpConflict: async () => "EADDRINUSE",
    };
    const { problems, exit } = await check(TEXT, taken);
    expect(problems.map(({ path }) => path)).toEqual(["api.socket"]);
    expect(exit).toBe(5);
  });

  test("with a socket that nobody listens on any more suits", async () => {
    expect((await check(TEXT, { socketState: async () => "stale" })).exit).toBe(0);
  });

  test("without a route to a VTEP: a warning", async () => {
    const { warnings } = await check(TEXT, { route: () => undefined });
    expect(warnings).toMatchObject([{ path: "networks[0].flood.vteps[0]", value: "10.99.0.2", line: 5 }]);
  });

  test("gives a network without an MTU more than the route carries: a warning", async () => {
    const { warnings } = await check(TEXT.replace("    mtu: 1450\n", ""), {
      route: () => ({ mtu: 1400, interface: "wg0" }),
    });
    expect(warnings).toMatchObject([{ path: "networks[0]", suggestion: "mtu: 1350", line: 3 }]);
    expect(warnings[0]?.message).toMatch(/eth0.*1450.*wg0.*10\.99\.0\.2.*1400/);
  });

  test("is told of everything at once", async () => {
    const { problems, exit } = await check(TEXT, {
      udpConflict: () => "taken",
      portConflict: () => "taken",
      tcpConflict: async () => "EADDRINUSE",
      route: () => ({ mtu: 1000, interface: "e" }),
    });
    expect(problems.map(({ path }) => path)).toEqual([
      "port",
      "metrics.listen",
      "networks[0].mtu",
      "networks[0].ports[0].name",
    ]);
    expect(exit).toBe(2);
  });
});

describe("this host", () => {
  const facts = readHostFacts();
  let directory = "";
  let server: Server;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "vxlane-host-"));
    server = createServer().listen(join(directory, "live.sock"));
    await once(server, "listening");
  });
  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  test("has loopback", () => {
    const lo = facts.interfaces().find(({ name }) => name === "lo");
    expect(lo).toMatchObject({ isUp: true, addresses: expect.arrayContaining(["127.0.0.1"]) });
    expect(facts.route("127.0.0.2", "127.0.0.1")).toMatchObject({ interface: "lo" });
  });

  test("has no room for a port named lo", () => {
    expect(facts.portConflict("lo", 1)).toContain("lo");
    expect(facts.portConflict("vxlane-none", 1)).toBeUndefined();
  });

  test("tells sockets that live from those that do not", async () => {
    const stale = join(directory, "stale.sock");
    const file = join(directory, "file");
    writeFileSync(file, "");
    await leaveStale(stale);
    const states = ["live.sock", "stale.sock", "file", "none", "file/below"].map((name) =>
      facts.socketState(join(directory, name)),
    );
    expect(await Promise.all(states)).toEqual(["live", "stale", "other", "absent", "absent"]);
  });

  test("names who has a UDP port", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    const { port } = socket.address();
    expect(facts.udpConflict("127.0.0.1", port)).toContain(String(process.pid));
    // Another address of the same host is free.
    expect(facts.udpConflict("127.0.0.9", port)).toBeUndefined();
    socket.close();
    await once(socket, "close");
    expect(facts.udpConflict("127.0.0.1", port)).toBeUndefined();
  });

  test("knows a TCP port in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    expect(await facts.tcpConflict("127.0.0.1", port)).toBe("EADDRINUSE");
    other.close();
    await once(other, "close");
    expect(await facts.tcpConflict("127.0.0.1", port)).toBeUndefined();
    expect(await facts.tcpConflict("192.0.2.77", 0)).toBe("EADDRNOTAVAIL");
  });
});

/** A socket file whose process has died: Node removes the file on close, so a child is killed. */
async function leaveStale(path: string): Promise<void> {
  const { spawn } = await import("node:child_process");
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
}

// What the command line says of configs and hosts that do not fit: exit codes, and nothing is created.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MAIN, type PartialConfig, vxlane, writeConfig } from "../support/daemon.js";
import {
  createLab,
  type Host,
  KERNEL_DEVICE,
  kernelVxlan,
  overlayAddress,
  TUNNEL_TAP,
  twoHosts,
} from "../support/netns.js";

const [one, two] = [overlayAddress(1), overlayAddress(2)];

const blue = { vni: 100, name: "blue", flood: { mode: "headend", vteps: ["10.99.0.2"] }, ports: [{ name: "blue0" }] };

async function runs(host: Host, config: PartialConfig, command = ["run"]) {
  const { file } = await writeConfig(host, config);
  const result = await host.ns.tryRun(process.execPath, [MAIN, ...command, "--config", file]);
  const links = await host.ns.show<{ ifname: string }[]>("link", "show");
  return { ...result, links: links.map(({ ifname }) => ifname).filter((name) => name !== "lo" && name !== "under0") };
}

interface Mistake {
  what: string;
  config: PartialConfig;
  /** What the message has to name. */
  names: RegExp[];
}

const mistakes: Mistake[] = [
  {
    what: "a VNI of 2^24",
    config: { networks: [{ ...blue, vni: 16777216 }] },
    names: [/networks\[0\]\.vni/, /16777216/],
  },
  {
    what: "two networks with one VNI",
    config: { networks: [blue, { ...blue, name: "red", ports: [] }] },
    names: [/vni/, /100/],
  },
  { what: "an unknown key", config: { networks: [{ ...blue, aging: "300s" }] }, names: [/aging/, /ageing/] },
  {
    what: "an address that the host lacks",
    config: { local: "10.99.0.99", networks: [blue] },
    names: [/local/, /10\.99\.0\.99/],
  },
  {
    what: "an MTU over the underlay's",
    config: { networks: [{ ...blue, mtu: 1451 }] },
    names: [/mtu/, /1451/, /1450/],
  },
  {
    what: "an interface that is not there",
    config: { underlay: { interface: "undre0" }, networks: [blue] },
    names: [/underlay\.interface/, /undre0/, /under0/],
  },
  {
    what: "a multicast group without an interface",
    config: { networks: [{ ...blue, flood: { mode: "multicast", group: "239.1.1.1" }, allow: ["10.99.0.0/24"] }] },
    names: [/interface/],
  },
];

test.each(mistakes)("$what: exit 2, named, nothing created", async ({ config, names }) => {
  const [a] = await twoHosts(await createLab());
  const { code, stdout, stderr, links } = await runs(a, config);
  for (const name of names) expect(stderr).toMatch(name);
  expect({ code, stdout, links }).toEqual({ code: 2, stdout: "", links: [] });
});

test("a taken UDP port names the kernel's vxlan device", async () => {
  const [a] = await twoHosts(await createLab());
  await kernelVxlan(a, { vni: 7, remotes: ["10.99.0.2"], overlay: two });
  const { code, stderr, links } = await runs(a, { networks: [blue] });
  expect(stderr).toContain(KERNEL_DEVICE);
  expect({ code, links }).toEqual({ code: 2, links: [KERNEL_DEVICE] });
});

test("check needs no host, check --host asks it", async () => {
  const [a] = await twoHosts(await createLab());
  const config = { local: "10.99.0.99", networks: [blue] };
  expect((await runs(a, config, ["check"])).code).toBe(0);
  expect((await runs(a, config, ["check", "--host"])).code).toBe(2);
  expect((await runs(a, { networks: [blue] }, ["check", "--host"])).code).toBe(0);
});

test("a second daemon on the same socket is told so and disturbs nothing", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: 100, remotes: [b.address], overlay: one });
  const { code, links } = await runs(a, { networks: [blue], api: { socket: ours.daemon.socket } });
  expect([2, 5]).toContain(code);
  expect(links.filter((name) => name !== TUNNEL_TAP)).toEqual([ours.device]);
  await ours.daemon.get("/v1/status");
});

test("an unreadable config, and one that is no YAML: exit 2", async () => {
  const [a] = await twoHosts(await createLab());
  const file = join(a.lab.directory(), "bad.yaml");
  await writeFile(file, "networks: [\n  - vni: 1\n");
  for (const path of [file, "/nonexistent.yaml"]) {
    const { code, stderr } = await a.ns.tryRun(process.execPath, [MAIN, "run", "--config", path]);
    expect(code, stderr).toBe(2);
    expect(stderr).toContain(path);
  }
});

test("without the right to make interfaces: exit 77 and a sentence", async () => {
  const [a] = await twoHosts(await createLab());
  const { file } = await writeConfig(a, { networks: [blue] });
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, MAIN, "run", "--config", file];
  const { code, stderr } = await a.ns.tryRun("setpriv", nobody);
  expect(stderr).toMatch(/root|CAP_NET_ADMIN/);
  expect(code).toBe(77);
});

const DRIVERS: [string, PartialConfig, RegExp][] = [
  ["a tap underlay", { underlay: { driver: "tap" }, networks: [blue] }, /underlay\.driver.*needs CAP_BPF,/],
  ["an xdp underlay", { underlay: { driver: "xdp" }, networks: [blue] }, /underlay\.driver.*CAP_BPF and CAP_PERFMON/],
  [
    "an xdp port",
    { underlay: { driver: "udp" }, networks: [{ ...blue, ports: [{ name: "under0", driver: "xdp" }] }] },
    /networks\[0\]\.ports\[0\]\.driver.*CAP_BPF/,
  ],
];

test.each(DRIVERS)("%s without the capabilities for programs: exit 77, named, and how to get them", async (...row) => {
  const [, config, names] = row;
  const [a] = await twoHosts(await createLab());
  const { file } = await writeConfig(a, config);
  const reduced = ["--bounding-set=-bpf,-perfmon,-sys_admin", process.execPath, MAIN];
  for (const command of [["run"], ["check", "--host"]]) {
    const { code, stderr } = await a.ns.tryRun("setpriv", [...reduced, ...command, "--config", file]);
    expect(stderr).toMatch(names);
    expect(stderr).toMatch(/AmbientCapabilities=CAP_BPF.*setcap cap_bpf/);
    expect(code).toBe(77);
  }
});

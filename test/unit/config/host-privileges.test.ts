// What a process may not do: named with the driver that needs it, and with what helps.

import { expect, test } from "vitest";
import { check, ETH0, lacking, TEXT } from "./host-fixture.js";

const [TAP, XDP, AUTO] = ["tap", "xdp", "auto"].map((driver) => `${TEXT}underlay: { driver: ${driver} }\n`);
const XDP_PORT = TEXT.replace("name: blue0", "name: veth0, driver: xdp");
const MIB = 1 << 20;

test("without rights: 77, whatever else is wrong, and what to do", async () => {
  const { problems, exit } = await check(TEXT.replace("10.99.0.1", "10.1.1.1"), {
    missingCapabilities: lacking("CAP_NET_ADMIN"),
  });
  expect(exit).toBe(77);
  expect(problems.map(({ path }) => path)).toEqual(["", "local"]);
  expect(problems[0]?.message).toContain("CAP_NET_ADMIN");
  expect(problems[0]?.allowed).toContain("root");
});

test("without a device for TAPs", async () => {
  const { problems, exit } = await check(TEXT, { tunError: () => "/dev/net/tun (EACCES)" });
  expect(exit).toBe(77);
  expect(problems[0]?.message).toBe("this process lacks /dev/net/tun (EACCES)");
  expect(problems[0]?.allowed).not.toContain("CAP_");
});

test.each([
  ["a tap underlay", TAP, "underlay.driver", "tap", "CAP_BPF"],
  ["an xdp underlay", XDP, "underlay.driver", "xdp", "CAP_BPF and CAP_PERFMON"],
  ["an xdp port", XDP_PORT, "networks[0].ports[0].driver", "xdp", "CAP_BPF"],
])("%s names what it needs", async (_, text, path, value, names) => {
  const interfaces = () => [ETH0, { ...ETH0, name: "veth0", addresses: [] }];
  const { problems, exit } = await check(text, { interfaces, missingCapabilities: lacking("CAP_BPF", "CAP_PERFMON") });
  expect(exit).toBe(77);
  const message = `needs ${names}, which this process lacks`;
  expect(problems).toEqual([expect.objectContaining({ code: "ERR_PRIVILEGE", path, value, message })]);
  expect(problems[0]?.allowed).toContain(`AmbientCapabilities=${names.replace(" and", "")}`);
});

test("udp and TAP ports need neither", async () => {
  const result = await check(TEXT, { missingCapabilities: lacking("CAP_BPF", "CAP_PERFMON") });
  expect(result).toMatchObject({ problems: [], warnings: [] });
});

test("auto takes udp then, which is worth a warning unless it would anyway", async () => {
  const facts = { missingCapabilities: lacking("CAP_BPF") };
  const { problems, warnings } = await check(AUTO, facts);
  expect(problems).toEqual([]);
  expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining("will take udp: tap needs CAP_BPF")]);
  expect((await check(`${AUTO}offloads: off\n`, facts)).warnings).toEqual([]);
});

test("too little memory to lock: an error where no UMEM fits, a warning where not every worker's does", async () => {
  const text = `${XDP}workers: 2\n`;
  const none = await check(text, { lockedMemoryMax: () => 8 * MIB });
  expect(none.exit).toBe(77);
  expect(none.problems).toEqual([
    expect.objectContaining({
      path: "underlay.driver",
      message: "locks 16 MiB of memory, and this process may lock 8",
      allowed: expect.stringContaining("LimitMEMLOCK"),
    }),
  ]);
  const one = await check(text, { lockedMemoryMax: () => 9 * MIB });
  expect(one.problems).toEqual([]);
  expect(one.warnings).toEqual([expect.objectContaining({ code: "ERR_PRIVILEGE", path: "underlay.driver" })]);
  expect(await check(text, { lockedMemoryMax: () => 16 * MIB })).toMatchObject({ problems: [], warnings: [] });
  expect(await check(TEXT, { lockedMemoryMax: () => 0 })).toMatchObject({ problems: [], warnings: [] });
});

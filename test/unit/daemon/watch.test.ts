// The watch over interfaces, address and state directory: what it says when, and what it mends, with a host made up.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Problem, Problems } from "../../../control/daemon/problems.js";
import { Watch } from "../../../control/daemon/watch.js";
import type { Interface } from "../../../control/linux/index.js";
import { address } from "../tables/fixture.js";

const [UP, RUNNING] = [1, 0x40];
const LOCAL = "10.99.0.1";

function link(index: number, name: string, flags: number, local?: string): Interface {
  const addresses = local === undefined ? [] : [{ index, address: address(local), prefixLength: 24 }];
  const isUp = (flags & UP) !== 0;
  return { index, name, mac: "", mtu: 1500, flags, isUp, kind: "", kindData: new Map(), addresses };
}

let stateDir: string;
let problems: Problems;
let interfaces: Interface[];
let isChanged: boolean;
let device: { port: { name: string }; tap: { index: number; isAttached: boolean }; state: "up" | "down" };
let reopen: (name: string) => void;
let moved: number[];
let mtus: number[];
let watch: Watch;
let nowMs = 0;

beforeEach(async () => {
  stateDir = join(await mkdtemp(join(tmpdir(), "vxlane-watch-")), "state");
  problems = new Problems(pino({ level: "silent" }));
  interfaces = [link(2, "eth0", UP | RUNNING, LOCAL), link(5, "blue0", UP | RUNNING)];
  isChanged = false;
  device = { port: { name: "blue0" }, tap: { index: 5, isAttached: true }, state: "up" };
  reopen = () => {
    device.tap = { index: 9, isAttached: true };
    interfaces.push(link(9, "blue0", UP | RUNNING));
  };
  moved = [];
  mtus = [];
  nowMs = 0;
  watch = new Watch(
    { local: LOCAL, interface: "eth0", stateDir },
    {
      // Only what the watch reads of a device.
      ports: { all: () => [device] as never, reopen: (name) => reopen(name) },
      underlay: { moveGroups: (index) => void moved.push(index) },
      problems,
      events: { changed: () => isChanged },
      interfaces: () => interfaces,
      onUnderlayMtu: (mtu) => void mtus.push(mtu),
    },
  );
  look();
});
afterEach(() => rm(join(stateDir, ".."), { recursive: true, force: true }));

function look(): string[] {
  isChanged = true;
  watch.tick(nowMs);
  isChanged = false;
  return codes();
}
const codes = () => problems.list().map(({ code }: Problem) => code);

it("tells the underlay's MTU when it has changed", () => {
  interfaces[0] = { ...interfaces[0], mtu: 1400 };
  look();
  interfaces = [];
  look();
  expect(mtus).toEqual([1500, 1400]);
});

it("has nothing to say of a host that is well", () => {
  expect(codes()).toEqual([]);
  expect(moved).toEqual([]);
});

it("looks when the kernel tells of a change, and now and then without", () => {
  interfaces = [link(2, "eth0", 0, LOCAL), interfaces[1]];
  watch.tick(nowMs + 1000);
  expect(codes()).toEqual([]);
  watch.tick(nowMs + 40_000);
  expect(codes()).toEqual(["underlay_down"]);
});

it("tells an underlay that is down from one without carrier, without address, and gone", () => {
  interfaces[0] = link(2, "eth0", 0, LOCAL);
  expect(look()).toEqual(["underlay_down"]);
  interfaces[0] = link(2, "eth0", UP, LOCAL);
  expect(look()).toEqual(["underlay_down"]);
  expect(problems.list()[0].message).toContain("no carrier");
  interfaces[0] = link(2, "eth0", UP | RUNNING);
  expect(look()).toEqual(["underlay_address"]);
  interfaces.shift();
  expect(look()).toEqual(["underlay_address", "underlay_interface"]);
  interfaces.unshift(link(2, "eth0", UP | RUNNING, LOCAL));
  expect(look()).toEqual([]);
});

it("joins groups again on an interface of the same name and another index", () => {
  interfaces.shift();
  look();
  interfaces.unshift(link(7, "eth0", UP | RUNNING, LOCAL));
  expect(look()).toEqual([]);
  expect(moved).toEqual([7]);
  look();
  expect(moved).toEqual([7]);
});

it("makes a deleted interface again", () => {
  interfaces.pop();
  device.tap.isAttached = false;
  expect(look()).toEqual([]);
  expect(device.tap.index).toBe(9);
});

it("keeps trying when it cannot be made, and forgets it with its port", () => {
  interfaces.pop();
  device.tap.isAttached = false;
  reopen = () => {
    throw new Error("the name is taken");
  };
  expect(look()).toEqual(["port_gone"]);
  expect(device.state).toBe("deleted");
  expect(problems.list()[0].message).toContain("the name is taken");
  const { since } = problems.list()[0];
  expect(look()).toEqual(["port_gone"]);
  expect(problems.list()[0].since).toBe(since);
  device = { ...device, port: { name: "other" }, tap: { index: 2, isAttached: true } };
  expect(look()).toEqual([]);
});

it("leaves alone what was taken down, or moved to another namespace", () => {
  interfaces[1] = link(5, "blue0", 0);
  expect(look()).toEqual(["port_down"]);
  expect(device.state).toBe("down");
  interfaces[1] = link(5, "blue0", UP | RUNNING);
  expect(look()).toEqual([]);
  expect(device.state).toBe("up");
  interfaces.pop();
  expect(look()).toEqual([]);
});

it("says that the state directory cannot be written to, until it can", async () => {
  await expect
    .poll(() =>
      rm(stateDir, { recursive: true }).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  await writeFile(stateDir, "a file in its place");
  watch.tick(performance.now() + 40_000);
  await expect.poll(codes).toEqual(["state_dir"]);
  await rm(stateDir);
  watch.tick(performance.now() + 80_000);
  await expect.poll(codes).toEqual([]);
});

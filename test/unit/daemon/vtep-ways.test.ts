// The way to each VTEP that the tap underlay has: who goes by socket, what is said of it, and what a flood of forged sources costs.

import { Writable } from "node:stream";
import { pino } from "pino";
import { beforeEach, expect, it } from "vitest";
import { formatAddress } from "../../../control/address.js";
import { Problems } from "../../../control/daemon/problems.js";
import { VtepWays } from "../../../control/daemon/vtep-ways.js";
import { type Interface, SyscallError } from "../../../control/linux/index.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { address, createFixture, type Fixture, frame, receiveFrom, spec } from "../tables/fixture.js";

const VNI = 100;
const NIC = { index: 2, name: "eth0" };
const OTHER = 3;
const ENETUNREACH = 101;
const LEARNED_A_LOOK = 512;

const link = (index: number, name: string, mtu = 1500): Interface => ({
  index,
  name,
  mac: "",
  mtu,
  flags: 0,
  isUp: true,
  kind: "",
  kindData: new Map(),
  addresses: [],
});
const links = [link(NIC.index, NIC.name), link(OTHER, "eth1")];

let fixture: Fixture;
let ways: VtepWays;
let problems: Problems;
let logged: string[];
let lookUps: number;
let routes: (text: string) => { index: number; mtu: number } | undefined;

beforeEach(async () => {
  fixture = await createFixture();
  logged = [];
  const stream = new Writable({
    write: (line, _encoding, done) => {
      logged.push(JSON.parse(line.toString()).msg);
      done();
    },
  });
  problems = new Problems(pino({}, stream));
  lookUps = 0;
  routes = () => ({ index: OTHER, mtu: 0 });
  ways = new VtepWays(fixture.tables.vteps, problems, (to) => {
    lookUps++;
    const found = routes(formatAddress(to));
    if (found === undefined) throw new SyscallError("RTM_GETROUTE", ENETUNREACH);
    return found;
  });
});

const look = () => ways.look(NIC, links);
const messages = () => problems.list().map(({ message }) => message);
const goesBySocket = (text: string) => {
  const id = fixture.tables.vteps.find(address(text)) ?? 0;
  return (fixture.tables.vteps.flags(id) & L.VTEP_FLAG_SOCKET) !== 0;
};
const forge = (from: number, count: number) => {
  for (let n = from; n < from + count; n++) {
    receiveFrom(fixture, `10.1.${n >>> 8}.${n & 255}`, VNI, frame("02:00:00:00:00:02", "ff:ff:ff:ff:ff:ff"));
  }
};

it("a named VTEP goes by socket where its route is elsewhere, narrow or missing, and each is said", () => {
  fixture.tables.networks.add(spec(VNI, { vteps: ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"] }));
  const answers = new Map([
    ["10.0.0.2", { index: NIC.index, mtu: 1500 }],
    ["10.0.0.3", { index: OTHER, mtu: 0 }],
    ["10.0.0.4", { index: NIC.index, mtu: 1400 }],
  ]);
  routes = (text) => answers.get(text);
  look();
  expect(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"].map(goesBySocket)).toEqual([false, true, true, true]);
  expect(messages()).toEqual([
    "the way to the VTEP 10.0.0.3 is through eth1, not eth0: it goes by socket, which is slower",
    "the way to the VTEP 10.0.0.4 is through a path of MTU 1400, not eth0: it goes by socket, which is slower",
    "there is no route to the VTEP 10.0.0.5",
  ]);
  look();
  expect(lookUps).toBe(4);
  routes = () => ({ index: NIC.index, mtu: 0 });
  ways.forget();
  look();
  expect(goesBySocket("10.0.0.5")).toBe(false);
  expect(messages()).toEqual([]);
});

it("forged sources inside a prefix cost a bounded number of look-ups, and one line of the log", () => {
  fixture.tables.networks.add(spec(VNI, { vteps: ["10.0.0.2"], allow: ["10.1.0.0/16"] }));
  forge(0, 2000);
  look();
  expect(lookUps).toBe(1 + LEARNED_A_LOOK);
  for (let n = 0; n < 3; n++) look();
  expect(lookUps).toBe(1 + 2000);
  expect(goesBySocket("10.1.7.207")).toBe(true);
  expect(logged.filter((line) => line.includes("prefix"))).toHaveLength(1);
  expect(messages()).toHaveLength(2);
  expect(messages()[1]).toContain(
    "prefix of an allow list covers are not reached through eth0 (2000, 10.1.0.0 for one)",
  );

  // A route changes: as bounded, and one that is new does not wait behind them.
  ways.forget();
  forge(2000, 1);
  look();
  expect(lookUps).toBe(1 + 2000 + 1 + LEARNED_A_LOOK);
  expect(goesBySocket("10.1.7.208")).toBe(true);
  expect(logged.filter((line) => line.includes("prefix"))).toHaveLength(1);

  routes = () => ({ index: NIC.index, mtu: 0 });
  ways.forget();
  for (let n = 0; n < 4; n++) look();
  expect(messages()).toEqual([]);
  expect(goesBySocket("10.1.7.208")).toBe(false);
});

it("a learned VTEP that is named has a problem of its own from then on", () => {
  const network = fixture.tables.networks.add(spec(VNI, { allow: ["10.1.0.0/16"] }));
  forge(5, 1);
  look();
  expect(messages()).toEqual([expect.stringContaining("(1, 10.1.0.5 for one)")]);
  fixture.tables.networks.replace({ ...network.spec, ...spec(VNI, { vteps: ["10.1.0.5"], allow: ["10.1.0.0/16"] }) });
  look();
  expect(messages()).toEqual([expect.stringMatching(/^the way to the VTEP 10.1.0.5 is through eth1/)]);
});

// Which VTEPs the hot path is told of as narrow: who is looked up, when, and what frames then come to.

import { beforeEach, expect, it } from "vitest";
import { formatAddress } from "../../../control/address.js";
import { NarrowPaths } from "../../../control/daemon/narrow-paths.js";
import { SyscallError } from "../../../control/linux/index.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { address, createFixture, type Fixture, mac, portSpec, sendInto, spec } from "../tables/fixture.js";

const [OURS, THEIRS] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
const [NEAR, FAR, FAR6] = ["10.0.0.2", "10.0.0.3", "fd00::3"];
const ENETUNREACH = 101;
const RECHECK_MS = 30_000;

let fixture: Fixture;
let paths: NarrowPaths;
let lookedUp: string[];
let mtus: Map<string, number>;
let port: number;
beforeEach(async () => {
  fixture = await createFixture();
  const { tables } = fixture;
  tables.networks.add(spec(100, { vteps: [NEAR, FAR, FAR6] }));
  tables.networks.add(spec(200, { mtu: 1300 }));
  port = tables.ports.add(100, [portSpec("a", OURS)])[0].id;
  tables.statics.set(100, mac(THEIRS), { vtep: address(FAR) });
  lookedUp = [];
  mtus = new Map([FAR, FAR6].map((text) => [text, 1400]));
  paths = new NarrowPaths(tables, (to) => {
    const text = formatAddress(to);
    lookedUp.push(text);
    const mtu = mtus.get(text) ?? 1500;
    if (mtu === 0) throw new SyscallError("RTM_GETROUTE", ENETUNREACH);
    return mtu;
  });
});

const idOf = (text: string) => fixture.tables.vteps.find(address(text));
const frameMaxOf = (text: string) => {
  const pointer = fixture.memory.u32[L.VTEP_POINTERS / 4 + idOf(text)];
  return fixture.memory.u32[(pointer + L.VTEP_FRAME_MAX) / 4];
};
const pathMtuOf = (text: string) => fixture.tables.vteps.pathMtu(idOf(text));
const tick = (nowMs: number, ...told: string[]) => paths.tick(nowMs, told.map(address));

/** A worker could not send a frame to it. */
function lose(text: string): void {
  fixture.memory.u64[(L.VTEP_COUNTERS + idOf(text) * L.VTEP_COUNTERS_SIZE + L.VTEP_COUNTER_DROPS_ENCAP) / 8] += 1n;
}

/** VTEPs that a frame of this length goes to, from a host that wants to know of MTUs. */
function send(length: number): string[] {
  const frame = new Uint8Array(length);
  frame.set([...mac(THEIRS), ...mac(OURS), 0x08, 0x00, 0x45, 0, (length - 14) >> 8, (length - 14) & 0xff, 0, 0, 0x40]);
  frame.set([64, 17, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2], 22);
  return sendInto(fixture, port, frame);
}

it("nobody is looked up as long as nothing is lost and nobody says that it was", () => {
  for (let n = 0; n < 5; n++) tick(n * RECHECK_MS);
  expect(lookedUp).toEqual([]);
  expect([frameMaxOf(FAR), send(1464)]).toEqual([L.VTEP_FRAME_MAX_NONE, [FAR]]);
});

it("who loses frames is looked up once for it; what his way does not take is answered from then on", () => {
  lose(FAR);
  tick(0);
  tick(250);
  expect(lookedUp).toEqual([FAR]);
  expect([frameMaxOf(FAR), frameMaxOf(NEAR)]).toEqual([1364, L.VTEP_FRAME_MAX_NONE]);
  expect([FAR, NEAR].map(pathMtuOf)).toEqual([1400, undefined]);
  expect(send(1364)).toEqual([FAR]);
  const before = fixture.ports.sent.length;
  expect(send(1365)).toEqual([]);
  const [answer] = fixture.ports.sent.slice(before).map((sent) => sent.frame);
  expect([...answer.slice(34, 36), ...answer.slice(40, 42)]).toEqual([3, 4, 1350 >> 8, 1350 & 0xff]);
});

it("whoever a router speaks of is looked up each time, over IPv6 too", () => {
  mtus.clear();
  tick(0, FAR6, "10.7.7.7");
  mtus.set(FAR6, 1400);
  tick(250, FAR6);
  expect(lookedUp).toEqual([FAR6, FAR6]);
  expect([frameMaxOf(FAR6), pathMtuOf(FAR6)]).toEqual([1344, 1400]);
});

it("the narrow are looked up again, and are free when their way is", () => {
  tick(0, FAR);
  mtus.set(FAR, 1300);
  tick(RECHECK_MS);
  expect(frameMaxOf(FAR)).toBe(1264);
  mtus.set(FAR, 0); // no route: as it was
  tick(2 * RECHECK_MS);
  expect([frameMaxOf(FAR), send(1264), send(1265)]).toEqual([1264, [FAR], []]);
  mtus.delete(FAR);
  tick(3 * RECHECK_MS);
  expect([frameMaxOf(FAR), pathMtuOf(FAR), send(1464)]).toEqual([L.VTEP_FRAME_MAX_NONE, undefined, [FAR]]);
  lookedUp = [];
  tick(4 * RECHECK_MS);
  expect(lookedUp).toEqual([]);
});

it("all are looked up while the underlay's interface is too narrow for the networks", () => {
  mtus = new Map([NEAR, FAR, FAR6].map((text) => [text, 1400]));
  paths.setInterfaceNarrow(true);
  tick(0);
  expect(lookedUp.sort()).toEqual([NEAR, FAR, FAR6]);
  expect([NEAR, FAR, FAR6].map(frameMaxOf)).toEqual([1364, 1364, 1344]);
  mtus = new Map([[FAR6, 1520]]);
  paths.setInterfaceNarrow(false);
  tick(250);
  expect([NEAR, FAR, FAR6].map(frameMaxOf)).toEqual([0, 0, 0].map(() => L.VTEP_FRAME_MAX_NONE));
});

it("a network that is added or changed meanwhile is held against the way too; an id's next owner is not", () => {
  tick(0, FAR);
  const { tables } = fixture;
  tables.networks.replace({ ...tables.networks.get(100).spec, ageing: 60 });
  expect(send(1365)).toEqual([]);
  const id = idOf(FAR);
  tables.networks.remove(100);
  for (let n = 0; n < 8; n++) tables.tick(0);
  tables.networks.add(spec(300, { vteps: ["10.0.0.9", "10.0.0.8", "10.0.0.7"] }));
  const next = ["10.0.0.9", "10.0.0.8", "10.0.0.7"].find((text) => idOf(text) === id);
  if (next !== undefined) expect(frameMaxOf(next)).toBe(L.VTEP_FRAME_MAX_NONE);
  tick(RECHECK_MS);
  expect(
    fixture.memory.u32[(L.NETWORKS + tables.networks.get(300).id * L.NETWORK_SIZE + L.NETWORK_PLAIN_MTU) / 4],
  ).toBe(1450);
});

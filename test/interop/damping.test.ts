// Two hosts of one MAC behind two kernel peers, in turns, until its entry freezes: its first place goes on working,
// the other place's frames still arrive, and a command lets it move again.

import { expect, test } from "vitest";
import { MAIN, type VxlaneRunning, vxlane } from "../support/daemon.js";
import { createLab, type End, hostsOnSwitch, kernelVxlan, overlayAddress } from "../support/netns.js";
import { arrivals, BROADCAST, reachable, testFrame, unreachable } from "./traffic.js";

const VNI = 100;
const [one, two, three] = [overlayAddress(1), overlayAddress(2), overlayAddress(3)];
/** RFC 7432's five (section 15.1), and the one that leads home. */
const MOVES = 6;
const EVENTS = "vxlane_fdb_events_total";

interface Entry {
  readonly vtep: string;
  readonly frozen?: true;
}

async function command<T>({ host, daemon }: VxlaneRunning, words: string): Promise<T> {
  const args = [MAIN, ...words.split(" "), "--json", "--socket", daemon.socket];
  const { code, stdout, stderr } = await host.ns.tryRun(process.execPath, args);
  expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: "" });
  return JSON.parse(stdout) as T;
}

async function setUp(config = {}): Promise<{ ours: VxlaneRunning; owner: End; twin: End }> {
  const [a, b, c] = await hostsOnSwitch(await createLab(), 3);
  if (a === undefined || b === undefined || c === undefined) throw new Error("three hosts were asked for");
  const ours = await vxlane(a, { vni: VNI, remotes: [b.address, c.address], overlay: one, config });
  const remotes = [a.address];
  // Quiet: only what a test sends may move the MAC.
  const owner = await kernelVxlan(b, { vni: VNI, remotes, overlay: two, quiet: true });
  await b.ns.ip(`addr add ${two.ipv4}/24 dev ${owner.device}`);
  const twin = await kernelVxlan(c, { vni: VNI, remotes, overlay: three, quiet: true });
  return { ours, owner, twin };
}

/** A frame of the MAC that both have; `text` tells them apart. */
const announce = ({ host, device }: End, text: string) =>
  host.agent.call("sendFrames", device, [testFrame(BROADCAST, two.mac, text)]);

/** The MAC here and there until it has moved often enough, back to the owner at last. */
async function flap({ daemon }: VxlaneRunning, owner: End, twin: End): Promise<void> {
  await announce(owner, "first");
  const learned = async () => (await daemon.get<{ mac: string }[]>(`/v1/networks/${VNI}/fdb`)).map(({ mac }) => mac);
  await expect.poll(learned).toContain(two.mac);
  for (let moves = 1; moves <= MOVES; moves++) {
    await announce(moves % 2 === 1 ? twin : owner, `move ${moves}`);
    await daemon.expectMetric(moves, EVENTS, { event: "moved", vni: VNI });
  }
  await daemon.expectMetric(1, EVENTS, { event: "frozen", vni: VNI });
}

test("a MAC in two places freezes at one, which works on, until it is thawed by command", async () => {
  const { ours, owner, twin } = await setUp();
  const { daemon } = ours;
  await flap(ours, owner, twin);

  const [entry, ...others] = await command<Entry[]>(ours, "fdb show --frozen");
  expect([entry, others]).toMatchObject([{ vni: VNI, mac: two.mac, vtep: owner.host.address, frozen: true }, []]);
  const status = await command<{ fdb: object; problems: object[] }>(ours, "status");
  expect(status.fdb).toMatchObject({ frozen: 1 });
  expect(status.problems).toMatchObject([{ code: "fdb_frozen", message: expect.stringMatching(/^1 FDB entry/) }]);
  const told = daemon.process.stderr.split("\n").find((line) => line.includes("moves too often: frozen"));
  const places = { at: owner.host.address, elsewhere: twin.host.address };
  expect(JSON.parse(told ?? "{}")).toMatchObject({ level: "warn", vni: VNI, network: "blue", mac: two.mac, ...places });

  // What the twin sends arrives all the same, and moves nothing.
  const announceTwin = async () => {
    for (let n = 0; n < 10; n++) await announce(twin, `twin ${n}`);
  };
  const [arrived] = await arrivals([ours], () => [10], announceTwin);
  expect(arrived).toHaveLength(10);
  await daemon.expectMetric(10, EVENTS, { event: "held", vni: VNI });
  await daemon.expectMetric(MOVES, EVENTS, { event: "moved", vni: VNI });
  await reachable(ours, owner);

  expect(await command(ours, `fdb thaw ${VNI} ${two.mac}`)).toMatchObject({ result: "thawed" });
  await announce(twin, "free again");
  await daemon.expectMetric(MOVES + 1, EVENTS, { event: "moved", vni: VNI });
  const [moved] = await command<Entry[]>(ours, `fdb show ${VNI} --mac ${two.mac}`);
  expect([moved?.vtep, moved?.frozen]).toEqual([twin.host.address, undefined]);
  await expect.poll(async () => (await daemon.get<{ problems: object[] }>("/v1/status")).problems).toEqual([]);
  // The twin has no such address: it was the entry alone that kept the owner in reach.
  await unreachable(ours, owner);
});

test("what is frozen thaws by itself after the time that the config says", async () => {
  const { ours, owner, twin } = await setUp({ fdb: { damping: { thaw: "2s" } } });
  await flap(ours, owner, twin);
  const frozen = async () => (await ours.daemon.get<{ fdb: { frozen: number } }>("/v1/status")).fdb.frozen;
  await expect.poll(frozen, { timeout: 10_000 }).toBe(0);
  await announce(twin, "free again");
  await ours.daemon.expectMetric(MOVES + 1, EVENTS, { event: "moved", vni: VNI });
});

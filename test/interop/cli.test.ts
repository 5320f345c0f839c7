// Everything from the shell: a daemon that starts with nothing is given a network, a port, a flood list and entries by
// commands, carries traffic to a kernel peer, is asked what it sees, and has all of it taken away again.

import { expect, test } from "vitest";
import { Daemon, MAIN } from "../support/daemon.js";
import {
  createLab,
  type End,
  type Host,
  kernelVxlan,
  openOverlay,
  overlayAddress,
  twoHosts,
} from "../support/netns.js";
import { reachable, tcpOneWay, unreachable } from "./traffic.js";

const [one, two] = [overlayAddress(1), overlayAddress(2)];
const PORT = "blue0";
const NEW_MAC = "02:00:00:00:00:77";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `vxlane` as a person calls it on that host. */
class Shell {
  constructor(
    readonly host: Host,
    readonly daemon: Daemon,
  ) {}

  /** Words of a command, whatever comes of it. */
  try(command: string): Promise<Ran> {
    return this.host.ns.tryRun(process.execPath, [MAIN, ...command.split(" "), "--socket", this.daemon.socket]);
  }

  /** @returns stdout */
  async run(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.try(command);
    expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: "" });
    return stdout;
  }

  async json<T>(command: string): Promise<T> {
    return JSON.parse(await this.run(`${command} --json`)) as T;
  }

  /** Fails with this code, in one sentence. */
  async refuses(command: string, code: number, sentence: RegExp): Promise<void> {
    const ran = await this.try(command);
    expect({ command, code: ran.code, stdout: ran.stdout }).toEqual({ command, code, stdout: "" });
    expect(ran.stderr).toMatch(/^vxlane: [^\n]+\n$/);
    expect(ran.stderr).toMatch(sentence);
  }
}

async function emptyDaemon(): Promise<{ shell: Shell; a: Host; b: Host }> {
  const [a, b] = await twoHosts(await createLab());
  return { shell: new Shell(a, await Daemon.start(a, { networks: [] })), a, b };
}

async function links(host: Host): Promise<string[]> {
  const all = await host.ns.show<{ ifname: string }[]>("link", "show");
  return all.map(({ ifname }) => ifname).sort();
}

test("from nothing to a tunnel that carries traffic, and back to nothing", async () => {
  const { shell, a, b } = await emptyDaemon();
  const before = await links(a);
  expect(await shell.json("network list")).toEqual([]);

  expect(await shell.run(`network add 100 --name blue --flood headend --vtep ${b.address} --ageing 10m`)).toBe("");
  expect(await shell.run(`port add blue ${PORT} --mac ${one.mac}`)).toBe("");
  expect(await links(a)).toEqual([...before, PORT].sort());
  await openOverlay(a, PORT, one);
  const ours: End = { host: a, device: PORT, overlay: one };
  const kernel = await kernelVxlan(b, { vni: 100, remotes: [a.address], overlay: two });
  await reachable(ours, kernel);
  await reachable(kernel, ours);
  await tcpOneWay(ours, kernel, 4, 1_000_000);

  // What it says of it.
  expect(await shell.json("network show blue")).toMatchObject({
    vni: 100,
    name: "blue",
    mtu: 1450,
    ageing: 600,
    flood: { mode: "headend", vteps: [b.address] },
    ports: [{ name: PORT, mac: one.mac }],
  });
  expect(await shell.run("network list")).toMatch(/^100 +blue +1450 +headend to 1 +on +600 s +1 /m);
  expect(await shell.run("port list")).toMatch(new RegExp(`^100 +${PORT} +up +tap .* ${one.mac} +no$`, "m"));
  expect(await shell.json("vtep list 100")).toEqual([{ vni: 100, address: b.address }]);
  expect(await shell.run("vtep list")).toMatch(new RegExp(`^${b.address} +[1-9]`, "m"));
  expect(await shell.run("status")).toMatch(/^networks +1$/m);
  expect(await shell.run("stats")).toMatch(/^100 +blue +encap +[1-9]/m);
  const learned = { vni: 100, mac: two.mac, vtep: b.address, kind: "learned", age: expect.any(Number) };
  expect(await shell.json("fdb show 100 --kind learned")).toEqual([learned]);
  expect(await shell.json(`fdb show --vtep ${b.address}`)).toEqual([learned]);
  expect(await shell.json(`fdb show --vni blue --mac ${two.mac}`)).toEqual([learned]);
  expect(await shell.json(`fdb show 100 --port ${PORT}`)).toMatchObject([{ mac: one.mac, kind: "static" }]);

  // What is changed holds at once, and the rest stays: the port, the flood list, what was learned.
  await shell.run("network set blue --mtu 1400 --name navy");
  expect(await shell.json("network show navy")).toMatchObject({ mtu: 1400, ageing: 600, ports: [{ name: PORT }] });
  expect((await a.ns.show<{ mtu: number }[]>("link", "show", PORT))[0]?.mtu).toBe(1400);
  expect(await shell.json("fdb show 100 --kind learned")).toEqual([learned]);
  await reachable(ours, kernel);
  await shell.run("network set 100 --name blue");

  // And back.
  await shell.run(`port remove 100 ${PORT}`);
  expect(await links(a)).toEqual(before);
  await shell.run("network remove blue");
  expect(await shell.json("network list")).toEqual([]);
  expect(await shell.json("fdb show")).toEqual([]);
  expect(await shell.json("status")).toMatchObject({ networks: 0, ports: 0, problems: [] });
});

test("an underlay that has become narrow is a problem, until the network is told so", async () => {
  const { shell, a, b } = await emptyDaemon();
  await shell.run(`network add 100 --name blue --vtep ${b.address}`);
  await a.ns.ip("link set under0 mtu 1400");
  const problems = async () => (await shell.json<{ problems: { code: string; message: string }[] }>("status")).problems;
  const narrow = { code: "underlay_mtu", message: expect.stringContaining("network set blue --mtu 1350") };
  await expect.poll(problems).toEqual([expect.objectContaining(narrow)]);
  await shell.run("network set blue --mtu 1350");
  await expect.poll(problems).toEqual([]);
});

test("the flood list and the FDB decide where frames go", async () => {
  const { shell, a, b } = await emptyDaemon();
  const { code, stderr } = await shell.try("network add 100 --flood headend --allow 10.99.0.0/24");
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/^warning: flood\.vteps: is empty[^\n]*\n$/),
  });
  await shell.run(`port add 100 ${PORT} --mac ${one.mac}`);
  await openOverlay(a, PORT, one);
  const ours: End = { host: a, device: PORT, overlay: one };
  const kernel = await kernelVxlan(b, { vni: 100, remotes: [a.address], overlay: two, learning: false });
  await unreachable(ours, kernel); // nobody to ask for the MAC

  await shell.run(`vtep add 100 ${b.address}`);
  await reachable(ours, kernel);

  // A static entry that leads astray wins over what was learned; flushing all heals it.
  await shell.refuses(`fdb add 100 ${two.mac} --vtep 10.99.0.66`, 5, /already/);
  await shell.run(`fdb replace 100 ${two.mac} --vtep 10.99.0.66`);
  expect(await shell.json(`fdb show 100 --mac ${two.mac}`)).toMatchObject([{ vtep: "10.99.0.66", kind: "static" }]);
  await unreachable(ours, kernel);
  expect(await shell.json("fdb flush --vni 100 --vtep 10.99.0.66")).toEqual({ removed: 0 });
  expect(await shell.run("fdb flush --vni 100 --vtep 10.99.0.66 --kind static")).toBe("1 entry removed\n");
  await reachable(ours, kernel);

  // What is learned goes at once, and comes again. The peer is silent meanwhile, or a word of its own would teach it anew.
  await b.ns.ip(`link set ${kernel.device} down`);
  expect(await shell.json("fdb flush --kind learned")).toEqual({ removed: 1 });
  expect(await shell.json("fdb show --kind learned")).toEqual([]);
  await b.ns.ip(`link set ${kernel.device} up`);
  await reachable(ours, kernel);
  await shell.run(`fdb remove 100 ${two.mac}`);

  await shell.run(`fdb add 100 ${NEW_MAC} --port ${PORT}`);
  await shell.run(`fdb add 100 02:00:00:00:00:78 --vtep ${b.address}`);
  expect(await shell.json<object[]>("fdb show 100 --kind static")).toHaveLength(3);
  await shell.run(`fdb remove 100 ${NEW_MAC}`);

  await shell.run(`vtep remove 100 ${b.address}`);
  expect(await shell.json("vtep list 100")).toEqual([]);
  await shell.run("network remove 100");
});

test("what cannot be done is said in one sentence, and changes nothing", async () => {
  const { shell, a, b } = await emptyDaemon();
  await a.ns.ip("link add veth0 type veth peer name veth1");
  const before = await links(a);
  await shell.run(`network add 100 --name blue --vtep ${b.address}`);
  await shell.run(`port add 100 ${PORT} --mac ${one.mac}`);
  const state = async () => [await shell.json("network list"), await shell.json("fdb show")];
  const there = await state();

  await shell.refuses(`network add 100 --vtep ${b.address}`, 5, /network 100 is there already/);
  await shell.refuses("network add 200 --name blue", 5, /blue/);
  await shell.refuses("network add 200 --vtep fd99::2", 2, /flood\.vteps\[0\].*IPv6/);
  await shell.refuses("network add 200 --group 239.1.1.1 --allow 10.99.0.0/24", 2, /interface/);
  await shell.refuses("network add 200 --mtu 9000", 2, /mtu: 9000 .*underlay.*up to 1450/);
  await shell.refuses("network remove 7", 4, /7/);
  await shell.refuses("network show green", 4, /there is no network green/);
  await shell.refuses(`port add 100 ${PORT}`, 5, new RegExp(`port ${PORT} of network 100 is there already`));
  await shell.refuses("port add 100 lo", 2, /lo/);
  await shell.refuses("port add 100 veth0", 2, /veth0.*--driver xdp/);
  await shell.refuses("network set 100 --mtu 9000", 2, /mtu: 9000 .*underlay.*up to 1450/);
  await shell.refuses("network set 7 --mtu 1400", 4, /7/);
  await shell.refuses("port add 7 red0", 4, /7/);
  await shell.refuses("port remove 100 red0", 4, /red0/);
  await shell.refuses(`vtep add 100 ${b.address}`, 5, /already/);
  await shell.refuses("vtep add 7 10.99.0.3", 4, /7/);
  await shell.refuses("vtep add 100 fd99::3", 2, /fd99::3/);
  await shell.refuses(`vtep add 100 ${a.address}`, 2, new RegExp(a.address));
  await shell.refuses("vtep remove 100 10.99.0.3", 4, /10\.99\.0\.3/);
  await shell.refuses(`fdb add 100 ${NEW_MAC} --port red0`, 2, /red0/);
  await shell.refuses(`fdb remove 100 ${NEW_MAC}`, 4, new RegExp(NEW_MAC));
  await shell.refuses(`fdb remove 100 ${one.mac}`, 5, new RegExp(one.mac));
  await shell.refuses("fdb show 7", 4, /7/);
  await shell.refuses("fdb flush --vni 7", 4, /7/);
  expect(await state()).toEqual(there);
  expect(await links(a)).toEqual([...before, PORT].sort());

  const socket = ["--socket", shell.daemon.socket];
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, MAIN, "network", "list"];
  await a.ns.run("chmod", ["755", shell.daemon.socket.replace(/\/[^/]*$/, "")]);
  expect((await a.ns.tryRun("setpriv", [...nobody, ...socket])).code).toBe(77);
  const byConfig = [MAIN, "network", "show", "blue", "--config", shell.daemon.configFile];
  expect((await a.ns.tryRun(process.execPath, byConfig)).code).toBe(0);
  await shell.run("network remove 100");
  expect(await links(a)).toEqual(before);
});

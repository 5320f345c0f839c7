// Networks and ports that come and go over the API, against the kernel's vxlan device, while another network is pinged
// all the time and loses nothing.

import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Daemon, vxlane } from "../support/daemon.js";
import {
  createLab,
  type End,
  type Host,
  hostsOnSwitch,
  kernelVxlan,
  openOverlay,
  overlayAddress,
  twoHosts,
  UNDERLAY,
} from "../support/netns.js";
import { pingBothWays, pingUntil, reachable, unreachable } from "./traffic.js";

const [BLUE, RED] = [100, 200];
const [one, two] = [overlayAddress(1), overlayAddress(2)];
const [redOne, redTwo] = [overlayAddress(1, 1), overlayAddress(2, 1)];

/* Our choice: a busy machine may take its time. */
const ANSWER_MS = 20_000;

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Asks for a change; a status that is not expected fails the test. */
function ask(
  daemon: Daemon,
  method: "PUT" | "DELETE" | "POST",
  path: string,
  status: number,
  body?: unknown,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const call = request(
      { socketPath: daemon.socket, method, path: `/v1/${path}`, headers, timeout: ANSWER_MS },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.once("end", () => {
          if (response.statusCode === status) resolve({ status, body: text === "" ? {} : JSON.parse(text) });
          else reject(new Error(`${method} ${path}: ${response.statusCode}: ${text}`));
        });
      },
    );
    call.once("timeout", () => call.destroy(new Error(`${method} ${path}: no answer`)));
    call.once("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test("an xdp port may not be the interface of the underlay: neither of the two would hear anything any more", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: BLUE, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: BLUE, remotes: [a.address], overlay: two });
  const port = { name: UNDERLAY, driver: "xdp" };
  const asPort = await ask(ours.daemon, "PUT", `networks/${BLUE}/ports/${UNDERLAY}`, 422, { driver: "xdp" });
  expect(asPort.body).toMatchObject({ problems: [{ path: "name", value: UNDERLAY }] });
  const whole = await ask(ours.daemon, "PUT", `networks/${RED}`, 422, { ports: [{ name: "red0" }, port] });
  expect(whole.body).toMatchObject({ problems: [{ path: "ports[1].name", value: UNDERLAY }] });
  await pingBothWays(ours, kernel);
});

/** Echoes to the peer all the time meanwhile, none lost. */
async function whilePinging(from: End, to: End, act: () => Promise<void>): Promise<void> {
  let isOver = false;
  const pings = pingUntil(from, to, () => isOver);
  await act().finally(() => {
    isOver = true;
  });
  const { sent, lost } = await pings;
  expect(sent).toBeGreaterThan(10);
  expect(lost, `echoes lost of ${sent}`).toBe(0);
}

const hasLink = ({ ns }: Host, name: string) => ns.hasLink(name);

test("a network comes, carries traffic and goes; another one's ping loses nothing", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: BLUE, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: BLUE, remotes: [a.address], overlay: two });
  const red = await kernelVxlan(b, { vni: RED, remotes: [a.address], overlay: redTwo, device: "vxred" });
  await pingBothWays(ours, kernel);
  const { daemon } = ours;
  const network = { name: "red", flood: { mode: "headend", vteps: [b.address] } };
  const comeAndGo = async (round: number) => {
    await ask(daemon, "PUT", `networks/${RED}`, 201, network);
    await ask(daemon, "PUT", `networks/${RED}/ports/red0`, 201, { mac: redOne.mac });
    expect((await ask(daemon, "PUT", `networks/${RED}/ports/red0`, 200, { mac: redOne.mac })).body.result).toBe(
      "unchanged",
    );
    await openOverlay(a, "red0", redOne);
    const port = { host: a, device: "red0", overlay: redOne };
    await pingBothWays(port, red);
    if (round % 2 === 1) {
      await ask(daemon, "DELETE", `networks/${RED}/ports/red0`, 204);
      expect(await hasLink(a, "red0"), "the interface of a port that was removed").toBe(false);
    }
    await ask(daemon, "DELETE", `networks/${RED}`, 204);
    expect(await hasLink(a, "red0"), "the interface of a network that was removed").toBe(false);
    expect(await daemon.get("/v1/networks")).toHaveLength(1);
  };
  await whilePinging(ours, kernel, async () => {
    for (let round = 0; round < 6; round++) await comeAndGo(round);
  });
});

test("what a network is changed to is what frames meet, and it loses none", async () => {
  const [a, b] = await twoHosts(await createLab());
  const ours = await vxlane(a, { vni: BLUE, remotes: [b.address], overlay: one });
  const kernel = await kernelVxlan(b, { vni: BLUE, remotes: [a.address], overlay: two });
  await pingBothWays(ours, kernel);
  const { daemon } = ours;
  const flood = { mode: "headend", vteps: [b.address] };
  await whilePinging(ours, kernel, async () => {
    for (let n = 0; n < 20; n++) {
      const wanted = { name: "blue", mtu: n % 2 === 0 ? 1300 : 1450, ageing: 100 + n, flood };
      await ask(daemon, "PUT", `networks/${BLUE}`, 200, wanted);
      await ask(daemon, "PUT", `networks/${BLUE}/vteps/10.99.0.77`, 201);
      await ask(daemon, "PUT", `networks/${BLUE}/fdb/${two.mac}`, n === 0 ? 201 : 200, { vtep: b.address });
      await sleep(50);
    }
  });
  await ask(daemon, "PUT", `networks/${BLUE}`, 200, { name: "blue", mtu: 1290, flood });
  const [link] = await a.ns.show<{ mtu: number }[]>("link", "show", "dev", ours.device);
  expect(link?.mtu).toBe(1290);
  await pingBothWays(ours, kernel, 1290);

  await ask(daemon, "PUT", `networks/${BLUE}/fdb/${two.mac}`, 200, { vtep: "10.99.0.77" });
  await unreachable(ours, kernel);
  expect((await ask(daemon, "POST", `networks/${BLUE}/fdb/flush`, 200, { kind: "static" })).body).toEqual({
    removed: 1,
  });
  await reachable(ours, kernel);
  await ask(daemon, "DELETE", `networks/${BLUE}/vteps/${b.address}`, 204);
  await ask(daemon, "POST", "fdb/flush", 200, {});
  await unreachable(ours, kernel);
});

test("a network joins a group, and leaves it", async () => {
  const hosts = await hostsOnSwitch(await createLab(), 2);
  const [a, b] = hosts;
  if (a === undefined || b === undefined) throw new Error("two hosts were asked for");
  const daemon = await Daemon.start(a, { underlay: { interface: UNDERLAY } });
  const group = "239.1.1.1";
  const kernel = await kernelVxlan(b, { vni: BLUE, group, overlay: two });
  const isJoined = async () => (await a.ns.run("ip", ["maddress", "show", "dev", UNDERLAY])).includes(group);
  expect(await isJoined()).toBe(false);
  const body = {
    flood: { mode: "multicast", group },
    allow: ["10.99.0.0/24"],
    ports: [{ name: "blue0", mac: one.mac }],
  };
  await ask(daemon, "PUT", `networks/${BLUE}`, 201, body);
  expect(await isJoined()).toBe(true);
  await openOverlay(a, "blue0", one);
  const port = { host: a, device: "blue0", overlay: one };
  await reachable(kernel, port);
  await pingBothWays(port, kernel);
  await ask(daemon, "PUT", `networks/${BLUE}`, 200, { flood: { mode: "headend", vteps: [b.address] } });
  await expect.poll(isJoined).toBe(false);
  await pingBothWays(port, kernel);
  await ask(daemon, "DELETE", `networks/${BLUE}`, 204);
});

test("a port that cannot be made leaves neither interface nor network", async () => {
  const [a] = await twoHosts(await createLab());
  const daemon = await Daemon.start(a, {});
  await a.ns.ip("link add busy0 type bridge");
  const before = await daemon.get("/v1/status");
  const ports = [{ name: "red0" }, { name: "busy0" }];
  const { body } = await ask(daemon, "PUT", `networks/${RED}`, 422, { ports });
  expect(body).toMatchObject({ code: "ERR_HOST_INTERFACE", detail: expect.stringContaining("busy0") });
  expect(await hasLink(a, "red0")).toBe(false);
  expect(await daemon.get("/v1/networks")).toEqual([]);
  expect(await daemon.get("/v1/status")).toMatchObject({
    ports: (before as { ports: number }).ports,
    fdb: { entries: 0 },
  });
  await ask(daemon, "PUT", `networks/${RED}`, 201, { ports: [{ name: "red0" }] });
  expect(await hasLink(a, "red0")).toBe(true);
  await ask(daemon, "DELETE", `networks/${RED}`, 204);
});

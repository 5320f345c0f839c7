// vxlane network set, against a double of the daemon: what is named changes, everything else is sent back as it was, and
// nobody's change in between is lost.

import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { daemon, sendProblem, vxlane } from "./command.js";

const PATH = "/v1/networks/100";
const TAG = '"as-read"';
const HEADEND = {
  vni: 100,
  name: "blue",
  mtu: 1450,
  learning: true,
  ageing: 300,
  innerVlan: "keep",
  flood: { mode: "headend", vteps: ["10.99.0.2"] },
  ports: [{ name: "blue0", driver: "tap", queues: "auto", persistent: false, status: { state: "up", queues: 2 } }],
  fdb: { learned: 3, static: 1 },
};
const MULTICAST = {
  ...HEADEND,
  flood: { mode: "multicast", group: "239.1.1.1", ttl: 8 },
  allow: ["10.99.0.0/24"],
};
/** What a PUT says to change nothing but ports and entries, which it leaves out. */
const { vni: _vni, ports: _ports, fdb: _fdb, ...SAME } = HEADEND;
const { vni: _vni2, ports: _ports2, fdb: _fdb2, ...SAME_MULTICAST } = MULTICAST;

/** A daemon with this network; its first `losses` PUTs come too late. */
async function withNetwork(network: object, losses = 0) {
  let left = losses;
  const tags: (string | undefined)[] = [];
  const double = await daemon({
    "/v1/networks": [network],
    [PATH]: (_request: IncomingMessage, response: ServerResponse) =>
      response.writeHead(200, { "content-type": "application/json", etag: TAG }).end(JSON.stringify(network)),
    [`PUT ${PATH}`]: (request: IncomingMessage, response: ServerResponse) => {
      tags.push(request.headers["if-match"]);
      if (left-- > 0) sendProblem(response, 412, "ERR_PRECONDITION", "network 100 is another now");
      else response.setHeader("content-type", "application/json").end('{"result":"changed"}');
    },
  });
  const run = (options: string) => vxlane("network", "set", ...options.split(" "), "--socket", double.socket);
  return { double, tags, run };
}

test.each<[string, object, object]>([
  ["blue --mtu 1400", HEADEND, { ...SAME, mtu: 1400 }],
  ["100 --no-learning --ageing 10m", HEADEND, { ...SAME, learning: false, ageing: 600 }],
  ["100 --name navy --inner-vlan drop", HEADEND, { ...SAME, name: "navy", innerVlan: "drop" }],
  ["100 --vtep 10.99.0.3", HEADEND, { ...SAME, flood: { mode: "headend", vteps: ["10.99.0.3"] } }],
  ["100 --flood headend", HEADEND, SAME],
  ["100 --flood none", HEADEND, { ...SAME, flood: { mode: "none" } }],
  ["100 --allow 10.0.0.0/8", HEADEND, { ...SAME, allow: ["10.0.0.0/8"] }],
  ["100 --ttl 16", MULTICAST, { ...SAME_MULTICAST, flood: { mode: "multicast", group: "239.1.1.1", ttl: 16 } }],
  ["100 --group 239.2.2.2", MULTICAST, { ...SAME_MULTICAST, flood: { mode: "multicast", group: "239.2.2.2", ttl: 8 } }],
  ["100 --vtep 10.99.0.2 --no-allow", MULTICAST, SAME],
  [
    "100 --group 239.1.1.1 --allow 10.99.0.0/24",
    HEADEND,
    { ...SAME, flood: { mode: "multicast", group: "239.1.1.1" }, allow: ["10.99.0.0/24"] },
  ],
])("network set %s", async (options, network, body) => {
  const { double, tags, run } = await withNetwork(network);
  expect(await run(options)).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(double.changes).toEqual([{ call: `PUT ${PATH}`, body }]);
  expect(tags).toEqual([TAG]);
});

test("says as JSON what was done", async () => {
  const { run } = await withNetwork(HEADEND);
  const { stdout } = await run("blue --mtu 1400 --json");
  expect(JSON.parse(stdout)).toEqual({ vni: 100, result: "changed" });
});

test("reads again when somebody else was faster, but not for ever", async () => {
  const once = await withNetwork(HEADEND, 1);
  expect((await once.run("100 --mtu 1400")).code).toBe(0);
  expect(once.double.calls).toEqual([`GET ${PATH}`, `PUT ${PATH}`, `GET ${PATH}`, `PUT ${PATH}`]);
  const always = await withNetwork(HEADEND, Infinity);
  const { code, stderr } = await always.run("100 --mtu 1400");
  expect({ code, stderr }).toEqual({ code: 5, stderr: "vxlane: network 100 is another now\n" });
  expect(always.tags).toHaveLength(5);
});

test.each([
  ["100", HEADEND, /nothing to change/],
  ["100 --ttl 4", HEADEND, /--ttl goes with --flood multicast/],
  ["100 --group 239.1.1.1", HEADEND, /needs --allow/],
  ["100 --ttl 4 --no-allow", MULTICAST, /needs --allow/],
  ["100 --flood multicast --allow 10.0.0.0/8", HEADEND, /needs --group/],
  ["100 --flood none --vtep 10.99.0.3", HEADEND, /--vtep goes with --flood headend/],
  ["100 --mtu 67", HEADEND, /--mtu: 67 .*68 to/],
])("network set %s: refused", async (options, network, sentence) => {
  const { double, run } = await withNetwork(network);
  const { code, stderr } = await run(options);
  expect(code).toBe(2);
  expect(stderr).toMatch(sentence);
  expect(double.changes).toEqual([]);
});

test("of one that is not there: 4", async () => {
  const { run } = await withNetwork(HEADEND);
  expect((await run("7 --mtu 1400")).code).toBe(4);
  expect((await run("green --mtu 1400")).code).toBe(4);
});

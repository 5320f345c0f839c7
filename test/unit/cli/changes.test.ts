// The commands that change something, against a double of the daemon: what they send, print and exit with.

import { chmodSync, chownSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { daemon, directory, MAIN, problem, runs, vxlane } from "./command.js";

const MAC = "02:00:00:00:00:07";
const done = { result: "created" };
const network = "/v1/networks/100";

const answers = {
  "/v1/networks": [
    { vni: 100, name: "blue" },
    { vni: 200, name: "red" },
  ],
  [`PUT ${network}`]: done,
  [`DELETE ${network}`]: "",
  [`PUT ${network}/ports/blue0`]: done,
  [`DELETE ${network}/ports/blue0`]: "",
  [`PUT ${network}/vteps/10.99.0.2`]: done,
  [`PUT ${network}/vteps/fd99::2`]: done,
  [`DELETE ${network}/vteps/10.99.0.2`]: "",
  [`PUT ${network}/fdb/${MAC}`]: done,
  [`DELETE ${network}/fdb/${MAC}`]: "",
  [`POST ${network}/fdb/${MAC}/thaw`]: { result: "thawed" },
  [`POST ${network}/fdb/flush`]: { removed: 1 },
  "POST /v1/fdb/flush": { removed: 12 },
};

const bodies: [string, string, unknown][] = [
  ["network add 100", network, {}],
  [
    "network add 100 --name blue --flood headend --vtep 10.99.0.2 --vtep 10.99.0.3",
    network,
    { name: "blue", flood: { mode: "headend", vteps: ["10.99.0.2", "10.99.0.3"] } },
  ],
  ["network add 100 --vtep FD99::0:2", network, { flood: { mode: "headend", vteps: ["fd99::2"] } }],
  ["network add 100 --flood headend", network, { flood: { mode: "headend", vteps: [] } }],
  ["network add 100 --flood none", network, { flood: { mode: "none" } }],
  [
    "network add 100 --group 239.1.1.1 --ttl 4 --allow 10.99.0.0/24 --allow 10.98.0.1",
    network,
    { flood: { mode: "multicast", group: "239.1.1.1", ttl: 4 }, allow: ["10.99.0.0/24", "10.98.0.1/32"] },
  ],
  [
    "network add 100 --mtu 1400 --no-learning --ageing 5m --inner-vlan drop",
    network,
    { mtu: 1400, learning: false, ageing: 300, innerVlan: "drop" },
  ],
  ["network add 100 --learning --ageing 0", network, { learning: true, ageing: 0 }],
  ["port add 100 blue0", `${network}/ports/blue0`, {}],
  [
    `port add blue blue0 --queues 2 --mac ${MAC} --persistent`,
    `${network}/ports/blue0`,
    { queues: 2, mac: MAC, persistent: true },
  ],
  ["port add 100 blue0 --driver xdp", `${network}/ports/blue0`, { driver: "xdp" }],
  ["port add 100 blue0 --queues auto", `${network}/ports/blue0`, { queues: "auto" }],
  ["vtep add 100 10.99.0.2", `${network}/vteps/10.99.0.2`, {}],
  ["vtep add blue fd99:0::2", `${network}/vteps/fd99::2`, {}],
  [`fdb add 100 ${MAC} --vtep 10.99.0.2`, `${network}/fdb/${MAC}`, { vtep: "10.99.0.2" }],
  [`fdb add 100 ${MAC.toUpperCase()} --port blue0`, `${network}/fdb/${MAC}`, { port: "blue0" }],
];

test.each(bodies)("%s", async (command, path, body) => {
  const { socket, changes } = await daemon(answers);
  const result = await vxlane(...command.split(" "), "--socket", socket);
  expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(changes).toEqual([{ call: `PUT ${path}`, body, isNew: true }]);
});

test("fdb replace: whatever is there", async () => {
  const entry = { mac: MAC, vtep: "10.99.0.9", kind: "static", age: 0 };
  const { socket, changes } = await daemon({ ...answers, [`${network}/fdb/${MAC}`]: entry });
  const result = await vxlane("fdb", "replace", "100", MAC, "--vtep", "10.99.0.2", "-s", socket);
  expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(changes).toEqual([{ call: `PUT ${network}/fdb/${MAC}`, body: { vtep: "10.99.0.2" } }]);
});

test.each([
  ["network remove 100", network],
  ["network del blue", network],
  ["port remove 100 blue0", `${network}/ports/blue0`],
  ["port rm blue blue0", `${network}/ports/blue0`],
  ["vtep remove blue 10.99.0.2", `${network}/vteps/10.99.0.2`],
  [`fdb delete 100 ${MAC}`, `${network}/fdb/${MAC}`],
])("%s", async (command, path) => {
  const { socket, changes } = await daemon(answers);
  expect(await vxlane(...command.split(" "), "--socket", socket)).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(changes).toEqual([{ call: `DELETE ${path}` }]);
});

test("fdb thaw", async () => {
  const { socket, changes } = await daemon(answers);
  const result = await vxlane("fdb", "thaw", "blue", MAC.toUpperCase(), "--socket", socket);
  expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(changes).toEqual([{ call: `POST ${network}/fdb/${MAC}/thaw`, body: {} }]);
});

test.each([
  ["fdb flush", "/v1/fdb/flush", {}, "12 entries removed\n"],
  ["fdb flush --vni blue", `${network}/fdb/flush`, {}, "1 entry removed\n"],
  [
    "fdb flush --vtep 10.99.0.2 --kind all",
    "/v1/fdb/flush",
    { vtep: "10.99.0.2", kind: "all" },
    "12 entries removed\n",
  ],
  [
    "fdb flush --vni 100 --port blue0 --kind static",
    `${network}/fdb/flush`,
    { port: "blue0", kind: "static" },
    "1 entry removed\n",
  ],
])("%s", async (command, path, body, stdout) => {
  const { socket, changes } = await daemon(answers);
  expect(await vxlane(...command.split(" "), "--socket", socket)).toEqual({ code: 0, stdout, stderr: "" });
  expect(changes).toEqual([{ call: `POST ${path}`, body }]);
});

test.each([
  ["network add 100", { vni: 100, result: "created" }],
  ["port add 100 blue0", { vni: 100, name: "blue0", result: "created" }],
  ["vtep add blue 10.99.0.2", { vni: 100, address: "10.99.0.2", result: "created" }],
  [`fdb replace 100 ${MAC} --port blue0`, { vni: 100, mac: MAC, result: "created" }],
  ["network remove 100", { vni: 100, result: "removed" }],
  [`fdb remove 100 ${MAC}`, { vni: 100, mac: MAC, result: "removed" }],
  ["fdb flush", { removed: 12 }],
  [`fdb thaw 100 ${MAC}`, { vni: 100, mac: MAC, result: "thawed" }],
])("%s --json", async (command, answer) => {
  const { socket } = await daemon(answers);
  const { code, stdout } = await vxlane(...command.split(" "), "--json", "--socket", socket);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual(answer);
});

test("what the daemon warns of goes to stderr", async () => {
  const { socket } = await daemon({ [`PUT ${network}`]: { ...done, warnings: ["mtu: 100 is small"] } });
  expect(await vxlane("network", "add", "100", "--mtu", "100", "-s", socket)).toEqual({
    code: 0,
    stdout: "",
    stderr: "warning: mtu: 100 is small\n",
  });
});

describe("exit codes", () => {
  test.each([
    ["network add 100", network, "network 100"],
    ["port add 100 blue0", `${network}/ports/blue0`, "port blue0 of network 100"],
    ["vtep add 100 10.99.0.2", `${network}/vteps/10.99.0.2`, "VTEP 10.99.0.2 of network 100"],
    [`fdb add 100 ${MAC} --port blue0`, `${network}/fdb/${MAC}`, `${MAC} of network 100`],
  ])("%s of what is there: 5, and nothing is changed", async (command, path, what) => {
    const refusal = problem(412, "ERR_PRECONDITION", `${what} is there already`);
    const { socket, calls, changes } = await daemon({ ...answers, [`PUT ${path}`]: refusal });
    const { code, stdout, stderr } = await vxlane(...command.split(" "), "--socket", socket);
    expect({ code, stdout, calls }).toEqual({ code: 5, stdout: "", calls: [`PUT ${path}`] });
    expect(changes).toMatchObject([{ isNew: true }]);
    expect(stderr).toMatch(new RegExp(`^vxlane: ${what} is there already[^\n]*\n$`));
  });

  test.each([
    ["network add 100", `PUT ${network}`],
    ["port add 100 blue0", `PUT ${network}/ports/blue0`],
  ])("%s of what another has just added: 5", async (command, call) => {
    const { socket } = await daemon({ [call]: problem(412, "ERR_OF_TOMORROW", "it is there") });
    expect(await vxlane(...command.split(" "), "--socket", socket)).toEqual({
      code: 5,
      stdout: "",
      stderr: expect.stringMatching(/^vxlane: .* is there already[^\n]*\n$/),
    });
  });

  test.each([
    ["network remove 7"],
    ["network remove green"],
    ["network show green"],
    ["port remove green blue0"],
    ["port show 100 blue7"],
    ["vtep remove 100 10.99.0.9"],
    ["fdb remove 100 02:00:00:00:00:09"],
    ["fdb flush --vni 7"],
    ["vtep list 7"],
    ["port list 7"],
    ["port add 7 blue0"],
  ])("%s, which is not there: 4", async (command) => {
    const { socket } = await daemon(answers);
    const { code, stdout, stderr } = await vxlane(...command.split(" "), "--socket", socket);
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
    expect(stderr).toMatch(/^vxlane: there is no [^\n]+\n$/);
  });

  test("the name that was meant", async () => {
    const { socket } = await daemon(answers);
    expect(await vxlane("network", "show", "bleu", "--socket", socket)).toMatchObject({
      code: 4,
      stderr: "vxlane: there is no network bleu; did you mean blue?\n",
    });
  });

  test("mistakes that the daemon finds: 2, a sentence for each", async () => {
    const problems = [
      { code: "ERR_CONFIG_VALUE", path: "mtu", value: "9000", message: "is more than 1450", allowed: "68 to 1450" },
      {
        code: "ERR_CONFIG_REFERENCE",
        path: "flood.vteps[0]",
        message: "is of the other family",
        suggestion: "10.0.0.1",
      },
    ];
    const { socket } = await daemon({ [`PUT ${network}`]: problem(422, "ERR_CONFIG", "two mistakes", { problems }) });
    const { code, stderr } = await vxlane("network", "add", "100", "--mtu", "9000", "--socket", socket);
    expect(code).toBe(2);
    expect(stderr).toBe(
      "vxlane: mtu: 9000 is more than 1450; allowed: 68 to 1450\n" +
        "vxlane: flood.vteps[0]: is of the other family; did you mean 10.0.0.1?\n",
    );
  });

  test("a problem with a path and what is allowed, on one line", async () => {
    const more = { path: "queues", allowed: "1 to 64" };
    const { socket } = await daemon({ [`PUT ${network}/ports/p`]: problem(422, "ERR_NEW", "too many", more) });
    expect(await vxlane("port", "add", "100", "p", "--socket", socket)).toEqual({
      code: 2,
      stdout: "",
      stderr: "vxlane: queues: too many; allowed: 1 to 64\n",
    });
  });

  test.each([["status"], ["network add 100"], ["fdb flush"]])("%s, a socket not for this user: 77", async (command) => {
    const { socket, calls } = await daemon(answers);
    chmodSync(socket, 0o660);
    const args = [MAIN, ...command.split(" "), "--socket", socket];
    const { code, stdout, stderr } = await asNobody(args, socket);
    expect({ code, stdout, calls }).toEqual({ code: 77, stdout: "", calls: [] });
    expect(stderr).toBe(`vxlane: ${socket} may not be opened by this user; run as root or in its group\n`);
  });

  test.each([
    ["network list"],
    ["network add 100"],
    ["port list"],
    ["port add 100 blue0"],
    ["vtep add 100 10.99.0.2"],
    [`fdb add 100 ${MAC} --port blue0`],
    ["fdb flush"],
  ])("%s without a daemon: 3", async (command) => {
    const { code, stdout, stderr } = await vxlane(...command.split(" "), "--socket", `${directory()}/none.sock`);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(/^vxlane: no daemon answers at [^\n]*none\.sock[^\n]*\n$/);
  });
});

/** Root may open everything: it becomes another user for this. */
function asNobody(args: string[], socket: string) {
  if (process.geteuid?.() !== 0) {
    chmodSync(socket, 0);
    return runs(process.execPath, args);
  }
  chownSync(socket, 0, 0);
  chmodSync(socket.replace(/\/[^/]*$/, ""), 0o755);
  return runs(process.execPath, args, { uid: 65534, gid: 65534 });
}

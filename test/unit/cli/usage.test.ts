// Help, and mistakes in usage: exit 2, the nearest command, nothing on stdout.

import { expect, test } from "vitest";
import { built, directory, vxlane } from "./command.js";

const COMMANDS = [
  "run",
  "check",
  "status",
  "stats",
  ...["list", "show", "add", "remove"].map((name) => `network ${name}`),
  ...["list", "show", "add", "remove"].map((name) => `port ${name}`),
  ...["list", "add", "remove"].map((name) => `vtep ${name}`),
  ...["show", "add", "replace", "remove", "flush"].map((name) => `fdb ${name}`),
  "bench",
  "bench compare",
  "bench report",
  "completion",
];

test.each(COMMANDS)("help of %s has examples and fits 80 columns", async (command) => {
  const { code, stdout, stderr } = await vxlane(...command.split(" "), "--help");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const usage = command
    .replace(" remove", " remove|del")
    .replace(" list", " list|ls")
    .replace("fdb show", "fdb show|list");
  expect(stdout).toContain(`Usage: vxlane ${usage} `);
  expect(stdout).toMatch(new RegExp(`Examples:\n  vxlane ${command}`));
  for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThan(80);
});

test("help names every command and every exit code", async () => {
  const { code, stdout } = await vxlane("--help");
  expect(code).toBe(0);
  for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThan(80);
  for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name.split(" ")[0]}\\b`, "m"));
  for (const exit of ["0", "1", "2", "3", "4", "5", "77"]) expect(stdout).toMatch(new RegExp(`\\b${exit}  +[a-z]`));
});

test("as a process: what is printed where, and the exit code", async () => {
  const absent = `${directory()}/none.sock`;
  for (const args of [["--help"], ["fdb", "shwo"], ["fdb", "show", "x y"], ["network", "add", "1", "-s", absent]]) {
    expect(await built(...args)).toEqual(await vxlane(...args));
  }
});

test("version", async () => {
  expect(await vxlane("--version")).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/),
    stderr: "",
  });
});

test.each([
  ["no command", [], /Usage/],
  ["a command misspelt", ["chekc"], /chekc[\s\S]*check/],
  ["a subcommand misspelt", ["fdb", "shwo"], /shwo[\s\S]*show/],
  ["an option misspelt", ["check", "--confg", "x"], /confg[\s\S]*--config/],
  ["a missing option of run", ["run"], /--config/],
  ["a missing option of check", ["check"], /--config/],
  ["a missing value", ["run", "--config"], /config/],
  ["a level that is none", ["run", "--config", "x", "--log-level", "loud"], /loud[\s\S]*debug/],
  ["too many arguments", ["status", "now"], /argument/],
  ["a kind that is none", ["fdb", "show", "--kind", "old"], /old[\s\S]*learned/],
  ["a VNI that is none", ["fdb", "show", "16777216"], /16777216[\s\S]*16777215/],
  ["a MAC that is none", ["fdb", "show", "--mac", "02-00-00-00-00-01"], /--mac[\s\S]*02:00:00:00:00:01/],
  ["a VTEP that is none", ["fdb", "show", "--vtep", "vtep7"], /--vtep: vtep7/],
  ["a group of commands misspelt", ["netwrok"], /Did you mean network\?/],
  ["a command of network misspelt", ["network", "lsit"], /Did you mean list\?/],
  ["a command of fdb misspelt", ["fdb", "flsuh"], /Did you mean flush\?/],
  ["an option of fdb misspelt", ["fdb", "add", "1", "02:00:00:00:00:01", "--vtpe", "x"], /Did you mean --vtep\?/],
  ["an option of network misspelt", ["network", "add", "1", "--no-leraning"], /Did you mean --no-learning\?/],
  ["a group without a command", ["port"], /Usage: vxlane port/],
  ["a negative VNI", ["network", "add", "-1"], /-1/],
  ["a VNI in hexadecimal", ["network", "add", "0x10"], /VNI: 0x10 .*16777215/],
  ["a name of a network in digits", ["network", "add", "1", "--name", "7"], /--name: 7 .*vni7/],
  ["a flood mode that is none", ["network", "add", "1", "--flood", "head-end"], /head-end[\s\S]*headend/],
  ["multicast without a group", ["network", "add", "1", "--flood", "multicast"], /--group 239/],
  ["multicast without --allow", ["network", "add", "1", "--group", "239.1.1.1"], /--allow/],
  ["a group that is none", ["network", "add", "1", "--group", "10.0.0.1", "--allow", "10.0.0.0/8"], /--group: 10/],
  [
    "a VTEP where nothing is flooded",
    ["network", "add", "1", "--flood", "none", "--vtep", "10.0.0.1"],
    /--flood headend/,
  ],
  ["a TTL without a group", ["network", "add", "1", "--ttl", "3"], /--flood multicast/],
  ["an MTU too large", ["network", "add", "1", "--mtu", "70000"], /--mtu: 70000 .*68 to 65485/],
  ["an ageing that is none", ["network", "add", "1", "--ageing", "5 min"], /--ageing: .*did you mean 5m\?/],
  ["a prefix that is none", ["network", "add", "1", "--allow", "10.0.0.0/33"], /--allow: 10\.0\.0\.0\/33/],
  ["a port's name too long", ["port", "add", "1", "abcdefghijklmnop"], /NAME: .*16 bytes.*abcdefghijklmno\?/],
  ["queues without end", ["port", "add", "1", "p", "--queues", "65"], /--queues: 65 .*1 to 64/],
  ["a port's MAC that is multicast", ["port", "add", "1", "p", "--mac", "01:00:00:00:00:01"], /multicast MAC/],
  ["a VTEP that is a group", ["vtep", "add", "1", "239.1.1.1"], /ADDRESS: 239\.1\.1\.1 is a multicast/],
  ["a MAC with dashes", ["fdb", "add", "1", "02-00-00-00-00-01", "--port", "p"], /MAC: .*02:00:00:00:00:01\?/],
  ["an entry that leads nowhere", ["fdb", "add", "1", "02:00:00:00:00:01"], /--vtep ADDRESS or --port NAME/],
  [
    "an entry that leads to two places",
    ["fdb", "add", "1", "02:00:00:00:00:01", "--port", "p", "--vtep", "10.0.0.1"],
    /--(port|vtep)[\s\S]*cannot be used with/,
  ],
  ["two networks", ["fdb", "show", "1", "--vni", "2"], /--vni 2 is not 1/],
  ["a kind that flush has not", ["fdb", "flush", "--kind", "any"], /any[\s\S]*learned, static, all/],
  ["a suite misspelt", ["bench", "pth"], /there is no suite pth; did you mean path\?/],
  ["rounds that are none", ["bench", "path", "--rounds", "0"], /--rounds: 0 is not a positive whole number/],
  ["an empty name", ["bench", "path", "--only", "a,,b"], /--only: "a,,b" has an empty name/],
  [
    "a report that cannot be written",
    ["bench", "path", "--html", "/nowhere/x"],
    /\/nowhere\/x cannot be written: ENOENT/,
  ],
  ["a report without a name", ["bench", "path", "--json", ""], /--json: the name of a file is missing/],
  ["a folder for a report", ["bench", "path", "--json", "/tmp"], /--json: \/tmp is a directory/],
  [
    "what even root cannot write",
    ["bench", "path", "--markdown", "/proc/nowhere"],
    /--markdown: \/proc\/nowhere cannot be written: ENOENT/,
  ],
  [
    "two reports in one file",
    ["bench", "path", "--json", "./report", "--html", "report"],
    /--html: report is the file of --json already/,
  ],
  [
    "a peer misspelt",
    ["bench", "path", "--peers", "kernle"],
    /--peers kernle fits no contender; did you mean kernel\?/,
  ],
  ["a figure misspelt", ["bench", "--only", "tcp-1-oot"], /--only tcp-1-oot fits no measure; did you mean tcp-1-out\?/],
  [
    "a report that is none",
    ["bench", "report", "/proc/sys/kernel/ostype"],
    /^vxlane: \/proc\/sys\/kernel\/ostype is not JSON, as a report made with --json is: [^\n]+\n$/,
  ],
  ["a page without a name", ["bench", "report", "a", "--markdown", ""], /--markdown: the name of a file is missing/],
  ["no report", ["bench", "report"], /missing required argument 'file'\n\(add --help/],
  ["one report", ["bench", "compare", "a.json"], /missing required argument 'after'/],
  ["a tolerance that is none", ["bench", "compare", "a", "b", "--tolerance", "much"], /--tolerance: much .*5%/],
  ["a report that is not there", ["bench", "compare", "/nowhere/a", "b"], /\/nowhere\/a cannot be read: ENOENT/],
  ["a shell that is none", ["completion", "fish"], /fish[\s\S]*bash, zsh/],
])("%s: exit 2", async (_, args, message) => {
  const { code, stdout, stderr } = await vxlane(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
});

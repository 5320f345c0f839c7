// Help, and mistakes in usage: exit 2, the nearest command, nothing on stdout.

import { expect, test } from "vitest";
import { vxlane } from "./command.js";

const COMMANDS = ["run", "check", "status", "stats", "fdb show"];

test.each(COMMANDS)("help of %s has examples", async (command) => {
  const { code, stdout, stderr } = await vxlane(...command.split(" "), "--help");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(`Usage: vxlane ${command}`);
  expect(stdout).toMatch(new RegExp(`Examples:\n  vxlane ${command}`));
});

test("help names every command and every exit code", async () => {
  const { code, stdout } = await vxlane("--help");
  expect(code).toBe(0);
  for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name.split(" ")[0]}\\b`, "m"));
  for (const exit of ["0", "1", "2", "3", "4", "5", "77"]) expect(stdout).toMatch(new RegExp(`\\b${exit}  +[a-z]`));
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
])("%s: exit 2", async (_, args, message) => {
  const { code, stdout, stderr } = await vxlane(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
});

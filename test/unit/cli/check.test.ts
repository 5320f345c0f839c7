// check and run on configs: what is printed where, and the exit code.

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { built, directory } from "./command.js";

function config(text: string): string {
  const file = join(directory(), "vxlane.yaml");
  writeFileSync(file, text);
  return file;
}

const RIGHT = "local: 192.0.2.77\nnetworks: [ { vni: 100, ports: [ { name: blue0 } ] } ]\n";
const WRONG = "local: 192.0.2.77\nprot: 1\nnetworks: [ { vni: 16777216 } ]\n";

test("a right config", async () => {
  const file = config(RIGHT);
  expect(await built("check", "--config", file)).toEqual({
    code: 0,
    stdout: `${file} is right: 1 network, 1 port\n`,
    stderr: "",
  });
});

test("a wrong one: every mistake, with its place", async () => {
  const file = config(WRONG);
  const { code, stdout, stderr } = await built("check", "-c", file);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr.trimEnd().split("\n")).toEqual([
    expect.stringMatching(new RegExp(`^vxlane: ${file}:2:1: prot: .*did you mean port\\?$`)),
    expect.stringMatching(new RegExp(`^vxlane: ${file}:3:20: networks\\[0\\]\\.vni: 16777216 .*16777215`)),
  ]);
});

test("warnings do not make it wrong", async () => {
  const { code, stderr } = await built("check", "--config", config(RIGHT.replace("vni: 100", "vni: 100, mtu: 1000")));
  expect(code).toBe(0);
  expect(stderr).toMatch(/^warning: .*networks\[0\]\.mtu: 1000 .*1280/);
});

test("--json: the config with its defaults, or the problems", async () => {
  const right = await built("check", "--json", "--config", config(RIGHT));
  expect({ code: right.code, stderr: right.stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(right.stdout)).toMatchObject({
    ok: true,
    problems: [],
    warnings: [],
    config: { local: "192.0.2.77", port: 4789, networks: [{ vni: 100, name: "vni100", ageing: 300 }] },
  });
  const wrong = await built("check", "--json", "--config", config(WRONG));
  expect({ code: wrong.code, stderr: wrong.stderr }).toEqual({ code: 2, stderr: "" });
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    ok: false,
    code: "ERR_CONFIG",
    problems: [
      { code: "ERR_CONFIG_KEY_UNKNOWN", path: "prot", suggestion: "port", line: 2, column: 1 },
      { code: "ERR_CONFIG_VALUE", path: "networks[0].vni", value: "16777216", line: 3, column: 20 },
    ],
  });
});

test("--schema prints it", async () => {
  const { code, stdout } = await built("check", "--schema");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ type: "object", required: ["local"], additionalProperties: false });
});

test.each([["check"], ["run"]])("%s of no file, a directory, an empty file: exit 2", async (command) => {
  for (const file of ["/nowhere/vxlane.yaml", directory(), config("")]) {
    const { code, stdout, stderr } = await built(command, "--config", file);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^vxlane: ${file}: [^\n]+\n$`));
  }
});

const isRoot = process.geteuid?.() === 0;

test("a file that this user may not read: 77 (root may read it)", async () => {
  const file = config(RIGHT);
  chmodSync(file, 0);
  expect((await built("check", "--config", file)).code).toBe(isRoot ? 0 : 77);
});

test.each([
  ["check --host", ["check", "--host"]],
  ["run", ["run"]],
])("%s where the host lacks the address: exit 2, or 77 without rights; nothing on stdout", async (_, command) => {
  const { code, stdout, stderr } = await built(...command, "--config", config(RIGHT));
  expect({ code, stdout }).toEqual({ code: isRoot ? 2 : 77, stdout: "" });
  expect(stderr).toMatch(/local: 192\.0\.2\.77 is not an address of this host; allowed: .*127\.0\.0\.1 \(lo\)/);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test("run says all mistakes before it does anything", async () => {
  const { code, stdout, stderr } = await built("run", "--config", config(WRONG));
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr.trimEnd().split("\n")).toHaveLength(2);
});

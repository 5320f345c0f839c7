// Completion: what may come next, asked of the program itself, and the bash script as bash runs it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { complete } from "../../../control/cli/completion/complete.js";
import { createProgram } from "../../../control/cli/program.js";
import { daemonDouble, directory, MAIN, runs, vxlane } from "./command.js";

const answers = {
  "/v1/networks": [
    { vni: 100, name: "blue", ports: [{ name: "blue0" }, { name: "blue1" }] },
    { vni: 120, name: "green", ports: [] },
    { vni: 200, name: "red", ports: [{ name: "red0" }] },
  ],
  "/v1/networks/100/ports": [{ name: "blue0" }, { name: "blue1" }],
  "/v1/networks/200/ports": [{ name: "red0" }],
  "/v1/vteps": [{ address: "10.99.0.2" }, { address: "fd99::2" }],
  "/v1/networks/100/fdb": [{ mac: "02:00:00:00:00:01", port: "blue0", kind: "static", age: 0 }],
};

/** The candidates after `vxlane LINE`; what stands behind the last space is being written. */
async function next(line: string): Promise<string> {
  const candidates = await complete(createProgram(), line.split(" "));
  return candidates.map(({ text }) => text).join(" ");
}

describe("without a daemon", () => {
  test.each([
    ["", "run check status stats network port vtep fdb bench completion help"],
    ["st", "status stats"],
    ["x", ""],
    ["network ", "list show add remove help"],
    ["fdb re", "replace remove"],
    ["fdb flush --k", "--kind"],
    ["fdb flush --kind ", "learned static all"],
    ["fdb flush --kind=l", "--kind=learned"],
    ["fdb flush --kind all --", "--vni --port --vtep --socket --config --json --help"],
    ["network add 1 --vtep 10.0.0.1 --vt", "--vtep"],
    ["network add 1 --flood ", "headend multicast none"],
    ["network add --flood none 1 --no", "--no-learning"],
    ["bench ", "compare report dataplane overhead path ecmp api scale"],
    ["bench path ecmp o", "overhead"],
    ["bench --html ", ":files"],
    ["bench compare a.json ", ":files"],
    ["bench report a.json ", ":files"],
    ["completion ", "bash zsh"],
    ["run --log-level d", "debug"],
    ["check --config ", ":files"],
    ["status --socket=", "--socket=:files"],
    ["network show ", ""],
    ["network list more ", ""],
    ["nothing of the kind ", ""],
  ])("vxlane %s: %s", async (line, candidates) => {
    const absent = `--socket ${directory()}/none.sock`;
    const [first = "", ...rest] = line.split(" ");
    // The commands that would ask it are told of a socket where nobody is.
    const whole = line.startsWith("network show") ? `${first} show ${absent} ${rest.at(-1)}` : line;
    expect(await next(whole)).toBe(candidates);
  });
});

describe("with a daemon", () => {
  test.each([
    ["network show", "", "100 120 200"],
    ["network show", "1", "100 120"],
    ["network add", "", ""],
    ["port remove", "", "100 120 200"],
    ["port remove 100", "", "blue0 blue1"],
    ["port remove red", "r", "red0"],
    ["port add 100", "", ""],
    ["vtep remove 100", "f", "fd99::2"],
    ["fdb flush --vni", "", "100 120 200"],
    ["fdb flush --port", "", "blue0 blue1 red0"],
    ["fdb flush --vni 200 --port", "", "red0"],
    ["fdb show --vni=100 --port", "", "blue0 blue1"],
    ["fdb add 100 02:00:00:00:00:09 --vtep", "", "10.99.0.2 fd99::2"],
    ["fdb remove 100", "02:", "02:00:00:00:00:01"],
    ["fdb remove green", "", ""],
  ])("vxlane %s %s: %s", async (before, current, candidates) => {
    const [group, command, ...rest] = before.split(" ");
    const socket = `--socket ${await daemonDouble(answers)}`;
    expect(await next([group, command, socket, ...rest, current].join(" "))).toBe(candidates);
  });

  test("one that is silent is not waited for", async () => {
    const socket = await daemonDouble({ "/v1/networks": () => undefined });
    expect(await next(`network show --socket ${socket} `)).toBe("");
  });

  test("one of a config", async () => {
    const file = join(directory(), "vxlane.yaml");
    writeFileSync(file, `local: 10.0.0.1\napi: { socket: ${await daemonDouble(answers)} }\n`);
    expect(await next(`network show -c ${file} 2`)).toBe("200");
  });
});

describe("in bash", () => {
  /** What bash would show after this line. */
  async function inBash(line: string): Promise<string[]> {
    const path = join(directory(), "bin");
    mkdirSync(path);
    const command = join(path, "vxlane");
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 });
    const script = `
      source <(vxlane completion bash)
      complete -p vxlane > /dev/null || exit 1
      COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDS=($1)
      _vxlane
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: `${path}:${process.env.PATH}` };
    const { code, stdout, stderr } = await runs("bash", ["--norc", "-c", script, "bash", line], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout.trimEnd().split("\n");
  }

  test("commands and choices", async () => {
    expect(await inBash("vxlane st")).toEqual(["status", "stats"]);
    expect(await inBash("vxlane fdb  flush --kind ")).toEqual(["learned", "static", "all"]);
    expect(await inBash("vxlane fdb flush --kind=l")).toEqual(["learned"]);
    expect(await inBash("vxlane nothing ")).toEqual([""]);
  });

  test("what the daemon knows; after a colon bash wants the rest only", async () => {
    const fdb = `vxlane fdb remove -s ${await daemonDouble(answers)} 100`;
    expect(await inBash(`${fdb} `)).toEqual(["02:00:00:00:00:01"]);
    expect(await inBash(`${fdb} 02:00:`)).toEqual(["00:00:00:01"]);
  });
});

test("the scripts are whole, and bash reads its own", async () => {
  const bash = await vxlane("completion", "bash");
  expect(bash.stdout).toMatch(/^complete -F _vxlane vxlane$/m);
  const file = join(directory(), "vxlane.bash");
  writeFileSync(file, bash.stdout);
  expect(await runs("bash", ["-n", file])).toEqual({ code: 0, stdout: "", stderr: "" });
  const zsh = await vxlane("completion", "zsh");
  expect(zsh.stdout).toMatch(/^#compdef vxlane\n/);
  expect(zsh.stdout).not.toMatch(/undefined/);
});

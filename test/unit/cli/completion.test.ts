// Completion: what may come next, asked of the program itself, and the scripts as bash and zsh (apt-get install zsh) run them.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
    ["network ", "list show add set remove help"],
    ["network set 1 --no-", "--no-learning --no-allow"],
    ["network set 1 --inner-vlan ", "keep drop"],
    ["fdb re", "replace remove"],
    ["fdb flush --k", "--kind"],
    ["fdb flush --kind ", "learned static all"],
    ["fdb flush --kind=l", "--kind=learned"],
    ["fdb flush --kind all --", "--vni --port --vtep --socket --config --json --help"],
    ["network add 1 --vtep 10.0.0.1 --vt", "--vtep"],
    ["network add 1 --flood ", "headend multicast none"],
    ["network add --flood none 1 --no", "--no-learning"],
    ["bench ", "compare report dataplane overhead path profile ecmp api scale"],
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
    ["network set", "1", "100 120"],
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

/** A PATH with the built command line on it, as a shell finds it. */
function commandPath(): string {
  const path = join(directory(), "bin");
  mkdirSync(path);
  writeFileSync(join(path, "vxlane"), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 });
  return `${path}:${process.env.PATH}`;
}

describe("in bash", () => {
  /** What bash would show after this line. */
  async function inBash(line: string): Promise<string[]> {
    const script = `
      source <(vxlane completion bash)
      complete -p vxlane > /dev/null || exit 1
      COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDS=($1)
      _vxlane
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: commandPath() };
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

describe("in zsh", () => {
  /**
   * The line after the Tab key, with all that fits in its last word's place. Completion works in a line editor only, and that on a
   * terminal only: zsh makes one for another zsh, whose editor completes the line as soon as it has its prompt.
   */
  async function inZsh(line: string): Promise<string> {
    const home = directory();
    const [functions, completed] = [join(home, "functions"), join(home, "completed")];
    mkdirSync(functions);
    writeFileSync(join(functions, "_vxlane"), (await vxlane("completion", "zsh")).stdout);
    writeFileSync(
      join(home, ".zshrc"),
      `fpath=(${functions} $fpath)
      autoload -Uz compinit && compinit -u -D
      zstyle ':completion:*' completer _all_matches _complete
      zstyle ':completion:*' insert true
      complete-line() {
        BUFFER=$LINE CURSOR=$#LINE
        zle complete-word
        print -rn -- $BUFFER > ${completed}
        exit
      }
      zle -N zle-line-init complete-line\n`,
    );
    const script = "zmodload zsh/zpty && zpty inner zsh -d -i && while zpty -r inner text; do :; done";
    const env = { PATH: commandPath(), ZDOTDIR: home, LINE: line, TERM: "dumb" };
    const { code, stderr } = await runs("zsh", ["-f", "-c", script], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return readFileSync(completed, "utf8").trimEnd();
  }

  test.each([
    ["vxlane st", "vxlane stats status"],
    ["vxlane fdb  flush --kind ", "vxlane fdb  flush --kind all learned static"],
    ["vxlane fdb flush --kind=l", "vxlane fdb flush --kind=learned"],
    ["vxlane check --config /proc/meminf", "vxlane check --config /proc/meminfo"],
    ["vxlane status --socket=/proc/meminf", "vxlane status --socket=/proc/meminfo"],
    ["vxlane nothing ", "vxlane nothing"],
  ])("%s: %s", async (line, completed) => {
    expect(await inZsh(line)).toBe(completed);
  });

  test("what the daemon knows, colons among it", async () => {
    const fdb = `vxlane fdb remove -s ${await daemonDouble(answers)} 100`;
    expect(await inZsh(`${fdb} `)).toBe(`${fdb} 02:00:00:00:00:01`);
    expect(await inZsh(`${fdb} 02:00:`)).toBe(`${fdb} 02:00:00:00:00:01`);
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

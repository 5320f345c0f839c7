// Whatever is typed, and whatever a daemon answers: a command ends with one of its exit codes and says why, and never
// with a fault of its own.

import { createServer } from "node:http";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { directory, type Result, vxlane } from "./command.js";

const GROUPS = ["network", "port", "vtep", "fdb", "status", "stats", "check", "completion", "__complete", "help"];
const COMMANDS = ["list", "show", "add", "replace", "remove", "flush"];
const OPTIONS = [
  "vni",
  "port",
  "vtep",
  "kind",
  "mac",
  "name",
  "flood",
  "group",
  "ttl",
  "allow",
  "mtu",
  "ageing",
  "json",
];
const VALUES = [
  "100",
  "blue",
  "blue0",
  "10.0.0.1",
  "fd00::1",
  "239.1.1.1",
  "02:00:00:00:00:01",
  "static",
  "--",
  "-",
  "",
];

// `run` would start a daemon, and a config would be a file of this machine.
const anything = fc
  .string({ unit: "binary", maxLength: 20 })
  .filter((text) => text !== "run" && !/^-[csl]|^--[csl]/.test(text));
const word = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...VALUES) },
  { weight: 2, arbitrary: fc.constantFrom(...OPTIONS).map((name) => `--${name}`) },
  { weight: 1, arbitrary: anything },
);
const line = fc
  .tuple(
    fc.oneof(fc.constantFrom(...GROUPS), anything),
    fc.option(fc.constantFrom(...COMMANDS)),
    fc.array(word, { maxLength: 8 }),
  )
  .map(([group, command, words]) => [group, ...(command === null ? [] : [command]), ...words]);

function expectSense({ code, stderr }: Result, words: readonly string[], codes: readonly number[]): void {
  expect(codes, `${JSON.stringify(words)}: ${stderr}`).toContain(code);
  expect(stderr).not.toMatch(/internal error|^\s+at /m);
  if (code !== 0) expect(stderr).not.toBe("");
}

test("any command line without a daemon", async () => {
  const socket = join(directory(), "none.sock");
  const property = fc.asyncProperty(line, async (words) => {
    const [group = "", ...rest] = words;
    // An option of the last command, if there is one that takes it.
    const result = await vxlane(
      group,
      ...rest.slice(0, 1),
      ...(GROUPS.indexOf(group) < 4 ? ["-s", socket] : []),
      ...rest.slice(1),
    );
    expectSense(result, words, [0, 1, 2, 3]);
  });
  await fc.assert(property, { numRuns: 1500 });
});

const commands = [
  "status",
  "stats",
  "network list",
  "network show 100",
  "network add 100",
  "network remove blue",
  "port list",
  "port show 100 p",
  "vtep list",
  "vtep list 100",
  "vtep add 100 10.0.0.1",
  "fdb show",
  "fdb show 100 --mac 02:00:00:00:00:01",
  "fdb add 100 02:00:00:00:00:01 --port p",
  "fdb flush",
];

test("any answer of a daemon", async () => {
  const socket = join(directory(), "api.sock");
  let answer = { status: 200, body: "" };
  const server = createServer((_request, response) => response.writeHead(answer.status).end(answer.body));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));

  const status = fc.constantFrom(200, 201, 204, 400, 404, 409, 412, 422, 500, 503);
  const known = fc.constantFrom(
    "vni",
    "name",
    "detail",
    "code",
    "problems",
    "workers",
    "fdb",
    "ports",
    "totals",
    "flood",
  );
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.dictionary(known, fc.jsonValue()).map((value) => JSON.stringify(value)),
    fc.array(fc.dictionary(known, fc.jsonValue())).map((value) => JSON.stringify(value)),
  );
  const property = fc.asyncProperty(
    fc.constantFrom(...commands),
    fc.boolean(),
    status,
    body,
    async (command, isJson, status, body) => {
      answer = { status, body };
      const words = [...command.split(" "), ...(isJson ? ["--json"] : []), "-s", socket];
      expectSense(await vxlane(...words), [...words, String(status), body], [0, 1, 2, 3, 4, 5, 77]);
    },
  );
  await fc.assert(property, { numRuns: 1500 });
});

// The log when its reader stands still: the daemon does not, and loses nothing that it can keep.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";

const LOGGER = new URL("../../../dist/control/cli/logger.js", import.meta.url).href;

/** Logs so many lines of 1 KB at once, says so, and one more when it is asked. */
function program(lines: number): string {
  return `
    import { createLogger } from ${JSON.stringify(LOGGER)};
    const log = createLogger("info");
    for (let n = 0; n < ${lines}; n++) log.info({ n, filler: "x".repeat(1000) }, "line");
    process.stdout.write("logged\\n");
    process.stdin.once("data", () => process.stdin.destroy());
  `;
}

interface Line {
  readonly n?: number;
  readonly lines?: number;
}

/** @param after the reader begins to read @returns what it reads until the log says `isEnd` */
async function readLate(lines: number, isEnd: (line: Line) => boolean): Promise<Line[]> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program(lines)], { stdio: "pipe" });
  try {
    await once(child.stdout, "data"); // it would not come from a process that waits for its reader
    const read: Line[] = [];
    let rest = "";
    for await (const chunk of child.stderr.setEncoding("utf8")) {
      const texts = (rest + chunk).split("\n");
      rest = texts.pop() ?? "";
      read.push(...texts.map((text) => JSON.parse(text) as Line));
      if (read.some(isEnd)) break;
    }
    return read;
  } finally {
    child.kill("SIGKILL");
  }
}

it("keeps what a reader that stands still has not taken, in order", async () => {
  const lines = await readLate(800, ({ n }) => n === 799);
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 800 }, (_, n) => n));
});

it("says how many lines it lost beyond what it keeps", async () => {
  const lines = await readLate(4000, ({ lines: lost }) => lost !== undefined);
  const kept = lines.filter(({ n }) => n !== undefined).length;
  expect(lines.at(-1)?.lines).toBe(4000 - kept);
  expect(kept).toBeGreaterThan(800);
  expect(kept).toBeLessThan(4000);
});

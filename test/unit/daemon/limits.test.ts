// Limits of a process that are too low: which one, and how to raise it.

import { afterEach, expect, it, vi } from "vitest";
import { report } from "../../../control/cli/report.js";
import { createMemory } from "../../../control/memory.js";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it("has no address space for the memory", () => {
  class Memory {
    constructor() {
      throw new RangeError("WebAssembly.Memory(): could not allocate memory");
    }
  }
  vi.stubGlobal("WebAssembly", { Memory });
  expect(createMemory).toThrow(
    expect.objectContaining({ code: "ERR_LIMIT", message: expect.stringContaining("LimitAS=infinity") }),
  );
});

it("has no file left to open", () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const error = Object.assign(new Error("EMFILE: too many open files"), { errno: -24, code: "EMFILE" });
  expect(report(error)).toBe(1);
  expect(write.mock.calls).toEqual([
    ["vxlane: EMFILE: too many open files; raise the limit of open files (ulimit -n; systemd: LimitNOFILE)\n"],
  ]);
});

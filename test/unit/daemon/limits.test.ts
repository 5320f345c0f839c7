// Limits of a process that are too low: which one, and how to raise it.

import { afterEach, expect, it, vi } from "vitest";
import { report } from "../../../control/cli/report.js";
import { openPool } from "../../../control/daemon/worker-pool.js";
import { createMemory } from "../../../control/memory.js";

vi.mock("piscina", () => ({
  Piscina: class {
    constructor() {
      throw Object.assign(new Error("EAGAIN"), { code: "ERR_WORKER_INIT_FAILED" });
    }
  },
}));

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

it("has no thread left to start", () => {
  expect(() => openPool(3)).toThrow(
    expect.objectContaining({
      code: "ERR_LIMIT",
      message: expect.stringMatching(/^cannot start 3 worker threads: EAGAIN: .*TasksMax.*fewer workers$/),
    }),
  );
});

import { defineConfig } from "vitest/config";

/** What is waited for comes at once on an idle machine; how long a busy one may take, nobody knows. */
const poll = { timeout: 30_000, interval: 20 };
const patient = { testTimeout: 120_000, hookTimeout: 60_000, expect: { poll } };

// unit: needs no rights, files in parallel. interop: real peers in network namespaces, as root, after the unit tests and three files at a
// time, on two cores too: each test has namespaces of its own and waits for a good part of its life. bench: takes the whole machine, so it comes last and alone.
export default defineConfig({
  test: {
    reporters: ["default", "./test/support/summary.ts"],
    maxWorkers: "100%",
    projects: [
      { test: { ...patient, name: "unit", include: ["test/unit/**/*.test.ts"], sequence: { groupOrder: 0 } } },
      {
        test: {
          ...patient,
          name: "interop",
          // Not `exclude`: the command line's has no effect where there is one.
          include: ["test/interop/!(bench).test.ts"],
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...patient,
          name: "bench",
          include: ["test/interop/bench.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

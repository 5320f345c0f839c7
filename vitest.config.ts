import { defineConfig } from "vitest/config";

// unit: needs no rights, files in parallel. interop: real peers in network namespaces, as root, after the unit tests
// and one file at a time, so that nothing disturbs the other's traffic.
export default defineConfig({
  test: {
    reporters: ["default", "./test/support/summary.ts"],
    maxWorkers: "100%",
    projects: [
      {
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 120_000, sequence: { groupOrder: 0 } },
      },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

// The closing line of a test run, in plain words for whoever reads a log: `N passed, N failed, N skipped`.

import type { Reporter, TestModule } from "vitest/node";

export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let skipped = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed++;
        else if (state === "failed") failedHere++;
        else skipped++;
      }
      // A file that does not load, or whose hooks fail, has no failed test of its own to show.
      failed += failedHere === 0 && module.state() === "failed" ? 1 : failedHere;
    }
    // Behind everything that other reporters still print.
    process.on("exit", () => process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`));
  }
}

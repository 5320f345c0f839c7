// One command line to one exit code: parses it, runs its command, and says on stderr what went wrong. Apart from the
// program's entry, so that tests can run commands without a process for each.

import { CommanderError } from "commander";
import { EXIT_CONFIG, EXIT_OK } from "../errors.js";
import { createProgram } from "./program.js";
import { report } from "./report.js";

/** @param words without the program's name. Returns the exit code; a command may have set `process.exitCode` beside. */
export async function execute(words: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(words, { from: "user" });
    return EXIT_OK;
  } catch (error) {
    // Commander has printed its own: help and version end with 0, everything else is a mistake in usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_CONFIG;
    return report(error);
  }
}
